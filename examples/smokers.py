"""The cigarette smokers: each has one thing for ever and needs the two others, which lie on a table.

csp run examples/smokers.py                   the table gives both things to the one who can smoke
csp run examples/smokers.py --arg table=no    each takes one thing and waits for the other: a deadlock

    agent --tobacco-->[       ]--both-->[ smoker with tobacco ]
    agent --paper---->[ table ]--both-->[ smoker with paper   ]
    agent --matches-->[       ]--both-->[ smoker with matches ]

What it teaches: two communications are not one.  Who has taken the first thing cannot give it back when the
second one has gone to somebody else; so two smokers hold one thing each, and all wait.  A process in
between takes the things as they come, and gives two of them away in one step; its conditions say to whom.

Source: S. S. Patil, Limitations and Capabilities of Dijkstra's Semaphore Primitives (1971).
"""

import random
from collections import Counter

from csp import Alternation, Channel, Par, Process, Receiver, Sender, process
from csp.abc import Guard

THINGS = ("tobacco", "paper", "matches")


@process
async def agent(rounds: int, outs: dict[str, Sender[str]], smoked: Receiver[str]) -> Counter[str]:
    """Puts down two things, waits until somebody has smoked, and again; returns who has smoked."""
    dice, count = random.Random(1), Counter[str]()
    for _ in range(rounds):
        first, second = dice.sample(THINGS, 2)
        await Par(outs[first].send(first), outs[second].send(second))
        count[await smoked.receive()] += 1
    return count


@process
async def table(inps: dict[str, Receiver[str]], outs: dict[str, Sender[str]]) -> None:
    """`outs[thing]` leads to the smoker who has that thing already."""
    lying = set[str]()

    def both_but(thing: str) -> Guard[Sender[str], str]:
        return outs[thing].offer(lambda: "both").when(lambda: lying == {*THINGS} - {thing})

    async for end, what in Alternation(*inps.values(), *(both_but(thing) for thing in THINGS)):
        if end in outs.values():
            lying.clear()
        else:
            lying.add(what)


@process
async def patient_smoker(thing: str, both: Receiver[str], smoked: Sender[str]) -> None:
    async for _ in both:
        await smoked.send(thing)


@process
async def greedy_smoker(thing: str, needs: list[Receiver[str]], smoked: Sender[str]) -> None:
    """Takes what he needs from the agent himself, one thing after the other."""
    while True:
        for need in needs:
            await need.receive()
        await smoked.send(thing)


async def main(rounds: int = 30, table: bool = True) -> dict[str, int]:
    """Who has smoked how often."""
    things = {thing: Channel(str, name=thing) for thing in THINGS}
    smoked = Channel(str, name="smoked")
    outs = {thing: channel.sender() for thing, channel in things.items()}
    smokers = at_a_table(things, smoked) if table else on_their_own(things, smoked)
    return dict((await Par(agent(rounds, outs, smoked.receiver()), smokers))[0])


def at_a_table(things: dict[str, Channel[str]], smoked: Channel[str]) -> Process[object]:
    both = {thing: Channel(str, name=f"both but {thing}") for thing in THINGS}
    inps = {thing: channel.receiver() for thing, channel in things.items()}
    outs = {thing: channel.sender() for thing, channel in both.items()}
    smokers = [patient_smoker(t, both[t].receiver(), smoked.sender()) for t in THINGS]
    return Par(table(inps, outs), *smokers)


def on_their_own(things: dict[str, Channel[str]], smoked: Channel[str]) -> Process[object]:
    def smoker(thing: str) -> Process[None]:
        needs = [things[other].receiver() for other in THINGS if other != thing]
        return greedy_smoker(thing, needs, smoked.sender()).named(f"smoker with {thing}")

    return Par(*(smoker(thing) for thing in THINGS))
