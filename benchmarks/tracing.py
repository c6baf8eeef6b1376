"""What tracing costs an event: CommsTime with the writer of `csp run --trace`, against without.

The difference of both is divided by the number of events.  It is more than the writing: with an
observer every communication leaves the hot path, and its cost is counted here too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import csp
from csp import Event
from csp.lowlevel import on_event
from csp.view import TraceFile

from .measure import Candidate, Effort, interleave
from .peers import on_csp
from .report import Goal, Group, Row

LIMIT = 3e-6  # seconds an event
COST = Goal(1, 0.5, at_most=True)

Tell = Callable[[str], object]


@contextmanager
def counted() -> Generator[list[int]]:
    """An observer that does nothing but count."""
    events = [0]

    def see(_event: Event) -> None:
        events[0] += 1

    with on_event(see):
        yield events


@contextmanager
def traced() -> Generator[None]:
    """The observer of `csp run --trace`."""
    with TraceFile(os.devnull) as file, on_event(file.write):
        yield


def program(
    how: Callable[[], AbstractContextManager[object]] | None = None,
) -> Callable[[int], float]:
    """A run of CommsTime under a context manager, in CPU seconds a communication."""

    def run(rounds: int) -> float:
        async def main() -> float:
            begun = time.process_time()
            if how is None:
                await on_csp.ring(rounds)
            else:
                with how():
                    await on_csp.ring(rounds)
            return time.process_time() - begun

        return csp.run(main) / rounds / 4

    return run


async def _counting(rounds: int) -> int:
    with counted() as events:
        await on_csp.ring(rounds)
    return events[0]


def events_of_a_communication(rounds: int) -> float:
    """How many events CommsTime has for one communication."""
    more, fewer = csp.run(_counting, 2 * rounds), csp.run(_counting, rounds)
    return (more - fewer) / rounds / 4


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of tracing."""
    group = Group("tracing", "Tracing, an event of CommsTime", f"of {LIMIT * 1e6:g} us")
    tell("counting events")
    events = events_of_a_communication(effort.counted)
    plain = Candidate("not observed, a communication", program(), 4)
    candidates = {
        "an observer that counts": Candidate("counted", program(counted), 4),
        "csp run --trace": Candidate("traced", program(traced), 4),
    }
    interleave([plain, *candidates.values()], effort, tell)
    group.rows.append(
        Row(plain.what, "us", plain.samples, note=f"{events:.2f} events, when traced")
    )
    for what, candidate in candidates.items():
        costs = [(sample - plain.best) / events for sample in candidate.samples]
        group.rows.append(Row(what, "us", costs, min(costs) / LIMIT, COST))
    return group
