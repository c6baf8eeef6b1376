"""Ending."""

from __future__ import annotations

from types import ModuleType

from checks.kit import expect, through
from csp import Channel, Par, patterns


async def join(answer: ModuleType) -> None:
    first, second, out = (Channel(str, name=name) for name in ("first", "second", "out"))
    values = await Par(
        patterns.emit("abc", first.sender()),
        patterns.emit("xyz", second.sender()),
        answer.join(first.receiver(), second.receiver(), out.sender()),
        patterns.collect(out.receiver()),
    )
    expect("given a, b, c on first and x, y, z on second", values[3], list("abcxyz"))


async def until(answer: ModuleType) -> None:
    got = await through(answer.until_negative, int, [3, 0, 5, -1, 7])
    expect("given 3, 0, 5, -1, 7", got, [3, 0, 5])
    got = await through(answer.until_negative, int, range(2, -10_000, -1))
    expect("counting down from 2, on and on", got, [2, 1, 0])
    expect("given 1, 2 and no more", await through(answer.until_negative, int, [1, 2]), [1, 2])


async def mend(answer: ModuleType) -> None:
    for last in (5, 0):
        expect(f"network({last})", await answer.network(last), sum(range(last + 1)))
