"""Silence: links that were cut without a word, workers that stand still, workers that are busy.

Invariants:
* who is silent gets no new work after `suspect` seconds and is given up after `lost`; later, if it
  had announced that it would be busy, and never if it is not silent.
* the values in its work go to others; what it answers later changes nothing.
* a program that was paused itself judges nobody.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import csp
import netchannels
from netchannels.testing import faulty_pair, linked

sys.path.insert(0, str(Path(__file__).parent))
from farm import AGREED, SECRET, Calls, Farm, square

NIGHTLY = bool(os.environ.get("NIGHTLY"))
needs_programs = pytest.mark.skipif(not hasattr(os, "fork"), reason="the farm forks its workers")
TIMES = {"heartbeat": 2.0, "suspect": 5.0, "lost": 10.0}
TICK = 1.0  # of these times


def run(main: Any) -> None:
    """Run it on a clock that jumps."""
    trio.run(main, clock=MockClock(autojump_threshold=0))


async def heard(events: Any, start: float) -> list[tuple[str, float]]:
    """What a node tells of its one link until that is lost, and after how many seconds."""
    told: list[tuple[str, float]] = []
    while not told or told[-1][0] != "PeerLost":
        event = await events.receive()
        told.append((type(event).__name__, trio.current_time() - start))
    return told


@pytest.mark.parametrize("busy", [0.0, 60.0])
@pytest.mark.parametrize("direction", ["both", "send", "receive"])
def test_a_link_cut_without_a_word_is_given_up_in_time(direction: Any, busy: float) -> None:
    async def main() -> None:
        streams = faulty_pair()
        async with linked(streams, **TIMES) as (home, there):
            events = home.events()
            with events:
                there.busy(busy)
                await trio.sleep(0.5)
                start = trio.current_time()
                streams[0].half_open(direction)
                told = dict(await heard(events, start))
        if direction == "send":  # the home hears: it is the other side that gives the link up
            assert told.keys() == {"PeerLost"}
            assert told["PeerLost"] <= 10 + 2 + 2 * TICK
            return
        assert told.keys() == {"PeerSuspect", "PeerLost"}
        # one that was heard just before the cut may have been silent for a heartbeat already
        assert busy + 5 - 2 - TICK <= told["PeerSuspect"] <= busy + 5 + TICK
        assert busy + 10 - 2 - TICK <= told["PeerLost"] <= busy + 10 + TICK

    run(main)


def test_a_lease_behind_a_silent_link_goes_to_another_and_its_late_answer_changes_nothing() -> None:
    done: list[tuple[str, int]] = []

    async def main() -> None:
        streams = faulty_pair()
        async with linked(streams, **TIMES) as (home, there):
            jobs = csp.Channel(int, name="jobs", buffer=3)
            home.share("jobs", jobs.receiver())
            far = await there.receiver("jobs", int)
            begun = trio.Event()

            async def frozen() -> None:
                with far, pytest.raises(csp.LinkLost):
                    async with far.lease() as job:
                        begun.set()
                        with csp.Alternation(csp.Wait(job.lost)) as alternation:
                            await alternation.select()
                        await trio.sleep(30)
                        done.append(("late", job.value))
                    await far.receive()

            async def other() -> None:
                with jobs.receiver() as rx:
                    async for job in rx.leases():
                        async with job:
                            done.append((f"attempt {job.attempt}", job.value))

            async with trio.open_nursery() as nursery:
                with jobs.sender() as tx:
                    nursery.start_soon(frozen)
                    await tx.send(7)
                    await begun.wait()
                    await trio.sleep(0.1)  # the home hears of it
                    start = trio.current_time()
                    streams[0].half_open("both")
                    nursery.start_soon(other)
                    await tx.send(8)
                    await trio.sleep(20)
                    assert sorted(done) == [("attempt 1", 8), ("attempt 2", 7)]
                    streams[0].mend()
                assert trio.current_time() - start < 21
            assert sorted(done) == [("attempt 1", 8), ("attempt 2", 7), ("late", 7)]
            total = home.status().total
            assert (total.sent, total.taken, total.unknown) == (1, 1, 0)
            assert jobs._core.held == 0

    run(main)


def test_a_suspected_worker_gets_no_new_work_until_it_speaks_again() -> None:
    async def main() -> None:
        streams = faulty_pair()
        async with linked(streams, **TIMES) as (home, there):
            jobs = csp.Channel(int, name="jobs", buffer=10)
            home.share("jobs", jobs.receiver())
            far = await there.receiver("jobs", int, prefetch=2)
            with jobs.sender() as tx, far, home.events() as events:
                await trio.sleep(1)
                streams[0].hold()  # what it says arrives later
                assert isinstance(await events.receive(), netchannels.PeerSuspect)
                await tx.send(1)
                await trio.sleep(1)
                assert home.status().total.sent == 0
                assert home.status().links[0].state == "suspect"
                streams[0].release()
                assert isinstance(await events.receive(), netchannels.PeerRecovered)
                assert await far.receive() == 1
                assert home.status().total.sent == 1

    run(main)


def test_a_program_that_was_paused_judges_nobody() -> None:
    async def main() -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock)
        async with linked(**TIMES) as (home, there):
            with home.events() as events, there.events() as far_events:
                for pause in (6.0, 60.0, 3600.0):
                    await trio.sleep(3)
                    clock.jump(pause)
                await trio.sleep(60)
                for each in (events, far_events):
                    with pytest.raises(trio.WouldBlock):
                        each.receive_nowait()
            assert home.status().lost == there.status().lost == 0

    run(main)


# --- real programs -----------------------------------------------------------------------------


@needs_programs
def test_a_worker_that_stands_still_loses_its_call_to_another() -> None:
    replies = Counter[int]()

    async def main() -> None:
        async with netchannels.serve(secret=SECRET, plain=True, **AGREED) as node:
            calls = csp.Channel(Calls, name="square", max_attempts=math.inf)
            node.share("square", calls.receiver())
            with node.events() as events, calls.sender() as tx:
                pids = [farm.start("serve", node.address) for _ in range(2)]
                for _ in pids:
                    assert isinstance(await events.receive(), netchannels.PeerJoined)
                replies[await tx.call(1)] += 1
                farm.freeze(pids[0])
                start = trio.current_time()
                for request in range(2, 50):  # one of the first waits for the frozen one
                    replies[await tx.call(request)] += 1
                told = await heard(events, start)
                assert [name for name, _ in told] == ["PeerSuspect", "PeerLost"]
                assert 0.2 < told[0][1] < 5.0  # agreed: 0.5 s
                assert 0.7 < told[1][1] < 5.0  # agreed: 1 s
                before = node.status().total
                farm.thaw(pids[0])
                for request in range(50, 100):
                    replies[await tx.call(request)] += 1
                await trio.sleep(0.2)
                after = node.status()
                assert after.total.taken - before.taken == 50
                assert after.total.unknown == before.unknown
                assert (after.joined, after.lost) == (2, 1)

    with Farm() as farm:
        trio.run(main)
    assert replies == Counter(square(request) for request in range(1, 100))


@needs_programs
@pytest.mark.timeout(700 if NIGHTLY else 120)
def test_busy_workers_raise_no_false_alarm() -> None:
    seconds = 600.0 if NIGHTLY else 10.0  # silent for ten times as long as is agreed

    async def main() -> None:
        async with netchannels.serve(secret=SECRET, plain=True, **AGREED) as node:
            work = csp.Channel(csp.Call[float, int], name="seconds")
            node.share("seconds", work.receiver())
            with node.events() as events, work.sender() as tx:
                pids = [farm.start("compute", node.address) for _ in range(2)]
                for _ in pids:
                    assert isinstance(await events.receive(), netchannels.PeerJoined)
                start = time.monotonic()
                async with trio.open_nursery() as nursery:
                    for _ in pids:
                        nursery.start_soon(tx.call, seconds)
                assert time.monotonic() - start >= seconds
                await trio.sleep(2 * AGREED["lost"])  # nothing is left over either
                with pytest.raises(trio.WouldBlock):
                    events.receive_nowait()
            assert node.status().lost == 0

    with Farm() as farm:
        trio.run(main)
