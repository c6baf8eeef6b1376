"""Composition: `Par` side by side, `Seq` one after another, `Spawn` one by one.

Invariant: in `Par` and `Spawn` a failure cancels the rest before the failed process retires its
ends, so that nobody mistakes the failure for a quiet end.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import trio

from ._end import OPERATIONS, place_of_caller
from ._latch import Latch
from ._parking import current_kernel
from ._process import RUN, Leaf, Process

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Operation(Process[Any]):
    """A channel operation in a `Par`: it acts for the process around it."""

    __slots__ = ("coro",)

    def __init__(self, coro: types.CoroutineType[Any, Any, Any], place: str) -> None:
        super().__init__(coro.__name__, place)
        self.coro = coro

    async def _run(self) -> Any:
        self._state = RUN
        return await self.coro

    def _drop(self) -> None:
        self.coro.close()
        super()._drop()

    def _copy(self) -> Process[Any]:
        raise TypeError("a channel operation cannot be copied; write a @process")


def _part(value: Any, place: str) -> Process[Any]:
    if isinstance(value, Process):
        return value
    code = getattr(value, "cr_code", None)
    if code in OPERATIONS:
        return _Operation(value, place)
    if isinstance(value, Coroutine):
        value.close()
        name = getattr(value, "__qualname__", "this coroutine")
        raise TypeError(f"`{name}` is a bare coroutine: decorate it with @process")
    if callable(value):
        name = getattr(value, "__name__", repr(value))
        raise TypeError(f"`{name}` was not called: write `{name}(...)`")
    raise TypeError(f"a process is wanted, not {value!r}")


async def run_side_by_side(parts: Iterable[Process[Any]]) -> list[Any]:
    """Run all; when one fails cancel the others and raise a group."""
    parts = tuple(parts)
    results: list[Any] = [None] * len(parts)
    if not parts:
        await trio.lowlevel.checkpoint()
        return results
    current_kernel()
    async with trio.open_nursery() as nursery:
        for i, part in enumerate(parts):
            for leaf in part._leaves():
                if isinstance(leaf, Leaf):
                    leaf.on_failure = nursery.cancel_scope.cancel
            nursery.start_soon(_child, part, results, i, name=part.name)
    return results


async def _child(part: Process[Any], results: list[Any], i: int) -> None:
    results[i] = await part._run()


class _Composed(Process[Any]):
    __slots__ = ("parts",)

    def __init__(self, *parts: Any) -> None:
        place = place_of_caller()
        self.parts: tuple[Process[Any], ...] = ()
        super().__init__(type(self).__name__, place)
        adopted = []
        for value in parts:
            part = _part(value, place)
            self._adopt(part)
            adopted.append(part)
        self.parts = tuple(adopted)
        self._settle(whole=False)

    def _parts(self) -> tuple[Process[Any], ...]:
        return self.parts

    def _leaves(self) -> list[Process[Any]]:
        return [leaf for part in self.parts for leaf in part._leaves()]

    def _copy(self) -> Process[Any]:
        return type(self)(*(part._copy() for part in self.parts))


class Par(_Composed):
    """Processes side by side: `await Par(p, q)` runs both and returns their values as a tuple.

    Also takes channel operations: `Par(left.send(1), right.send(2))`.  If one fails the others
    are cancelled and an exception group is raised.  Raises TypeError for anything else,
    EndClosed if one end was given to two of the processes.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> csp.run(Par(square(2), square(3)))
    (4, 9)
    """

    __slots__ = ()

    async def _run(self) -> tuple[Any, ...]:
        self._state = RUN
        return tuple(await run_side_by_side(self.parts))


class Seq(_Composed):
    """Processes one after another; returns their values as a tuple.

    An end given to several steps passes from one to the next and retires after the last.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> csp.run(Seq(square(2), square(3)))
    (4, 9)
    """

    __slots__ = ()
    _sequential = True

    async def _run(self) -> tuple[Any, ...]:
        self._state = RUN
        results = []
        try:
            for part in self.parts:
                results.append(await part._run())
        finally:
            for part in self.parts:
                part._drop()
        return tuple(results)


class Running(Awaitable[R_co], Generic[R_co]):
    """A process that `Spawn` has started: await it for its value, `cancel()` it, `Wait` for it."""

    __slots__ = ("_done", "_error", "_process", "_scope", "_value")

    def __init__(self, process: Process[R_co]) -> None:
        self._process = process
        self._scope = trio.CancelScope()
        self._done = Latch(process)
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def name(self) -> str:
        """The name of the process."""
        return self._process.name

    def cancel(self) -> None:
        """Cancel the process; its ends retire without a cause.  Awaiting it then gives None."""
        for leaf in self._process._leaves():
            if isinstance(leaf, Leaf):
                leaf.dismissed = True
        self._scope.cancel()

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self._wait().__await__()

    async def _wait(self) -> R_co:
        await self._done.wait(current_kernel())
        if self._error is not None:
            raise self._error
        return cast(R_co, self._value)


class Spawn:
    """Starts processes one by one and waits for all at the end of its block.

    async with Spawn() as spawn:
        running = spawn(worker(rx))
        spawn(monitor(), background=True)     # cancelled when the others have ended
    """

    def __init__(self) -> None:
        self._manager: Any = None
        self._nursery: trio.Nursery | None = None
        self._running: dict[Running[Any], bool] = {}
        self._closing = False

    async def __aenter__(self) -> Self:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        current_kernel()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> Any:
        self._closing = True
        self._cancel_background()
        try:
            return await self._manager.__aexit__(kind, error, tb)
        finally:
            self._nursery = None

    def _cancel_background(self) -> None:
        if self._closing and all(self._running.values()):
            for running in self._running:
                running.cancel()

    def __call__(self, p: Process[R], /, *, background: bool = False) -> Running[R]:
        """Start a process; returns a `Running`.

        Raises RuntimeError outside of the `async with` block, TypeError for what is no process.
        """
        if self._nursery is None:
            raise RuntimeError("spawn(...) works inside its `async with Spawn()` block only")
        part = _part(p, place_of_caller())
        part._begin_use()
        part._settle(whole=True)
        running: Running[R] = Running(part)
        self._running[running] = background
        for leaf in part._leaves():
            if isinstance(leaf, Leaf):
                leaf.on_failure = self._nursery.cancel_scope.cancel
        self._nursery.start_soon(self._child, running, name=part.name)
        return running

    async def _child(self, running: Running[Any]) -> None:
        try:
            with running._scope:
                running._value = await running._process._run()
        except BaseException as error:
            running._error = error
            raise
        finally:
            del self._running[running]
            running._done.set()
            self._cancel_background()

    def cancel(self) -> None:
        """Cancel all its processes and the block."""
        if self._nursery is not None:
            for running in self._running:
                running.cancel()
            self._nursery.cancel_scope.cancel()
