"""Processes and channels."""

from __future__ import annotations

from types import ModuleType

from checks.kit import expect, taken_by, through, what_comes


async def countdown(answer: ModuleType) -> None:
    expect("start 3", await what_comes(lambda out: answer.countdown(3, out)), [3, 2, 1])
    expect("start 0", await what_comes(lambda out: answer.countdown(0, out)), [])


async def squares(answer: ModuleType) -> None:
    expect("given 1, 2, 3", await through(answer.squares, int, [1, 2, 3]), [1, 4, 9])
    expect("given nothing", await through(answer.squares, int, []), [])


async def total(answer: ModuleType) -> None:
    expect("given 1, 2, 3", await taken_by(answer.total, int, [1, 2, 3]), 6)
    expect("given nothing", await taken_by(answer.total, int, []), 0)
