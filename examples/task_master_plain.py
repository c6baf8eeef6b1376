"""The tasks of task_master.py over two plain channels: tasks go out on one, results come on another.

csp run examples/task_master_plain.py --arg address=HOST:PORT --arg secret=FILE [--arg tasks=100]

What it teaches: why calls exist.  What this cannot promise: one result for each task.  A value is the worker's once it was taken, and
the result is a second value.  A worker killed in between takes its task along: its result is lost.
A worker that leases its tasks (task_worker_plain.py --arg lease=yes) loses none: its task goes to
another one; but killed between sending the result and the end of the lease, it leaves the result
behind and the task is done again: two results.  And a worker killed before it could say that it has
taken a task leaves the sender in doubt (DeliveryUnknown): sent again, it may be done twice.

The collector can tell by the number that each result carries: it drops the second result of a
number, and knows which numbers are missing.  task_master.py needs none of that: the result of a
call travels in its answer.
"""

from pathlib import Path

from primes import Block, Counted, blocks
from rich.console import Console

import netchannels
from csp import Channel, DeliveryUnknown, Par, Receiver, Sender, process


@process
async def producer(todo: list[Block], tasks: Sender[Block]) -> None:
    for block in todo:
        while not await was_taken(block, tasks):
            pass


async def was_taken(block: Block, tasks: Sender[Block]) -> bool:
    """False if the worker to whom it went was killed before it could say: it is sent again."""
    try:
        await tasks.send(block)
    except DeliveryUnknown:
        return False
    return True


@process
async def collector(results: Receiver[Counted]) -> tuple[dict[int, Counted], int]:
    """The first result of each number, and how many came too often."""
    kept: dict[int, Counted] = {}
    doubled = 0
    async for result in results:
        doubled += result.number in kept
        kept.setdefault(result.number, result)
    return kept, doubled


async def main(address: str, secret: Path, tasks: int = 100, size: int = 20_000) -> None:
    console = Console(stderr=True)  # the result alone goes to stdout
    todo = blocks(tasks, size)
    out, back = Channel(Block, name="tasks"), Channel(Counted, name="results")
    async with netchannels.serve(address, secret=netchannels.secret(secret)) as node:
        node.share("tasks", out.receiver())
        # results end when all tasks were taken and the last worker has let go of its sender
        node.share("results", back.sender(), until="tasks")
        console.print(f"serving at {node.address}", highlight=False)
        _, (kept, doubled) = await Par(producer(todo, out.sender()), collector(back.receiver()))
    missing = [block.number for block in todo if block.number not in kept]
    primes = sum(result.primes for result in kept.values())
    print(f"{tasks:,} tasks, {len(kept):,} results, {primes:,} primes")
    if doubled:
        print(f"{doubled:,} results came twice and were counted once")
    if missing:
        print(f"lost with their workers: the tasks {', '.join(map(str, missing))}")
        raise SystemExit(1)
