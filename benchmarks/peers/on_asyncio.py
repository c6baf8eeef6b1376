"""asyncio: queues with room for one value, the nearest that it has to a rendezvous."""

from __future__ import annotations

import asyncio
import time

WARM = 50

Queue = asyncio.Queue[int]


async def prefix(first: int, feed: Queue, out: Queue) -> None:
    """Put `first`, then pass on what comes."""
    await out.put(first)
    while True:
        await out.put(await feed.get())


async def delta(feed: Queue, left: Queue, right: Queue) -> None:
    """Put what comes to both."""
    while True:
        number = await feed.get()
        await left.put(number)
        await right.put(number)


async def successor(feed: Queue, out: Queue) -> None:
    """Put the successor of what comes."""
    while True:
        await out.put(await feed.get() + 1)


async def ring(rounds: int) -> float:
    """The network of CommsTime."""
    a, b, c, d = Queue(1), Queue(1), Queue(1), Queue(1)
    tasks = [
        asyncio.create_task(prefix(0, c, a)),
        asyncio.create_task(delta(a, d, b)),
        asyncio.create_task(successor(b, c)),
    ]
    for _ in range(WARM):
        await d.get()
    started = time.perf_counter()
    for _ in range(rounds):
        await d.get()
    seconds = time.perf_counter() - started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seconds / rounds / 4


def commstime(rounds: int) -> float:
    """The seconds of one communication."""
    return asyncio.run(ring(rounds))
