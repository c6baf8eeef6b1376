"""Alternation: wait for several guards, commit exactly one.

Guards stay registered with their channels between selections, and each channel sets a bit in
`hints` when it may have become ready.  A selection looks only at hinted bits, so it costs the
same with ten guards and with a hundred.  The bit sets are ints.

Invariants:
* `_selector.party` is set only while a selection waits: only then is a guard an offer.
* fair selection looks first behind the guard chosen last, so a guard that stays ready is taken
  within as many selections as there are guards.
* the place in the queues dates from the start of the running selection.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Self, TypeVar, cast, overload

from . import abc
from ._cargo import map_ends
from ._errors import ChannelEnded, explained
from ._guards import Choice, OnChannel
from ._kernel import Kernel
from ._observe import shown
from ._offer import Party, next_ticket
from ._parking import current_kernel, protected
from ._slots import NOT_READY, PENDING, Selecting, Slot, TimerSlot, nothing_left, slot_of
from .abc import _Conditional as Conditional

GUARDS_SAID = 5  # to observers, of an alternation that waits

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
E5 = TypeVar("E5")
V5 = TypeVar("V5")
E6 = TypeVar("E6")
V6 = TypeVar("V6")


class Alternation(Generic[E_co, V_co]):
    """Waits for several guards and commits exactly one; made once, used many times.

        async for end, value in Alternation(left, right, Timeout(1.0)):
            ...

    Guards: a receiver, `sender.offer(produce)`, `Timeout`, `Deadline`, `Every`, `Skip`, `Signal`,
    `Wait(running)`, `Wait(flag)`, `receiver.ended()`, `receiver.leasing()`,
    `receiver.accepting()`, a barrier's member, and any of them behind `.when(condition)`.
    `priority=True` makes `async for` take the first ready guard instead of being fair.
    Raises ValueError without guards, TypeError for what is no guard.

    >>> import csp
    >>> async def main() -> None:
    ...     left, right = csp.Channel(int, name="left"), csp.Channel(str, name="right", buffer=1)
    ...     with left.receiver() as a, right.receiver() as b, right.sender() as tx:
    ...         await tx.send("hello")
    ...         guard, value = await Alternation(a, b).select()
    ...         print(guard is b, value)
    >>> csp.run(main)
    True hello
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
    def __new__(
        cls, g1: abc.Guard[E1, V1], g2: abc.Guard[E2, V2], g3: abc.Guard[E3, V3],
        g4: abc.Guard[E4, V4], g5: abc.Guard[E5, V5], /, *, priority: bool = ...,
    ) -> Alternation[E1 | E2 | E3 | E4 | E5, V1 | V2 | V3 | V4 | V5]: ...  # fmt: skip
    @overload
    def __new__(
        cls, g1: abc.Guard[E1, V1], g2: abc.Guard[E2, V2], g3: abc.Guard[E3, V3],
        g4: abc.Guard[E4, V4], g5: abc.Guard[E5, V5], g6: abc.Guard[E6, V6], /, *,
        priority: bool = ...,
    ) -> Alternation[E1 | E2 | E3 | E4 | E5 | E6, V1 | V2 | V3 | V4 | V5 | V6]: ...  # fmt: skip
    @overload
    def __new__(cls, *guards: abc.Guard[E1, V1], priority: bool = ...) -> Alternation[E1, V1]: ...
    def __new__(cls, *guards: Any, priority: bool = False) -> Any:
        self = super().__new__(cls)
        if not guards:
            raise ValueError("an Alternation needs at least one guard")
        selector = self._selector = Selecting()
        slots = [slot_of(guard, selector, 1 << i) for i, guard in enumerate(guards)]
        self._guards, self._slots, selector.slots = guards, slots, slots
        self._all = (1 << len(guards)) - 1
        self._timers = [slot for slot in slots if isinstance(slot, TimerSlot)]
        self._conditions = [slot for slot in slots if slot.condition is not None]
        self._skips = sum(slot.bit for slot in slots if slot.skips)
        self._watched = self._all & ~self._skips & ~sum(slot.bit for slot in self._timers)
        selector.hints = self._watched
        self._last = -1
        self._priority = priority
        self._busy = False
        self._registered = False
        return self

    _guards: tuple[Any, ...]  # as given
    _selector: Selecting
    _slots: list[Slot]
    _all: int  # a bit for each guard
    _watched: int  # those that stand somewhere, and get hints from there
    _skips: int
    _timers: list[TimerSlot]
    _conditions: list[Slot]
    _last: int  # the guard chosen last
    _priority: bool
    _busy: bool
    _registered: bool

    def __repr__(self) -> str:
        return f"<Alternation of {len(self._slots)} guards>"

    def _map_ends(self, change: Callable[[Any], Any]) -> Alternation[Any, Any]:
        """The same guards on other ends: an alternation that is given to a process."""
        guards = [_with_ends(guard, change) for guard in self._guards]
        if all(a is b for a, b in zip(guards, self._guards, strict=True)):
            return self
        self.close()
        return Alternation[Any, Any](*guards, priority=self._priority)

    # --- registration ----------------------------------------------------------------------

    def _register(self) -> None:
        for i, slot in enumerate(self._slots):
            try:
                slot.register()
            except BaseException:
                for earlier in self._slots[:i]:
                    earlier.unregister()
                raise
        self._registered = True

    def close(self) -> None:
        """Unregister the guards; the alternation can be used again, at a higher price."""
        if self._registered:
            self._registered = False
            self._selector.hints = self._watched
            for slot in self._slots:
                slot.unregister()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_registered", False):
            self.close()

    # --- selecting -------------------------------------------------------------------------

    @protected
    async def select(self) -> Choice[E_co, V_co]:
        """Wait until a guard is ready and commit it, fairly.

        Raises EndOfChannel when all guards have dropped out, RuntimeError when none is enabled
        or a selection is running already, Poisoned or Abandoned if a guard's channel was,
        EndClosed if a guard's end is not yours, and whatever `produce` raises.
        """
        return cast("Choice[E_co, V_co]", await self._select(fair=True))

    @protected
    async def pri_select(self) -> Choice[E_co, V_co]:
        """As `select`, but commits the first ready guard in the order given."""
        return cast("Choice[E_co, V_co]", await self._select(fair=False))

    def __aiter__(self) -> AsyncIterator[Choice[E_co, V_co]]:
        return self

    @protected
    async def __anext__(self) -> Choice[E_co, V_co]:
        choice = await self._select(fair=not self._priority, loop=True)
        if choice is None:
            raise StopAsyncIteration
        return cast("Choice[E_co, V_co]", choice)

    async def _select(self, *, fair: bool, loop: bool = False) -> Any:
        if self._busy:
            raise RuntimeError("this Alternation is selecting already: one selection at a time")
        self._busy = True
        kernel = current_kernel()
        try:
            checkpoint = await kernel.before()
            if not self._registered:
                self._register()
            return await self._selection(kernel, fair, loop, checkpoint)
        except ChannelEnded:
            await kernel.cancel_point()
            raise
        finally:
            self._busy = False

    async def _selection(self, kernel: Kernel, fair: bool, loop: bool, checkpoint: bool) -> Any:
        selector = self._selector
        selector.enabled = self._all & ~selector.dropped
        for slot in self._conditions:
            if selector.enabled & slot.bit and not self._holds(kernel, slot):
                slot.drop_if_ended()
                selector.enabled &= ~slot.bit
        started = kernel.now() if self._timers else 0.0
        ticket = 0
        while selector.enabled:
            me = kernel.party()
            choice = self._commit_ready(kernel, me, fair, started)
            if choice is PENDING:
                choice = await self._answer(kernel, me, started)
                if choice is None:
                    continue
                return choice
            if choice is None and selector.enabled & self._skips:
                for core in selector.far:
                    core.wanted(True)
                choice = Choice(self._slots[_lowest(selector.enabled & self._skips)].named, None)
            if choice is not None:
                if checkpoint:
                    await kernel.after()
                return choice
            if selector.enabled:
                ticket = ticket or next_ticket()
                me.ticket = ticket
                choice = await self._wait(kernel, me, started)
                if choice is not None:
                    return choice
        if not selector.dropped:
            problem = f"no guard is enabled: all conditions are false ({self._said()})"
            raise explained(RuntimeError(problem), "false-conditions")
        if loop:
            return None
        raise nothing_left(selector)

    def _holds(self, kernel: Kernel, slot: Slot) -> bool:
        kernel.producing = True
        try:
            return bool(slot.condition())
        finally:
            kernel.producing = False

    def _guards_said(self) -> str:
        """What it waits for, for observers; as many guards as fit."""
        names: list[str] = []
        for slot in self._slots:
            names.append(slot.told(None)[0] or type(slot.named).__name__)
            if len(names) == GUARDS_SAID:
                break
        left = len(self._slots) - len(names)
        return ", ".join(names) + (f" and {left} more" if left else "")

    def _said(self) -> str:
        conditions = [slot.condition for slot in self._conditions]
        return ", ".join(getattr(c, "__qualname__", repr(c)) for c in conditions)

    def _commit_ready(self, kernel: Kernel, me: Party, fair: bool, started: float) -> Any:
        selector = self._selector
        candidates = (selector.hints | selector.mutual) & selector.enabled & self._watched
        if self._timers:
            candidates |= self._elapsed(kernel, started)
        if kernel.hook is not None:
            kernel.tell("offered")
        while candidates:
            index = kernel.choose(candidates, self._last) if fair else _lowest(candidates)
            slot = self._slots[index]
            woken: list[Party] = []
            try:
                value = slot.commit(me, woken)
            finally:
                if woken:
                    kernel.wake_all(woken)
            if value is PENDING:
                selector.chosen = slot.watch
                return PENDING
            if value is not NOT_READY:
                return self._chosen(kernel, index, value, me)
            selector.hints &= ~slot.bit
            candidates &= ~slot.bit & selector.enabled
        return None

    def _chosen(self, kernel: Kernel, index: int, value: Any, me: Party) -> Choice[Any, Any]:
        self._last = index
        slot = self._slots[index]
        if kernel.hook is not None:
            channel, side, number, met = slot.told(me)
            sent = shown(value) if side == "send" else ""
            kernel.tell("committed", channel, side, sent, number=number, met=met)
        return Choice(slot.named, value)

    # --- waiting ---------------------------------------------------------------------------

    def _elapsed(self, kernel: Kernel, started: float) -> int:
        now, bits = kernel.now(), 0
        for slot in self._timers:
            if slot.bit & self._selector.enabled and slot.due(started) <= now:
                bits |= slot.bit
        return bits

    async def _wait(self, kernel: Kernel, me: Party, started: float) -> Any:
        """Park as an offer on all enabled guards; None means: look again."""
        selector = self._selector
        me.outcome = me.item = None
        me.queue = selector
        selector.party, selector.chosen = me, None
        for core in selector.far:
            core.wanted(False)
        return await self._answer(kernel, me, started)

    async def _answer(self, kernel: Kernel, me: Party, started: float) -> Any:
        """Park until a guard is chosen; None means: look again."""
        selector = self._selector
        due = [slot.due(started) for slot in self._timers if slot.bit & selector.enabled]
        if kernel.hook is not None:
            kernel.tell("parked", detail=self._guards_said())
        selector.asking = me
        try:
            await kernel.park(me, min(due, default=math.inf))
        finally:
            selector.asking = None
        watch = selector.chosen
        if watch is None:  # a timer
            return None
        me.queue = None
        index = _lowest(watch.bit)
        value = self._slots[index].chosen(me)
        if value is NOT_READY:
            selector.hints |= watch.bit
            return None
        for core in selector.far:  # somebody may have waited for this decision
            core.wanted(False)
        return self._chosen(kernel, index, value, me)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _with_ends(guard: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(guard, Conditional):
        conditional = cast("Conditional[Any, Any]", guard)
        inner = _with_ends(conditional.guard, change)
        if inner is conditional.guard:
            return conditional
        return Conditional(inner, conditional.condition)
    if isinstance(guard, OnChannel):
        end = change(guard.end)
        return guard if end is guard.end else guard.on(end)
    return map_ends(guard, change)
