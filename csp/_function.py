"""`@process`: what makes an `async def` a process, and how a called one runs.

Invariant: when the coroutine of a process has ended, all ends of its holder are retired.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

import trio

from ._barrier import Barrier
from ._broadcast import Broadcast
from ._cargo import find_among, map_ends, mapped
from ._channel import Channel, say_which_end
from ._end import End
from ._errors import EndClosed, EndOfChannel, NoReceivers, Poisoned, explained, leaves_of
from ._kernel import HOLDER, Holder
from ._parking import current_kernel, protected, unprotected
from ._places import place_of_caller
from ._process import DROPPED, NEW, RUN, Process
from ._wiring import Wiring

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

QUIET = (EndOfChannel, NoReceivers, Poisoned)
GIVEN = (End, Process, Channel, Broadcast, Barrier)  # what is looked for among arguments


class Called(Process[R_co]):
    """A called `@process` function."""

    __slots__ = (
        "_args", "_around", "_cancel_others", "_inner", "_kwargs", "_of", "background", "dismissed",
        "holder", "outermost",
    )  # fmt: skip

    def __init__(self, of: ProcessFunction, args: Any, kwargs: Any, place: str) -> None:
        super().__init__(of.name, place)
        self._of = of
        self._args: Any = args
        self._kwargs: Any = kwargs
        self._inner: tuple[Process[Any], ...] = ()  # the processes among the arguments
        self.holder: Holder | None = None
        self._around: Holder | None = None  # whose context it runs in
        self.dismissed = False
        self.outermost = False
        self.background = False
        self._cancel_others: Callable[[], object] | None = None
        try:
            self._claim()
        except EndClosed:
            self._state = DROPPED
            raise

    def _when_failing(self, cancel_others: Callable[[], object]) -> None:
        if self._cancel_others is None:  # that of the outermost `Par` cancels all within
            self._cancel_others = cancel_others

    def _dismiss(self) -> None:
        self.dismissed = True
        if self.holder is not None:
            self.holder.dismissed = True

    def _in_background(self) -> None:
        self.background = True

    def _be_outermost(self) -> None:
        self.outermost = True

    def _holders(self) -> list[Holder]:
        return [self.holder] if self.holder is not None else []

    # --- its ends --------------------------------------------------------------------------

    def _claim(self) -> None:
        found: dict[End, None] = {}
        given_all: list[Any] = [*self._args, *self._kwargs.values()]
        for given in find_among(given_all, GIVEN):
            if isinstance(given, End):
                self._check(given, found)
                found[given] = None
            elif isinstance(given, Process):
                self._inner = (*self._inner, cast("Process[Any]", given))
            else:  # a channel: others may make ends of it
                given._core.shared = True
        self._claims = tuple(found)
        for end in found:
            end._claim(self)

    def _check(self, end: End, found: dict[End, None]) -> None:
        end._check_owner()
        if end in found:
            problem = (
                f"`{end._core.name}`'s {end._what} was given to `{self.name}` at {self.place} "
                f"twice: `.clone()` it for one of them"
            )
            raise explained(EndClosed(problem), "closed-end")

    def _drop(self) -> None:
        if self._state == NEW:
            for part in self._inner:
                part._drop()
        super()._drop()

    def _copy(self) -> Process[R_co]:
        args, kwargs = map_ends((self._args, self._kwargs), _another, (End, Process))
        copy: Process[R_co] = Called(self._of, args, kwargs, self.place)
        return copy.named(self.name)

    def _take(self, holder: Holder) -> tuple[Any, Any]:
        """The arguments, with new handles owned by `holder`."""

        def take(end: End) -> End:
            end._unclaim(self)
            new = end._twin(holder)
            if end._claims:  # a later step has it after us
                end._step_aside(new)
            else:
                end._leave(
                    f"you gave `{end._core.name}`'s {end._what} to `{self.name}` at {self.place}; "
                    f"`.clone()` it to keep one"
                )
            return new

        for part in self._inner:
            part._pass_on(holder)
        args, kwargs = self._args, self._kwargs
        if self._claims:
            args = [mapped(arg, take) for arg in args]
            kwargs = kwargs and mapped(kwargs, take)
        self._claims = self._inner = ()
        self._args = self._kwargs = None
        return args, kwargs

    # --- running ---------------------------------------------------------------------------

    @protected
    async def _run(self) -> Any:
        try:
            self._value = await self._begin()
        except BaseException as error:
            left = self._left_of(error)
            if left is error:
                raise
            if left is not None:
                raise left from None
        finally:
            self._end()
        return self._value

    @protected
    def _begin(self) -> Awaitable[Any]:
        kernel = current_kernel()
        self._state = RUN
        holder = Holder(kernel, self.name, self.place, kernel.holder(), self._path_label())
        holder.background, holder.dismissed = self.background, self.dismissed
        args, kwargs = self._take(holder)
        self._around, self.holder = HOLDER.get(), holder
        HOLDER.set(holder)
        if kernel.hook is not None:
            kernel.tell("started", detail=self.place, of=holder)
        body = holder.body = self._of.function(*args, **kwargs)
        return kernel.run_process(holder, body)

    @protected
    def _left_of(self, error: BaseException) -> BaseException | None:
        holder = self.holder
        if holder is None:
            return error
        left = self._without_quiet_ends(holder, error)
        if left is not error:
            self._pass_poison(holder, error)
        if left is not None:
            self._fail(holder, left)
        return left

    @protected
    def _end(self) -> None:
        holder = self.holder
        if holder is None:
            return
        retire_all(holder, None)
        if holder.kernel.hook is not None:
            holder.kernel.tell("ended", of=holder)
        if HOLDER.get() is holder:  # else it is closed from outside, in another context
            HOLDER.set(self._around)

    def _fail(self, holder: Holder, error: BaseException) -> None:
        """It has failed: cancel the others, then retire its ends with the cause."""
        if isinstance(error, Exception):
            say_which_end(error)
            error.add_note(f"in process `{self.name}` ({self.place})")
        on_purpose = not isinstance(error, Exception) and holder.was_dismissed()
        if self._cancel_others is not None and not on_purpose:
            explained(error, "failed-process")
            self._cancel_others()
        self._pass_poison(holder, error)
        retire_all(holder, None if on_purpose else error)

    def _without_quiet_ends(self, holder: Holder, error: BaseException) -> BaseException | None:
        """What is left of `error`; cancelled amid its quiet end, a process ends by the cancel."""
        if not self._of.quiet or self.outermost:
            return error
        parts = leaves_of(error)
        others = [leaf for leaf in parts if not _is_quiet(holder, leaf)]
        if not others:
            return None
        cancelled = all(isinstance(leaf, trio.Cancelled) for leaf in others)
        if len(others) == len(parts) or not cancelled:
            return error
        return BaseExceptionGroup("cancelled amid a quiet end", others)

    def _pass_poison(self, holder: Holder, error: BaseException) -> None:
        poison = [leaf for leaf in leaves_of(error) if isinstance(leaf, Poisoned)]
        if poison and self._of.passes_poison:
            for end in holder.ends():
                end._poison(poison[0].reason, poison[0].who)


def _is_quiet(holder: Holder, error: BaseException) -> bool:
    """True if the channel of an end that `holder` was given has ended."""
    return (
        isinstance(error, QUIET)
        and isinstance(error.end, End)
        and error.end._given
        and holder in (error.end._owner, error.end._last)
    )


def _another(given: Any) -> Any:
    """For a copy of a process: a clone of an end, a copy of a process among the arguments."""
    return given._duplicate() if issubclass(type(given), End) else given._copy()


@protected
def retire_all(holder: Holder, cause: BaseException | None) -> None:
    """The process has ended: its ends retire, with the cause if it failed."""
    for end in holder.ends():
        if cause is None and end._is_idle():
            end._tell_idle()
        end._claims = ()
        end._retire(cause)


def _but(function: Any) -> str:
    name = f"`{getattr(function, '__name__', function)}`"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        return f"but {name} is a generator: send values to a channel instead of `yield`"
    if inspect.isfunction(function):
        return f"but {name} is a plain `def`"
    return f"not {function!r}"


class ProcessFunction:
    """A `@process` function: calling it describes a process."""

    def __init__(self, function: Any, name: str, passes_poison: bool) -> None:
        if not inspect.iscoroutinefunction(function):
            problem = f"@process needs an `async def` function, {_but(function)}"
            raise explained(TypeError(problem), "not-a-process")
        unprotected(function)
        self.function = function
        self.name = name or function.__name__
        self.passes_poison = passes_poison
        self.signature = inspect.signature(function)
        self.plain = _plain_parameters(self.signature)
        self.wiring = Wiring(function, self.signature)
        returns = self.signature.return_annotation
        self.quiet = returns in (inspect.Signature.empty, None, "None", type(None))
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Process[Any]:
        place = place_of_caller()
        if not kwargs and len(args) == len(self.plain):
            given = dict(zip(self.plain, args, strict=True))
        else:
            try:
                arguments = self.signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{self.name}() at {place}: {error}") from None
            given, args, kwargs = arguments.arguments, arguments.args, arguments.kwargs
        self.wiring.check(given, place)
        return Called(self, args, kwargs, place)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<process function {self.name}>"


def _plain_parameters(signature: inspect.Signature) -> tuple[str, ...]:
    """The names of the parameters if none of them is special: bound without a search."""
    parameters = signature.parameters.values()
    plain = all(each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for each in parameters)
    return tuple(signature.parameters) if plain else ()


class _Decorate(Protocol):
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Process[R]]: ...


@overload
def process(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Process[R]]: ...
@overload
def process(*, passes_poison: bool = ..., name: str = ...) -> _Decorate: ...
def process(fn: Any = None, /, *, passes_poison: bool = True, name: str = "") -> Any:
    """Make an `async def` function a process: calling it describes one, and runs nothing.

    `passes_poison=False`: a process ended by poison does not poison its other ends.
    `name` is used in messages instead of the function's name.  Raises TypeError for what is no
    `async def`.  The call raises TypeError for wrong arguments, WiringError if an end does not
    fit its annotation, EndClosed if an end is not yours to give.

    >>> @process
    ... async def hello(who: str) -> str:
    ...     return f"hello, {who}"
    >>> import csp
    >>> csp.run(hello("world"))
    'hello, world'
    """
    if fn is not None:
        return ProcessFunction(fn, name, passes_poison)

    def decorate(function: Any) -> Any:
        return ProcessFunction(function, name, passes_poison)

    return decorate
