"""Processes: what a call of a `@process` function describes, and how a description is run.

Invariants:
* a `Process` is run at most once: its `_state` goes from NEW to RUN or DROPPED.
* an end that it claims is moved to its holder when it starts; if other claims on the same
  handle are left (later steps of a `Seq`), it gets a clone and the last claim the handle.
* when its coroutine has ended, all ends of its holder are retired.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from trio.lowlevel import enable_ki_protection

from . import _wiring
from ._end import CLOSED, _End, map_ends, place_of_caller
from ._errors import EndClosed, EndOfChannel, NoReceivers, Poisoned
from ._parking import Holder, _holder, can_drive, current_kernel, run_driven

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

NEW, RUN, DROPPED = "new", "run", "dropped"
QUIET = (EndOfChannel, NoReceivers, Poisoned)


class Process(Coroutine[Any, Any, R_co]):
    """A described process: run it with `await`, `Par`, `Seq`, `Spawn`, `run` or a nursery.

    Made by calling a `@process` function.  Nothing runs until then, and it runs once.
    """

    __slots__ = (
        "__weakref__", "_claims", "_coro", "_part_of", "_state", "name", "place",
    )  # fmt: skip
    _sequential = False

    def __init__(self, name: str, place: str) -> None:
        self.name = name  # for messages
        self.place = place  # file.py:line of the call
        self._state = NEW
        self._claims: list[_End] = []
        self._part_of: Process[Any] | None = None
        self._coro: Coroutine[Any, Any, Any] | None = None

    def __repr__(self) -> str:
        return f"<process {self.name} ({self.place})>"

    def named(self, name: str, /) -> Process[R_co]:
        """Give it another name for messages, and return it."""
        self.name = name
        return self

    # --- to be said by each kind -----------------------------------------------------------

    def _parts(self) -> tuple[Process[Any], ...]:
        """The processes it is composed of."""
        return ()

    async def _run(self) -> Any:
        raise NotImplementedError

    def _copy(self) -> Process[R_co]:
        """Another description of the same, with clones of its ends."""
        raise NotImplementedError

    # --- claims ----------------------------------------------------------------------------

    def _leaves(self) -> list[Process[Any]]:
        parts = self._parts()
        return [leaf for part in parts for leaf in part._leaves()] if parts else [self]

    def _settle(self, *, whole: bool) -> None:
        """Check that no handle is claimed twice side by side; `whole`: nor elsewhere."""
        for leaf in self._leaves():
            for end in leaf._claims:
                for other in end._claims:
                    if other is leaf or other._state == DROPPED:
                        continue
                    if not _in_turn(leaf, other, self) and (whole or _below(other, self)):
                        raise EndClosed(
                            f"`{end._core.name}`'s {end._what} was given to `{leaf.name}` at "
                            f"{leaf.place} and to `{other.name}` at {other.place}: "
                            f"`.clone()` it for one of them"
                        )

    def _adopt(self, part: Process[Any]) -> None:
        """`part` will be run by this process, and by nobody else."""
        part._begin_use()
        part._part_of = self

    def _begin_use(self) -> None:
        if self._state != NEW or self._part_of is not None:
            raise RuntimeError(f"process `{self.name}` ({self.place}) was run or composed already")

    def _drop(self) -> None:
        """It will never run: retire what it claims."""
        if self._state == NEW:
            self._state = DROPPED
            for part in self._parts():
                part._drop()
            for end in self._claims:
                end._claims.remove(self)
                if not end._claims:
                    end._story = f"process `{self.name}` ({self.place}) was never run"
                    end._retire()
            self._claims = []

    def __del__(self) -> None:
        if self._state == NEW and self._part_of is None:
            warnings.warn(
                f"process `{self.name}` ({self.place}) was never run; "
                f"`await` it or give it to `Par`",
                RuntimeWarning,
                stacklevel=1,
            )
            self._drop()

    # --- running ---------------------------------------------------------------------------

    async def _start(self) -> R_co:
        """Run as the root of its composition."""
        self._begin_use()
        self._settle(whole=True)
        return cast(R_co, await self._run())

    def __await__(self) -> Generator[Any, Any, R_co]:
        return self._start().__await__()

    def _coroutine(self) -> Coroutine[Any, Any, Any]:
        if self._coro is None:
            self._coro = self._start()
        return self._coro

    def send(self, value: Any, /) -> Any:
        """Step it as a bare coroutine."""
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
        return cast("Process[list[R_co]]", _Copies(n, self, place_of_caller()))


def _below(part: Process[Any], whole: Process[Any]) -> bool:
    at: Process[Any] | None = part
    while at is not None and at is not whole:
        at = at._part_of
    return at is not None


def _in_turn(a: Process[Any], b: Process[Any], root: Process[Any]) -> bool:
    """True if the lowest composition that holds both is a `Seq`."""
    above = []
    at: Process[Any] | None = a
    while at is not None:
        above.append(at)
        at = at._part_of
    at = b
    while at is not None:
        if at in above:
            return at._sequential
        at = at._part_of
    return False


class Leaf(Process[R_co]):
    """A called `@process` function."""

    __slots__ = ("_arguments", "_of", "dismissed", "holder", "on_failure", "outermost")

    def __init__(self, of: _Function, arguments: inspect.BoundArguments, place: str) -> None:
        super().__init__(of.name, place)
        self._of, self._arguments = of, arguments
        self.holder: Holder | None = None
        self.dismissed = False  # cancelled on purpose: its ends retire without a cause
        self.outermost = False  # the main process of `csp.run`: never ends quietly
        self.on_failure: Callable[[], object] | None = None  # called before the ends retire
        self._claim()

    def _claim(self) -> None:
        found: list[_End] = []

        def note(end: _End) -> _End:
            if end._owner is CLOSED:
                raise EndClosed(end._why_closed())
            found.append(end)
            return end

        map_ends(tuple(self._arguments.args), note)
        map_ends(dict(self._arguments.kwargs), note)
        for end in found:
            if found.count(end) > 1:
                raise EndClosed(
                    f"`{end._core.name}`'s {end._what} was given to `{self.name}` at {self.place} "
                    f"twice: `.clone()` it for one of them"
                )
        self._claims = found
        for end in found:
            end._claims.append(self)

    def _copy(self) -> Process[R_co]:
        def cloned(end: _End) -> _End:
            new = type(end)(end._core, None, given=True)
            new._owner = end._owner
            return new

        signature = self._arguments.signature
        args = map_ends(tuple(self._arguments.args), cloned)
        kwargs = map_ends(dict(self._arguments.kwargs), cloned)
        return Leaf(self._of, signature.bind(*args, **kwargs), self.place)

    def _take(self, holder: Holder) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with new handles owned by `holder`."""

        def take(end: _End) -> _End:
            end._claims.remove(self)
            if end._claims:  # a later step has it after us
                new = type(end)(end._core, holder, given=True)
                return new
            story = f"you gave `{end._core.name}`'s {end._what} to `{self.name}` at {self.place}; "
            end._story = story + "`.clone()` it to keep one"
            return cast(_End, end._move(holder))

        args = map_ends(tuple(self._arguments.args), take)
        kwargs = map_ends(dict(self._arguments.kwargs), take)
        self._claims = []
        return args, kwargs

    async def _run(self) -> Any:
        kernel = current_kernel()
        self._state = RUN
        parent = kernel.holder()
        holder = self.holder = Holder(kernel, self.name, self.place, parent)
        kernel.begin(holder)
        args, kwargs = self._take(holder)
        del self._arguments
        driven = kernel.current
        if driven is not None:  # inline, in the coroutine of another process
            driver = holder.driver = driven.driver
            assert driver is not None
            driver.holder = kernel.current = holder
            try:
                return await self._live(holder, args, kwargs)
            finally:
                driver.holder = kernel.current = driven
        coro = self._live(holder, args, kwargs)
        if can_drive(kernel):
            return await run_driven(kernel, holder, coro)
        return await coro

    @enable_ki_protection
    async def _live(self, holder: Holder, args: Any, kwargs: Any) -> Any:
        token = _holder.set(holder)
        kernel = holder.kernel
        if kernel.hook is not None:
            kernel.tell("started", detail=self.place)
        try:
            result = await self._of.function(*args, **kwargs)
        except BaseException as error:
            if self._ends_quietly(holder, error):
                self._pass_poison(holder, error)
                retire_all(holder, None)
                return None
            if isinstance(error, Exception):
                error.add_note(f"in process `{self.name}` ({self.place})")
            if self.on_failure is not None:
                self.on_failure()
            self._pass_poison(holder, error)
            retire_all(holder, None if self.dismissed else error)
            raise
        else:
            retire_all(holder, None)
            return result
        finally:
            if kernel.hook is not None:
                kernel.tell("ended")
            kernel.holders.discard(holder)
            _holder.reset(token)

    def _ends_quietly(self, holder: Holder, error: BaseException) -> bool:
        if not self._of.quiet or self.outermost:
            return False
        return all(
            isinstance(leaf, QUIET)
            and isinstance(leaf.end, _End)
            and leaf.end._given
            and holder in (leaf.end._owner, leaf.end._last)
            for leaf in leaves_of(error)
        )

    def _pass_poison(self, holder: Holder, error: BaseException) -> None:
        poison = [leaf for leaf in leaves_of(error) if isinstance(leaf, Poisoned)]
        if poison and self._of.passes_poison:
            for end in ends_of(holder):
                end._poison(poison[0].reason, poison[0].who)


