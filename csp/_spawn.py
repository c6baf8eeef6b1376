"""Spawn: processes started one by one, and waited for together.

Invariant: a `Running` that nobody holds when its process starts is forgotten: nobody can cancel it,
await it or wait for it, so that process needs no cancel scope and no latch.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from ._compose import as_process
from ._kernel import Nursery, Scope
from ._latch import Latch
from ._parking import current_kernel, protected
from ._places import place_of_caller
from ._process import RUN, Process

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Running(Awaitable[R_co], Generic[R_co]):
    """A process that `Spawn` has started: await it for its value, `cancel()` it, `Wait` for it.

    Awaiting it raises the error with which it ended; after `cancel()` it gives None.

    >>> import csp
    >>> @csp.process
    ... async def answer() -> int:
    ...     return 42
    >>> async def main() -> int:
    ...     async with csp.Spawn() as spawn:
    ...         running = spawn(answer())
    ...         return await running
    >>> csp.run(main)
    42
    """

    __slots__ = ("__weakref__", "_error", "_latch_made", "_process", "_scope_made", "_value")

    def __init__(self, process: Process[R_co]) -> None:
        self._process = process
        self._scope_made: Scope | None = None
        self._latch_made: Latch | None = None
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def _scope(self) -> Scope:
        if self._scope_made is None:
            self._scope_made = current_kernel().scope()
        return self._scope_made

    @property
    def _latch(self) -> Latch:
        if self._latch_made is None:
            self._latch_made = Latch(self._process)
        return self._latch_made

    def __repr__(self) -> str:
        return f"<running {self.name}>"

    @property
    def name(self) -> str:
        """The name of the process."""
        return self._process.name

    def cancel(self) -> None:
        """Cancel the process; its ends retire without a cause."""
        self._process._dismiss()
        self._scope.cancel()

    def result(self) -> R_co:
        """Its value, once it has ended; raises its error, RuntimeError while it runs."""
        if not self._latch.happened:
            raise RuntimeError(f"process `{self.name}` has not ended yet: await it")
        if self._error is not None:
            raise self._error
        return cast(R_co, self._value)

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self._wait().__await__()

    async def _wait(self) -> R_co:
        kernel = current_kernel()
        checkpoint = await kernel.before()
        if self._latch.happened:
            if checkpoint:
                await kernel.after()
        else:
            await self._latch.wait(kernel, f"the end of {self.name}")
        return self.result()


class Spawn:
    """Starts processes one by one and waits for all at the end of its block.

        async with Spawn() as spawn:
            running = spawn(worker(rx))
            spawn(monitor(), background=True)     # cancelled when the others have ended

    If one fails the others and the block are cancelled and an exception group is raised.

    >>> import csp
    >>> @csp.process
    ... async def hello(name: str) -> None:
    ...     print("hello,", name)
    >>> async def main() -> None:
    ...     async with csp.Spawn() as spawn:
    ...         spawn(hello("world"))
    >>> csp.run(main)
    hello, world
    """

    def __init__(self) -> None:
        self._manager: Any = None
        self._nursery: Nursery | None = None
        self._cancel_all: Callable[[], object] | None = None
        self._processes: dict[Process[Any], None] = {}  # which have not ended
        self._background: dict[Process[Any], Running[Any]] = {}  # those of them nobody waits for
        self._closing = False
        self._started = 0

    async def __aenter__(self) -> Self:
        self._manager = current_kernel().nursery()
        nursery: Nursery = await self._manager.__aenter__()
        self._nursery, self._cancel_all = nursery, nursery.cancel_scope.cancel
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
        if self._closing and len(self._background) == len(self._processes):
            for running in self._background.values():
                running.cancel()

    def __call__(self, p: Process[R], /, *, background: bool = False) -> Running[R]:
        """Start a process; returns a `Running`.

        `background=True`: it is cancelled when all others have ended.  Raises RuntimeError
        outside of the `async with` block, TypeError for what is no process.
        """
        if self._nursery is None or self._cancel_all is None:
            raise RuntimeError("spawn(...) works inside its `async with Spawn()` block only")
        given: Any = p
        part = p if isinstance(given, Process) else as_process(given, place_of_caller())
        part._begin_use()
        part._settle(whole=True)
        current_kernel().begin(part, "background" if background else "spawned")
        part._state, part._label = RUN, f"spawn[{self._started}]"
        self._started += 1
        running: Running[R] = Running(part)
        self._processes[part] = None
        if background:
            self._background[part] = running
        part._when_failing(self._cancel_all)
        self._nursery.start_soon(self._run_one, part, weakref.ref(running), name=part.name)
        return running

    @protected
    async def _run_one(self, part: Process[Any], known: weakref.ref[Running[Any]]) -> None:
        running = known()
        if running is not None:
            await self._run_known(part, running)
            return
        del known
        try:
            await part._begin()
        except BaseException as error:
            left = part._left_of(error)
            if left is error:
                raise
            if left is not None:
                raise left from None
        finally:
            part._end()
            self._one_ended(part)

    def _one_ended(self, part: Process[Any]) -> None:
        del self._processes[part]
        self._cancel_background()

    @protected
    async def _run_known(self, part: Process[Any], running: Running[Any]) -> None:
        kernel, task = current_kernel(), current_kernel().here()
        if part in self._background:
            kernel.background.add(task)
            part._in_background()
        try:
            with running._scope:
                try:
                    running._value = await part._begin()
                except BaseException as error:
                    left = part._left_of(error)
                    if left is error:
                        raise
                    if left is not None:
                        raise left from None
                finally:
                    part._end()
        except BaseException as error:
            running._error = error
            raise
        finally:
            kernel.background.discard(task)
            running._latch.set()
            self._background.pop(part, None)
            self._one_ended(part)

    def cancel(self) -> None:
        """Cancel all its processes and the block; their ends retire without a cause."""
        if self._nursery is not None:
            for process in self._processes:
                process._dismiss()
            self._nursery.cancel_scope.cancel()
