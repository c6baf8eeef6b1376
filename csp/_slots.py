"""What an alternation does with each kind of guard: one class of slots for each.

A slot registers with what its guard watches, tries to commit it, and says what was communicated.

Invariants:
* `hints` of the selector has the bit of every ready guard of a channel (a superset); a bit is
  cleared only after a look.
* `dropped` only grows; `enabled` is fixed when a selection starts, less what drops out in it.
"""

from __future__ import annotations

import math
from typing import Any, cast

from ._barrier import Member
from ._bridge import Arrivals
from ._cargo import pack, unpack
from ._channel import Receiver, Sender
from ._errors import EndOfChannel
from ._guards import (
    Deadline,
    Every,
    OnChannel,
    Signal,
    Skip,
    Timeout,
    Wait,
)
from ._offer import (
    CLOSED,
    COMMITTED,
    ENDED,
    FAILED,
    OFFER,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    UNTIL_END,
    Party,
    Selector,
    Watch,
)
from ._parking import current_kernel
from .abc import _Conditional as Conditional

PENDING = object()  # what `commit` returns when the partner, who sits elsewhere, must answer first
NOT_READY = object()  # what `commit` and `chosen` return when there is nothing to choose


class Selecting(Selector):
    """The selector of an alternation: what its slots and channels know of it."""

    __slots__ = ("dropped", "ended", "far", "slots")

    def __init__(self) -> None:
        super().__init__()
        self.slots: list[Slot] = []
        self.far: list[Any] = []  # cores whose senders sit elsewhere, and want to know who waits
        self.dropped: int = 0
        self.ended: Any = None  # an end whose channel has ended, for the error

    def unlink(self, party: Party) -> None:
        """The selection is withdrawn."""
        self.party = None
        party.queue = None

    def produce(self, watch: Watch) -> Any:
        """The value of an output guard, made in the process that waits."""
        assert self.party is not None
        return current_kernel().produce_for(self.party, lambda: produced(watch))

    def drop(self, bit: int) -> None:
        """A guard fired for the last time, or its channel has ended."""
        self.dropped |= bit
        self.enabled &= ~bit


def produced(watch: Watch) -> Any:
    """The value of an output guard, checked and with its ends moved out."""
    assert watch.produce is not None
    if watch.kept:
        return watch.kept.pop()
    kernel = current_kernel()
    kernel.producing = True
    try:
        value = watch.produce()
    finally:
        kernel.producing = False
    core = watch.end._core
    core.refuse(value)
    if core.carries:
        value, cargo = pack(value)
        if cargo is not None:
            cargo.settle(True)
    return value


class Slot:
    """One guard of an alternation: what you named, its condition, its place."""

    __slots__ = ("bit", "condition", "named", "selector", "watch")
    skips = False  # commits only when nothing else is ready

    def __init__(self, guard: Any, selector: Selecting, bit: int) -> None:
        self.named, self.selector, self.bit = guard, selector, bit
        self.condition: Any = None
        self.watch: Watch | None = None

    def register(self) -> None:
        """Selections begin: stand where the guard becomes ready."""

    def unregister(self) -> None:
        """The alternation is closed."""

    def due(self, started: float) -> float:
        """When it fires by itself, if its selection started at `started`."""
        return math.inf

    def drop_if_ended(self) -> None:
        """Its condition is false; drop it all the same if its channel has ended."""

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """Commit it here and now; its value, or NOT_READY.  Raises what the guard raises."""
        return NOT_READY

    def chosen(self, me: Party) -> Any:
        """The value of a guard that was committed while `me` waited; NOT_READY: look again."""
        return NOT_READY

    def told(self, me: Party | None) -> tuple[str, str, int, bool]:
        """Channel, side and, of what `me` has committed, number and `met`, for observers."""
        return "", "", 0, False


class SkipSlot(Slot):
    """Skip."""

    __slots__ = ()
    skips = True


