"""Barriers: the offers of all members commit together.

Invariant: whenever as many parties wait as there are members, all of them have been woken.
"""

from __future__ import annotations

from typing import Any, cast

import trio
from trio.lowlevel import enable_ki_protection

from ._end import OPERATIONS, Core, _End, maker, place_of_caller
from ._errors import EndClosed
from ._offer import COMMITTED, SEND, Party


class _BarrierCore(Core):
    """A barrier as its members see it: those who wait stand in the waiting list."""

    __slots__ = ()

    def complete(self, woken: list[Party]) -> bool:
        """Commit all offers if every member waits."""
        if not self.first or self.waiting(SEND) < self.ends[SEND]:
            return False
        while self.first is not None:
            party = self.first
            self.unlink(party)
            party.outcome = COMMITTED
            woken.append(party)
        return True

    def retire(self, side: int, woken: list[Party], cause: BaseException | None = None) -> None:
        self.ends[side] -= 1
        self.complete(woken)


class Member(_End):
    """An owned end of a barrier; it leaves when it is retired or its process ends."""

    __slots__ = ()
    _side, _what = SEND, "member"

    @enable_ki_protection
    async def sync(self) -> None:
        """Wait until all members wait.

        Cancelled = this member has not synchronised.  Raises EndClosed if it is not yours.
        """
        kernel = self._acting()
        checkpoint = await kernel.before()
        core = cast(_BarrierCore, self._core)
        me = kernel.party()
        me.side, me.outcome = SEND, None
        core.enqueue(me)
        woken: list[Party] = []
        if core.complete(woken):
            woken.remove(me)
            kernel.wake_all(woken)
            if checkpoint:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return
        me.end = self
        try:
            await kernel.park(me)
        finally:
            me.end = None
        if me.outcome is not COMMITTED:
            raise EndClosed(self._why_closed())


class Barrier:
    """A meeting of all its members: each waits in `member.sync()` for the others.

    >>> Barrier(name="start")
    <Barrier start>
    """

    def __init__(self, *, name: str = "") -> None:
        self._core = _BarrierCore(object, name or f"barrier at {place_of_caller()}", None, False)

    def __repr__(self) -> str:
        return f"<Barrier {self._core.name}>"

    def member(self) -> Member:
        """Make a member, owned by the caller; give it to a process."""
        return Member(self._core, maker())


OPERATIONS.add(cast(Any, Member.sync).__code__)
