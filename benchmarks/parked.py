"""Many parked processes with a channel each: their memory, and the time to start and finish them.

Each measurement is a Python of its own, so that the memory is clean: `python -m benchmarks.parked
KIND COUNT` prints a line of JSON when all have started and one when all have finished, so that a
run that is given up has told what it found until then.  Memory is what the program holds beyond what it held before the
first process was made, so beyond a bare interpreter with its imports.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypedDict

import trio
import trio.testing

from .measure import Effort, Skipped
from .report import Goal, Group, Row

MEMORY = Goal(5, 3, at_most=True)  # KiB
TIME = Goal(3, 2, at_most=True)

Tell = Callable[[str], object]


class Measured(TypedDict):
    """What one run tells: seconds, and bytes of one parked process (None: cannot be known)."""

    start: float
    finish: float
    bytes: float | None
    given_up: bool  # then the times are the least that they would have been


def resident() -> int | None:
    """The bytes of memory that this program has; None where that is not known."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Takes the times and the memory of one run, and prints them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._before = resident()
        self._started = time.perf_counter()

    async def all_started(self) -> None:
        """Wait until nothing can go on, and look."""
        await trio.testing.wait_all_tasks_blocked()
        start = time.perf_counter() - self._started
        gc.collect()
        after = resident()
        each = None
        if self._before is not None and after is not None:
            each = (after - self._before) / self._count
        print(json.dumps({"start": start, "bytes": each}), flush=True)
        self._started = time.perf_counter()

    def all_finished(self) -> None:
        """The last has ended."""
        print(json.dumps({"finish": time.perf_counter() - self._started}), flush=True)


# --- the programs ----------------------------------------------------------------------------


def csp_processes(count: int, deadlock: str = "raise") -> None:
    """Processes that receive, and are sent a value each."""
    import csp
    from csp import Channel, Receiver, Sender, Spawn, process

    @process
    async def parked(feed: Receiver[int]) -> None:
        await feed.receive()

    async def main() -> None:
        watch = Watch(count)
        senders: list[Sender[int]] = []
        async with Spawn() as spawn:
            for _ in range(count):
                channel = Channel(int, name="feed")
                spawn(parked(channel.receiver()))
                senders.append(channel.sender())
            await watch.all_started()
            for number, sender in enumerate(senders):
                await sender.send(number)
        watch.all_finished()

    csp.run(main, deadlock=deadlock)


async def _trio_channels(count: int) -> None:
    async def parked(feed: trio.MemoryReceiveChannel[int]) -> None:
        await feed.receive()

    watch = Watch(count)
    senders: list[trio.MemorySendChannel[int]] = []
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            sender, feed = trio.open_memory_channel[int](0)
            nursery.start_soon(parked, feed)
            senders.append(sender)
        await watch.all_started()
        for number, sender in enumerate(senders):
            await sender.send(number)
    watch.all_finished()


async def _trio_events(count: int) -> None:
    async def parked(event: trio.Event) -> None:
        await event.wait()

    watch = Watch(count)
    events: list[trio.Event] = []
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            event = trio.Event()
            nursery.start_soon(parked, event)
            events.append(event)
        await watch.all_started()
        for event in events:
            event.set()
    watch.all_finished()


PROGRAMS: dict[str, Callable[[int], None]] = {
    "csp": csp_processes,
    "csp-ignore": partial(csp_processes, deadlock="ignore"),
    "trio-channels": lambda count: trio.run(_trio_channels, count),
    "trio-events": lambda count: trio.run(_trio_events, count),
}
NAMES = {
    "csp": "csp, a channel each",
    "csp-ignore": 'csp, the same, deadlock="ignore"',
    "trio-channels": "trio, a memory channel each",
    "trio-events": "trio, an Event each",
}


def measure_one(kind: str, count: int, limit: float = 120) -> Measured:
    """One measurement, in a Python of its own, given up after `limit` seconds."""
    given_up = False
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.parked", kind, str(count)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            said, errors = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            given_up = True
            child.kill()
            said, errors = child.communicate()
        except BaseException:
            child.kill()
            raise
    if child.returncode and not given_up:
        raise RuntimeError(f"benchmarks.parked {kind} failed:\n{errors}")
    told: dict[str, float | None] = {}
    for line in said.splitlines():
        told.update(json.loads(line))
    elapsed = time.perf_counter() - started
    start = told.get("start") or elapsed
    return {
        "start": start,
        "finish": told.get("finish") or elapsed - start,
        "bytes": told.get("bytes"),
        "given_up": given_up,
    }


# --- the table -------------------------------------------------------------------------------


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of parked processes."""
    count = effort.parked
    group = Group(
        "parked", f"{count:,} parked processes, each: memory; time to start and finish", "ratio"
    )
    found: dict[str, list[Measured]] = {kind: [] for kind in PROGRAMS}
    for number in range(effort.parked_repeats):
        for kind, measured in found.items():
            tell(f"{count:,} {NAMES[kind]} ({number + 1} of {effort.parked_repeats})")
            measured.append(measure_one(kind, count))
    whole = {kind: [m["start"] + m["finish"] for m in ms] for kind, ms in found.items()}
    for kind, measured in found.items():
        memory = [m["bytes"] for m in measured if m["bytes"] is not None]
        if memory:
            goal = MEMORY if kind == "csp" else None
            row = Row(f"{NAMES[kind]}: memory", "KiB", memory, min(memory) / 1024, goal)
            group.rows.append(row)
        else:
            group.skipped.append(
                Skipped(
                    f"{NAMES[kind]}: memory", "it was given up, or there is no /proc/self/statm"
                )
            )
    for kind, measured in found.items():
        best = min(measured, key=lambda m: m["start"] + m["finish"])
        note = f"of {count:,}: start {best['start']:.2f} s, finish {best['finish']:.2f} s"
        if best["given_up"]:
            note += ", then given up: at least that"
        ours = kind.startswith("csp")  # its time is told in the rows of what it is compared with
        group.rows.append(
            Row(
                f"{NAMES[kind]}: time" + ("" if ours else " (csp's / its)"),
                "us",
                [seconds / count for seconds in whole[kind]],
                None if ours else min(whole["csp"]) / min(whole[kind]),
                None if ours else TIME,
                note,
            )
        )
    return group


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]))
