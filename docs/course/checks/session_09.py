"""Barriers, and many processes on one set of data."""

from __future__ import annotations

from itertools import accumulate, product
from types import ModuleType

from checks.kit import expect
from csp import Barrier, Par


def orders(count: int) -> list[list[int]]:
    """Whoever forgets a phase may be lucky with one order of starting, but not with two."""
    return [[*range(count)], [*reversed(range(count))]]


async def neighbours(answer: ModuleType) -> None:
    given = [1, 0, 0, 5, 0, 2]
    for steps, order in product((1, 3), orders(len(given))):
        values, phase, wanted = list(given), Barrier(name="phase"), given
        for _ in range(steps):
            wanted = [wanted[n - 1] + wanted[(n + 1) % len(wanted)] for n in range(len(given))]
        await Par(*(answer.cell(n, values, steps, phase.member()) for n in order))
        expect(f"given {given}, steps {steps}", values, wanted)


async def running(answer: ModuleType) -> None:
    for given in ([1, 2, 3, 4], [5], [3, 1, 4, 1, 5, 9, 2]):
        for order in orders(len(given)):
            values, phase = list(given), Barrier(name="phase")
            await Par(*(answer.adder(n, values, phase.member()) for n in order))
            expect(f"given {given}", values, list(accumulate(given)))
