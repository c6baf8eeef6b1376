"""Guards: what an `Alternation` can wait for.  A new kind of guard begins here.

A guard is only a description; `_alternation` makes a slot of each when it registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from signal import Signals
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, final, overload

from ._latch import Flag, Latch
from .abc import Guard

if TYPE_CHECKING:
    from ._spawn import Running

T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)


class Choice(NamedTuple, Generic[E_co, V_co]):
    """What a selection committed: the guard you named, and the value received or sent.

    >>> skip = Skip()
    >>> guard, value = Choice(skip, None)
    >>> guard is skip
    True
    """

    guard: E_co
    value: V_co


class OnChannel(Guard[Any, Any]):
    """A guard on an end: an output guard, `ended()`, `leasing()`, `accepting()`."""

    __slots__ = ("end", "finish", "mode", "produce")

    def __init__(
        self,
        end: Any,
        mode: int,
        produce: Callable[[], Any] | None = None,
        finish: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.end, self.mode, self.produce, self.finish = end, mode, produce, finish

    def on(self, end: Any) -> OnChannel:
        """The same guard on another end."""
        return OnChannel(end, self.mode, self.produce, self.finish)


def _seconds(seconds: Any, *, least: float) -> float:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"seconds is a number, not {seconds!r}")
    if math.isnan(seconds) or seconds < least or (seconds == 0 and least > 0):
        raise ValueError(f"{seconds!r} seconds cannot be waited for")
    return float(seconds)


def _time(time: Any) -> float:
    if not isinstance(time, (int, float)) or isinstance(time, bool) or math.isnan(time):
        raise TypeError(f"a deadline is a time in seconds, not {time!r}")
    return time


@final
class Timeout(Guard["Timeout", None]):
    """Fires `seconds` (0 or more) after the start of each selection.

    Raises TypeError or ValueError for what cannot be waited for.

    >>> import csp
    >>> async def main() -> None:
    ...     silence = csp.Timeout(0.01)
    ...     choice = await csp.Alternation(silence).select()
    ...     print(choice.guard is silence)
    >>> csp.run(main)
    True
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float, /) -> None:
        self.seconds: float = _seconds(seconds, least=0)


@final
class Deadline(Guard["Deadline", None]):
    """Fires once when `trio.current_time()` reaches `time` (seconds), then drops out.

    Raises TypeError for what is no number.

    >>> Deadline(12.5).time
    12.5
    """

    __slots__ = ("time",)

    def __init__(self, time: float, /) -> None:
        self.time: float = _time(time)


@final
class Every(Guard["Every", None]):
    """Fires every `seconds` (more than 0), counted from the first selection.

    A tick that comes late does not shift the next ones; missed ticks are not made up for.
    Raises TypeError or ValueError for what cannot be waited for.

    >>> Every(0.5).seconds
    0.5
    """

    __slots__ = ("due", "seconds")

    def __init__(self, seconds: float, /) -> None:
        self.seconds: float = _seconds(seconds, least=1e-9)
        self.due: float | None = None


@final
class Skip(Guard["Skip", None]):
    """Commits when nothing else is ready, wherever it stands.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     with numbers.sender(), numbers.receiver() as rx:
    ...         guard, _ = await csp.Alternation(rx, csp.Skip()).select()
    ...         print(type(guard).__name__)
    >>> csp.run(main)
    Skip
    """

    __slots__ = ()


@final
class Wait(Guard["Wait[T]", T]):
    """Fires once when a `Running` process has ended (value: its result) or a `Flag` is set.

    A process that failed raises its error in the selection.  Raises TypeError for anything else.

    >>> import csp
    >>> async def main() -> None:
    ...     flag = csp.Flag()
    ...     flag.set()
    ...     print((await csp.Alternation(csp.Wait(flag)).select()).value)
    >>> csp.run(main)
    None
    """

    __slots__ = ("latch", "what")

    @overload
    def __init__(self: Wait[None], flag: Flag, /) -> None: ...
    @overload
    def __init__(self, process: Running[T], /) -> None: ...
    def __init__(self, what: Any, /) -> None:
        latch = getattr(what, "_latch", None)
        if not isinstance(latch, Latch):
            raise TypeError(f"Wait takes a Flag or a running process, not {what!r}")
        self.what: Any = what
        self.latch: Latch = latch


@final
class Signal(Guard["Signal", int]):
    """Fires for each of the operating system's `signals` that arrives from the first selection on.

    The value is the number of the signal.  While its alternation is open (see `close`) the signal
    does nothing else: `Signal(signal.SIGINT)` takes Ctrl-C.  Works in the main thread only, as
    Python delivers signals there: elsewhere the selection raises RuntimeError.  Raises TypeError
    without a signal, ValueError for a number that is none.

    >>> import signal
    >>> Signal(signal.SIGINT).signals == (signal.SIGINT,)
    True
    """

    __slots__ = ("signals",)

    def __init__(self, *signals: int) -> None:
        if not signals:
            raise TypeError("write which signals: Signal(signal.SIGINT)")
        self.signals: tuple[Signals, ...] = tuple(Signals(number) for number in signals)
