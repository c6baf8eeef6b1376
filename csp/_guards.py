"""Guards: what an `Alternation` can wait for.  A new kind of guard begins here.

A guard is only a description; `_alternation` makes a slot of each when it registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload

from . import abc
from ._latch import Flag, Latch

if TYPE_CHECKING:
    from ._compose import Running

T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)


class Choice(NamedTuple, Generic[E_co, V_co]):
    """What a selection committed: the guard you named, and the value received or sent."""

    guard: E_co
    value: V_co


class Guard(abc.Guard[E_co, V_co]):
    """Base of the guards that are no ends."""

    __slots__ = ()

    def when(self, condition: Callable[[], object], /) -> abc.Guard[E_co, V_co]:
        """This guard, enabled only in selections at whose start `condition()` is true."""
        return Conditional(self, condition)


class Conditional(Guard[E_co, V_co]):
    """A guard behind `.when(condition)`."""

    __slots__ = ("condition", "guard")

    def __init__(self, guard: abc.Guard[E_co, V_co], condition: Callable[[], object]) -> None:
        if not callable(condition):
            raise TypeError(f"when takes a function: write `.when(lambda: ...)`, not {condition!r}")
        self.guard, self.condition = guard, condition


class OnChannel(Guard[Any, Any]):
    """A guard on an end: an output guard, `ended()`, `leasing()`, `accepting()`."""

    __slots__ = ("end", "finish", "mode", "produce")

    def __init__(
        self,
        end: Any,
        mode: int,
        produce: Callable[[], Any] | None = None,
        finish: Callable[[Any], Any] | None = None,
    ) -> None:
        self.end, self.mode, self.produce, self.finish = end, mode, produce, finish


def _seconds(seconds: float, *, least: float) -> float:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"seconds is a number, not {seconds!r}")
    if math.isnan(seconds) or seconds < least or (seconds == 0 and least > 0):
        raise ValueError(f"{seconds!r} seconds cannot be waited for")
    return seconds


class Timeout(Guard["Timeout", None]):
    """Fires `seconds` (0 or more) after the start of each selection."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float, /) -> None:
        self.seconds = _seconds(seconds, least=0)


class Deadline(Guard["Deadline", None]):
    """Fires once when `trio.current_time()` reaches `time`, then drops out."""

    __slots__ = ("time",)

    def __init__(self, time: float, /) -> None:
        self.time = time


class Every(Guard["Every", None]):
    """Fires every `seconds` (more than 0), counted from the first selection."""

    __slots__ = ("due", "seconds")

    def __init__(self, seconds: float, /) -> None:
        self.seconds = _seconds(seconds, least=1e-9)
        self.due: float | None = None


class Skip(Guard["Skip", None]):
    """Commits when nothing else is ready, wherever it stands."""

    __slots__ = ()


class Wait(Guard["Wait[T]", T]):
    """Fires once when a `Running` process has ended (value: its result) or a `Flag` is set."""

    __slots__ = ("_what", "latch")

    @overload
    def __init__(self: Wait[None], flag: Flag, /) -> None: ...
    @overload
    def __init__(self, process: Running[T], /) -> None: ...
    def __init__(self, what: Any, /) -> None:
        latch = getattr(what, "_done", None) or getattr(what, "_latch", None)
        if not isinstance(latch, Latch):
            raise TypeError(f"Wait takes a Flag or a running process, not {what!r}")
        self._what, self.latch = what, latch

    def result(self) -> Any:
        """The value of the process; raises its error."""
        error = getattr(self._what, "_error", None)
        if error is not None:
            raise error
        return getattr(self._what, "_value", None)
