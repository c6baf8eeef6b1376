"""aiochan: core.async's channels on asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiochan as ac  # type: ignore[import-untyped, import-not-found, unused-ignore]

WARM = 50

Chan = Any


async def prefix(first: int, feed: Chan, out: Chan) -> None:
    """Put `first`, then pass on what comes."""
    await out.put(first)
    async for number in feed:
        await out.put(number)


async def delta(feed: Chan, left: Chan, right: Chan) -> None:
    """Put what comes to both."""
    async for number in feed:
        await left.put(number)
        await right.put(number)


async def successor(feed: Chan, out: Chan) -> None:
    """Put the successor of what comes."""
    async for number in feed:
        await out.put(number + 1)


async def ring(rounds: int) -> float:
    """The network of CommsTime."""
    a, b, c, d = ac.Chan(), ac.Chan(), ac.Chan(), ac.Chan()
    tasks = [ac.go(prefix(0, c, a)), ac.go(delta(a, d, b)), ac.go(successor(b, c))]
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
