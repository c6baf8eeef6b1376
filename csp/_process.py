"""Processes: descriptions of what is to run, what they claim, and how several run side by side.

Invariants:
* a `Process` is run at most once: its `_state` goes from NEW to RUN or DROPPED.
* an end that it claims is moved to its holder when it starts; if other claims on the same
  handle are left (later steps of a `Seq`), it gets a twin and the last claim the handle.
* when one of several fails, the others are cancelled before the failed one retires its ends, so
  that nobody mistakes the failure for a quiet end.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from ._end import End
from ._errors import EndClosed, explained, see
from ._kernel import Holder
from ._parking import current_kernel
from ._places import is_lost_by_error, place_of_caller

R_co = TypeVar("R_co", covariant=True)

NEW, RUN, DROPPED = "new", "run", "dropped"


class Process(Coroutine[Any, Any, R_co]):
    """A described process: run it with `await`, `Par`, `Seq`, `Spawn`, `run` or a nursery.

    Made by calling a `@process` function.  Nothing runs until then, and it runs once; a second
    time raises RuntimeError.  `3 * p` describes three copies side by side.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> csp.run(3 * square(2))
    [4, 4, 4]
    """

    __slots__ = (
        "__weakref__", "_claims", "_coro", "_label", "_part_of", "_state", "_value", "name", "place",
    )  # fmt: skip
    _sequential = False

    def __init__(self, name: str, place: str) -> None:
        self.name: str = name  # for messages
        self.place: str = place  # file.py:line of the call
        self._state = NEW
        self._claims: tuple[End, ...] = ()
        self._part_of: Process[Any] | None = None
        self._label = ""  # its place in what it is part of: `par[2]`
        self._coro: Coroutine[Any, Any, Any] | None = None
        self._value: Any = None

    def __repr__(self) -> str:
        return f"<process {self.name} ({self.place})>"

    if not TYPE_CHECKING:  # where a Coroutine has it already

        @property
        def __name__(self) -> str:
            """trio says it to those who give `start_soon` a called process."""
            return self.name

    def named(self, name: str, /) -> Self:
        """Give it another name for messages, and return it."""
        self.name = name
        return self

    # --- to be said by each kind -----------------------------------------------------------

    def _parts(self) -> tuple[Process[Any], ...]:
        """The processes it is composed of."""
        return ()

    async def _run(self) -> Any:
        """Run, keep the value in `_value` as well, and return it."""
        raise NotImplementedError

    def _begin(self) -> Awaitable[Any]:
        """Run in three parts, by who saves a coroutine so: awaiting what `_begin` returns, asking
        `_left_of` about an error, calling `_end` in any case.
        """
        return self._run()

    def _left_of(self, error: BaseException) -> BaseException | None:
        """It has ended with `error`; what of it is to be raised, None after a quiet end."""
        return error

    def _end(self) -> None:
        """It has ended."""

    def _copy(self) -> Process[R_co]:
        """Another description of the same, with clones of its ends."""
        raise NotImplementedError

    def _when_failing(self, cancel_others: Callable[[], object]) -> None:
        """Call `cancel_others()` when it fails, before its ends retire."""
        for part in self._parts():
            part._when_failing(cancel_others)

    def _dismiss(self) -> None:
        """It is about to be cancelled on purpose: its ends retire without a cause."""
        for part in self._parts():
            part._dismiss()

    def _in_background(self) -> None:
        """Nobody waits for its end."""
        for part in self._parts():
            part._in_background()

    def _be_outermost(self) -> None:
        """It is the main process of a run, which never ends quietly."""

    def _holders(self) -> list[Holder]:
        """Who runs it now."""
        return [holder for part in self._parts() for holder in part._holders()]

    # --- claims ----------------------------------------------------------------------------

    def _leaves(self) -> list[Process[Any]]:
        """The processes in it that are composed of no others."""
        return [self]

    def _settle(self, *, whole: bool) -> None:
        """Check that no handle is claimed twice side by side; `whole`: nor elsewhere."""
        for leaf in self._leaves():
            for end in leaf._claims:
                if len(end._claims) == 1:  # that of `leaf`
                    continue
                for other in end._claimants():
                    if other is leaf or other._state == DROPPED:
                        continue
                    if not _in_turn(leaf, other) and (whole or self in around(other)):
                        problem = (
                            f"`{end._core.name}`'s {end._what} was given to `{leaf.name}` at "
                            f"{leaf.place} and to `{other.name}` at {other.place}: "
                            f"`.clone()` it for one of them"
                        )
                        raise explained(EndClosed(problem), "closed-end")

    def _pass_on(self, holder: Holder) -> None:
        """It was given to a process: that one holds what it claims, until it runs."""
        for leaf in self._leaves():
            for end in leaf._claims:
                end._pass_on(holder)

    def _adopt(self, part: Process[Any], label: str) -> None:
        """`part` will be run by this process, and by nobody else."""
        part._begin_use()
        part._part_of, part._label = self, label

    def _begin_use(self) -> None:
        if self._state != NEW or self._part_of is not None:
            problem = f"process `{self.name}` ({self.place}) was run or composed already"
            raise explained(RuntimeError(problem), "run-twice")

    def _path_label(self) -> str:
        """The labels of all that it is part of, outermost first: `par[2].seq[0]`."""
        if self._part_of is None:
            return self._label
        labels = [at._label for at in around(self) if at._label]
        return ".".join(reversed(labels))

    def _drop(self) -> None:
        """It will never run: retire what it claims."""
        if self._state == NEW:
            self._state = DROPPED
            for part in self._parts():
                part._drop()
            for end in self._claims:
                end._unclaim(self)
                if not end._claims:
                    end._story = f"process `{self.name}` ({self.place}) was never run"
                    end._retire()
            self._claims = ()

    def __del__(self) -> None:
        if getattr(self, "_state", None) == NEW and self._part_of is None:
            try:
                if not is_lost_by_error():
                    warnings.warn(
                        f"process `{self.name}` ({self.place}) was never run; "
                        f"`await` it or give it to `Par` {see('never-run')}",
                        RuntimeWarning,
                        stacklevel=1,
                    )
            finally:  # warnings may be errors
                self._drop()

    # --- running ---------------------------------------------------------------------------

    async def _start(self) -> R_co:
        """Run as the root of its composition."""
        self._begin_use()
        self._settle(whole=True)
        if self._parts():
            current_kernel().begin(self, "awaited")
        return cast(R_co, await self._run())

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self._start().__await__()

    def _coroutine(self) -> Coroutine[Any, Any, Any]:
        if self._coro is None:
            self._coro = self._start()
        return self._coro

    def send(self, value: Any, /) -> Any:
        """Step it as a bare coroutine; raises what it raises, StopIteration at its end."""
        return self._coroutine().send(value)

    def throw(self, *args: Any) -> Any:
        """Raise an exception in it, as in a bare coroutine."""
        return self._coroutine().throw(*args)

    def close(self) -> None:
        """Drop it unrun, without a warning, or close its coroutine."""
        if self._coro is not None:
            self._coro.close()
        else:
            self._drop()

    def __rmul__(self, n: int, /) -> Process[list[R_co]]:
        return cast("Process[list[R_co]]", Copies(n, self, place_of_caller()))


def around(part: Process[Any]) -> list[Process[Any]]:
    """A process and all that it is part of, outermost last."""
    found: list[Process[Any]] = []
    at: Process[Any] | None = part
    while at is not None:
        found.append(at)
        at = at._part_of
    return found


def _in_turn(a: Process[Any], b: Process[Any]) -> bool:
    """True if the lowest composition that holds both is a `Seq`."""
    above = set(around(a))
    return next((at._sequential for at in around(b) if at in above), False)


async def run_side_by_side(parts: Iterable[Process[Any]]) -> list[Any]:
    """Run all; when one fails cancel the others and raise a group."""
    parts = tuple(parts)
    kernel = current_kernel()
    if not parts:
        await kernel.cancel_point()
        await kernel.after()
        return []
    async with kernel.nursery() as nursery:
        cancel = nursery.cancel_scope.cancel
        for part in parts:
            part._when_failing(cancel)
            nursery.start_soon(part._run, name=part.name)
    return [part._value for part in parts]


class Copies(Process[Any]):
    """`n * p`: side by side; a list of the results."""

    __slots__ = ("copies",)

    def __init__(self, n: Any, of: Process[Any], place: str) -> None:
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"n * process needs an int, not {n!r}")
        if n < 0:
            raise ValueError(f"{n} copies of a process cannot be run")
        of._begin_use()
        copies = (of, *(of._copy() for _ in range(n - 1))) if n else ()
        super().__init__(f"{n} * {of.name}", place)
        if n == 0:
            of._drop()
        self._adopt_all(copies)

    def _adopt_all(self, copies: tuple[Process[Any], ...]) -> None:
        self.copies = copies
        for i, part in enumerate(copies):
            self._adopt(part, f"copy[{i}]")

    def _parts(self) -> tuple[Process[Any], ...]:
        return self.copies

    def _leaves(self) -> list[Process[Any]]:
        return [leaf for part in self.copies for leaf in part._leaves()]

    def _copy(self) -> Process[Any]:
        new = Copies.__new__(Copies)
        Process[Any].__init__(new, self.name, self.place)
        new._adopt_all(tuple(part._copy() for part in self.copies))
        return new

    async def _run(self) -> list[Any]:
        self._state = RUN
        self._value = await run_side_by_side(self.copies)
        return cast("list[Any]", self._value)
