"""Barriers: the offers of all members commit together.

Invariant: whenever every member offers, all of them have been woken.
"""

from __future__ import annotations

from typing import Any, ClassVar

from . import abc
from ._core import Joint
from ._end import CLOSED, End
from ._kernel import HOLDER, Holder
from ._offer import COMMITTED, SEND, Party, Watch
from ._parking import current_kernel, protected
from ._places import place_of_caller


class BarrierCore(Joint):
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

    def offering(self) -> set[Any]:
        """The members that wait, in `sync` or in a selection."""
        members: set[Any] = {party.end for party in self.line()}
        return members | {watch.end for watch in self._chosen_watches(members)}

    def _chosen_watches(self, members: set[Any]) -> list[Watch]:
        """Of each waiting selection one guard, as it can offer one member, that is not in `members`."""
        chosen: dict[Any, Watch] = {}
        taken = set(members)
        for watch in self.watches[SEND] if self.watches is not None else ():
            if watch.waits() and watch.selector not in chosen and watch.end not in taken:
                chosen[watch.selector] = watch
                taken.add(watch.end)
        return list(chosen.values())

    def meet(self, member: object, woken: list[Party]) -> bool:
        """`member` (or none) offers as well: commit all offers if every member offers."""
        needed = self.senders
        selecting = len(self.watches[SEND]) if self.watches is not None else 0
        if not needed or self.count + selecting + 1 < needed:
            return False
        line = self.line()
        members: set[Any] = {party.end for party in line}
        if member is not None:
            members.add(member)
        watches = self._chosen_watches(members)
        if len(members) + len(watches) < needed:
            return False
        self.passed += 1
        for party in line:
            self.unlink(party)
            party.outcome = COMMITTED
            woken.append(party)
        for watch in watches:
            watch.settle(COMMITTED, woken)
        return True

    def retire(self, side: int, woken: list[Party], cause: Any = None) -> None:
        """A member leaves: the others may be all that wait."""
        self.lose_end(side)
        self.meet(None, woken)


class Member(End, abc.Guard["Member", None]):
    """An owned end of a barrier; it leaves when it is retired or its process ends.

    Also a guard: `Alternation(member, Timeout(1.0))`.

    >>> with Barrier(name="start").member() as member:
    ...     print(member)
    <member of start>
    """

    __slots__ = ("_stands_for",)
    _side, _what = SEND, "member"
    _core: BarrierCore
    _stands_for: Member  # that of a later step of a `Seq`, which does not count meanwhile

    def _step_aside(self, new: Any) -> None:
        """There is one member, in whatever step."""
        new._stands_for = self
        self._core.lose_end(SEND)

    def _retire(self, cause: BaseException | None = None) -> None:
        later = getattr(self, "_stands_for", None)
        if later is not None and later._owner is not CLOSED and self._owner is not CLOSED:
            self._core.open_end(SEND)
        super()._retire(cause)

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
                raise self._closed_error()
        if kernel.hook is not None:
            kernel.tell("committed", core.path(), number=core.passed)

    def _leave(self, story: str) -> None:
        """Another handle stands for it, or nobody: the others may be all that wait."""
        super()._leave(story)
        woken: list[Party] = []
        self._core.meet(None, woken)
        if woken:
            current_kernel().wake_all(woken)

    def _poison(self, reason: str, who: str) -> None:
        """A barrier has nothing to poison: the member leaves."""
        self._retire()


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

    __csp_channel__: ClassVar[tuple[str, ...]] = ("member",)

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