def leaves_of(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, or the one."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in leaves_of(part)]
    return [error]


def ends_of(holder: Holder) -> list[_End]:
    """The ends that a holder holds."""
    return [end for ref in list(holder.ends.values()) if (end := ref()) is not None]


@enable_ki_protection
def retire_all(holder: Holder, cause: BaseException | None) -> None:
    """The process has ended: its ends retire, with the cause if it failed."""
    for end in ends_of(holder):
        for claim in list(end._claims):
            end._claims.remove(claim)
        end._retire(cause)


class _Copies(Process[Any]):
    """`n * p`: side by side; a list of the results."""

    __slots__ = ("copies",)

    def __init__(self, n: int, of: Process[Any], place: str) -> None:
        if not isinstance(n, int) or isinstance(n, bool):
            raise TypeError(f"n * process needs an int, not {n!r}")
        if n < 0:
            raise ValueError(f"{n} copies of a process cannot be run")
        self.copies: tuple[Process[Any], ...] = ()
        super().__init__(f"{n} * {of.name}", place)
        of._begin_use()
        if n == 0:
            of._drop()
        else:
            self.copies = (of, *(of._copy() for _ in range(n - 1)))
        for part in self.copies:
            self._adopt(part)

    def _parts(self) -> tuple[Process[Any], ...]:
        return self.copies

    def _leaves(self) -> list[Process[Any]]:
        return [leaf for part in self.copies for leaf in part._leaves()]

    def _copy(self) -> Process[Any]:
        new = _Copies.__new__(_Copies)
        Process.__init__(new, self.name, self.place)
        new.copies = tuple(part._copy() for part in self.copies)
        for part in new.copies:
            new._adopt(part)
        return new

    async def _run(self) -> list[Any]:
        from ._compose import run_side_by_side

        self._state = RUN
        return await run_side_by_side(self.copies)


class _Function:
    """A `@process` function: calling it describes a process."""

    def __init__(self, function: Any, name: str, passes_poison: bool) -> None:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"@process needs an `async def` function, not {function!r}")
        self.function = function
        self.name = name or function.__name__
        self.passes_poison = passes_poison
        self.signature = inspect.signature(function)
        returns = self.signature.return_annotation
        self.quiet = returns in (inspect.Signature.empty, None, "None", type(None))
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Process[Any]:
        place = place_of_caller()
        try:
            arguments = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() at {place}: {error}") from None
        _wiring.check_call(self.function, arguments, place)
        return Leaf(self, arguments, place)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<process function {self.name}>"


class _Decorate(Protocol):
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Process[R]]: ...


@overload
def process(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Process[R]]: ...
@overload
def process(*, passes_poison: bool = ..., name: str = ...) -> _Decorate: ...
def process(fn: Any = None, /, *, passes_poison: bool = True, name: str = "") -> Any:
    """Make an `async def` function a process: calling it describes one, and runs nothing.

    `passes_poison=False`: a process ended by poison does not poison its other ends.
    `name` is used in messages instead of the function's name.  The call raises WiringError if
    an end does not fit its annotation, EndClosed if an end is not yours to give.

    >>> @process
    ... async def hello(who: str) -> str:
    ...     return f"hello, {who}"
    >>> import csp
    >>> csp.run(hello("world"))
    'hello, world'
    """
    if fn is not None:
        return _Function(fn, name, passes_poison)
    return lambda function: _Function(function, name, passes_poison)
