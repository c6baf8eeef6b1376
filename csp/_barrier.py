"""Barriers: the offers of all members commit together.

Invariant: whenever every member offers, all of them have been woken.
"""

from __future__ import annotations

from typing import Any

from . import abc
from ._core import Core
from ._end import End
from ._errors import EndClosed
from ._kernel import HOLDER, Holder
from ._offer import COMMITTED, SEND, Party, Watch
from ._parking import protected
from ._places import place_of_caller


class BarrierCore(Core):
    """A barrier as its members see it: those who wait stand in the waiting list."""

    __slots__ = ("count",)

    def __init__(self, name: str, maker: Holder | None) -> None:
        super().__init__(object, name, maker=maker)
        self.count = 0  # of the parties in the waiting list

    def enqueue(self, party: Party) -> None:
        """A member waits."""
        self.count += 1
        super().enqueue(party)

    def unlink(self, party: Party) -> None:
        """A member does not wait any more."""
        self.count -= 1
        super().unlink(party)

    def watch(self, watch: Watch) -> None:
        """A guard; whoever selects looks at it each time, as many others decide if it is ready."""
        super().watch(watch)
        watch.selector.mutual |= watch.bit

    def offering(self) -> set[Any]:
        """The members that wait, in `sync` or in a selection."""
        members: set[Any] = set()
        party = self.first
        while party is not None:
            members.add(party.end)
            party = party.next
        members.update(watch.end for watch in self._waiting_watches())
        return members

    def _waiting_watches(self) -> list[Watch]:
        """One for each selection that waits: it can offer one member only."""
        if self.watches is None:
            return []
        waiting = {watch.selector: watch for watch in self.watches[SEND] if watch.waits()}
        return list(waiting.values())

    def meet(self, member: object, woken: list[Party]) -> bool:
        """`member` (or none) offers as well: commit all offers if every member offers."""
        watches = self._waiting_watches()
        needed = self.ends[SEND]
        if not needed or self.count + len(watches) + 1 < needed:
            return False
        offering = self.offering()
        if member is not None:
            offering.add(member)
        if len(offering) < needed:
            return False
        while self.first is not None:
            party = self.first
            self.unlink(party)
            party.outcome = COMMITTED
            woken.append(party)
        for watch in watches:
            watch.settle(COMMITTED, woken)
        return True

    def retire(self, side: int, woken: list[Party], cause: BaseException | None = None) -> None:
        """A member leaves: the others may be all that wait."""
        self.ends[side] -= 1
        self.meet(None, woken)


class Member(End, abc.Guard["Member", None]):
    """An owned end of a barrier; it leaves when it is retired or its process ends.

    Also a guard: `Alternation(member, Timeout(1.0))`.

    >>> Barrier(name="start").member()
    <member of start>
    """

    __slots__ = ()
    _side, _what = SEND, "member"
    _core: BarrierCore

    @protected
    async def sync(self) -> None:
        """Wait until all members wait.

        Cancelled = this member has not synchronised.  Raises EndClosed if it is not yours.
        """
        kernel = self._acting()
        checkpoint = await kernel.before()
        self._acting()
        core = self._core
        if kernel.hook is not None:
            kernel.tell("offered", core.path())
        woken: list[Party] = []
        if core.meet(self, woken):
            kernel.wake_all(woken)
            if checkpoint:
                await kernel.after()
        else:
            me = kernel.party()
            me.side, me.end = SEND, self
            core.enqueue(me)
            if kernel.hook is not None:
                kernel.tell("parked", core.path())
            try:
                await kernel.park(me)
            finally:
                me.end = None
            if me.outcome is not COMMITTED:
                raise EndClosed(self._why_closed())
        if kernel.hook is not None:
            kernel.tell("committed", core.path())


class Barrier:
    """A meeting of all its members: each waits in `member.sync()` for the others.

    >>> import csp
    >>> @csp.process
    ... async def runner(start: csp.Member) -> str:
    ...     await start.sync()
    ...     return "off"
    >>> async def main() -> list[str]:
    ...     start = Barrier(name="start")
    ...     return await (3 * runner(start.member()))
    >>> csp.run(main)
    ['off', 'off', 'off']
    """

    def __init__(self, *, name: str = "") -> None:
        self._core = BarrierCore(name or place_of_caller(), HOLDER.get())

    @property
    def name(self) -> str:
        """The name of the barrier, for messages."""
        return self._core.name

    def __repr__(self) -> str:
        return f"<Barrier {self._core.name}>"

    def member(self) -> Member:
        """Make a member, owned by the caller; give it to a process."""
        return Member(self._core, HOLDER.get())
