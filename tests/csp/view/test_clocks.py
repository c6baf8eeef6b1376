"""Vector clocks: what can have caused what."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from csp import Alternation, Barrier, Call, Channel, Event, Member, Par, Receiver, Sender, process
from csp.view import Stamped, _clocks, stamped

from .made import copier, event, events_of, kept, met, ring, sink, source


def at(found: Iterable[Stamped], name: str, channel: str, number: int = 1) -> Stamped:
    """A communication of a process."""
    (one,) = [
        s
        for s in found
        if (s.event.process, s.event.channel, s.event.number) == (name, channel, number)
    ]
    return one


def test_events_of_one_process_are_in_order() -> None:
    first, second = stamped([event("started", "p"), event("ended", "p")])
    assert first.precedes(second)
    assert not second.precedes(first)
    assert not first.precedes(first)


def test_both_halves_of_a_rendezvous_are_one_event() -> None:
    sent, got = stamped(met("a", "b", "c", 1, "7"))
    assert sent.clock == got.clock
    assert (sent.partner, got.partner, got.value) == ("b", "a", "7")
    assert not sent.precedes(got)
    assert not got.precedes(sent)
    assert not sent.is_concurrent_with(got)


def test_what_nobody_told_each_other_is_concurrent() -> None:
    found = list(stamped([*met("a", "b", "c", 1), *met("x", "y", "d", 1)]))
    assert at(found, "b", "c").is_concurrent_with(at(found, "y", "d"))


def test_behind_a_rendezvous_both_know_what_the_other_knew() -> None:
    found = list(stamped([*met("a", "b", "c", 1), *met("x", "y", "d", 1), *met("x", "b", "e", 1),
                          event("ended", "b"), event("ended", "x"), event("ended", "y")]))  # fmt: skip
    behind = {s.event.process: s for s in found if s.event.kind == "ended"}
    assert at(found, "b", "c").precedes(behind["x"])  # the sender has learned it as well
    assert at(found, "y", "d").precedes(behind["b"])
    assert at(found, "b", "c").is_concurrent_with(behind["y"])


def test_a_buffer_tells_its_receiver_only() -> None:
    found = list(stamped([event("started", "b"), *kept("a", "b", "c", 1),
                          event("ended", "a"), event("ended", "b")]))  # fmt: skip
    started, ended_a, ended_b = found[0], found[-2], found[-1]
    assert at(found, "a", "c").precedes(ended_b)
    assert started.is_concurrent_with(ended_a)


def test_a_cause_stands_before_its_effect_whatever_the_order_of_the_records() -> None:
    got, sent = met("a", "b", "c", 1)
    on = met("b", "d", "e", 1)
    order = [s.event for s in stamped([got, *on, event("ended", "d"), sent])]
    assert order.index(sent) < order.index(on[1]) < len(order) - 1
    assert len(order) == 5


def test_a_half_that_stays_alone_does_not_keep_the_others() -> None:
    lonely = event("committed", "a", "c", "receive", number=1, met=True)
    after = event("ended", "a")
    found = list(stamped([lonely, after, *met("x", "y", "d", 1)]))
    assert {s.event.process for s in found[:2]} == {"x", "y"}
    assert [s.event for s in found[2:]] == [lonely, after]


def test_no_more_than_so_many_are_held_back() -> None:
    lonely = event("committed", "a", "c", "receive", number=1, met=True)
    many = [event("offered", "a", "c", "receive") for _ in range(_clocks.HELD + 5)]
    found = stamped([lonely, *many])
    assert next(found).event is lonely
    assert sum(1 for _ in found) == len(many)


@pytest.mark.parametrize("seed", range(20))
def test_all_events_come_out_once_and_those_of_a_process_in_order(seed: int) -> None:
    chance = random.Random(seed)
    lanes: dict[str, list[Event]] = {}
    for one in ring(12, 4):
        lanes.setdefault(one.process, []).append(one)
    mixed: list[Event] = []
    left = {name: list(own) for name, own in lanes.items()}
    while left:  # each process tells its own in order, and the others whenever
        name = chance.choice(list(left))
        mixed.append(left[name].pop(0))
        if not left[name]:
            del left[name]
    out = list(stamped(mixed))
    assert {name: [s.event for s in out if s.event.process == name] for name in lanes} == lanes
    assert all(not later.precedes(earlier) for i, later in enumerate(out) for earlier in out[:i])


def test_who_is_started_knows_what_its_parent_did() -> None:
    parent, child = stamped([event("offered", "main"), event("started", "main.par[0].p")])
    assert parent.precedes(child)


def test_who_waits_for_its_children_knows_what_they_did() -> None:
    found = list(stamped([
        event("started", "main"), event("parked", "main", detail="children"),
        event("started", "main.par[0].p"), event("ended", "main.par[0].p"),
        event("resumed", "main"),
    ]))  # fmt: skip
    assert found[3].precedes(found[4])


def test_an_ended_child_is_not_known_before_its_parent_waits() -> None:
    found = list(stamped([
        event("started", "main"),
        event("started", "main.spawn[0].p"), event("ended", "main.spawn[0].p"),
        event("offered", "main"), event("ended", "main"),
    ]))  # fmt: skip
    assert found[2].is_concurrent_with(found[3])
    assert found[2].precedes(found[4])


def test_who_awaits_a_process_knows_what_it_did() -> None:
    found = list(stamped([event("started", "main"), event("started", "main.p"),
                          event("ended", "main.p"), event("offered", "main")]))  # fmt: skip
    assert found[2].precedes(found[3])


@pytest.mark.parametrize("how", ["retired", "poisoned"])
def test_who_meets_the_end_of_a_channel_knows_what_led_to_it(how: Any) -> None:
    found = list(stamped([
        event("offered", "b", "c", "receive"), event("parked", "b", "c", "receive"),
        event(how, "a", "c", "send" if how == "retired" else ""),
        event("resumed", "b"), event("ended", "b"),
    ]))  # fmt: skip
    assert found[2].precedes(found[4])


def test_behind_a_barrier_all_know_what_each_did() -> None:
    @process
    async def runner(start: Member, mine: Sender[int]) -> None:
        await mine.send(1)
        await start.sync()
        await mine.send(2)

    async def main() -> None:
        start = Barrier(name="start")
        channels = [Channel(int, name=f"c{n}", buffer=2) for n in range(3)]
        receivers = [channel.receiver() for channel in channels]
        await Par(*(runner(start.member(), channel.sender()) for channel in channels))
        for receiver in receivers:
            receiver.retire()

    found = list(stamped(events_of(main)))
    sends = {
        (s.event.channel, s.event.number): s
        for s in found
        if s.event.kind == "committed" and s.event.side == "send"
    }
    for one in range(3):
        for other in range(3):
            assert sends[f"main.c{one}", 1].precedes(sends[f"main.c{other}", 2])
    assert sends["main.c0", 1].is_concurrent_with(sends["main.c1", 1])
    assert sends["main.c0", 2].is_concurrent_with(sends["main.c1", 2])


def test_a_reply_tells_its_caller_what_the_server_did() -> None:
    @process
    async def server(calls: Receiver[Call[int, int]], log: Sender[int]) -> None:
        async with calls.accept() as call:
            await log.send(call.request)
            call.reply(call.request)

    @process
    async def client(calls: Sender[Call[int, int]]) -> None:
        await calls.call(7)

    async def main() -> None:
        calls, log = Channel(Call[int, int], name="calls"), Channel(int, name="log", buffer=1)
        with log.receiver():
            await Par(server(calls.receiver(), log.sender()), client(calls.sender()))

    found = list(stamped(events_of(main)))
    logged = at(found, "main.par[0].server", "main.log")
    got = at(found, "main.par[1].client", "main.calls.replies")
    assert logged.precedes(got)
    assert got.partner == "main.par[0].server"


@pytest.mark.parametrize("lend", [True, False])
def test_the_clocks_of_a_run_agree_with_its_wiring(lend: bool) -> None:
    @process
    async def chooser(one: Receiver[int], two: Receiver[int], out: Sender[int]) -> None:
        async for _, value in Alternation(one, two):
            await out.send(value)

    async def main() -> None:
        names = ("a", "b", "c", "d", "lonely")
        a, b, c, d, lonely = (Channel(int, name=name) for name in names)
        await Par(
            source(a.sender(), range(10)),
            source(b.sender(), range(10)),
            chooser(a.receiver(), b.receiver(), c.sender()),
            copier(c.receiver(), d.sender()),
            sink(d.receiver()),
            Par(source(lonely.sender(), range(5)), sink(lonely.receiver())),
        )

    seen = events_of(main, lend=lend)
    found = list(stamped(seen))
    assert len(found) == len(seen)
    assert all(s.partner for s in found if s.event.kind == "committed")
    through = "main.par[2].chooser"
    for number in range(1, 21):
        assert at(found, through, "main.c", number).precedes(
            at(found, "main.par[4].sink", "main.d", number)
        )
    alone = [s for s in found if s.event.channel == "main.lonely" and s.event.number]
    others = [s for s in found if s.event.channel == "main.d" and s.event.number]
    assert all(one.is_concurrent_with(other) for one in alone for other in others)


def test_time_orders_nothing() -> None:
    @process
    async def late(out: Sender[int], delay: float) -> None:
        await trio.sleep(delay)
        await out.send(1)

    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        await Par(late(a.sender(), 1), sink(a.receiver()), late(b.sender(), 5), sink(b.receiver()))

    found = list(stamped(events_of(main, clock=MockClock(autojump_threshold=0))))
    early, after = at(found, "main.par[0].late", "main.a"), at(found, "main.par[2].late", "main.b")
    assert after.event.time - early.event.time > 3
    assert early.is_concurrent_with(after)
