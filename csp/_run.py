"""`csp.run`: `trio.run` for a process network."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast, overload

import trio
from trio.lowlevel import current_task

from ._parking import CAN_LEND, Holder, _holder, can_drive, current_kernel, run_driven
from ._process import Process, retire_all

R = TypeVar("R")


@overload
def run(main: Process[R], /, *, lend: bool | None = None, clock: Any = None) -> R: ...
@overload
def run(
    main: Callable[..., Awaitable[R]], /, *args: Any, lend: bool | None = None, clock: Any = None
) -> R: ...
def run(main: Any, /, *args: Any, lend: bool | None = None, clock: Any = None) -> Any:
    """Run a process, or call an async function with `args` and run that, and return its value.

    `lend=False` (or CSP_LEND=0 in the environment) uses trio's scheduler alone.  `clock` is
    handed to `trio.run`.  Exceptions pass bare; Ctrl-C raises KeyboardInterrupt.

    >>> import csp
    >>> async def main() -> int:
    ...     return 42
    >>> csp.run(main)
    42
    """
    if not isinstance(main, Process) and not callable(main):
        raise TypeError(f"csp.run wants a process or an async function, not {main!r}")

    async def start() -> Any:
        kernel = current_kernel()
        if lend is not None:
            kernel.lend = lend and CAN_LEND
        if isinstance(main, Process):
            return await main
        what = main(*args)
        if isinstance(what, Process):
            return await what
        if not isinstance(what, Awaitable):
            raise TypeError(f"csp.run wants an async function; {main!r} returned {what!r}")
        holder = Holder(kernel, getattr(main, "__name__", "main"))
        holder.task = current_task()

        async def live() -> Any:
            token = _holder.set(holder)
            try:
                return await what
            finally:
                retire_all(holder, None)
                _holder.reset(token)

        if can_drive(kernel):
            return await run_driven(kernel, holder, live())
        return await live()

    with warnings.catch_warnings():
        warnings.simplefilter("default", ResourceWarning)
        try:
            return trio.run(start, clock=clock)
        except BaseExceptionGroup as group:
            if _is_only(group, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise


def _is_only(group: BaseExceptionGroup[Any], kind: type[BaseException]) -> bool:
    return cast(Any, group.split(kind))[1] is None
