"""trio: memory channels without a buffer."""

from __future__ import annotations

import time

import trio

WARM = 50

Sending = trio.MemorySendChannel[int]
Receiving = trio.MemoryReceiveChannel[int]


async def prefix(first: int, feed: Receiving, out: Sending) -> None:
    """Send `first`, then pass on what comes."""
    await out.send(first)
    async for number in feed:
        await out.send(number)


async def delta(feed: Receiving, left: Sending, right: Sending) -> None:
    """Send what comes to both."""
    async for number in feed:
        await left.send(number)
        await right.send(number)


async def successor(feed: Receiving, out: Sending) -> None:
    """Send the successor of what comes."""
    async for number in feed:
        await out.send(number + 1)


async def ring(rounds: int) -> float:
    """The network of CommsTime."""
    send_a, a = trio.open_memory_channel[int](0)
    send_b, b = trio.open_memory_channel[int](0)
    send_c, c = trio.open_memory_channel[int](0)
    send_d, d = trio.open_memory_channel[int](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(prefix, 0, c, send_a)
        nursery.start_soon(delta, a, send_d, send_b)
        nursery.start_soon(successor, b, send_c)
        for _ in range(WARM):
            await d.receive()
        started = time.perf_counter()
        for _ in range(rounds):
            await d.receive()
        seconds = time.perf_counter() - started
        nursery.cancel_scope.cancel()
    return seconds / rounds / 4


def commstime(rounds: int) -> float:
    """The seconds of one communication."""
    return trio.run(ring, rounds)
