"""CommsTime: four processes in a ring; how long does one communication take?

csp run examples/commstime.py [--arg rounds=100000]
"""

import time

from csp import Channel, Receiver, Sender, Spawn, process


@process
async def prefix(first: int, feed: Receiver[int], out: Sender[int]) -> None:
    await out.send(first)
    async for number in feed:
        await out.send(number)


@process
async def delta(feed: Receiver[int], left: Sender[int], right: Sender[int]) -> None:
    async for number in feed:
        await left.send(number)
        await right.send(number)


@process
async def successor(feed: Receiver[int], out: Sender[int]) -> None:
    async for number in feed:
        await out.send(number + 1)


@process
async def consumer(feed: Receiver[int], rounds: int) -> tuple[int, float]:
    started = time.perf_counter()
    for _ in range(rounds - 1):
        await feed.receive()
    last = await feed.receive()
    return last, (time.perf_counter() - started) / (4 * rounds)


async def measure(rounds: int) -> tuple[int, float]:
    """The last number, and the seconds of one communication."""
    a, b, c, d = (Channel(int, name=name) for name in "abcd")
    async with Spawn() as spawn:
        spawn(prefix(0, c.receiver(), a.sender()))
        spawn(delta(a.receiver(), d.sender(), b.sender()))
        spawn(successor(b.receiver(), c.sender()))
        return await spawn(consumer(d.receiver(), rounds))


async def main(rounds: int = 100_000) -> int:
    last, seconds = await measure(rounds)
    print(f"{seconds * 1e6:.2f} microseconds a communication")
    return last
