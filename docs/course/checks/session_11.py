"""Programs and machines: two nodes in one program, joined by a link in memory."""

from __future__ import annotations

from types import ModuleType

import netchannels
from checks.kit import expect
from csp import Call, Channel, Par, Receiver, Sender, patterns, process
from netchannels import Node
from netchannels.testing import linked


async def home(answer: ModuleType) -> None:
    async with linked() as (here, there):
        _, got = await Par(at_home(answer, here), asks_for_numbers(there))
    expect("last 3: what came elsewhere", got, [1, 2, 3])


@process
async def at_home(answer: ModuleType, node: Node) -> None:
    await answer.home(node, 3)


@process
async def asks_for_numbers(node: Node) -> list[int]:
    inp: Receiver[int] = await node.receiver("numbers", int, wait=5)
    return await patterns.collect(inp)


async def worker(answer: ModuleType) -> None:
    async with linked() as (here, there):
        square = Channel(Call[int, int], name="square")
        here.share("square", square.receiver())
        got, _ = await Par(asks_for_squares(square.sender()), works(answer, there))
    expect("asked for the squares of 1, 2, 3", got, [1, 4, 9])


@process
async def asks_for_squares(calls: Sender[Call[int, int]]) -> list[int]:
    return [reply async for reply in calls.map([1, 2, 3])]


@process
async def works(answer: ModuleType, node: netchannels.Node) -> None:
    await answer.worker(node)
