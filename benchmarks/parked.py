"""Many parked processes with a channel each, against bare trio tasks: memory, start and finish.

Each measurement runs in an interpreter of its own: `python -m benchmarks.parked csp 100000`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import trio

import csp
from csp import Channel, Par, Process, Receiver, Sender, process


def _resident() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


@process
async def parked(feed: Receiver[int]) -> None:
    async for _ in feed:
        raise AssertionError("nothing is sent")


async def of_csp(count: int) -> dict[str, float]:
    """`count` processes that wait for a channel of their own, which ends."""
    before, started = _resident(), time.perf_counter()
    held: list[Any] = []
    waiting: list[Process[None]] = []
    for _ in range(count):
        channel = Channel(int, name="c")
        held.append(channel.sender())
        waiting.append(parked(channel.receiver()))
    measured: dict[str, float] = {}

    @process
    async def finish(ends: list[Sender[int]]) -> None:
        await trio.testing.wait_all_tasks_blocked()
        measured["bytes"] = (_resident() - before) / count
        for end in ends:
            end.retire()

    network = Par(*waiting, finish(held))
    waiting.clear()
    await network
    measured["seconds"] = time.perf_counter() - started
    return measured


async def of_trio(count: int) -> dict[str, float]:
    """`count` trio tasks that wait for an event of their own."""
    before, started = _resident(), time.perf_counter()
    measured: dict[str, float] = {}
    async with trio.open_nursery() as nursery:
        events = [trio.Event() for _ in range(count)]
        for event in events:
            nursery.start_soon(event.wait)
        await trio.testing.wait_all_tasks_blocked()
        measured["bytes"] = (_resident() - before) / count
        for event in events:
            event.set()
    measured["seconds"] = time.perf_counter() - started
    return measured


def measure(kind: str, count: int) -> dict[str, float]:
    """Bytes and seconds, in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.parked", kind, str(count)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    import trio.testing

    count = int(sys.argv[2])
    result = csp.run(of_csp, count) if sys.argv[1] == "csp" else trio.run(of_trio, count)
    print(json.dumps(result))
