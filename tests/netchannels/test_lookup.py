"""Looking a name up: several links, labels, waiting, and what the errors say."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
import trio.testing

import csp
import netchannels
from netchannels import NameRefused, Node, TypeRefused
from netchannels.testing import linked

pytestmark = pytest.mark.trio
SECRET = netchannels.Secret("a secret for looking names up")


@asynccontextmanager
async def star(*labels: str) -> AsyncGenerator[tuple[Node, dict[str, Node]]]:
    """A node that listens, and those that have connected to it, by label."""
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            netchannels.serve(secret=SECRET, plain=True, label="hub")
        )
        others: dict[str, Node] = {}
        for label in labels:
            others[label] = await stack.enter_async_context(
                netchannels.connect(hub.address, secret=SECRET, plain=True, label=label)
            )
        while hub.status().joined < len(labels):
            await trio.sleep(0)
        yield hub, others


def one_place() -> csp.Channel[int]:
    return csp.Channel(int, name="numbers", buffer=1)


async def test_a_name_is_looked_up_on_all_links() -> None:
    async with star("a", "b") as (hub, others):
        numbers = one_place()
        others["b"].share("numbers", numbers.sender())
        with await hub.sender("numbers", int) as sender:
            await sender.send(7)
        with numbers.receiver() as receiver:
            assert await receiver.receive() == 7


async def test_a_name_that_several_share_needs_the_peer() -> None:
    async with star("ant", "bee") as (hub, others):
        channels = {label: one_place() for label in others}
        for label, node in others.items():
            node.share("numbers", channels[label].sender())
        with pytest.raises(NameRefused, match=r"several nodes \(ant, bee\): say peer="):
            await hub.sender("numbers", int)
        with await hub.sender("numbers", int, peer="b") as sender:
            await sender.send(7)
        with channels["bee"].receiver() as receiver:
            assert receiver.receive_nowait() == 7


async def test_nothing_stays_open_behind_an_ambiguous_look() -> None:
    async with star("ant", "bee") as (hub, others):
        for node in others.values():
            node.share("numbers", one_place().sender())
        with pytest.raises(NameRefused):
            await hub.sender("numbers", int)
        await hub.names()
        assert [link.ports for link in hub.status().links] == [[], []]


async def test_a_label_comes_before_those_that_begin_with_it() -> None:
    async with star("worker1", "worker10") as (hub, others):
        for node in others.values():
            node.share("numbers", one_place().sender())
        (await hub.sender("numbers", int, peer="worker1")).close()
        assert (await hub.status_of("worker1")).label == "worker1"
        with pytest.raises(NameRefused, match="several nodes"):
            await hub.status_of("work")


async def test_a_peer_that_is_not_there_is_told_with_those_who_are() -> None:
    async with star("ant") as (hub, _):
        with pytest.raises(csp.LinkLost, match="begins with 'cow'.*links: ant"):
            await hub.sender("numbers", int, peer="cow")


async def test_names_gathers_what_all_share_also_under_one_label() -> None:
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(netchannels.serve(secret=SECRET, plain=True))
        for name in ("x", "y"):
            node = await stack.enter_async_context(
                netchannels.connect(hub.address, secret=SECRET, plain=True, label="twin")
            )
            node.share(name, one_place().sender())
        while hub.status().joined < 2:
            await trio.sleep(0)
        assert await hub.names() == {"x": "int (send)", "y": "int (send)"}


async def test_an_unknown_name_is_an_error_that_lists_the_names() -> None:
    async with linked() as (home, there):
        home.share("square", one_place().sender())
        with pytest.raises(NameRefused, match="home shares no 'sqare'; it shares: square"):
            await there.sender("sqare", int)


async def test_the_wrong_way_round_is_told_with_the_right_one() -> None:
    async with linked() as (home, there):
        home.share("in", one_place().sender())
        home.share("out", one_place().receiver())
        with pytest.raises(NameRefused, match=r"only send on 'in': use `node.sender`"):
            await there.receiver("in", int)
        with pytest.raises(NameRefused, match=r"only receive on 'out': use `node.receiver`"):
            await there.sender("out", int)


async def test_types_that_differ_are_named_with_both_programs() -> None:
    async with linked() as (home, there):
        home.share("numbers", one_place().sender())
        with pytest.raises(TypeRefused) as caught:
            await there.sender("numbers", str)
        for part in ("carries int here", "str was asked for", "there asks home"):
            assert part in str(caught.value)


async def test_a_type_that_cannot_travel_is_refused_before_anybody_is_asked() -> None:
    async with linked() as (_, there):
        with pytest.raises(TypeRefused):
            await there.sender("numbers", object)


async def test_wait_waits_for_the_name(autojump_clock: trio.testing.MockClock) -> None:
    async with linked() as (home, there):
        numbers = one_place()

        async def share_later() -> None:
            await trio.sleep(3)
            home.share("numbers", numbers.sender())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(share_later)
            with await there.sender("numbers", int, wait=60) as sender:
                assert 3 <= trio.current_time() <= 5
                await sender.send(1)


async def test_wait_ends_with_the_error_of_the_last_look(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with linked() as (_, there):
        start = trio.current_time()
        with pytest.raises(NameRefused, match="shares no 'numbers'"):
            await there.sender("numbers", int, wait=10)
        assert trio.current_time() - start == pytest.approx(10, abs=0.5)


async def test_a_type_that_differs_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with linked() as (home, there):
        home.share("numbers", one_place().sender())
        start = trio.current_time()
        with pytest.raises(TypeRefused):
            await there.sender("numbers", str, wait=10)
        assert trio.current_time() - start < 1


async def test_a_cancelled_look_leaves_no_port(autojump_clock: trio.testing.MockClock) -> None:
    async with linked() as (home, there):
        home.share("numbers", one_place().sender())
        for passes in range(1, 12):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(there.sender, "numbers", int)
                    for _ in range(passes):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()
        await there.names()
        await trio.testing.wait_all_tasks_blocked()
        assert there.status().links[0].ports == home.status().links[0].ports == []


async def test_without_a_link_there_is_nobody_to_ask() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as alone:
        with pytest.raises(csp.LinkLost, match="links: none"):
            await alone.receiver("numbers", int)
        assert await alone.names() == {}
