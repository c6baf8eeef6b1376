"""netchannels.pool over the cores of this machine."""

from __future__ import annotations

import sys
import time
from typing import Any

import csp
from netchannels import Cores, pool

from .turn import FEW, FIRST, WARM, check, many, some
from .work import WORKERS, Work, burn, echo, requests, square


async def each(workers: Any, work: Work, count: int) -> float:
    """The seconds of one of so many requests; see `turn.each`."""
    started, came = time.perf_counter(), 0
    async for _ in workers.map(requests(work, count), ordered=False):
        came += 1
    seconds = time.perf_counter() - started
    check(came, count)
    return seconds / count


async def take(seconds: float, count: int) -> None:
    """Put pools, one for each function, through what `turn.take` does."""
    started = time.perf_counter()
    async with pool(square, workers=Cores(WORKERS)) as workers:
        assert await workers.call(7) == 49
        start = time.perf_counter() - started
        await each(workers, square, FIRST)
        trivial = await each(workers, square, many(seconds, await each(workers, square, FIRST)))
    async with pool(burn, workers=Cores(WORKERS)) as workers:
        await each(workers, burn, WARM)
        burned = await each(workers, burn, count)
    async with pool(echo, workers=Cores(WORKERS)) as workers:
        payload = await each(workers, echo, some(seconds, await each(workers, echo, FEW)))
    print(start, trivial, burned, payload)


if __name__ == "__main__":
    csp.run(take, float(sys.argv[1]), int(sys.argv[2]))
