"""Time."""

from __future__ import annotations

from types import ModuleType
from typing import TypeVar

import trio

from checks.kit import expect
from csp import Channel, Par, Sender, patterns, process

T = TypeVar("T")


@process
async def timed(values: list[tuple[float, T]], end: float, out: Sender[T]) -> None:
    """Send each value at its time, in seconds from the start, and end at the time of the end."""
    started = trio.current_time()
    for when, value in values:
        await trio.sleep_until(started + when)
        await out.send(value)
    await trio.sleep_until(started + end)


async def silence(answer: ModuleType) -> None:
    inp, out = Channel(str, name="inp"), Channel(str, name="out")
    values = await Par(
        timed([(0.0, "a"), (2.5, "b"), (3.0, "c")], 3.5, inp.sender()),
        answer.silence(1.0, inp.receiver(), out.sender()),
        patterns.collect(out.receiver()),
    )
    wanted = ["a", "silence", "silence", "b", "c"]
    expect("a at once, b after 2.5 s, c after 3 s, the end after 3.5 s", values[2], wanted)


async def rate(answer: ModuleType) -> None:
    inp, out = Channel(int, name="inp"), Channel(int, name="out")
    values = await Par(
        timed([(when, 0) for when in (0.1, 0.2, 0.3, 1.5, 3.1)], 3.7, inp.sender()),
        answer.rate(inp.receiver(), out.sender()),
        patterns.collect(out.receiver()),
    )
    expect("values after 0.1, 0.2, 0.3, 1.5 and 3.1 s, the end after 3.7 s", values[2], [3, 1, 0])
