"""Composition: `Par` side by side, `Seq` one after another."""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Coroutine
from typing import Any, ClassVar, Literal, TypeVar, cast, overload

from ._alternation import Alternation
from ._barrier import Member
from ._cargo import find
from ._channel import Receiver, Sender
from ._errors import EndClosed, explained
from ._places import place_of_caller
from ._process import DROPPED, RUN, Process, run_side_by_side

R = TypeVar("R")
R1 = TypeVar("R1")
R2 = TypeVar("R2")
R3 = TypeVar("R3")
R4 = TypeVar("R4")
R5 = TypeVar("R5")
R6 = TypeVar("R6")

# the operations that `Par` takes besides processes, known by their code
_METHODS: Any = {
    Sender: ("send", "call"),
    Receiver: ("_receive",),
    Alternation: ("select", "pri_select"),
    Member: ("sync",),
}
_OPERATIONS: set[types.CodeType] = {
    getattr(cls, name).__code__ for cls, names in _METHODS.items() for name in names
}


class Operation(Process[Any]):
    """A channel operation in a `Par`: it acts for the process around it."""

    __slots__ = ("coro",)

    def __init__(self, coro: types.CoroutineType[Any, Any, Any], place: str) -> None:
        super().__init__(coro.__name__, place)
        self.coro = coro

    def of(self) -> Any:
        """The end or alternation that it is an operation of; None once it has ended."""
        frame = self.coro.cr_frame
        return frame.f_locals["self"] if frame is not None else None

    async def _run(self) -> Any:
        self._state = RUN
        self._value = await self.coro
        return self._value

    def _drop(self) -> None:
        self.coro.close()
        super()._drop()

    def _copy(self) -> Process[Any]:
        raise TypeError("a channel operation cannot be copied; write a @process")


def as_process(value: Any, place: str) -> Process[Any]:
    """A process, or a channel operation as one; TypeError for anything else, which is dropped."""
    if isinstance(value, Process):
        return cast("Process[Any]", value)
    if getattr(value, "cr_code", None) in _OPERATIONS:
        return Operation(value, place)
    if isinstance(value, Coroutine):
        for end in find(list(inspect.getcoroutinelocals(cast(Any, value)).values())):
            end._retire()  # without a warning: it is told what is wrong
        cast("Coroutine[Any, Any, Any]", value).close()
        name = getattr(cast(Any, value), "__qualname__", "this coroutine")
        problem = f"`{name}` is a bare coroutine: decorate it with @process"
        raise explained(TypeError(problem), "not-a-process")
    if callable(value):
        name = getattr(value, "__name__", repr(value))
        raise explained(TypeError(f"`{name}` was not called: write `{name}(...)`"), "not-a-process")
    problem = f"a process is wanted, not {value!r}"
    if value is None:
        problem += ": was it awaited already?  Leave out that `await`"
    if isinstance(value, (list, tuple)):
        problem = f"a process is wanted, not a {type(cast(object, value)).__name__}: write `Par(*processes)`"
    raise explained(TypeError(problem), "not-a-process")


class Composed(Process[Any]):
    """What `Par` and `Seq` give."""

    __slots__ = ("parts",)
    kind: ClassVar[Literal["par", "seq"]]

    def __init__(self, *parts: Any) -> None:
        place = place_of_caller()
        self.parts: tuple[Process[Any], ...] = ()
        super().__init__(self.kind.capitalize(), place)
        try:
            self.parts = tuple(as_process(value, place) for value in parts)
            for i, part in enumerate(self.parts):
                self._adopt(part, f"{self.kind}[{i}]")
            self._settle(whole=False)
        except (TypeError, EndClosed, RuntimeError):
            self._state = DROPPED
            for value in parts:
                if isinstance(value, Process) and value._part_of in (None, self):
                    cast("Process[Any]", value)._drop()
                elif isinstance(value, types.CoroutineType):
                    cast("types.CoroutineType[Any, Any, Any]", value).close()
            raise

    def _parts(self) -> tuple[Process[Any], ...]:
        return self.parts

    def _leaves(self) -> list[Process[Any]]:
        return [leaf for part in self.parts for leaf in part._leaves()]

    def _copy(self) -> Process[Any]:
        return type(self)(*(part._copy() for part in self.parts))


