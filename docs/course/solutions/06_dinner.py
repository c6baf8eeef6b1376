"""One of them is left-handed, and so no circle can close.  (A butler would do as well: examples/dining.py.)"""

import trio

from csp import Alternation, Channel, Par, Process, Receiver, Sender, process


@process
async def fork(left: Receiver[str], right: Receiver[str]) -> None:
    async for side, _ in Alternation(left, right):
        await side.receive()  # put back by the one who took it


@process
async def philosopher(meals: int, first: Sender[str], second: Sender[str]) -> int:
    for _ in range(meals):
        await first.send("take")
        await trio.sleep(1)  # reaches for the other
        await second.send("take")
        await trio.sleep(1)  # eats
        await first.send("put back")
        await second.send("put back")
    return meals


async def dinner(people: int, meals: int) -> list[int]:
    """How often each of them has eaten."""
    lefts = [Channel(str, name=f"left of {n}") for n in range(people)]
    rights = [Channel(str, name=f"right of {n}") for n in range(people)]
    forks: list[Process[None]] = []
    eaters: list[Process[int]] = []
    for n in range(people):
        forks.append(fork(lefts[n].receiver(), rights[n - 1].receiver()).named(f"fork {n}"))
        first, second = lefts[n].sender(), rights[n].sender()
        if n == 0:
            first, second = second, first
        eaters.append(philosopher(meals, first, second).named(f"philosopher {n}"))
    _, eaten = await Par(Par(*forks), Par(*eaters))
    return list(eaten)
