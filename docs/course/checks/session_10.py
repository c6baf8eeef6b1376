"""Farms, leases, failure."""

from __future__ import annotations

from types import ModuleType

import trio

from checks.kit import expect, require
from csp import Channel, Par, Process, patterns


async def leases(answer: ModuleType) -> None:
    tried: list[int] = []

    async def work(job: int) -> int:
        tried.append(job)
        if job == 2 and tried.count(2) == 1:
            raise OSError("the work of job 2 has failed")
        return 10 * job

    jobs, results = Channel(int, name="jobs"), Channel(int, name="results")
    worker: Process[None] = answer.worker(work, jobs.receiver(), results.sender())
    _, _, got = await Par(
        patterns.emit([1, 2, 3], jobs.sender()),
        worker,
        patterns.collect(results.receiver()),
    )
    expect("jobs 1, 2, 3, of which 2 fails once: results, sorted", sorted(got), [10, 20, 30])


async def farm(answer: ModuleType) -> None:
    async def slow_square(number: int) -> int:
        await trio.sleep(1 if number % 2 else 3)
        return number * number

    started = trio.current_time()
    got = await answer.farm(slow_square, list(range(8)), 4)
    expect("the squares of 0 to 7", got, [number * number for number in range(8)])
    took = round(trio.current_time() - started)
    require(took < 9, f"16 seconds of work took {took} seconds with 4 workers")
