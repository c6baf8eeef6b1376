"""Take tasks from task_master_plain.py, which says what two plain channels cannot promise.

csp run examples/task_worker_plain.py --arg address=HOST:PORT --arg secret=FILE [--arg lease=yes]

What it teaches: what a lease adds to a plain `receive`: the task stays with the master until its result is out.
"""

from pathlib import Path

import trio
from primes import Block, Counted, count

import netchannels
from csp import Receiver, Sender


async def take(tasks: Receiver[Block], results: Sender[Counted], label: str) -> int:
    """A task is this worker's from `receive` on, whatever becomes of the worker."""
    done = 0
    async for block in tasks:
        await results.send(await trio.to_thread.run_sync(count, block, label))
        done += 1
    return done


async def borrow(tasks: Receiver[Block], results: Sender[Counted], label: str) -> int:
    """A task is given back when the worker dies before the end of its lease."""
    done = 0
    async for job in tasks.leases():
        async with job:
            await results.send(await trio.to_thread.run_sync(count, job.value, label))
            done += 1
    return done


async def main(address: str, secret: Path, lease: bool = False) -> str:
    async with netchannels.connect(address, secret=netchannels.secret(secret)) as node:
        tasks = await node.receiver("tasks", Block, wait=5)
        results = await node.sender("results", Counted, wait=5)
        with tasks, results:
            done = await (borrow if lease else take)(tasks, results, node.label)
    return f"{done:,} tasks"
