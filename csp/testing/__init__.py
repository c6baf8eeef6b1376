"""The public test kit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from csp import Event, run
from csp.lowlevel import on_event

from ._conformance import check_channel as check_channel


def cancel_at_every_step(
    scenario: Callable[[trio.CancelScope], Awaitable[object]], *, lend: bool | None = None
) -> int:
    """Run `scenario(scope)` again and again, cancelling `scope` at its 1st, 2nd, 3rd ... step.

    The scenario enters `scope` around its victim and asserts at its end that nothing was lost.
    A step is an event of the run (started, offered, parked, committed, ...), so the cancel also
    strikes between commit and resume.  Ends with the first run that has no such step, and
    returns the number of runs.  Raises what the scenario raises, with the step in a note.

    >>> async def scenario(scope: trio.CancelScope) -> None:
    ...     with scope:
    ...         await trio.sleep(0)
    >>> cancel_at_every_step(scenario)
    1
    """
    step = 0
    while True:
        step += 1
        if not run(_cancelled_at, scenario, step, lend=lend):
            return step


async def _cancelled_at(
    scenario: Callable[[trio.CancelScope], Awaitable[object]], step: int
) -> bool:
    scope = trio.CancelScope()
    left = step

    def count(event: Event) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            scope.cancel()

    try:
        with on_event(count):
            await scenario(scope)
    except BaseException as error:
        error.add_note(f"cancelled at step {step}")
        raise
    return left <= 0
