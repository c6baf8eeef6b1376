"""How long each process ran, and what it waited for."""

import pytest
import trio
from trio.testing import MockClock

from csp import Channel, Par, Receiver, process
from csp.view import Usage, usage

from .made import event, events_of, ring, source


def test_times_are_summed_for_each_thing_that_was_waited_for() -> None:
    waits = [("c", 1.0), ("d", 2.0), ("c", 3.0)]
    events, now = [event("started", "p", time=0.0)], 0.0
    for channel, seconds in waits:
        events.append(event("parked", "p", channel, "send", time=now + 0.5))
        now += 0.5 + seconds
        events.append(event("resumed", "p", time=now))
    (found,) = usage([*events, event("ended", "p", time=now + 0.25)])
    assert found.on == {"c, send": 4.0, "d, send": 2.0}
    assert (found.ran, found.waited) == (1.75, 6.0)
    assert found.longest(1) == [("c, send", 4.0)]


def test_communications_are_counted_in_the_order_in_which_processes_began() -> None:
    found = usage(ring(5, 3))
    assert [(one.process, one.communications) for one in found] == [
        ("main.p1", 10), ("main.p0", 10), ("main.p2", 10),
    ]  # fmt: skip


def test_a_process_that_did_nothing_is_there() -> None:
    assert usage([event("started", "p", time=1.0), event("ended", "p", time=1.0)]) == [Usage("p")]


def test_time_in_trio_is_no_time_of_running() -> None:
    @process
    async def slow(feed: Receiver[int]) -> None:
        async for _ in feed:
            await trio.sleep(10)

    async def main() -> None:
        channel = Channel(int, name="c")
        await Par(source(channel.sender(), range(3)), slow(channel.receiver()))

    found = {one.process: one for one in usage(events_of(
        main, lend=True, clock=MockClock(autojump_threshold=0)))}  # fmt: skip
    assert found["main.par[1].slow"].on["trio"] == pytest.approx(30)
    assert found["main.par[0].source"].on["main.c, send"] == pytest.approx(20)
    assert found["main"].on["children"] == pytest.approx(30)
    assert sum(one.ran for one in found.values()) == pytest.approx(0)
