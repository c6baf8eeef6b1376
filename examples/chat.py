"""A chat room: guests come, talk and go, and nobody who listens slowly holds up the others.

csp run examples/chat.py

    guest --come (with the end of a channel)-->[      ]--line--> guest
    guest --say------------------------------->[ room ]--line--> guest
                                               [      ]--line--> guest

What it teaches: a network that changes while it runs.  A guest sends the room the end of a channel on which he
listens; ends are values.  Nobody says good-bye: when a guest ends, the end on which he listened retires, and
the room finds that out when it sends to him.  The channel of each guest slides: who does not listen for a
while misses the oldest lines, and the room never waits for him.

It returns what each guest has heard.  Between programs the same works with `netchannels`, except that a
sliding buffer stands in the program of the room.
"""

from dataclasses import dataclass

import trio

from csp import Alternation, Channel, NoReceivers, Par, Receiver, Sender, Sliding, process

TICK = 0.01  # seconds


@dataclass
class Guest:
    name: str
    hears: Sender[str]


@process
async def room(come: Receiver[Guest], say: Receiver[str]) -> None:
    guests: dict[str, Sender[str]] = {}

    async def tell(line: str) -> None:
        gone: list[str] = []
        for name, hears in guests.items():
            try:
                await hears.send(line)
            except NoReceivers:
                gone.append(name)
        for name in gone:
            guests.pop(name).retire()
            await tell(f"* {name} has gone")

    async for choice in Alternation(come, say):
        if come.chosen(choice):
            guest = choice.value
            guests[guest.name] = guest.hears
            await tell(f"* {guest.name} has come")
        elif say.chosen(choice):
            await tell(choice.value)


@process
async def guest(
    name: str, stays: tuple[int, int], lines: dict[int, str], come: Sender[Guest], say: Sender[str]
) -> list[str]:
    """Comes, says each line at its time and goes, counted in ticks; returns what he heard."""
    started = trio.current_time()
    ear = Channel(str, name=f"ear of {name}", buffer=Sliding(5))
    await trio.sleep_until(started + stays[0] * TICK)
    await come.send(Guest(name, ear.sender()))
    heard: list[str] = []
    with ear.receiver() as listening:
        for when, line in sorted({**lines, stays[1]: ""}.items()):
            with trio.move_on_at(started + when * TICK):
                async for other in listening:
                    heard.append(other)
            if line:
                await say.send(f"{name}: {line}")
    return heard


async def main() -> dict[str, list[str]]:
    """What each guest has heard."""
    come, say = Channel(Guest, name="come"), Channel(str, name="say")
    names = ("Ann", "Bob", "Eve")
    _, heard = await Par(
        room(come.receiver(), say.receiver()),
        Par(
            guest("Ann", (1, 12), {4: "hello", 8: "is Bob here?"}, come.sender(), say.sender()),
            guest("Bob", (2, 6), {5: "bye, Ann"}, come.sender(), say.sender()),
            guest("Eve", (3, 10), {9: "no"}, come.sender(), say.sender()),
        ),
    )
    return dict(zip(names, heard, strict=True))
