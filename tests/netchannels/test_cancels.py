"""An operation over a link is cancelled at every step, on both sides and in both directions.

Invariants, wherever the cancel strikes:
* an operation that raises Cancelled did not happen; one that returns did, and was answered once.
* the channel goes on: what follows is sent and taken as if nothing had been.
* a cancelled lease gives its value back untried; a cancelled caller ends the block of its server.
* a cancelled server elsewhere costs its call an attempt; the last one fails it.
* nothing leaks: no port, no item, no credit, no party.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

import csp
import netchannels
from csp.testing import cancel_at_every_step
from netchannels.testing import faulty_pair, linked

Calls = csp.Call[int, int]


class Link:
    """A channel over a link: its two ends, either of which may be elsewhere."""

    tx: Any
    rx: Any


@asynccontextmanager
async def over_a_link(
    direction: str, kind: Any = int, prefetch: int = 0, **options: Any
) -> AsyncGenerator[Link]:
    """The ends of a channel whose home has the sender ("down") or the receiver ("up")."""
    async with linked() as (home, there):
        channel: csp.Channel[Any] = csp.Channel(kind, name="it", **options)
        link, sides = Link(), (home._inside.links[0], there._inside.links[0])
        if direction == "down":
            home.share("it", channel.receiver())
            link.rx = await there.receiver("it", kind, prefetch=prefetch)
            link.tx = channel.sender()
        else:
            home.share("it", channel.sender())
            link.tx = await there.sender("it", kind)
            link.rx = channel.receiver()
        home.unshare("it")
        with trio.fail_after(100):
            with link.tx, link.rx:
                yield link
            await trio.sleep(5)  # what patience is there for cancelled senders has run out
        core = channel._core
        assert core.first is None
        assert not core.held
        assert not core.front
        for side in sides:
            assert not side.lost
            assert not side.ports
            assert not side.connection.ports
            assert side.connection._sent == side.connection._kept == 0


def cancel_each(scenario: Any) -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert cancel_at_every_step(scenario, clock=clock) > 10


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_send_did_not_happen(direction: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        sent, taken = [], list[int]()

        async def takes() -> None:
            taken.extend([value async for value in link.rx])

        async with over_a_link(direction) as link, trio.open_nursery() as nursery:
            nursery.start_soon(takes)
            with scope:
                await link.tx.send(1)
                sent.append(1)
            await link.tx.send(2)
            link.tx.close()
        assert taken == [*sent, 2]

    cancel_each(scenario)


@pytest.mark.parametrize(("direction", "prefetch"), [("down", 0), ("down", 2), ("up", 0)])
def test_a_cancelled_receive_has_taken_nothing(direction: str, prefetch: int) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        taken = list[int]()

        async def sends() -> None:
            with link.tx:
                for value in (1, 2, 3):
                    await link.tx.send(value)

        async with over_a_link(direction, prefetch=prefetch) as link:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sends)
                with scope:
                    taken.append(await link.rx.receive())
                taken.extend([value async for value in link.rx])
        assert taken == [1, 2, 3]

    cancel_each(scenario)


@pytest.mark.parametrize("room", [0, 3])
@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_lease_gives_its_value_back_untried(direction: str, room: int) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        done = list[tuple[int, int]]()

        async def sends() -> None:
            with link.tx:
                for value in (1, 2):
                    await link.tx.send(value)

        async with over_a_link(direction, buffer=room) as link:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sends)
                with scope:
                    async with link.rx.lease() as job:
                        await trio.sleep(1)
                        await trio.lowlevel.checkpoint()
                        done.append((job.value, job.attempt))
                async for job in link.rx.leases():
                    async with job:
                        done.append((job.value, job.attempt))
        assert sorted(done) == [(1, 1), (2, 1)]

    cancel_each(scenario)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_caller_ends_the_block_of_its_server(direction: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        begun, finished, replies = list[int](), list[int](), list[int]()

        async def square(value: int) -> int:
            begun.append(value)
            await trio.sleep(1)
            finished.append(value)
            return value * value

        async def serves() -> None:
            await link.rx.serve(square)

        async with over_a_link(direction, Calls) as link, trio.open_nursery() as nursery:
            nursery.start_soon(serves)
            with scope:
                replies.append(await link.tx.call(1))
            replies.append(await link.tx.call(2))
            link.tx.close()
        assert replies in ([4], [1, 4])
        assert finished.count(1) <= 1
        assert begun.count(1) <= 1
        assert (begun.count(2), finished.count(2)) == (1, 1)
        if replies == [1, 4]:
            assert finished == [1, 2]

    cancel_each(scenario)


SERVED, FAILED = ["1", "4"], ["no reply: the server was cancelled", "4"]


@pytest.mark.parametrize(
    ("direction", "attempts", "outcomes"),
    [
        ("down", 1, [SERVED, FAILED]),
        ("down", 2, [SERVED]),
        ("up", 1, [SERVED, FAILED]),
        ("up", 2, [SERVED, FAILED]),  # the server is at home, which has no other to ask
    ],
)
def test_a_cancelled_server_costs_the_call_it_has_taken_an_attempt_and_no_other(
    direction: str, attempts: int, outcomes: list[list[str]]
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        told = list[str]()

        async def calls() -> None:
            with link.tx:
                for value in (1, 2):
                    try:
                        told.append(str(await link.tx.call(value)))
                    except csp.CallFailed as error:
                        told.append(str(error))

        async with (
            over_a_link(direction, Calls, max_attempts=attempts) as link,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(calls)
            with scope:
                async with link.rx.accept() as call:
                    await trio.sleep(1)
                    call.reply(call.request * call.request)
            await link.rx.serve(lambda value: value * value)
        heard.append(told)
        assert told in outcomes

    heard: list[list[str]] = []
    cancel_each(scenario)
    assert all(outcome in heard for outcome in outcomes)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("direction", ["down", "up"])
def test_ctrl_c_in_a_server_gives_its_call_back_untried(direction: str, grouped: bool) -> None:
    async def main() -> list[int]:
        replies: list[int] = []

        async def calls() -> None:
            with link.tx:
                for value in (1, 2):
                    replies.append(await link.tx.call(value))

        async with over_a_link(direction, Calls) as link, trio.open_nursery() as nursery:
            nursery.start_soon(calls)
            ctrl_c = KeyboardInterrupt()
            with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
                async with link.rx.accept():
                    raise BaseExceptionGroup("g", [ctrl_c]) if grouped else ctrl_c
            await link.rx.serve(lambda value: value * value)
        return replies

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == [1, 4]


@pytest.mark.parametrize("operation", ["send_all", "receive_some"])
def test_ctrl_c_that_strikes_amid_a_link_is_for_main_and_the_link_says_goodbye(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = faulty_pair()
    waiting = [trio.Event()]
    left: list[object] = []
    plain = getattr(streams[0], operation)

    async def struck(*args: Any) -> Any:
        result = await plain(*args)
        if waiting and waiting[0].is_set():
            waiting.clear()
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(streams[0], operation, struck)

    async def main() -> None:
        async with linked(streams) as (home, there):
            events = there.events()
            waiting[0].set()
            with pytest.raises(KeyboardInterrupt):
                await trio.sleep(1000)
            home._inside.links[0].connection.goodbye("")
            with events:
                async for event in events:
                    left.append(event)
                    if isinstance(event, (netchannels.PeerLeft, netchannels.PeerLost)):
                        return

    try:
        csp.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except KeyboardInterrupt:
        pytest.fail("main was cancelled instead")
    assert isinstance(left[-1], netchannels.PeerLeft)


def test_a_call_that_came_back_can_be_cancelled_and_is_served_by_nobody() -> None:
    served: list[int] = []

    async def main() -> None:
        async with over_a_link("down", Calls) as link, trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(cancelled, link, scope)
            with pytest.raises(KeyboardInterrupt):
                async with link.rx.accept():
                    raise KeyboardInterrupt
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            nursery.start_soon(link.rx.serve, served.append)
            with link.tx:
                await trio.testing.wait_all_tasks_blocked()

    async def cancelled(link: Link, scope: trio.CancelScope) -> None:
        with scope:
            await link.tx.call(1)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert served == []


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_extended_rendezvous_gives_its_value_back(direction: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        done = list[int]()

        async def sends() -> None:
            with link.tx:
                for value in (1, 2):
                    await link.tx.send(value)

        async with over_a_link(direction) as link, trio.open_nursery() as nursery:
            nursery.start_soon(sends)
            with scope:
                async with link.rx.extended() as value:
                    await trio.sleep(1)
                    await trio.lowlevel.checkpoint()
                    done.append(value)
            async for value in link.rx:
                done.append(value)
        assert done == [1, 2]

    cancel_each(scenario)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_sender_ends_the_block_that_works_on_its_value(direction: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        sent, begun, done = list[int](), list[int](), list[int]()

        async def works() -> None:
            try:
                while True:
                    async with link.rx.extended() as value:
                        begun.append(value)
                        await trio.sleep(1)
                        await trio.lowlevel.checkpoint()
                        done.append(value)
            except csp.EndOfChannel:
                return

        async with over_a_link(direction) as link, trio.open_nursery() as nursery:
            nursery.start_soon(works)
            with scope:
                await link.tx.send(1)
                sent.append(1)
            await link.tx.send(2)
            sent.append(2)
            link.tx.close()
        assert sent[-1] == 2
        assert begun.count(1) <= 1
        assert done.count(2) == 1
        if 1 in sent:
            assert done == [1, 2]

    cancel_each(scenario)


@pytest.mark.parametrize("direction", ["down", "up"])
def test_a_cancelled_selection_has_taken_nothing(direction: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        taken = list[int]()

        async def sends() -> None:
            with link.tx:
                for value in (1, 2):
                    await link.tx.send(value)

        async with over_a_link(direction) as link:
            with csp.Alternation(link.rx) as alternation:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(sends)
                    with scope:
                        taken.append((await alternation.select()).value)
                    taken.extend([value async for _, value in alternation])
        assert taken == [1, 2]

    cancel_each(scenario)


def test_a_cancelled_offer_did_not_happen() -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        sent, taken = list[int](), list[int]()
        left = [1, 2, 3]

        async def takes() -> None:
            taken.extend([value async for value in link.rx])

        async with over_a_link("down") as link:
            offer = link.tx.offer(lambda: left.pop(0))
            with csp.Alternation(offer) as alternation:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(takes)
                    with scope:
                        sent.append((await alternation.select()).value)
                    while len(sent) < 2:
                        sent.append((await alternation.select()).value)
                    link.tx.close()
        assert taken == sent

    cancel_each(scenario)


def test_a_cancelled_opening_leaves_no_port() -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        async with linked() as (home, there):
            numbers = csp.Channel(int, name="numbers")
            home.share("it", numbers.receiver())
            opened = None
            with scope:
                opened = await there.receiver("it", int)
            if opened is not None:
                opened.close()
            await trio.sleep(1)
            for node in (home, there):
                (link,) = node._inside.links
                assert not link.ports
                assert not link.connection.ports

    cancel_each(scenario)


def test_a_sender_that_is_cancelled_while_the_answer_is_on_its_way_knows_that_it_does_not_know() -> (
    None
):
    async def main() -> None:
        streams = faulty_pair()
        async with linked(streams) as (home, there):
            numbers, scope, told = csp.Channel(int), trio.CancelScope(), list[str]()
            home.share("it", numbers.sender())
            with await there.sender("it", int) as tx, numbers.receiver() as rx:

                async def sends() -> None:
                    with scope:
                        try:
                            await tx.send(1)
                        except csp.DeliveryUnknown:
                            told.append("unknown")
                    assert trio.current_time() - start <= 3  # patience, and a tick

                async with trio.open_nursery() as nursery:
                    start = trio.current_time()
                    nursery.start_soon(sends)
                    await trio.testing.wait_all_tasks_blocked()
                    streams[1].hold()
                    assert await rx.receive() == 1
                    scope.cancel()
                assert told == ["unknown"]
                streams[1].release()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(tx.send, 2)  # the late answer has changed nothing
                    assert await rx.receive() == 2
            counters = there.status().total
            assert (counters.sent, counters.taken, counters.unknown) == (2, 1, 1)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_node_can_be_cancelled_while_it_waits_for_what_is_in_work() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            begun, scope = trio.Event(), trio.CancelScope()

            async def works(rx: csp.Receiver[int]) -> None:
                with rx:
                    async with rx.lease():
                        begun.set()
                        await trio.sleep(1_000)

            with scope:
                async with linked(drain=100) as (home, there):
                    jobs = csp.Channel(int, name="jobs", buffer=1)
                    home.share("it", jobs.receiver())
                    nursery.start_soon(works, await there.receiver("it", int))
                    with jobs.sender() as tx:
                        await tx.send(1)
                    await begun.wait()
                    scope.deadline = trio.current_time() + 5
            assert scope.cancelled_caught
            assert trio.current_time() < 10
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
