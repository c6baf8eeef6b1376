"""Alternation: wait for several guards, commit exactly one.

Guards stay registered with their channels between selections, and each channel sets a bit in
`hints` when it may have become ready.  A selection looks only at hinted bits, so it costs the
same with ten guards and with a hundred.  The bit sets are ints.

Invariants:
* `hints` is a superset of the ready guards (of channels); a bit is cleared only after a look.
* `_dropped` only grows; `enabled` is fixed when a selection starts, less what drops out in it.
* fair selection looks first behind the guard chosen last, so a guard that stays ready is taken
  within as many selections as there are guards.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar, cast, overload

import trio
from trio.lowlevel import enable_ki_protection

from . import abc
from ._channel import Receiver, Sender
from ._end import OPERATIONS, adopt, pack
from ._errors import ChannelEnded, EndOfChannel
from ._guards import Choice, Conditional, Deadline, Every, OnChannel, Skip, Timeout, Wait
from ._offer import (
    COMMITTED,
    ENDED,
    FAILED,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    UNTIL_END,
    Party,
    Selector,
    Watch,
    next_ticket,
)
from ._parking import Kernel, current_kernel

E_co = TypeVar("E_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)
E1 = TypeVar("E1")
E2 = TypeVar("E2")
E3 = TypeVar("E3")
E4 = TypeVar("E4")
V1 = TypeVar("V1")
V2 = TypeVar("V2")
V3 = TypeVar("V3")
V4 = TypeVar("V4")


class _Selector(Selector):
    """A selector that stands in the queue of nobody, but can be withdrawn like a party."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        super().__init__()
        self.slots: list[_Slot] = []

    def unlink(self, party: Party) -> None:
        self.party = None
        party.queue = None

    def produce(self, watch: Watch) -> Any:
        return _produce(watch)


def _produce(watch: Watch) -> Any:
    """The value of an output guard, checked and with its ends moved out."""
    assert watch.produce is not None
    kernel = current_kernel()
    kernel.producing = True
    try:
        value = watch.produce()
    finally:
        kernel.producing = False
    core = watch.end._core
    core.refuse(value)
    if core.carries:
        value, cargo = pack(value, watch.end._owner)
        if cargo is not None:
            cargo.settle(True)
    return value


class _Slot:
    """One guard of an alternation: what you named, its condition, its place."""

    __slots__ = ("condition", "finish", "guard", "index", "named", "watch")

    def __init__(self, guard: Any, index: int, selector: _Selector) -> None:
        self.index = index
        self.condition: Any = None
        if isinstance(guard, Conditional):
            conditions = []
            while isinstance(guard, Conditional):
                conditions.append(guard.condition)
                guard = guard.guard
            self.condition = (
                conditions[0] if len(conditions) == 1 else lambda: all(c() for c in conditions)
            )
        self.guard = self.named = guard
        self.watch: Watch | None = None
        self.finish: Any = None
        bit = 1 << index
        if isinstance(guard, Receiver):
            self.watch = Watch(selector, bit, RECEIVE, TAKE, None, guard)
        elif isinstance(guard, OnChannel):
            self.named, self.finish = guard.end, guard.finish
            side = RECEIVE if guard.produce is None else SEND
            self.watch = Watch(selector, bit, side, guard.mode, guard.produce, guard.end)
        elif isinstance(guard, Wait):
            self.watch = Watch(selector, bit, RECEIVE, UNTIL_END)
        elif isinstance(guard, Sender):
            raise TypeError("a sender is no guard: write `sender.offer(produce)`")
        elif not isinstance(guard, (Timeout, Deadline, Every, Skip)):
            raise TypeError(f"{guard!r} is no guard")


