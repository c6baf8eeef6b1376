"""A lease: the channel keeps the value until the block has ended, and gets it back if the block fails."""

from collections.abc import Awaitable, Callable

from csp import Receiver, Sender, process


@process
async def worker(
    work: Callable[[int], Awaitable[int]], jobs: Receiver[int], results: Sender[int]
) -> None:
    async for job in jobs.leases():
        async with job:
            await results.send(await work(job.value))
