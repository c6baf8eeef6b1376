"""Deadlock."""

from __future__ import annotations

from types import ModuleType

from checks.kit import expect
from csp import Channel, Par


async def swap(answer: ModuleType) -> None:
    there, back = Channel(str, name="there"), Channel(str, name="back")
    got = await Par(
        answer.trader("wool", there.sender(), back.receiver()).named("shepherd"),
        answer.trader("bread", back.sender(), there.receiver()).named("baker"),
    )
    expect("what the shepherd and the baker got", got, ("bread", "wool"))


async def dinner(answer: ModuleType) -> None:
    for people in (2, 3, 5):
        expect(f"{people} people, 3 meals", await answer.dinner(people, 3), [3] * people)
