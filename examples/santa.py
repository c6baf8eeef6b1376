"""Santa Claus: sleeps until nine reindeer or three elves wake him, reindeer first.

csp run examples/santa.py [--arg years=3] [--arg seed=1]

    reindeer (9) --visitor-->[ batch(9) ]--9 visitors-->[       ]
                                                        [ santa ]   (the reindeer first)
    elf (10) ------visitor-->[ batch(3) ]--3 visitors-->[       ]

What it teaches: a problem that is hard with semaphores falls into processes that are ready-made.  A waiting
room is a `batch`, and Santa's preference is an alternation by priority.  Each visitor brings the end of a
channel on which he is told that he may go: ends are values too (mobile channels).

The end: after so many years Santa retires.  The waiting rooms find nobody to send to and end, and with
them the ends that the visitors had brought; so nobody waits in vain, and everybody goes.

Source: J. A. Trono, A New Exercise in Concurrency (1994); P. H. Welch and J. B. Pedersen, Santa Claus:
Formal Analysis of a Process-Oriented Solution (2010).
"""

import random
from dataclasses import dataclass

import trio

from csp import Alternation, Channel, EndOfChannel, Par, Receiver, Sender, process
from csp.patterns import batch

DAY = 0.0001  # seconds


@dataclass
class Visitor:
    name: str
    go: Sender[str]


Group = list[Visitor]


@process
async def visitor(name: str, days: int, seed: int, door: Sender[Visitor]) -> None:
    """Is away for up to so many days, comes, waits until he may go, and again."""
    dice = random.Random(f"{seed} {name}")
    while True:
        await trio.sleep(dice.randrange(1, days) * DAY)
        answer = Channel(str, name=f"answer to {name}")
        await door.send(Visitor(name, answer.sender()))
        with answer.receiver() as told:
            try:
                await told.receive()
            except EndOfChannel:  # the waiting room has closed
                return


@process
async def santa(years: int, reindeer: Receiver[Group], elves: Receiver[Group]) -> list[str]:
    """Returns what he did."""
    diary: list[str] = []
    async for door, group in Alternation(reindeer, elves, priority=True):
        if door is reindeer:
            diary.append("toys: " + " ".join(sorted(visitor.name for visitor in group)))
        else:
            diary.append("talk: " + " ".join(sorted(visitor.name for visitor in group)))
        for visitor in group:
            with visitor.go as go:
                await go.send("thank you")
        if sum(entry.startswith("toys") for entry in diary) == years:
            break
    return diary


async def main(years: int = 3, seed: int = 1) -> list[str]:
    """Santa's diary."""
    stable, porch = Channel(Visitor, name="stable"), Channel(Visitor, name="porch")
    nine, three = Channel(Group, name="nine reindeer"), Channel(Group, name="three elves")
    diary = (
        await Par(
            santa(years, nine.receiver(), three.receiver()),
            batch(9, stable.receiver(), nine.sender()).named("stable"),
            batch(3, porch.receiver(), three.sender()).named("porch"),
            Par(*(visitor(f"reindeer{n}", 365, seed, stable.sender()) for n in range(9))),
            Par(*(visitor(f"elf{n}", 100, seed, porch.sender()) for n in range(10))),
        )
    )[0]
    return diary
