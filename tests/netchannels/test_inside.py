"""The life of a node: it opens, drains, says goodbye, and closes."""

from __future__ import annotations

import pytest
import trio
import trio.testing

import csp
import netchannels
from netchannels.testing import linked

pytestmark = pytest.mark.trio
SECRET = netchannels.Secret("a secret for the life of nodes")
Clock = trio.testing.MockClock


async def test_the_end_of_the_block_waits_for_work_that_others_do(autojump_clock: Clock) -> None:
    finished: list[int] = []

    async def work(there: netchannels.Node, ready: trio.Event) -> None:
        taken = await there.receiver("jobs", int)
        ready.set()
        async with taken.lease() as job:
            await trio.sleep(5)
            finished.append(job.value)

    async with trio.open_nursery() as nursery:
        async with linked(drain=10) as (home, there):
            jobs = csp.Channel(int, name="jobs", buffer=1)
            home.share("jobs", jobs.receiver())
            ready = trio.Event()
            nursery.start_soon(work, there, ready)
            await ready.wait()
            with jobs.sender() as sender:
                await sender.send(1)
            await trio.sleep(1)
    assert finished == [1]


async def test_it_does_not_wait_longer_than_drain(autojump_clock: Clock) -> None:
    async with trio.open_nursery() as nursery:
        async with linked(drain=2) as (home, there):
            jobs = csp.Channel(int, name="jobs", buffer=1)
            home.share("jobs", jobs.receiver())
            taken = await there.receiver("jobs", int)

            async def work() -> None:
                async with taken.lease():
                    await trio.sleep(1000)

            nursery.start_soon(work)
            with jobs.sender() as sender:
                await sender.send(1)
            await trio.sleep(1)
            start = trio.current_time()
        assert trio.current_time() - start < 6
        nursery.cancel_scope.cancel()


async def test_who_leaves_says_goodbye() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        events = home.events()
        async with netchannels.connect(home.address, secret=SECRET, plain=True):
            await events.receive()
        left = await events.receive()
        assert isinstance(left, netchannels.PeerLeft)
        assert home.status().lost == 0


async def test_who_fails_says_that_it_has_failed() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        events = home.events()
        with pytest.raises(ValueError, match="oh"):
            async with netchannels.connect(home.address, secret=SECRET, plain=True):
                await events.receive()
                raise ValueError("oh")
        left = await events.receive()
        assert isinstance(left, netchannels.PeerLeft)
        assert "it failed: ValueError" in left.why


async def test_who_closes_counts_no_lost_link() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        async with netchannels.connect(home.address, secret=SECRET, plain=True) as there:
            events = there.events()
        assert (there.status().lost, there.status().joined) == (0, 1)
        told = [event async for event in events]
        assert [type(event) for event in told] == [netchannels.PeerLeft]


async def test_a_node_that_is_about_to_leave_shares_nothing_any_more(
    autojump_clock: Clock,
) -> None:
    refused: list[str] = []

    async with trio.open_nursery() as nursery:
        async with linked(drain=10) as (home, there):
            jobs = csp.Channel(int, name="jobs", buffer=1)
            home.share("jobs", jobs.receiver())
            taken = await there.receiver("jobs", int)

            async def work() -> None:
                async with taken.lease():
                    await trio.sleep(5)
                    try:
                        await there.receiver("jobs", int)
                    except netchannels.NameRefused as error:
                        refused.append(str(error))

            nursery.start_soon(work)
            with jobs.sender() as sender:
                await sender.send(1)
            await trio.sleep(1)
    assert "about to leave" in refused[0]


async def test_the_error_of_a_block_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with netchannels.serve(secret=SECRET, plain=True):
            raise ZeroDivisionError


async def test_a_cancelled_block_ends_soon_and_is_cancelled(autojump_clock: Clock) -> None:
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = start + 3
        async with linked(drain=100) as (home, _):
            home.share("x", csp.Channel(int, name="x").receiver())
            await trio.sleep_forever()
    assert nursery.cancel_scope.cancelled_caught
    assert trio.current_time() - start < 5


async def test_a_listener_is_closed_with_its_node() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        address = home.address
    with pytest.raises(netchannels.NetworkError, match="nobody answers"):
        async with netchannels.connect(address, secret=SECRET, plain=True):
            raise AssertionError("somebody is there")


async def test_the_lag_of_a_program_that_computes_is_seen(mock_clock: Clock) -> None:
    async with linked() as (home, _):
        await trio.testing.wait_all_tasks_blocked()
        assert home.status().lag == 0.0
        mock_clock.jump(3.0)  # as if it had computed so long
        await trio.testing.wait_all_tasks_blocked()
        assert 2.0 < home.status().lag <= 3.0