class TimerSlot(Slot):
    """Timeout, Deadline and Every."""

    __slots__ = ()

    def due(self, started: float) -> float:
        """When it fires."""
        guard = self.named
        if isinstance(guard, Timeout):
            return started + guard.seconds
        if isinstance(guard, Deadline):
            return guard.time
        assert isinstance(guard, Every)
        if guard.due is None:
            guard.due = started + guard.seconds
        return guard.due

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """It has elapsed: that was seen by its `due`."""
        guard = self.named
        if isinstance(guard, Deadline):
            self.selector.drop(self.bit)
        elif isinstance(guard, Every):
            assert guard.due is not None
            late = max(current_kernel().now() - guard.due, 0.0)
            guard.due += guard.seconds * (1 + math.floor(late / guard.seconds))
        return None


class WaitSlot(Slot):
    """Wait(flag) and Wait(running)."""

    __slots__ = ()

    def register(self) -> None:
        """Stand at the latch."""
        self.watch = Watch(self.selector, self.bit, RECEIVE, UNTIL_END)
        self.named.latch.watches.append(self.watch)

    def unregister(self) -> None:
        """Leave the latch."""
        self.named.latch.watches.remove(self.watch)

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """Fires once."""
        if not self.named.latch.happened:
            return NOT_READY
        self.selector.drop(self.bit)
        return self.named.what.result() if hasattr(self.named.what, "result") else None


class SignalSlot(Slot):
    """Signal."""

    __slots__ = ("arrivals",)
    arrivals: Arrivals

    def register(self) -> None:
        """Take the signals over."""
        self.watch = Watch(self.selector, self.bit, RECEIVE, UNTIL_END)
        self.arrivals = Arrivals(self.named.signals, self.watch)

    def unregister(self) -> None:
        """Leave them to whoever had them before."""
        self.arrivals.close()

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """The oldest signal that has arrived."""
        return self.arrivals.pending.popleft() if self.arrivals.pending else NOT_READY


class ChannelSlot(Slot):
    """A receiver, `offer`, `ended`, `leasing`, `accepting`."""

    __slots__ = ("end", "finish", "mode", "produce", "side")

    def __init__(self, guard: Any, selector: Selecting, bit: int) -> None:
        self.mode, self.produce, self.finish = TAKE, None, None
        if isinstance(guard, OnChannel):
            self.mode, self.produce, self.finish = guard.mode, guard.produce, guard.finish
            guard = guard.end
        super().__init__(guard, selector, bit)
        self.end = guard
        if self.produce is None and self.mode == TAKE and self.finish is None:
            guard._core.refuse_plain()
        self.side = RECEIVE if self.produce is None else SEND

    def register(self) -> None:
        """Stand in the channel."""
        end = self.end
        end._acting()
        self.watch = Watch(self.selector, self.bit, self.side, self.mode, self.produce, end)
        end._core.watch(self.watch)
        if end._core.wanted is not None and self.side == RECEIVE:
            self.selector.far.append(end._core)

    def unregister(self) -> None:
        """Leave the channel."""
        self.end._core.unwatch(self.watch)
        if self.end._core in self.selector.far:
            self.selector.far.remove(self.end._core)

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """Send or receive, if that is settled at once."""
        end, side, mode = self.end, self.side, self.mode
        end._acting()
        core = end._core
        state = core.state(side)
        if state is not None:
            return self._ended(state)
        if mode == UNTIL_END or not core.ready(side):
            return NOT_READY
        me.side, me.mode, me.outcome, me.item = side, mode, None, None
        if side == SEND:
            assert self.watch is not None
            me.mode, me.value = OFFER, produced(self.watch)
            if not core.send(me, woken) and me.engaged is not None:
                return PENDING
        elif not core.receive(me, woken):  # its only partner failed to produce
            return NOT_READY
        if me.outcome is not COMMITTED:
            return self._ended(me.outcome)
        return self.chosen(me)

    def chosen(self, me: Party) -> Any:
        """What was sent or received."""
        if me.outcome == FAILED:
            raise me.value
        if isinstance(me.outcome, BaseException):
            raise me.outcome
        if me.outcome == CLOSED:
            self.end._raise(CLOSED)
        if me.outcome is not COMMITTED:
            if self.side == SEND and me.mode == OFFER:  # its partner has not taken the value
                self._keep(me.value)
            return NOT_READY
        value, item, me.value, me.item, me.mode = me.value, me.item, None, None, TAKE
        if self.side == RECEIVE and self.end._core.carries:
            unpack(value, current_kernel().holder())
        if item is not None:
            self.end._core.work_on(item, current_kernel().holder())
        if self.finish is not None:
            return self.finish(self.end, item if item is not None else value)
        return value

    def _keep(self, value: Any) -> None:
        assert self.watch is not None
        self.watch.kept.append(value)

    def drop_if_ended(self) -> None:
        """The channel has ended, in order."""
        core = self.end._core
        if core.state(self.side) == ENDED and not core.causes[1 - self.side]:
            self._ended(ENDED)

    def _ended(self, state: Any) -> Any:
        """The channel of the guard has ended: drop the guard, or raise."""
        core = self.end._core
        if state == POISONED or (core.causes[1 - self.side] and self.mode != UNTIL_END):
            raise core.error(self.side, state, self.end)
        self.selector.drop(self.bit)
        if self.mode == UNTIL_END:
            return None
        self.selector.ended = self.end
        return NOT_READY

    def told(self, me: Party | None) -> tuple[str, str, int, bool]:
        """Channel, side, number and `met`; the end of a channel has no number."""
        side = "send" if self.side == SEND else "receive"
        number = me.number if me is not None and self.mode != UNTIL_END else 0
        return self.end._core.path(), side, number, bool(number) and me is not None and me.met