class Alternation(Generic[E_co, V_co]):
    """Waits for several guards and commits exactly one; made once, used many times.

        async for end, value in Alternation(left, right, Timeout(1.0)):
            ...

    Guards: a receiver, `sender.offer(produce)`, `Timeout`, `Deadline`, `Every`, `Skip`,
    `Wait(running)`, `Wait(flag)`, `receiver.ended()`, and any of them behind `.when(condition)`.
    `priority=True` makes `async for` take the first ready guard instead of being fair.
    """

    @overload
    def __new__(cls, g1: abc.Guard[E1, V1], /, *, priority: bool = ...) -> Alternation[E1, V1]: ...
    @overload
    def __new__(
        cls, g1: abc.Guard[E1, V1], g2: abc.Guard[E2, V2], /, *, priority: bool = ...
    ) -> Alternation[E1 | E2, V1 | V2]: ...
    @overload
    def __new__(
        cls, g1: abc.Guard[E1, V1], g2: abc.Guard[E2, V2], g3: abc.Guard[E3, V3], /, *,
        priority: bool = ...,
    ) -> Alternation[E1 | E2 | E3, V1 | V2 | V3]: ...  # fmt: skip
    @overload
    def __new__(
        cls, g1: abc.Guard[E1, V1], g2: abc.Guard[E2, V2], g3: abc.Guard[E3, V3],
        g4: abc.Guard[E4, V4], /, *, priority: bool = ...,
    ) -> Alternation[E1 | E2 | E3 | E4, V1 | V2 | V3 | V4]: ...  # fmt: skip
    @overload
    def __new__(cls, *guards: abc.Guard[E1, V1], priority: bool = ...) -> Alternation[E1, V1]: ...
    def __new__(cls, *guards: Any, priority: bool = False) -> Any:
        self = super().__new__(cls)
        if not guards:
            raise ValueError("an Alternation needs at least one guard")
        self._selector = _Selector()
        self._slots = [_Slot(guard, i, self._selector) for i, guard in enumerate(guards)]
        self._selector.slots = self._slots
        self._all = (1 << len(guards)) - 1
        self._watched = sum(s.watch.bit for s in self._slots if s.watch is not None)
        self._selector.hints = self._watched
        self._dropped = 0
        self._ended_of = None
        self._last = -1
        self._priority = priority
        self._busy = False
        self._registered = False
        self._conditions = [slot for slot in self._slots if slot.condition is not None]
        self._timers = [s for s in self._slots if isinstance(s.guard, (Timeout, Deadline, Every))]
        self._skips = sum(1 << s.index for s in self._slots if isinstance(s.guard, Skip))
        return self

    _selector: _Selector
    _slots: list[_Slot]
    _all: int  # a bit for each guard
    _watched: int  # those registered with a channel or latch
    _skips: int
    _dropped: int
    _last: int  # the guard chosen last
    _priority: bool
    _busy: bool
    _registered: bool
    _ended_of: Any  # an end whose channel has ended, for the error
    _conditions: list[_Slot]
    _timers: list[_Slot]

    def __repr__(self) -> str:
        return f"<Alternation of {len(self._slots)} guards>"

    # --- registration ----------------------------------------------------------------------

    def _register(self) -> None:
        self._registered = True
        for slot in self._slots:
            if slot.watch is None:
                continue
            if isinstance(slot.guard, Wait):
                slot.guard.latch.watches.append(slot.watch)
            else:
                slot.watch.end._acting()
                slot.watch.end._core.watch(slot.watch)

    def close(self) -> None:
        """Unregister the guards; the alternation can be used again, at a higher price."""
        if self._registered:
            self._registered = False
            self._selector.hints = self._watched
            for slot in self._slots:
                if slot.watch is None:
                    continue
                if isinstance(slot.guard, Wait):
                    slot.guard.latch.watches.remove(slot.watch)
                else:
                    slot.watch.end._core.unwatch(slot.watch)

    def __del__(self) -> None:
        if getattr(self, "_registered", False):
            self.close()

    # --- selecting -------------------------------------------------------------------------

    @enable_ki_protection
    async def select(self) -> Choice[E_co, V_co]:
        """Wait until a guard is ready and commit it, fairly.

        Raises EndOfChannel when all guards have dropped out, RuntimeError when none is enabled,
        Poisoned or Abandoned if a guard's channel was, and whatever `produce` raises.
        """
        return cast("Choice[E_co, V_co]", await self._select(fair=True))

    @enable_ki_protection
    async def pri_select(self) -> Choice[E_co, V_co]:
        """As `select`, but commits the first ready guard in the order given."""
        return cast("Choice[E_co, V_co]", await self._select(fair=False))

    def __aiter__(self) -> AsyncIterator[Choice[E_co, V_co]]:
        return self

    async def __anext__(self) -> Choice[E_co, V_co]:
        choice = await self._select(fair=not self._priority, loop=True)
        if choice is None:
            raise StopAsyncIteration
        return cast("Choice[E_co, V_co]", choice)

    async def _select(self, *, fair: bool, loop: bool = False) -> Any:
        if self._busy:
            raise RuntimeError("this Alternation is selecting already: one selection at a time")
        self._busy = True
        try:
            kernel = current_kernel()
            checkpoint = await kernel.before()
            if not self._registered:
                self._register()
            choice = await self._selection(kernel, fair, loop, checkpoint)
        except ChannelEnded:
            await trio.lowlevel.checkpoint_if_cancelled()
            raise
        finally:
            self._busy = False
        return choice

    async def _selection(self, kernel: Kernel, fair: bool, loop: bool, checkpoint: bool) -> Any:
        selector = self._selector
        selector.enabled = self._all & ~self._dropped
        for slot in self._conditions:
            if selector.enabled >> slot.index & 1 and not slot.condition():
                selector.enabled &= ~(1 << slot.index)
        started = trio.current_time() if self._timers else 0.0
        party: Party | None = None
        while True:
            if not selector.enabled:
                return self._nothing_enabled(loop)
            woken: list[Party] = []
            if party is None:
                party = kernel.party()
            choice = self._commit_ready(kernel, party, fair, started, woken)
            if woken:
                kernel.wake_all(woken)
            if choice is None and selector.enabled & self._skips:
                index = _lowest(selector.enabled & self._skips)
                choice = Choice(self._slots[index].named, None)
            if choice is not None:
                if checkpoint:
                    await trio.lowlevel.cancel_shielded_checkpoint()
                return choice
            if not selector.enabled:
                continue
            choice = await self._wait(kernel, party, started)
            if choice is not None:
                return choice
            party = None

    def _commit_ready(
        self, kernel: Kernel, party: Party, fair: bool, started: float, woken: list[Party]
    ) -> Any:
        selector = self._selector
        candidates = (selector.hints | selector.mutual) & selector.enabled & ~self._skips
        if self._timers:
            candidates |= self._elapsed(started)
        while candidates:
            after = candidates >> (self._last + 1) << (self._last + 1) if fair else 0
            index = _lowest(after or candidates)
            bit = 1 << index
            slot = self._slots[index]
            done, value = self._try(kernel, slot, party, woken)
            if done:
                self._last = index
                return Choice(slot.named, value)
            selector.hints &= ~bit
            candidates &= ~bit & selector.enabled
        return None

    def _try(self, kernel: Kernel, slot: _Slot, me: Party, woken: list[Party]) -> tuple[bool, Any]:
        guard, watch = slot.guard, slot.watch
        if watch is None:
            if isinstance(guard, Deadline):
                self._drop(slot)
            elif isinstance(guard, Every):
                assert guard.due is not None
                late = trio.current_time() - guard.due
                guard.due += guard.seconds * (1 + math.floor(max(late, 0.0) / guard.seconds))
            elif not isinstance(guard, Timeout):
                return False, None
            return True, None
        if isinstance(guard, Wait):
            if not guard.latch.happened:
                return False, None
            self._drop(slot)
            return True, guard.result()
        end = watch.end
        kernel_of_end = end._acting()
        core = end._core
        state = core.state(watch.side)
        if state is not None:
            return self._ended(slot, state)
        if watch.mode == UNTIL_END or not core.ready(watch.side):
            return False, None
        me.side, me.mode, me.outcome, me.item = watch.side, watch.mode, None, None
        if watch.side == SEND:
            me.value = value = _produce(watch)
            core.send(me, woken)
            me.value = None
            if me.engaged is not None:  # a selection does not wait for an extended rendezvous
                me.engaged.sender = None
                me.engaged = None
            return True, value
        if not core.receive(me, woken):
            return False, None
        if me.outcome is not COMMITTED:  # its only partner failed to produce
            return self._ended(slot, me.outcome)
        return True, self._finished(slot, me, kernel_of_end)

    def _finished(self, slot: _Slot, me: Party, kernel: Kernel) -> Any:
        value, me.value = me.value, None
        if slot.finish is not None:
            item, me.item = me.item, None
            return slot.finish(item if item is not None else value)
        assert slot.watch is not None
        if slot.watch.end._core.carries:
            adopt(value, kernel.holder())
        return value

    def _ended(self, slot: _Slot, state: Any) -> tuple[bool, Any]:
        """The channel of a guard has ended: drop the guard, or raise."""
        assert slot.watch is not None
        end, core = slot.watch.end, slot.watch.end._core
        if state == POISONED or (core.causes and slot.watch.mode != UNTIL_END):
            raise core.error(slot.watch.side, state, end)
        self._drop(slot)
        if slot.watch.mode == UNTIL_END:
            return True, None
        self._ended_of = end
        return False, None

    def _drop(self, slot: _Slot) -> None:
        bit = 1 << slot.index
        self._dropped |= bit
        self._selector.enabled &= ~bit

    def _nothing_enabled(self, loop: bool) -> Any:
        if self._dropped:
            if loop:
                return None
            if self._ended_of is not None:
                end = self._ended_of
                error = EndOfChannel("all guards of this alternation have ended")
                error.end = end
                raise error
            raise RuntimeError("all guards of this alternation have fired and dropped out")
        names = ", ".join(
            getattr(slot.condition, "__qualname__", repr(slot.condition))
            for slot in self._conditions
        )
        raise RuntimeError(f"no guard is enabled: all conditions are false ({names})")

    # --- timers ----------------------------------------------------------------------------

    def _due(self, slot: _Slot, started: float) -> float:
        guard = slot.guard
        if isinstance(guard, Timeout):
            return started + guard.seconds
        if isinstance(guard, Deadline):
            return guard.time
        assert isinstance(guard, Every)
        if guard.due is None:
            guard.due = started + guard.seconds
        return guard.due

    def _elapsed(self, started: float) -> int:
        now, bits = trio.current_time(), 0
        for slot in self._timers:
            bit = 1 << slot.index
            if bit & self._selector.enabled and self._due(slot, started) <= now:
                bits |= bit
        return bits

    # --- waiting ---------------------------------------------------------------------------

    async def _wait(self, kernel: Kernel, me: Party, started: float) -> Any:
        """Park as an offer on all enabled guards; None means: look again."""
        selector = self._selector
        me.outcome, me.item, me.ticket = None, None, next_ticket()
        me.queue = cast(Any, selector)
        selector.party, selector.chosen = me, None
        deadline = min(
            (
                self._due(slot, started)
                for slot in self._timers
                if selector.enabled >> slot.index & 1
            ),
            default=math.inf,
        )
        if deadline == math.inf:
            await kernel.park(me)
        else:
            with trio.CancelScope(deadline=deadline):
                await kernel.park(me)
        watch = selector.chosen
        if watch is None:
            return None
        me.queue = None
        index = _lowest(watch.bit)
        slot = self._slots[index]
        if me.outcome == FAILED:
            raise me.value
        if me.outcome in (ENDED, POISONED) or watch.end is None:
            selector.hints |= watch.bit
            return None
        self._last = index
        if watch.side == SEND:
            value, me.value = me.value, None
            return Choice(slot.named, value)
        return Choice(slot.named, self._finished(slot, me, kernel))


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


OPERATIONS.add(cast(Any, Alternation.select).__code__)
OPERATIONS.add(cast(Any, Alternation.pri_select).__code__)
