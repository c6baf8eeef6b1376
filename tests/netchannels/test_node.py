"""A node as its user sees it."""

from __future__ import annotations

import inspect
import os
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

import csp
import netchannels
from netchannels import Node
from netchannels.testing import faulty_pair, linked

pytestmark = pytest.mark.trio
SECRET = netchannels.Secret("a secret for tests of nodes")

THEIRS = {"share", "unshare", "receiver", "sender", "names"} | {
    "status", "status_of", "events", "busy", "label", "address",
}  # fmt: skip


async def test_a_node_shows_users_what_is_theirs_and_nothing_else() -> None:
    shown = {name for name in dir(Node) if not name.startswith("_")}
    assert shown == THEIRS
    assert all(inspect.getdoc(getattr(Node, name)) for name in shown)


async def test_it_says_who_and_where_it_is() -> None:
    async with netchannels.serve(secret=SECRET, plain=True, label="farm") as node:
        assert repr(node) == f"<node farm at {node.address}>"


async def test_its_own_label_names_program_host_and_process() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as node:
        assert node.label.endswith(f":{os.getpid()}")


@pytest.mark.parametrize("what", ["share", "receiver", "sender", "names", "status_of", "events"])
async def test_outside_of_its_block_a_node_cannot_be_used(what: str) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as node:
        pass
    with csp.Channel(int, name="x").receiver() as receiver:
        uses: dict[str, Any] = {
            "share": lambda: node.share("x", receiver),
            "receiver": lambda: node.receiver("x", int),
            "sender": lambda: node.sender("x", int),
            "names": node.names,
            "status_of": lambda: node.status_of("x"),
            "events": node.events,
        }
        with pytest.raises(RuntimeError, match="inside of its `async with` block"):
            result = uses[what]()
            if inspect.isawaitable(result):
                await result


@pytest.mark.parametrize("prefetch", [-1, 1.5, None])
async def test_a_prefetch_is_a_number_of_values(prefetch: Any) -> None:
    async with linked() as (_, there):
        with pytest.raises(ValueError, match="prefetch is 0 or more"):
            await there.receiver("x", int, prefetch=prefetch)


@pytest.mark.parametrize("wait", [-1, float("nan"), "1"])
async def test_a_wait_is_a_number_of_seconds(wait: Any) -> None:
    async with linked() as (_, there):
        with pytest.raises((ValueError, TypeError), match="wait is 0 or more seconds, not"):
            await there.receiver("x", int, wait=wait)


async def test_either_side_of_a_link_may_share() -> None:
    async with linked() as (home, there):
        for one, other in ((home, there), (there, home)):
            numbers = csp.Channel(int, name="numbers", buffer=1)
            one.share("numbers", numbers.sender())
            with await other.sender("numbers", int) as sender:
                await sender.send(1)
            with numbers.receiver() as receiver:
                assert await receiver.receive() == 1


async def test_a_call_is_served_on_the_other_side() -> None:
    async with linked() as (home, there):
        square = csp.Channel(csp.Call[int, int], name="square")
        home.share("square", square.receiver())
        server = await there.receiver("square", csp.Call[int, int])

        async def serve() -> None:
            with server:
                await server.serve(lambda number: number * number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with square.sender() as calls:
                assert [reply async for reply in calls.map(range(4))] == [0, 1, 4, 9]


async def test_the_status_of_the_other_side_is_what_it_says_itself() -> None:
    async with linked() as (home, there):
        asked = await there.status_of("home")
        own = home.status()
        assert (asked.label, asked.joined, asked.links[0].peer) == ("home", 1, "there")
        assert (own.label, own.joined, own.links[0].peer) == ("home", 1, "there")
        assert asked.links[0].ports == []  # the built-in port is not counted


async def test_a_status_counts_what_was_sent_and_taken() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=3)
        home.share("numbers", numbers.receiver())
        receiver = await there.receiver("numbers", int, prefetch=4)
        with numbers.sender() as sender:
            for number in range(3):
                await sender.send(number)
        assert [number async for number in receiver] == [0, 1, 2]
        await there.names()
        counted = home.status().total
        assert (counted.sent, counted.taken, counted.unknown) == (3, 3, 0)
        assert there.status().links[0].counters.received >= 3


async def test_a_status_says_how_old_the_oldest_work_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with linked() as (home, there):
        jobs = csp.Channel(int, name="jobs", buffer=1)
        home.share("jobs", jobs.receiver())
        taken = await there.receiver("jobs", int)
        with jobs.sender() as sender:
            await sender.send(1)
            async with taken.lease():
                await trio.sleep(7)
                oldest = home.status().links[0].oldest
                assert oldest == pytest.approx(7, abs=0.5)
            await there.names()
            assert home.status().links[0].oldest is None


async def test_round_trips_are_measured(autojump_clock: trio.testing.MockClock) -> None:
    async with linked() as (home, _):
        assert home.status().links[0].p50 is None
        await trio.sleep(10)
        measured = home.status().links[0]
        assert measured.p50 is not None
        assert measured.p99 is not None
        assert 0 <= measured.p50 <= measured.p99 < 1
        assert home.status().uptime >= 10


async def test_events_tell_who_joined_and_who_left() -> None:
    async with netchannels.serve(secret=SECRET, plain=True, label="home") as home:
        events = home.events()
        async with netchannels.connect(home.address, secret=SECRET, plain=True, label="there"):
            joined = await events.receive()
        left = await events.receive()
        assert isinstance(joined, netchannels.PeerJoined)
        assert isinstance(left, netchannels.PeerLeft)
        assert joined.peer == left.peer == "there"
        assert joined.address.startswith("127.0.0.1:")
        assert (home.status().lost, home.status().links) == (0, [])
    with pytest.raises(csp.EndOfChannel):
        await events.receive()


async def test_events_tell_why_somebody_did_not_get_in() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        events = home.events()
        with pytest.raises(netchannels.HandshakeError, match="same secret"):
            async with netchannels.connect(home.address, secret="quite another one", plain=True):
                raise AssertionError("it got in")
        refused = await events.receive()
        assert isinstance(refused, netchannels.PeerRefused)
        assert "does not have the secret" in refused.why
        assert home.status().refused == 1


@pytest.mark.parametrize("waits", [True, False])
async def test_busy_is_written_when_its_await_returns(
    waits: bool, autojump_clock: trio.testing.MockClock
) -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        with home.events() as events:

            @csp.process
            async def work() -> None:
                announced = there.busy(60)
                if waits:
                    await announced
                streams[1].half_open("send")  # nothing leaves from here on
                await trio.sleep(55)

            await work()
            try:
                told: Any = events.receive_nowait()
            except trio.WouldBlock:
                told = None
            assert (told is None) is waits


async def test_busy_returns_when_the_link_is_lost() -> None:
    streams = faulty_pair(capacity=1)
    async with linked(streams) as (_, there):
        streams[0].hold()
        async with trio.open_nursery() as nursery:

            async def announce() -> None:
                await there.busy(60)

            nursery.start_soon(announce)
            await wait_all_tasks_blocked(0.01)
            assert nursery.child_tasks  # it waits
            streams[1].cut()
        await there.busy(60)  # without a link there is nobody to tell


@pytest.mark.parametrize("seconds", [-1, float("nan"), "60"])
async def test_busy_takes_seconds(seconds: Any) -> None:
    async with linked() as (_, there):
        with pytest.raises((ValueError, TypeError), match="seconds is 0 or more"):
            there.busy(seconds)
