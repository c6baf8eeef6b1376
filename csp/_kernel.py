"""What a process asks of whoever runs it: the one place through which anything in csp waits.

The whole vocabulary is here: offer (`party`, `before`, `park`, `wake`), spawn and join
(`nursery`, `run_process`), time (`now`, a deadline of `park`), cancellation (`scope`) and
`choose`.  `_parking` says it on trio; a checker says it with a scheduler of its own, and runs the
same processes.

Invariants:
* `current` is the holder whose coroutine is being stepped right now, None in plain trio tasks.
* a coroutine that waits yields `PARKED` (`await PARK`), and is stepped again only when its party was settled.
* `credit` is how many operations the step may still make without a call of `before`.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from math import inf
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol

from ._observe import Event, Kind
from ._offer import Party

Begun = Literal["awaited", "spawned", "background"]
PARKED = 199  # what a coroutine yields when it waits, and nothing else does


class _Park:
    """`await PARK` hands PARKED to whoever steps the coroutine; it calls no Python function.

    Of all iterators that of a range is the smallest, and the collector does not look at it.
    """

    __slots__ = ()
    __await__: Any = range(PARKED, PARKED + 1).__iter__


PARK: Any = _Park()


class Held(weakref.ref[Any]):
    """An end in the line of those that its holder holds, which does not keep it alive."""

    __slots__ = ("after", "before")
    after: Held | None
    before: Held | None


class Holder:
    """Who holds ends: a running process (or main, or the maker of ends in a plain trio task).

    `label` is its place in a composition (`par[2]`), "" for a process awaited by itself.
    """

    __slots__ = (
        "background",
        "body",
        "dismissed",
        "driver",
        "first",
        "kernel",
        "known_path",
        "label",
        "last",
        "made",
        "name",
        "parent",
        "parked",
        "place",
        "scope",
        "task",
    )

    def __init__(
        self, kernel: Any, name: str, place: str = "", parent: Holder | None = None, label: str = ""
    ) -> None:
        self.kernel: Kernel = kernel
        self.name: str = name
        self.place: str = place
        self.parent: Holder | None = parent
        self.label: str = label
        self.known_path: str = ""  # once it was asked for
        self.background: bool = False  # nobody waits for its end
        self.dismissed: bool = False  # cancelled on purpose
        self.parked: bool = False  # observers were told so, and nothing of it since
        self.body: Any = None  # its coroutine; without a frame once it has ended
        self.driver: Any = None  # the party that its operations use, while a driver steps it
        self.first: Held | None = None  # the ends it holds: most processes have one or two,
        self.last: Held | None = None  # some a hundred thousand
        self.made: dict[str, int] | None = None  # how many channels of each name it has made
        self.task: Any = None  # the trio task that runs it
        self.scope: Any = None  # the cancel status around it: deadlines inside are its own

    def add_end(self, end: Any) -> Held:
        """One more end, the youngest; returns its place in the line, for `drop_end`."""
        held, last = Held(end), self.last
        held.before, held.after = last, None
        if last is None:
            self.first = held
        else:
            last.after = held
        self.last = held
        return held

    def drop_end(self, held: Held) -> None:
        """It holds that end no more."""
        before, after = held.before, held.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before

    def ends(self) -> list[Any]:
        """The ends it holds, oldest first."""
        found: list[Any] = []
        held = self.first
        while held is not None:
            end = held()
            if end is not None:
                found.append(end)
            held = held.after
        return found

    def was_dismissed(self) -> bool:
        """True if it or a process around it was cancelled on purpose."""
        at: Holder | None = self
        while at is not None and not at.dismissed:
            at = at.parent
        return at is not None

    def path(self) -> str:
        """Its name behind its place and the names of those who started it: `main.par[2].worker`.

        A name that repeats itself is counted: `main.sieve^99`.
        """
        if self.known_path:
            return self.known_path
        parts: list[str] = []
        at: Holder | None = self
        while at is not None:
            parts.append(f"{at.label}.{at.name}" if at.label else at.name)
            at = at.parent
        self.known_path = ".".join(_counted(reversed(parts)))
        return self.known_path

    def count(self, name: str) -> int:
        """How many channels of that name it has made, this one included."""
        if self.made is None:
            self.made = {}
        self.made[name] = self.made.get(name, 0) + 1
        return self.made[name]


def _counted(parts: Iterable[str]) -> list[str]:
    shown: list[list[Any]] = []
    for part in parts:
        if shown and shown[-1][0] == part:
            shown[-1][1] += 1
        else:
            shown.append([part, 1])
    return [part if times == 1 else f"{part}^{times}" for part, times in shown]


class Scope(Protocol):
    """A block that can be cancelled, as a `trio.CancelScope`."""

    @property
    def cancel_called(self) -> bool:
        """True once `cancel` was called."""
        ...

    def cancel(self) -> None:
        """Cancel the block."""
        ...

    def __enter__(self) -> Any: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
        /,
    ) -> bool | None: ...


class Nursery(Protocol):
    """A block that waits at its end for what was started in it, as a `trio.Nursery`."""

    @property
    def cancel_scope(self) -> Any:
        """Cancels the block and all that was started in it."""
        ...

    def start_soon(self, function: Callable[..., Any], /, *args: Any, name: object = None) -> Any:
        """Start `function(*args)` beside the block."""
        ...


class Waiting(NamedTuple):
    """A trio task of a process, for who looks for deadlocks.

    `party` is what it offers, None if it does not wait for an offer; `children` are the keys of
    the trio tasks that it waits for, None if it does not; `place()` is the line of user code.  `timed`:
    a deadline entered inside the process will end the wait.
    """

    task: Any
    holder: Holder
    party: Party | None
    children: tuple[Any, ...] | None
    timed: bool
    place: Callable[[], str]


HOLDER: ContextVar[Holder | None] = ContextVar("csp holder", default=None)


class Kernel(ABC):
    """All state of one run, and what can be asked of it."""

    __slots__ = (
        "background",
        "clock",
        "credit",
        "current",
        "deadline",
        "holders",
        "hook",
        "hooks",
        "judge",
        "listeners",
        "producing",
        "ready",
    )

    def __init__(self) -> None:
        self.current: Holder | None = None
        self.ready: deque[Any] = deque()  # parked, settled, not yet stepped
        self.hook: Callable[[Event], object] | None = None  # of observers; one test an event
        self.hooks: tuple[Callable[[Event], object], ...] = ()
        self.credit: int = 0
        self.clock: Callable[[], float] = perf_counter
        self.deadline: float = 0.0  # of the present pass, by `clock`
        self.holders: set[Holder] = set()  # the running processes
        self.background: set[Any] = set()  # the trio tasks whose end nobody waits for
        self.judge: Callable[[bool, float], object] | None = None  # looks for deadlocks
        self.listeners: dict[int, Any] = {}  # to signals, by number
        self.producing: bool = False  # a `produce` runs: nothing may communicate

    def holder(self) -> Holder | None:
        """The holder that acts now: the running process, or the one whose nursery we are in."""
        return self.current or HOLDER.get()

    def tell(
        self,
        kind: Kind,
        channel: str = "",
        side: str = "",
        detail: str = "",
        *,
        number: int = 0,
        met: bool = False,
        of: Holder | None = None,
    ) -> None:
        """Report an event of who acts, or of `of`, to the hook; called only while there is one."""
        if self.hook is not None:
            holder = of or self.holder()
            name = ""
            if holder is not None:
                name, holder.parked = holder.path(), kind == "parked"
            self.hook(Event(kind, name, channel, side, detail, self.now(), number, met))

    def wake_all(self, woken: list[Party]) -> None:
        """Resume all of them, in order."""
        for party in woken:
            self.wake(party)

    def choose(self, ready: int, last: int) -> int:
        """Which of the guards in the bit set `ready` is taken, fairly: the first behind `last`."""
        after = ready >> (last + 1) << (last + 1)
        bits = after or ready
        return (bits & -bits).bit_length() - 1

    def begin(self, process: Any, how: Begun) -> None:  # noqa: B027 - most have nothing to do
        """A process that is part of no other is about to run; its ends are still where they were.

        "spawned" and "background": by a `Spawn`.  "awaited": composed of others, and whoever runs it
        waits; of a called `@process` that is awaited by itself `run_process` tells.
        """

    # --- to be said by each kernel ---------------------------------------------------------

    @abstractmethod
    def party(self) -> Party:
        """A party for the one operation that the caller is about to begin."""

    @abstractmethod
    async def before(self) -> bool:
        """Called first in each operation; True if `after` must follow when it did not park.

        A pending cancel strikes here, before anything is committed.
        """

    @abstractmethod
    async def after(self) -> None:
        """What was committed stays so; let others run."""

    @abstractmethod
    async def cancel_point(self) -> None:
        """A pending cancel strikes here; nothing else happens."""

    @abstractmethod
    async def park(self, party: Party, deadline: float = inf) -> None:
        """Wait until `party` is settled, or `now()` reaches `deadline`; a cancel withdraws it."""

    @abstractmethod
    def wake(self, party: Party) -> None:
        """Resume a party that was settled."""

    @abstractmethod
    def produce_for(self, party: Party, produce: Callable[[], Any]) -> Any:
        """Call `produce()` in the process of `party`, which waits."""

    @abstractmethod
    def now(self) -> float:
        """The time in seconds, of a clock that may be a test's."""

    @abstractmethod
    def scope(self) -> Scope:
        """A block that can be cancelled."""

    @abstractmethod
    def nursery(self) -> AbstractAsyncContextManager[Nursery]:
        """Spawn and join: a block in which others are started, and which waits for them."""

    @abstractmethod
    def run_process(self, holder: Holder, coro: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
        """Run the coroutine of a process here; awaited at once, for its value."""

    @abstractmethod
    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Scope:
        """Run `function()` beside the caller and in its name, until it or the run ends.

        It must not raise.  The scope cancels it.
        """

    @abstractmethod
    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` before long, outside of all processes."""

    @abstractmethod
    def here(self) -> Any:
        """What runs now (the trio task), as a key."""

    @abstractmethod
    def timed(self, holder: Holder) -> bool:
        """True if a deadline entered inside the process will end what it waits for."""

    def line(self, holder: Holder) -> str:
        """Where a process waits for another one that it awaits inline; where it was called, if unknown."""
        return holder.place

    @abstractmethod
    def waiting(self) -> list[Waiting]:
        """All trio tasks that act for processes, and what each of them waits for; none if all may go on."""

    def token(self) -> Any:
        """What a thread needs to enter this run; None where there is no such way."""
        return None
