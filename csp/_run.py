"""`csp.run`: `trio.run` for a process network."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar, TypeVarTuple, Unpack, overload

import trio

from ._channel import say_which_end
from ._deadlock import Judge
from ._errors import Deadlock, explained
from ._function import retire_all
from ._kernel import HOLDER, Holder
from ._parking import CAN_LEND, TrioKernel, await_unprotected, forget_run, protected, trio_kernel
from ._places import place
from ._process import Process

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


@overload
def run(
    main: Process[R],
    /,
    *,
    lend: bool | None = None,
    clock: trio.abc.Clock | None = None,
    deadlock: Literal["raise", "warn", "ignore"] = "raise",
) -> R: ...
@overload
def run(
    main: Callable[[Unpack[Ts]], Awaitable[R]],
    /,
    *args: Unpack[Ts],
    lend: bool | None = None,
    clock: trio.abc.Clock | None = None,
    deadlock: Literal["raise", "warn", "ignore"] = "raise",
) -> R: ...
def run(
    main: Any,
    /,
    *args: object,
    lend: bool | None = None,
    clock: Any = None,
    deadlock: str = "raise",
) -> Any:
    """Run a process, or call an async function with `args` and run that, and return its value.

    `lend=False` (or CSP_LEND=0 in the environment) uses trio's scheduler alone.  `clock` is
    handed to `trio.run`.  A deadlock, total or partial, cancels main and raises Deadlock;
    `deadlock="warn"` only warns, `"ignore"` does not look.  Exceptions pass bare; Ctrl-C raises
    KeyboardInterrupt.

    >>> import csp
    >>> async def main() -> int:
    ...     return 42
    >>> csp.run(main)
    42
    """
    if not isinstance(main, Process) and not callable(main):
        problem = f"csp.run wants a process or an async function, not {main!r}"
        if inspect.iscoroutine(main):
            main.close()
            problem = f"write `csp.run({main.__name__})`: it calls the function itself"
        raise explained(TypeError(problem), "not-a-process")

    if deadlock not in ("raise", "warn", "ignore"):
        raise ValueError(f'deadlock is "raise", "warn" or "ignore", not {deadlock!r}')
    found: list[Deadlock] = []

    async def start() -> Any:
        kernel = trio_kernel()
        if lend is not None:
            kernel.lend = lend and CAN_LEND
        scope = kernel.scope()

        def report(error: Deadlock) -> None:
            if deadlock == "warn":
                told = "\n".join([str(error), *error.__notes__])
                warnings.warn(told, RuntimeWarning, stacklevel=1)
            else:
                found.append(error)
                scope.cancel()

        if deadlock != "ignore":
            kernel.judge = Judge(kernel, report)
        with scope:
            return await _main(kernel, main, args)

    with warnings.catch_warnings():
        warnings.simplefilter("default", ResourceWarning)
        result: Any = None
        try:
            result = trio.run(start, clock=clock)
        except Exception:  # also what the cancel of a deadlock brought about
            if not found:
                raise
        except BaseExceptionGroup as group:
            if _is_only(group, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise
        finally:
            forget_run()
        if found:
            raise found[0]
        return result


async def _main(kernel: TrioKernel, main: Any, args: tuple[Any, ...]) -> Any:
    what: Any = main if _is_process(main) else main(*args)
    if _is_process(what):
        what._be_outermost()
        return await what
    if not hasattr(what, "__await__"):
        problem = f"csp.run wants an async function; {main!r} returned {what!r}"
        raise explained(TypeError(problem), "not-a-process")
    holder = Holder(kernel, _name(main), _place(main))
    return await kernel.run_process(holder, _live(holder, what))


def _is_process(value: object) -> bool:
    return isinstance(value, Process)


def _name(main: Any) -> str:
    return str(getattr(main, "__name__", "main"))


def _place(main: Any) -> str:
    code = getattr(main, "__code__", None)
    return place(code.co_filename, code.co_firstlineno) if code else ""


@protected
async def _live(holder: Holder, what: Awaitable[Any]) -> Any:
    token = HOLDER.set(holder)
    holder.body = what
    kernel = holder.kernel
    if kernel.hook is not None:
        kernel.tell("started", detail=holder.place, of=holder)
    try:
        result = await await_unprotected(what)
    except BaseException as error:
        say_which_end(error)
        retire_all(holder, error)
        raise
    else:
        retire_all(holder, None)
        return result
    finally:
        if kernel.hook is not None:
            kernel.tell("ended", of=holder)
        HOLDER.reset(token)


def _is_only(group: Any, kind: type[BaseException]) -> bool:
    return group.split(kind)[1] is None
