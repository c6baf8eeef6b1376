"""Slots: which guard has which, where it stands, what it leaves behind, when it drops out."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import (
    Alternation,
    Barrier,
    Call,
    Channel,
    Deadline,
    Every,
    Flag,
    Signal,
    Skip,
    Timeout,
    Wait,
)
from csp._guards import OnChannel
from csp._offer import Party
from csp._slots import (
    KINDS,
    NOT_READY,
    BarrierSlot,
    ChannelSlot,
    Selecting,
    SignalSlot,
    SkipSlot,
    Slot,
    TimerSlot,
    WaitSlot,
    nothing_left,
    produced,
    slot_of,
)
from csp.abc import Guard, _Conditional
from csp.lowlevel import Watch, current_kernel


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


def slot_for(guard: Any) -> Slot:
    selector = Selecting()
    slot = slot_of(guard, selector, 1)
    selector.slots, selector.enabled = [slot], 1
    return slot


def commit(slot: Slot) -> Any:
    woken: list[Party] = []
    value = slot.commit(current_kernel().party(), woken)
    current_kernel().wake_all(woken)
    return value


# --- which slot --------------------------------------------------------------------------------

MAKE: dict[str, tuple[Any, type[Slot]]] = {
    "receiver": (lambda tx, rx: rx, ChannelSlot),
    "offer": (lambda tx, rx: tx.offer(lambda: 1), ChannelSlot),
    "ended": (lambda tx, rx: rx.ended(), ChannelSlot),
    "leasing": (lambda tx, rx: rx.leasing(), ChannelSlot),
    "timeout": (lambda tx, rx: Timeout(1), TimerSlot),
    "deadline": (lambda tx, rx: Deadline(1), TimerSlot),
    "every": (lambda tx, rx: Every(1), TimerSlot),
    "skip": (lambda tx, rx: Skip(), SkipSlot),
    "wait": (lambda tx, rx: Wait(Flag()), WaitSlot),
    "member": (lambda tx, rx: Barrier(name="b").member(), BarrierSlot),
    "signal": (lambda tx, rx: Signal(signal.SIGINT), SignalSlot),
}


@pytest.mark.parametrize("name", list(MAKE))
def test_each_guard_has_its_slot_and_is_named_also_behind_conditions(name: str) -> None:
    make, kind = MAKE[name]
    with Channel(int, name="c").sender() as tx, Channel(int, name="c").receiver() as rx:
        guard = make(tx, rx)
        for given in (guard, guard.when(bool), guard.when(bool).when(bool)):
            slot = slot_for(given)
            assert type(slot) is kind
            assert slot.named is (guard.end if isinstance(guard, OnChannel) else guard)
            assert (slot.condition is None) == (given is guard)
        if name == "member":
            guard.retire()


def test_every_kind_of_guard_has_a_slot() -> None:
    def kinds_of(kind: Any) -> list[Any]:
        return [kind, *(each for sub in kind.__subclasses__() for each in kinds_of(sub))]

    with_slot = tuple(kind for kinds, _ in KINDS for kind in kinds)
    abstract = (Guard, _Conditional)
    of_csp = [kind for kind in kinds_of(Guard) if kind.__module__.partition(".")[0] == "csp"]
    assert [
        kind for kind in of_csp if kind not in abstract and not issubclass(kind, with_slot)
    ] == [csp.abc.Receiver] * of_csp.count(csp.abc.Receiver)


@pytest.mark.parametrize("wrong", [3, None, "guard", Flag(), Channel(int, name="c"), Guard])
def test_what_is_no_guard_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is no guard"):
        Alternation(wrong)


def test_a_sender_is_told_how_to_be_a_guard() -> None:
    with Channel(int, name="c").sender() as tx:
        with pytest.raises(TypeError, match=r"a sender is no guard: write `sender.offer\(produce"):
            Alternation(tx)  # type: ignore[call-overload]


def test_a_plain_receive_of_calls_is_refused_as_a_guard_and_accepting_is_not() -> None:
    with Channel(Call[int, int], name="calls").receiver() as rx:
        for wrong in (lambda: Alternation(rx), lambda: Alternation(rx.leasing())):
            with pytest.raises(TypeError, match="channel `calls` carries calls"):
                wrong()
        Alternation(rx.accepting())
        Alternation(rx.ended())


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("outer", [True, False])
def test_conditions_behind_each_other_must_all_hold(inner: bool, outer: bool) -> None:
    slot = slot_for(Skip().when(lambda: inner).when(lambda: outer))
    assert slot.condition() is (inner and outer)


# --- where it stands ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["receiver", "offer", "ended", "leasing", "wait", "member"])
def test_a_slot_that_is_unregistered_leaves_nothing_behind(run: Any, name: str) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx, channel.receiver() as rx:
            guard = MAKE[name][0](tx, rx)
            slot = slot_for(guard)
            stands = guard.latch if name == "wait" else getattr(guard, "end", guard)._core

            def registered() -> int:
                watches = stands.watches or ()
                return len(watches) if name == "wait" else sum(map(len, watches))

            for _ in range(2):
                slot.register()
                assert registered() == 1
                slot.unregister()
                assert registered() == 0
            assert name in ("wait", "member") or channel._core.quick
            if name == "member":
                guard.retire()

    run(main)


def test_a_registration_that_fails_takes_back_the_earlier_ones(run: Any) -> None:
    async def main() -> None:
        channel, flag = Channel(int, name="c"), Flag()
        gone = channel.receiver()
        with channel.sender() as tx, channel.receiver() as rx:
            gone.retire()
            with pytest.raises(csp.EndClosed):
                await Alternation(Wait(flag), rx, gone, Skip()).select()
            assert flag._latch.watches == []
            assert channel._core.watches is None
            await csp.Par(tx.send(1), rx.receive())

    run(main)


# --- committing --------------------------------------------------------------------------------


def test_a_guard_that_is_not_ready_commits_nothing(run: Any) -> None:
    async def main() -> None:
        channel, barrier = Channel(int, name="c"), Barrier(name="b")
        other = barrier.member()
        with channel.sender() as tx, channel.receiver() as rx, barrier.member() as member:
            guards: list[Any] = [rx, rx.ended(), rx.leasing(), tx.offer(lambda: 1), Wait(Flag())]
            for guard in [*guards, member]:
                slot = slot_for(guard)
                slot.register()
                assert commit(slot) is NOT_READY
                assert slot.selector.dropped == 0
                slot.unregister()
        other.retire()

    run(main)


def test_a_guard_that_fires_once_drops_out_and_is_not_enabled_any_more(run: Any) -> None:
    async def main() -> None:
        flag = Flag()
        flag.set()
        channel = Channel(int, name="c")
        channel.sender().retire()
        with channel.receiver() as rx:
            for guard in (Wait(flag), rx.ended(), Deadline(0)):
                slot = slot_for(guard)
                slot.register()
                assert commit(slot) is None
                assert (slot.selector.dropped, slot.selector.enabled) == (1, 0)
                slot.unregister()
            assert slot.selector.ended is None

    run(main)


def test_a_guard_of_an_ended_channel_drops_out_and_is_kept_for_the_error(run: Any) -> None:
    async def main() -> None:
        ended, left = Channel(int, name="ended"), Channel(int, name="left")
        ended.sender().retire()
        left.receiver().retire()
        with ended.receiver() as rx, left.sender() as tx:
            for guard, end in ((rx, rx), (rx.leasing(), rx), (tx.offer(lambda: 1), tx)):
                slot = slot_for(guard)
                slot.register()
                assert commit(slot) is NOT_READY
                assert (slot.selector.dropped, slot.selector.ended) == (1, end)
                assert isinstance(nothing_left(slot.selector), csp.EndOfChannel)
                assert nothing_left(slot.selector).end is end  # type: ignore[union-attr]
                slot.unregister()

    run(main)


def test_without_an_ended_channel_the_error_is_about_guards_that_have_fired() -> None:
    error = nothing_left(Selecting())
    assert type(error) is RuntimeError
    assert str(error) == "all guards of this alternation have fired and dropped out"


@pytest.mark.parametrize("cause", [None, ValueError("broken")])
@pytest.mark.parametrize("poison", [False, True])
def test_a_false_condition_drops_a_guard_only_if_its_channel_ended_in_order(
    run: Any, cause: Any, poison: bool
) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        tx = channel.sender()
        with channel.receiver() as rx:
            slot = slot_for(rx.when(lambda: False))
            slot.register()
            slot.drop_if_ended()
            assert slot.selector.dropped == 0
            if poison:
                tx.poison()
            tx._retire(cause)
            slot.drop_if_ended()
            assert slot.selector.dropped == (0 if poison or cause else 1)
            slot.unregister()

    run(main)


# --- timers ------------------------------------------------------------------------------------


def test_when_a_timer_is_due_depends_on_its_kind() -> None:
    assert slot_for(Timeout(3)).due(10) == 13
    assert slot_for(Deadline(12.5)).due(10) == 12.5
    assert slot_for(Skip()).due(10) == math.inf
    every = slot_for(Every(3))
    assert [every.due(started) for started in (10, 11, 20)] == [13, 13, 13]


@pytest.mark.parametrize(("late", "next_due"), [(0, 6), (2.9, 6), (3, 9), (3.5, 9), (300, 306)])
def test_a_late_tick_does_not_shift_the_next_and_missed_ones_are_left_out(
    run: Any, late: float, next_due: float
) -> None:
    async def main() -> float:
        begin = trio.current_time()
        slot = slot_for(Every(3))
        assert slot.due(begin) == begin + 3
        await trio.sleep(3 + late)
        assert commit(slot) is None
        return slot.due(begin) - begin

    assert run(main) == pytest.approx(next_due)


# --- output guards -----------------------------------------------------------------------------


def test_a_produced_value_is_checked_and_communication_is_allowed_again_afterwards(
    run: Any,
) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:

            def watch(produce: Callable[[], Any]) -> Watch:
                return Watch(Selecting(), 1, 0, produce=produce, end=tx)

            assert produced(watch(lambda: 7)) == 7
            with pytest.raises(csp.ChannelTypeError):
                produced(watch(lambda: "seven"))
            with pytest.raises(ZeroDivisionError):
                produced(watch(lambda: 1 // 0))
            await tx.send(1)
            assert await rx.receive() == 1

    run(main)


def test_a_selection_that_meets_a_failing_offer_waits_on(run: Any) -> None:
    @csp.process
    async def offers(out: csp.Sender[int]) -> None:
        with pytest.raises(ZeroDivisionError):
            await Alternation(out.offer(lambda: 1 // 0)).select()
        await trio.sleep(1)
        await out.send(7)

    async def main() -> Any:
        channel = Channel(int, name="c")
        async with csp.Spawn() as spawn:
            with channel.receiver() as rx:
                spawn(offers(channel.sender()))
                await trio.testing.wait_all_tasks_blocked()
                return (await Alternation(rx, Timeout(60)).select()).value

    assert run(main) == 7


def test_a_produced_end_has_left_its_owner() -> None:
    async def main() -> None:
        ends = Channel[csp.Sender[int]](name="ends")
        numbers = Channel(int, name="numbers")
        with ends.sender() as tx, ends.receiver(), numbers.sender() as end:
            moved = produced(Watch(Selecting(), 1, 0, produce=lambda: end, end=tx))
            assert moved is not end
            with pytest.raises(csp.EndClosed, match="you sent this sender of `numbers` away"):
                await end.send(1)
            assert numbers._core.ends[0] == 1

    csp.run(main)


# --- what observers are told -------------------------------------------------------------------


def test_a_slot_says_its_channel_and_side() -> None:
    channel, barrier = Channel(int, name="c"), Barrier(name="b")
    with channel.sender() as tx, channel.receiver() as rx, barrier.member() as member:
        guards: list[Any] = [rx, rx.ended(), tx.offer(lambda: 1), member, Skip(), Timeout(1)]
        assert [slot_for(guard).told(None)[:2] for guard in guards] == [
            ("c", "receive"),
            ("c", "receive"),
            ("c", "send"),
            ("b", ""),
            ("", ""),
            ("", ""),
        ]
