"""Cancel a scenario at its 1st, 2nd, 3rd ... step, until it has no more steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from csp import run
from csp.lowlevel import current_kernel


def cancel_at_every_step(
    scenario: Callable[[trio.CancelScope], Awaitable[object]],
    *,
    lend: bool | None = None,
    clock: trio.abc.Clock | None = None,
) -> int:
    """Run `scenario(scope)` again and again, cancelling `scope` at its 1st, 2nd, 3rd ... step.

    The scenario enters `scope` around its victim and asserts at its end that nothing was lost.
    A step is a lent step or a pass of trio, so the cancel also strikes between commit and resume.
    Ends with the first run that has no such step, and returns the number of runs.  `lend` and
    `clock` are those of `csp.run`.  Raises what the scenario raises, with the step in a note.

    >>> async def scenario(scope: trio.CancelScope) -> None:
    ...     with scope:
    ...         await trio.sleep(0)
    >>> cancel_at_every_step(scenario) > 1
    True
    """
    step = 0
    while True:
        step += 1
        if not run(_cancelled_at, scenario, step, lend=lend, clock=clock):
            return step


class _Passes(trio.abc.Instrument):
    """Counts steps, and cancels `scope` at the last; a pass of trio is one."""

    def __init__(self, left: int, scope: trio.CancelScope) -> None:
        self.left, self.scope = left, scope

    def count(self) -> None:
        """One more step begins."""
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()

    def after_io_wait(self, timeout: float) -> None:
        """A pass of trio begins."""
        self.count()


class _Ready(deque[Any]):
    """Stands for the kernel's list of who is ready; a lent step is one who is taken from it."""

    def __init__(self, ready: deque[Any], passes: _Passes) -> None:
        super().__init__(ready)
        self.passes = passes

    def popleft(self) -> Any:
        """A lent step begins."""
        driver = super().popleft()
        self.passes.count()
        return driver


async def _cancelled_at(
    scenario: Callable[[trio.CancelScope], Awaitable[object]], step: int
) -> bool:
    kernel = current_kernel()
    scope = trio.CancelScope()
    passes = _Passes(step, scope)
    kernel.ready = _Ready(kernel.ready, passes)
    trio.lowlevel.add_instrument(passes)
    try:
        await scenario(scope)
    except BaseException as error:
        error.add_note(f"cancelled at step {step}")
        raise
    finally:
        trio.lowlevel.remove_instrument(passes)
        kernel.ready = deque(kernel.ready)
    return passes.left <= 0