class _Par(Composed):
    """Side by side."""

    __slots__ = ()
    kind = "par"

    async def _run(self) -> tuple[Any, ...]:
        self._state = RUN
        self._value = tuple(await run_side_by_side(self.parts))
        return cast("tuple[Any, ...]", self._value)


class _Seq(Composed):
    """One after another."""

    __slots__ = ()
    kind = "seq"
    _sequential = True

    async def _run(self) -> tuple[Any, ...]:
        self._state = RUN
        results: list[Any] = []
        try:
            for part in self.parts:
                results.append(await part._run())
        finally:
            for part in self.parts:
                part._drop()
        self._value = tuple(results)
        return cast("tuple[Any, ...]", self._value)


@overload
def Par(p1: Awaitable[R1], /) -> Process[tuple[R1]]: ...
@overload
def Par(p1: Awaitable[R1], p2: Awaitable[R2], /) -> Process[tuple[R1, R2]]: ...
@overload
def Par(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], /
) -> Process[tuple[R1, R2, R3]]: ...
@overload
def Par(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], p4: Awaitable[R4], /
) -> Process[tuple[R1, R2, R3, R4]]: ...
@overload
def Par(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], p4: Awaitable[R4], p5: Awaitable[R5], /
) -> Process[tuple[R1, R2, R3, R4, R5]]: ...
@overload
def Par(
    p1: Awaitable[R1],
    p2: Awaitable[R2],
    p3: Awaitable[R3],
    p4: Awaitable[R4],
    p5: Awaitable[R5],
    p6: Awaitable[R6],
    /,
) -> Process[tuple[R1, R2, R3, R4, R5, R6]]: ...
@overload
def Par(*parts: Awaitable[R]) -> Process[tuple[R, ...]]: ...
def Par(*parts: Any) -> Any:
    """Processes side by side: `await Par(p, q)` runs both and returns their values as a tuple.

    Also takes channel operations: `Par(left.send(1), right.send(2))`; their ends stay yours.  If
    one fails the others are cancelled and an exception group is raised.  Raises TypeError for
    anything else, EndClosed if one end was given to two of the processes, RuntimeError for a
    process that was run or composed already.

    Source: the parallel command of C. A. R. Hoare, Communicating Sequential Processes (1978), and
    occam's PAR.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> csp.run(Par(square(2), square(3)))
    (4, 9)
    """
    return _Par(*parts)


@overload
def Seq(p1: Awaitable[R1], /) -> Process[tuple[R1]]: ...
@overload
def Seq(p1: Awaitable[R1], p2: Awaitable[R2], /) -> Process[tuple[R1, R2]]: ...
@overload
def Seq(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], /
) -> Process[tuple[R1, R2, R3]]: ...
@overload
def Seq(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], p4: Awaitable[R4], /
) -> Process[tuple[R1, R2, R3, R4]]: ...
@overload
def Seq(
    p1: Awaitable[R1], p2: Awaitable[R2], p3: Awaitable[R3], p4: Awaitable[R4], p5: Awaitable[R5], /
) -> Process[tuple[R1, R2, R3, R4, R5]]: ...
@overload
def Seq(
    p1: Awaitable[R1],
    p2: Awaitable[R2],
    p3: Awaitable[R3],
    p4: Awaitable[R4],
    p5: Awaitable[R5],
    p6: Awaitable[R6],
    /,
) -> Process[tuple[R1, R2, R3, R4, R5, R6]]: ...
@overload
def Seq(*parts: Awaitable[R]) -> Process[tuple[R, ...]]: ...
def Seq(*parts: Any) -> Any:
    """Processes one after another; returns their values as a tuple.

    An end given to several steps passes from one to the next and retires after the last.  An
    error passes bare and drops the steps that are left.  Raises as `Par`.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> csp.run(Seq(square(2), square(3)))
    (4, 9)
    """
    return _Seq(*parts)
