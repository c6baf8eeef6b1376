"""Readers and writers: many may read at once, who writes must be alone.

csp run examples/readers_writers.py                      the writer waits for those who read already
csp run examples/readers_writers.py --arg starving=yes   the writer waits until nobody wants to read

    reader --read-->[         ]<--want--  writer
    reader --read-->[ library ]<--write-- writer
           --left-->[         ]<--left--

What it teaches: the rules of a shared thing are the conditions of one process that guards it.  In the
starving variant each rule is right by itself, and nothing ever deadlocks; but the readers overlap, there is
always one inside, and the writer never comes in.  The cure is that a writer says first that it wants to:
then no new reader is let in.  (And could writers now starve the readers?)

It prints how many came in to read while the writer waited.  Readers stay 30 milliseconds and come every
40, two of them out of step.

Source: P. J. Courtois, F. Heymans and D. L. Parnas, Concurrent Control with Readers and Writers (1971).
"""

import trio

from csp import Alternation, Channel, Par, Receiver, Sender, process

TICK = 0.01  # seconds


@process
async def library(
    starving: bool,
    read: Receiver[str],
    want: Receiver[str],
    write: Receiver[str],
    left: Receiver[str],
) -> list[str]:
    """Returns who came in, and when somebody wanted to write."""
    log: list[str] = []
    inside, writing, wanted = 0, False, 0
    may_read = read.when(lambda: not writing and (starving or not wanted))
    may_write = write.when(lambda: not inside)
    async for door, who in Alternation(may_read, want, may_write, left):
        if door is left:
            inside, writing = inside - 1, False
            continue
        log.append(f"{who} {door.channel_name}s")
        if door is want:
            wanted += 1
        else:
            inside += 1
        if door is write:
            writing, wanted = True, wanted - 1
    return log


@process
async def reader(name: str, start: int, read: Sender[str], left: Sender[str]) -> None:
    await trio.sleep(start * TICK)
    for _ in range(10):
        await read.send(name)
        await trio.sleep(3 * TICK)
        await left.send(name)
        await trio.sleep(TICK)


@process
async def writer(name: str, want: Sender[str], write: Sender[str], left: Sender[str]) -> None:
    await trio.sleep(5 * TICK)
    await want.send(name)
    await write.send(name)
    await trio.sleep(TICK)
    await left.send(name)


async def main(starving: bool = False) -> int:
    """How many readers came in while the writer waited."""
    names = ("read", "want", "write", "left")
    read, want, write, left = (Channel(str, name=name) for name in names)
    log = (
        await Par(
            library(starving, read.receiver(), want.receiver(), write.receiver(), left.receiver()),
            reader("Ann", 0, read.sender(), left.sender()),
            reader("Bob", 2, read.sender(), left.sender()),
            writer("Eve", want.sender(), write.sender(), left.sender()),
        )
    )[0]
    return log.index("Eve writes") - log.index("Eve wants") - 1
