"""Process networks: side by side, one after another, pipelines."""

from __future__ import annotations

from types import ModuleType

import trio

from checks.kit import expect, require, through
from csp import Channel, Par, Receiver, patterns, process


async def chain(answer: ModuleType) -> None:
    expect("given 1, 2, 3", await through(answer.chain, int, [1, 2, 3]), [3, 5, 7])


async def copy(answer: ModuleType) -> None:
    for order in ("left first", "right first"):
        inp = Channel(int, name="inp")
        left, right = Channel(int, name="left"), Channel(int, name="right")
        ends = [left.receiver(), right.receiver()]
        _, _, got = await Par(
            patterns.emit([1, 2, 3], inp.sender()),
            answer.copy(inp.receiver(), left.sender(), right.sender()),
            in_turn(ends if order == "left first" else ends[::-1]).named(order),
        )
        expect(f"given 1, 2, 3 ({order})", got, [1, 1, 2, 2, 3, 3])


@process
async def in_turn(inps: list[Receiver[int]]) -> list[int]:
    """Return what comes from the first, the second, the first and so on."""
    got: list[int] = []
    while True:
        for inp in inps:
            try:
                got.append(await inp.receive())
            except trio.EndOfChannel:
                return got


async def team(answer: ModuleType) -> None:
    started = trio.current_time()
    got = await through(answer.team, int, range(6))
    expect("given 0 to 5, in any order", sorted(got), [0, 1, 4, 9, 16, 25])
    took = round(trio.current_time() - started)
    require(took == 2, f"six values of a second each took {took} seconds; three workers need 2")
