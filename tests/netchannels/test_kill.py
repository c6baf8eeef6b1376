"""Real worker programs, killed (`kill -9`) at random moments while others go on.

Invariants:
* each call has one reply, its own, whatever was killed: none lost, none doubled.
* each leased value is worked on at least once; more than once only if its worker was killed.
* the counters of the home: what was sent was taken, or nobody knows; what was sent again was
  counted; each link that was lost is one that was killed.
"""

from __future__ import annotations

import math
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio

import csp
import netchannels

sys.path.insert(0, str(Path(__file__).parent))
from farm import AGREED, SECRET, Calls, Farm, square

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the farm forks its workers")

NIGHTLY = bool(os.environ.get("NIGHTLY"))
KILLS = 500 if NIGHTLY else 40
CALLS = 10_000
WORKERS = 3


async def killer(
    farm: Farm, kind: str, address: str, progress: Any, kills: int, total: int
) -> None:
    """Kill one of the workers, and start another, `kills` times before `total` is reached."""
    chance = random.Random(kills)
    moments = sorted(chance.randrange(total // 50, total * 9 // 10) for _ in range(kills))
    for moment in moments:
        while progress() < moment:
            await trio.sleep(chance.uniform(0.0001, 0.003))
        farm.kill(chance.choice(farm.pids))
        farm.start(kind, address)


async def only_the_living(node: Any, farm: Farm) -> None:
    """Wait until the node has heard of every kill, and every worker that lives has joined."""
    with trio.fail_after(10):
        while {int(link.peer.split()[1]) for link in node.status().links} != set(farm.pids):
            await trio.sleep(0.01)


@pytest.mark.timeout(1200 if NIGHTLY else 120)
def test_10_000_calls_have_10_000_replies_whatever_is_killed() -> None:
    replies = Counter[int]()

    async def main() -> netchannels.NodeStatus:
        async with netchannels.serve(secret=SECRET, plain=True, **AGREED) as node:
            calls = csp.Channel(Calls, name="square", max_attempts=math.inf)
            node.share("square", calls.receiver())
            for _ in range(WORKERS):
                farm.start("serve", node.address)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(killer, farm, "serve", node.address, replies.total, KILLS, CALLS)
                with calls.sender() as tx:
                    async for outcome in tx.outcomes(range(CALLS)):
                        assert outcome.error is None
                        assert outcome.reply == square(outcome.request)
                        replies[outcome.request] += 1
            core = calls._core
            assert core.held == 0
            assert not core.front
            await only_the_living(node, farm)
            return node.status()

    with Farm() as farm:
        status = trio.run(main)
    assert sorted(replies) == list(range(CALLS))
    assert set(replies.values()) == {1}
    total = status.total
    assert status.joined - status.lost == WORKERS
    assert status.lost <= KILLS
    assert total.sent == CALLS + total.retried
    assert total.sent == total.taken + total.unknown
    assert total.retried <= KILLS


@pytest.mark.timeout(1200 if NIGHTLY else 120)
def test_leased_values_of_killed_workers_go_to_others() -> None:
    jobs_in_all, kills = (10_000, 250) if NIGHTLY else (2_000, 15)
    done = Counter[int]()

    async def main() -> netchannels.NodeStatus:
        async with netchannels.serve(secret=SECRET, plain=True, **AGREED) as node:
            jobs = csp.Channel(int, name="jobs", buffer=math.inf, max_attempts=math.inf)
            results = csp.Channel(tuple[int, int], name="results")
            node.share("jobs", jobs.receiver())
            node.share("results", results.sender(), until="jobs")
            for _ in range(WORKERS):
                farm.start("lease", node.address)
            async with trio.open_nursery() as nursery:
                with jobs.sender() as tx:
                    for job in range(jobs_in_all):
                        await tx.send(job)
                    nursery.start_soon(
                        killer, farm, "lease", node.address, lambda: len(done), kills, jobs_in_all
                    )
                with results.receiver() as rx:
                    async for job, result in rx:
                        assert result == square(job)
                        done[job] += 1
            core = jobs._core
            assert core.held == 0
            assert not core.front
            return node.status()

    with Farm() as farm:
        status = trio.run(main)
    assert sorted(done) == list(range(jobs_in_all))
    total = status.total
    worked_again = total.taken - jobs_in_all  # of those the worker was killed, or its answer lost
    assert 0 <= done.total() - jobs_in_all <= worked_again <= total.retried
    assert worked_again <= status.lost
    assert total.sent == total.taken + total.unknown


def test_a_job_that_kills_each_worker_at_once_has_failed_after_three() -> None:
    async def main() -> csp.Failed[int]:
        async with netchannels.serve(secret=SECRET, plain=True, **AGREED) as node:
            jobs = csp.Channel(int, name="jobs", buffer=1)
            with jobs.failed.receiver() as failed, jobs.sender() as tx:
                node.share("jobs", jobs.receiver())
                await tx.send(7)
                for _ in range(3):
                    farm.start("die", node.address)
                with trio.fail_after(20):
                    return await failed.receive()

    with Farm() as farm:
        failed = trio.run(main)
    assert (failed.value, failed.attempts) == (7, 3)
    assert all(isinstance(error, csp.LinkLost) for error in failed.errors)


def test_a_killed_worker_is_noticed_at_once() -> None:
    noticed: list[float] = []

    async def main() -> None:
        async with netchannels.serve(secret=SECRET, plain=True) as node:  # lost after 10 s
            with node.events() as events:
                for _ in range(10):
                    pid = farm.start("serve", node.address)
                    joined = await events.receive()
                    assert isinstance(joined, netchannels.PeerJoined)
                    killed = trio.current_time()
                    farm.kill(pid)
                    lost = await events.receive()
                    assert isinstance(lost, netchannels.PeerLost)
                    noticed.append(trio.current_time() - killed)

    with Farm() as farm:
        trio.run(main)
    assert sorted(noticed)[len(noticed) // 2] < 0.1
    assert max(noticed) < 1.0  # on a machine that does something else meanwhile