class BarrierSlot(Slot):
    """A member of a barrier."""

    __slots__ = ()

    def register(self) -> None:
        """Stand in the barrier."""
        self.named._acting()
        self.watch = Watch(self.selector, self.bit, SEND, TAKE, None, self.named)
        self.named._core.watch(self.watch)

    def unregister(self) -> None:
        """Leave the barrier's watches; the member stays."""
        self.named._core.unwatch(self.watch)

    def commit(self, me: Party, woken: list[Party]) -> Any:
        """Meet, if all other members wait."""
        self.named._acting()
        return None if self.named._core.meet(self.named, woken) else NOT_READY

    def chosen(self, me: Party) -> Any:
        """All have met."""
        if me.outcome == CLOSED:
            self.named._raise(CLOSED)
        return None if me.outcome is COMMITTED else NOT_READY

    def told(self, me: Party | None) -> tuple[str, str, int, bool]:
        """The barrier, and how often its members have met."""
        core = self.named._core
        return core.path(), "", core.passed, False


KINDS: list[tuple[tuple[type, ...], type[Slot]]] = [
    ((Receiver, OnChannel), ChannelSlot),
    ((Timeout, Deadline, Every), TimerSlot),
    ((Skip,), SkipSlot),
    ((Wait,), WaitSlot),
    ((Member,), BarrierSlot),
    ((Signal,), SignalSlot),
]


def slot_of(guard: Any, selector: Selecting, bit: int) -> Slot:
    """The slot for a guard; TypeError for what is none."""
    conditions: list[Any] = []
    while isinstance(guard, Conditional):
        conditional = cast("Conditional[Any, Any]", guard)
        conditions.append(conditional.condition)
        guard = conditional.guard
    for kinds, make in KINDS:
        if isinstance(guard, kinds):
            slot = make(guard, selector, bit)
            if conditions:
                slot.condition = conditions[0] if len(conditions) == 1 else _All(conditions)
            return slot
    if isinstance(guard, Sender):
        raise TypeError("a sender is no guard: write `sender.offer(produce)`")
    raise TypeError(f"{guard!r} is no guard")


class _All:
    """Several conditions behind each other: `guard.when(a).when(b)`."""

    def __init__(self, conditions: list[Any]) -> None:
        self.conditions = conditions

    def __call__(self) -> bool:
        return all(condition() for condition in self.conditions)


def nothing_left(selector: Selecting) -> EndOfChannel | RuntimeError:
    """The error of a selection whose guards have all dropped out."""
    if selector.ended is not None:
        error = EndOfChannel("all guards of this alternation have ended")
        error.end = selector.ended
        return error
    return RuntimeError("all guards of this alternation have fired and dropped out")
