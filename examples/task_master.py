"""Hand out tasks to any number of workers on any number of machines, and collect the results.

csp run examples/task_master.py --arg address=HOST:PORT --arg secret=FILE [--arg tasks=100]

What it teaches: calls over the network.  Workers (task_worker.py) join and leave at any time.  A task
is a call on a channel: its result travels in the answer, so each task has one result, whichever workers
are killed on the way.
"""

import math
import socket
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from primes import Block, Counted, blocks
from rich.console import Console
from rich.progress import Progress

import netchannels
from csp import Call, Channel, Receiver, Sender, Spawn, process
from netchannels import NodeEvent, PeerJoined, PeerLeft, PeerLost, PeerRefused


@dataclass
class Share:
    """What one worker has done."""

    tasks: int = 0
    seconds: float = 0.0


@process
async def tell(events: Receiver[NodeEvent], console: Console) -> None:
    """Who comes and goes."""
    async for event in events:
        match event:
            case PeerJoined():
                line = f"{event.peer} has joined"
            case PeerLeft():
                line = f"{event.peer} has left"
            case PeerLost():
                line = f"{event.peer} is lost ({event.why}): what it had goes to another worker"
            case PeerRefused():
                line = f"{event.address} did not get in: {event.why}"
            case _:
                continue
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@process
async def collector(
    calls: Sender[Call[Block, Counted]], todo: list[Block], progress: Progress
) -> list[Counted]:
    """Send every task, keep every result."""
    results: list[Counted] = []
    bar = progress.add_task("counting", total=len(todo))
    async for done in calls.outcomes(todo):
        results.append(done.reply)
        progress.advance(bar)
    return results


def summary(tasks: int, results: list[Counted]) -> str:
    """The result, and who has done how much of it."""
    shares: defaultdict[str, Share] = defaultdict(Share)
    for result in results:
        shares[result.worker].tasks += 1
        shares[result.worker].seconds += result.seconds
    lines = [
        f"{worker}: {share.tasks:,} tasks, {share.seconds:.1f} s of work"
        for worker, share in sorted(shares.items())
    ]
    primes = sum(result.primes for result in results)
    return "\n".join([*lines, f"{tasks:,} tasks, {len(results):,} results, {primes:,} primes"])


def how_to_join(address: str, secret: Path) -> str:
    """What to type for a worker."""
    for everywhere in ("0.0.0.0:", "[::]:"):
        address = address.replace(everywhere, f"{socket.gethostname()}:")
    return f"csp run examples/task_worker.py --arg address={address} --arg secret={secret}"


async def main(address: str, secret: Path, tasks: int = 100, size: int = 20_000) -> None:
    console = Console(stderr=True)  # the result alone goes to stdout
    progress = Progress(console=console, transient=True, disable=not console.is_terminal)
    channel = Channel(Call[Block, Counted], name="tasks", max_attempts=math.inf)
    async with netchannels.serve(address, secret=netchannels.secret(secret)) as node:
        node.share("tasks", channel.receiver())
        console.print(
            "start workers, here or elsewhere:", how_to_join(node.address, secret), soft_wrap=True
        )
        with progress:
            async with Spawn() as spawn:
                spawn(tell(node.events(), progress.console), background=True)
                counting = spawn(collector(channel.sender(), blocks(tasks, size), progress))
        again = node.status().total.retried
    print(summary(tasks, counting.result()))
    if again:
        print(f"tasks given to another worker, because the first was lost: {again:,}")
