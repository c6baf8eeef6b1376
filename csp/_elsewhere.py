"""Copies of a process that run elsewhere: to everybody here they are processes like any other.

What they claim, how their ends move and retire, and what their failure does to others is that of
`n * p`; only their bodies are another one.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, cast

from ._function import Called
from ._places import place_of_caller
from ._process import Copies, Process

T = TypeVar("T")

Check = Callable[[Callable[..., Any], Callable[..., Any]], object]
Run = Callable[[int, inspect.BoundArguments], Awaitable[Any]]


class CopiesElsewhere(Copies):
    """`around()` is entered before the copies run, and left when all have ended."""

    __slots__ = ("around",)

    def __init__(
        self,
        n: int,
        of: Process[Any],
        place: str,
        around: Callable[[], AbstractAsyncContextManager[object]],
    ) -> None:
        super().__init__(n, of, place)
        self.around = around

    def _copy(self) -> Process[Any]:
        raise TypeError(f"`{self.name}` runs elsewhere: multiply the process, then place it")

    async def _run(self) -> list[Any]:
        async with self.around():
            return await super()._run()


def copies_elsewhere(
    n: int,
    process: Process[T],
    /,
    *,
    check: Check,
    around: Callable[[], AbstractAsyncContextManager[object]],
    run: Run,
) -> Process[list[T]]:
    """`n` copies of a called process; instead of its function `run(number, arguments)` is awaited.

    `check(function, decorated)` may refuse it, which drops the process.  `around()` is a block around
    all copies.  Raises TypeError for what is no called `@process` function, and what `check` raises.
    """
    if not isinstance(cast(object, process), Called):
        raise TypeError(f"a called @process is placed, not {process!r}")
    called = cast("Called[T]", process)
    function = called._of.function
    try:
        check(function, cast("Callable[..., Any]", called._of))
    except Exception:
        called._drop()
        raise
    numbers = iter(range(n))
    signature = called._of.signature

    async def body(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(*args, **kwargs)
        arguments.apply_defaults()
        return await run(next(numbers), arguments)

    called._of = copy.copy(called._of)
    called._of.function = body
    return cast("Process[list[T]]", CopiesElsewhere(n, called, place_of_caller(), around))
