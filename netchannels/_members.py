"""A program of a pool as the pool sees it: from its start to its end, and what it has in hand.

Invariants:
* `in_hand` has the batches that were sent and not answered, oldest first; the program works on the first.
* a batch leaves `in_hand` by its answer, or all of them leave at the end of the program.
* `blameless`: what is in hand at the end was not the reason of that end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import trio

from ._batches import Batch
from ._requests import Request
from .placement._said import named
from .placement._site import Program

KEPT = 20  # last lines of standard error

EMPTY = Batch([])


@dataclass(frozen=True)
class WorkerStatus:
    """One worker of a pool, from `pool.statistics()`.

    `state` is "starting", "working", "idle", "leaving" or "ended"; `requests` how many it has
    answered, failures included; `failures` how many of them failed; `busy` for how many seconds
    it has worked; `restarts` how many programs this one follows in its place.

    >>> WorkerStatus("worker 1", 17, "ant", "idle", 4, 0, busy=0.2, restarts=0).state
    'idle'
    """

    label: str
    pid: int
    host: str
    state: str
    requests: int
    failures: int
    busy: float
    restarts: int


@dataclass
class Share:
    """What the programs of one place have done, one after the other."""

    requests: int = 0
    failures: int = 0
    busy: float = 0.0
    programs: int = 0


class InHand:
    """Requests that were sent together."""

    def __init__(self, requests: list[Request], member: Member) -> None:
        self.member: Member = member
        self.requests: list[Request] = requests
        self._wanted = len(requests)
        self.batch: Batch = (
            Batch([request.data for request in requests], requests[0].timeout)
            if requests
            else EMPTY
        )
        for request in requests:
            request.hand = self

    def give_up(self) -> None:
        """Nobody waits for one of them; once nobody waits for any, the work need not go on."""
        self._wanted -= 1
        if not self._wanted:
            self.member.session.cancel()


@dataclass
class Member:
    """One program; `label` is "worker 1", `share` that of its place."""

    label: str
    share: Share
    in_hand: deque[InHand] = field(default_factory=deque[InHand])
    program: Program | None = None
    joined: bool = False  # it is free for work, or at work
    waits: bool = False  # for work
    closing: bool = False  # it gets no more
    blameless: bool = False
    how: str = ""  # it has ended
    late: bool = False  # it was ended, for it did not become free
    hopeless: bool = False  # and none that follows would do better
    overran: bool = False  # its guard has ended it
    said: deque[str] = field(default_factory=lambda: deque[str](maxlen=KEPT))
    lost: trio.Event = field(default_factory=trio.Event)  # its link is over
    ended: trio.Event = field(default_factory=trio.Event)  # the program is
    session: trio.CancelScope = field(default_factory=trio.CancelScope)  # cancels what is in hand
    _news: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        """There may be work for it, or it gets no more."""
        self.waits = False
        self._news.set()

    async def wait_for_news(self) -> None:
        """Wait until `wake`."""
        news = self._news = trio.Event()
        self.waits = True
        try:
            await news.wait()
        finally:
            if self._news is news:  # else the next session waits already
                self.waits = False

    def retire(self) -> None:
        """It gets no more work, and leaves when it has done what it has."""
        self.closing = True
        self.wake()

    def kill(self) -> None:
        """End its program at once."""
        if self.program is not None:
            self.program.kill()

    def state(self) -> str:
        """In one word."""
        if self.closing:
            return "leaving"
        if not self.joined:
            return "starting"
        return "working" if self.in_hand else "idle"

    def happened(self, what: str) -> str:
        """A line of history: who, when, what."""
        program = self.program
        pid = f" (pid {program.pid})" if program is not None and program.pid else ""
        at = time.strftime("%H:%M:%S")
        return f"{self.name()}{pid} at {at}: {what}"

    def name(self) -> str:
        """Its label, and where it runs."""
        return named(self.label, self.program.host if self.program is not None else "")


class Batches(AsyncIterator[Batch]):
    """What is sent to a member: first an empty batch, to see that it is free, then work.

    Invariant: once it is `over` it takes nothing, though who reads it may not know yet.
    """

    def __init__(self, member: Member, take: Callable[[Member], InHand | None]) -> None:
        self._member, self._take = member, take
        self._asked = False
        self.over = False

    async def __anext__(self) -> Batch:
        member = self._member
        if not self._asked and not self.over:
            self._asked = True
            member.in_hand.append(InHand([], member))
            return EMPTY
        while True:
            if member.closing or self.over:
                raise StopAsyncIteration
            taken = self._take(member) if member.joined else None
            if taken is not None:
                member.in_hand.append(taken)
                return taken.batch
            await member.wait_for_news()
