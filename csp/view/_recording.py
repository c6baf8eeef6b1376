"""A kernel that steps main alone, and writes down what it starts.

Main runs up to its first wait or its first `Par`; a process that it awaits by itself runs in its
place.  Nothing else is stepped, and trio does not run.

Invariant: `look` is called where main stops, before anything of it is unwound: ends retire then.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, NoReturn, TypeVar, cast

from csp import Member, Process, Receiver, Sender, process
from csp.lowlevel import (
    Description,
    Holder,
    Kernel,
    Party,
    Standing,
    Waiting,
    description_of,
    install,
)

T = TypeVar("T")
OPERATIONS = 256  # that main may make without waiting: in a run, too, others have their turn then
MACHINERY = {"csp", "trio", "outcome", "netchannels", "contextlib", "asyncio", "types"}

AnyEnd = Sender[Any] | Receiver[Any] | Member


class DrawError(Exception):
    """Why a process network cannot be drawn, and what to do.

    >>> from csp.view import picture_of_main
    >>> async def main() -> None:
    ...     pass
    >>> picture_of_main(main)
    Traceback (most recent call last):
    ...
    csp.view.DrawError: `main` ends without starting a process: there is nothing to draw
    """


@dataclass
class Begun:
    """A process that main has started."""

    process: Process[Any]
    description: Description
    background: bool


@dataclass
class Stepped:
    """Main, or a process awaited by itself: whose body was stepped."""

    name: str
    holder: Holder
    parts: list[Begun | Stepped] = field(default_factory=list["Begun | Stepped"])
    ends: tuple[AnyEnd, ...] = ()  # which it holds where main stops


class _Stop(BaseException):
    """Unwinds main where it stops."""


def record(
    look: Callable[[Stepped, str], T], main: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> T:
    """Run `main(*args)`, an async or `@process` function, up to its first wait or `Par`.

    There `look(stepped, place)` is called, for the result.  Raises DrawError if main waits in trio
    before that, or starts nothing; else what main raises.
    """
    recorder = Recorder(look)
    return cast(T, copy_context().run(recorder.record, partial(main, *args, **kwargs), _name(main)))


class Recorder(Kernel):
    """The kernel of one recording."""

    __slots__ = ("at", "begun", "look", "operations", "place", "seen")

    def __init__(self, look: Callable[[Stepped, str], object]) -> None:
        super().__init__()
        self.look = look
        self.at: list[Stepped] = []  # whose bodies are being stepped, innermost last
        self.begun: list[Process[Any]] = []
        self.operations: int = 0
        self.place: str | None = None  # where main has stopped
        self.seen: object = None  # what `look` gave

    def record(self, main: Callable[[], Any], name: str) -> object:
        """As the function `record`, in the present context."""
        install(self)
        try:
            self._run(_outermost(main, name))
        except Exception:  # of the unwinding, when all that is wanted was seen
            if self.seen is None:
                raise
        finally:
            install(None)
        if self.seen is None:
            where = "ends without" if self.place is None else f"waits at {self.place} before"
            raise DrawError(f"`{name}` {where} starting a process: there is nothing to draw")
        return self.seen

    def _run(self, outermost: Process[Any]) -> None:
        try:
            outermost.send(None)
            raise _in_trio(outermost.name, _place_of_wait(self.at[-1].holder.body))
        except (_Stop, StopIteration):
            return
        except (RuntimeError, AttributeError) as error:
            place = _place_if_of_trio(error)
            if place is None:
                raise
            raise _in_trio(outermost.name, place) from None
        finally:
            # not run and not held by anybody any more: without a warning, as they were drawn
            for begun in self.begun:
                begun.close()
            outermost.close()

    def stop(self) -> NoReturn:
        """Main goes no further."""
        if self.place is None:
            self.place = _place_of_user()
            given: set[Any] = set()
            for begun in _all_begun(self.at[0]):
                given |= _ends_in(begun.description)
            for stepped in self.at:
                ends = cast("list[AnyEnd]", stepped.holder.ends())
                stepped.ends = tuple(end for end in ends if end not in given)
            if self.at[0].parts:
                self.seen = self.look(self.at[0], self.place)
        raise _Stop

    # --- the vocabulary --------------------------------------------------------------------

    def begin(self, process: Any, how: str) -> None:
        if not self.at:
            return  # main itself
        begun = Begun(process, description_of(process), how == "background")
        self.at[-1].parts.append(begun)
        self.begun.append(process)
        if how == "awaited" and begun.description.kind != "process":
            self.stop()

    async def run_process(self, holder: Holder, coro: Coroutine[Any, Any, Any]) -> Any:
        if self.at:
            self.at[-1].parts.pop()  # it was about to begin: it is stepped instead
        stepped = Stepped(holder.name, holder)
        if self.at:
            self.at[-1].parts.append(stepped)
        self.at.append(stepped)
        try:
            value = await coro
        finally:
            self.at.pop()
        if self.at:
            self.at[-1].parts.remove(stepped)  # it has ended, without a wait
        return value

    def party(self) -> Party:
        return Party()

    async def before(self) -> bool:
        self.operations += 1
        if self.operations > OPERATIONS:
            self.stop()
        return False

    async def after(self) -> None:
        return None

    async def cancel_point(self) -> None:
        return None

    async def park(self, party: Party, deadline: float = inf) -> None:
        self.stop()

    def wake(self, party: Party) -> None:
        if isinstance(party, Standing):
            party.told(party)

    def produce_for(self, party: Party, produce: Callable[[], Any]) -> Any:
        return produce()

    def now(self) -> float:
        return 0.0

    def scope(self) -> Any:
        return _Scope()

    def nursery(self) -> Any:
        return _Block(self)

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Any:
        return _Scope()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        return None

    def here(self) -> Any:
        return self

    def timed(self, holder: Holder) -> bool:
        return False

    def waiting(self) -> list[Waiting]:
        return []


class _Scope:
    """A block that can be cancelled: nothing waits in it."""

    def __init__(self) -> None:
        self.cancel_called = False

    def cancel(self) -> None:
        self.cancel_called = True

    def __enter__(self) -> _Scope:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class _Block:
    """A nursery in which nothing is stepped; its end is a wait."""

    def __init__(self, kernel: Recorder) -> None:
        self.kernel, self.cancel_scope = kernel, _Scope()
        self.started = False

    def start_soon(self, function: Callable[..., Any], *args: Any, name: object = None) -> None:
        self.started = True

    async def __aenter__(self) -> _Block:
        return self

    async def __aexit__(self, kind: object, *error: object) -> None:
        if kind is None and self.started:
            self.kernel.stop()


def _outermost(main: Callable[[], Any], name: str) -> Process[Any]:
    """A process that does what `main()` does."""

    async def body() -> Any:
        what: Any = main()
        if isinstance(what, Process):
            return await cast("Process[Any]", what)
        return await cast("Awaitable[Any]", what)

    return process(name=name)(body)()


def _name(main: Callable[..., Any]) -> str:
    return str(getattr(main, "__name__", "main"))


def _all_begun(stepped: Stepped) -> Iterator[Begun]:
    for part in stepped.parts:
        if isinstance(part, Begun):
            yield part
        else:
            yield from _all_begun(part)


def _ends_in(description: Description) -> set[Any]:
    """The ends that a process and its parts were given."""
    found: set[Any] = set(description.ends)
    for part in description.parts:
        found |= _ends_in(description_of(part))
    return found


# --- places --------------------------------------------------------------------------------


def _is_machinery(frame: types.FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in MACHINERY


def _place(frame: types.FrameType, line: int) -> str:
    return f"{frame.f_code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{line}"


def _place_of_user() -> str:
    """The line of the user's code that runs now."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and _is_machinery(frame):
        frame = frame.f_back
    return _place(frame, frame.f_lineno) if frame is not None else ""


def _place_of_wait(coro: Any) -> str:
    """The line of the user's code at which a coroutine waits."""
    place = ""
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is not None and not _is_machinery(frame):
            place = _place(frame, frame.f_lineno)
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return place


def _place_if_of_trio(error: BaseException) -> str | None:
    """The line of the user's code that has called trio, if trio has raised `error`."""
    place, at, frame = "", error.__traceback__, None
    while at is not None:
        frame = at.tb_frame
        if not _is_machinery(frame):
            place = _place(frame, at.tb_lineno)
        at = at.tb_next
    raised_in = str(frame.f_globals.get("__name__")) if frame is not None else ""
    return place if raised_in.partition(".")[0] == "trio" else None


def _in_trio(name: str, place: str) -> DrawError:
    where = f" at {place}" if place else ""
    return DrawError(
        f"`{name}` waits in trio{where} before it has started all of its processes, and drawing "
        f"does no input, output or sleep: move the processes into a function that returns the "
        f"`Par`, and draw that: csp draw FILE:NAME"
    )
