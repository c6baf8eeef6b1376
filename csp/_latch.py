"""Something that happens once: a flag, the end of a process, the reply to a call.

Invariant: parties wait only while it has not happened; afterwards it is ready for ever.
"""

from __future__ import annotations

from typing import Any

from ._kernel import Kernel
from ._offer import COMMITTED, Party, Watch
from ._parking import current_kernel


class Latch:
    """Set once; any number of parties and alternations wait for it."""

    __slots__ = ("happened", "source", "waiting", "watches")

    def __init__(self, source: Any = None) -> None:
        self.source: Any = source  # the process or channel it waits for, if that is known
        self.happened: bool = False
        self.waiting: dict[Party, None] = {}
        self.watches: list[Watch] = []

    def unlink(self, party: Party) -> None:
        """Forget a party that was cancelled."""
        del self.waiting[party]
        party.queue = None

    def set(self) -> None:
        """It has happened: wake all who wait.  Idempotent."""
        if self.happened:
            return
        self.happened = True
        woken = list(self.waiting)
        self.waiting.clear()
        for party in woken:
            party.queue, party.outcome = None, COMMITTED
        for watch in self.watches:
            watch.settle(COMMITTED, woken)
        if woken:
            current_kernel().wake_all(woken)

    async def wait(self, kernel: Kernel, what: str = "elsewhere") -> None:
        """Wait until it has happened; observers hear `what` it is."""
        if self.happened:
            return
        if kernel.hook is not None:
            kernel.tell("parked", detail=what)
        party = kernel.party()
        self.waiting[party] = None
        party.queue = self
        await kernel.park(party)
        if kernel.hook is not None:
            kernel.tell("resumed")


class Flag:
    """Set once, never reset: tells any number of processes that something has happened.

    Wait for it with the guard `Wait(flag)`.

    >>> done = Flag()
    >>> done.set()
    >>> done.is_set()
    True
    """

    __slots__ = ("_latch",)

    def __init__(self) -> None:
        self._latch = Latch()

    def set(self) -> None:
        """Set the flag and wake whoever waits for it with `Wait(flag)`."""
        self._latch.set()

    def is_set(self) -> bool:
        """True once `set` was called."""
        return self._latch.happened
