"""Take tasks from task_master.py, one after the other, until there are no more.

csp run examples/task_worker.py --arg address=HOST:PORT --arg secret=FILE

What it teaches: a server that anybody may start.  Start as many as you like, before or after the
master; kill any of them.  When the master goes away they wait for it to come back.  SIGTERM lets a
worker finish the task that it has, then it leaves.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import trio
from primes import Block, Counted, count

import netchannels
from csp import Alternation, Call, Receiver, Signal


@dataclass
class Work:
    """What this worker has done so far."""

    label: str = ""
    tasks: int = 0
    seconds: float = 0.0

    async def do(self, block: Block) -> Counted:
        """One task, in a thread: the node goes on saying that it is alive."""
        counted = await trio.to_thread.run_sync(count, block, self.label)
        self.tasks += 1
        self.seconds += counted.seconds
        return counted


async def serve(tasks: Receiver[Call[Block, Counted]], work: Work) -> str:
    """Do tasks until there are no more, or SIGTERM comes; says which."""
    stop = Signal(SIGTERM)
    with Alternation(stop, tasks.ended(), tasks.accepting()) as inbox:
        while True:
            guard, call = await inbox.pri_select()
            if guard is stop:
                return "told to leave"
            if call is None:
                return "there are no more tasks"
            async with call as task:
                task.reply(await work.do(task.request))


def say(text: str) -> None:
    """To stderr, as it happens."""
    print(text, file=sys.stderr, flush=True)


async def main(address: str, secret: Path) -> str:
    work, why = Work(), ""
    say(f"waiting for a master at {address}")
    async for node in netchannels.connect(address, secret=netchannels.secret(secret)):
        say(f"joined {address}")
        async with node:
            work.label = node.label
            with await node.receiver("tasks", Call[Block, Counted], wait=5) as tasks:
                why = await serve(tasks, work)
        if not why:
            say(f"lost {address}: waiting for it to come back")
    return f"{why}: {work.tasks:,} tasks, {work.seconds:.1f} s of work"
