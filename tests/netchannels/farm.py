"""A farm of real worker programs, which tests kill, freeze and start again.

`python farm.py` is a nursery of workers: it has imported everything, and forks one for each line
that it reads, which saves each of them half a second.  It needs `fork`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

import trio

import csp
import netchannels

SECRET = netchannels.Secret("the secret of the farm that is killed")
Calls = csp.Call[int, int]
AGREED: dict[str, Any] = {"heartbeat": 0.2, "suspect": 0.5, "lost": 1.0}


def square(request: int) -> int:
    """What workers compute."""
    return request * request


# --- what a worker does ------------------------------------------------------------------------


async def serve(node: Any) -> None:
    """Answer calls; some take a while, so that a kill finds them in work."""

    async def answer(request: int) -> int:
        if request % 5 == 0:
            await trio.sleep(0.002)
        return square(request)

    await (await node.receiver("square", Calls)).serve(answer)


async def lease(node: Any) -> None:
    """Work on leased jobs, and send the results while they are leased."""
    jobs = await node.receiver("jobs", int, prefetch=2)
    results = await node.sender("results", tuple[int, int])
    with jobs, results:
        async for job in jobs.leases():
            async with job:
                await results.send((job.value, square(job.value)))


async def die(node: Any) -> None:
    """Take a job that kills whoever takes it, before anything else can run."""

    @csp.process
    async def at_once(jobs: csp.Receiver[int]) -> None:
        await trio.sleep(0.1)  # it is here already
        async with jobs.lease():
            os._exit(9)

    await at_once(await node.receiver("jobs", int, prefetch=1))


async def take(node: Any) -> None:
    """Take values and acknowledge each with one of its own: a plain send there and back."""
    jobs, results = await node.receiver("jobs", int), await node.sender("results", tuple[int, int])
    with jobs, results:
        async for job in jobs:
            await results.send((job, os.getpid()))


async def compute(node: Any) -> None:
    """Announce that it is busy, compute for so long without a look at the link, answer."""
    seconds = await node.receiver("seconds", csp.Call[float, int])

    def block(request: float) -> int:
        end = time.monotonic() + request
        while time.monotonic() < end:
            time.sleep(0.05)  # as long as it takes: trio does not run meanwhile
        return os.getpid()

    async def answer(request: float) -> int:
        await node.busy(request + 60)
        told = block(request)
        node.busy(0)
        return told

    await seconds.serve(answer)


WORKERS = {"serve": serve, "lease": lease, "die": die, "take": take, "compute": compute}


async def work(kind: str, address: str) -> None:
    """Be a worker until the link is lost or the work is done."""
    plain = address.startswith("127.")
    async with netchannels.connect(
        address, secret=SECRET, plain=plain, label=f"{kind} {os.getpid()}", drain=1, **AGREED
    ) as node:
        await WORKERS[kind](node)


# --- the nursery of workers --------------------------------------------------------------------


def main() -> None:
    """Fork a worker for each line "KIND ADDRESS", and print its pid."""
    SECRET._derived()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # they are not waited for
    for line in sys.stdin:
        kind, address = line.split()
        pid = os.fork()
        if not pid:
            nothing = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1) if "FARM_DEBUG" in os.environ else (0, 1, 2):
                os.dup2(nothing, standard)
            try:
                trio.run(work, kind, address)
            except* (csp.ChannelEnded, netchannels.NetworkError):
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)


class Farm:
    """The programs that a test has started, by their pids; all are killed at its end."""

    def __init__(self, *before: str) -> None:
        self.before = before  # the command that starts it elsewhere
        self.pids: list[int] = []
        self.dead = 0

    def __enter__(self) -> Self:
        self.nursery = subprocess.Popen(
            [*self.before, sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def start(self, kind: str, address: str) -> int:
        """One more worker; returns its pid."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{kind} {address}\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        self.pids.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """`kill -9`."""
        self.pids.remove(pid)
        self.dead += 1
        _signal(pid, signal.SIGKILL)

    def freeze(self, pid: int) -> None:
        """It stands still."""
        _signal(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        """It goes on."""
        _signal(pid, signal.SIGCONT)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for pid in self.pids:
            _signal(pid, signal.SIGKILL)
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.close()
        self.nursery.wait(10)
        self.nursery.stdout.close()


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has ended by itself: its home is gone, or has no more work
        return


if __name__ == "__main__":
    main()
