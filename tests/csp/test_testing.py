"""Cancelled = did not happen, committed = delivered: at every step of every operation."""

from typing import Any

import pytest
import trio

from csp import Alternation, Channel, Receiver, Sender, Spawn, Timeout, process
from csp.testing import cancel_at_every_step


@process
async def put(out: Sender[int], sent: list[int], scope: trio.CancelScope) -> None:
    with scope:
        for number in range(4):
            await out.send(number)
            sent.append(number)


@process
async def put_by_alternation(out: Sender[int], sent: list[int], scope: trio.CancelScope) -> None:
    with scope:
        alternation = Alternation(out.offer(lambda: len(sent)), Timeout(60))
        for _ in range(4):
            sent.append((await alternation.select()).value or 0)


@process
async def take(feed: Receiver[int], got: list[int], scope: trio.CancelScope) -> None:
    with scope:
        async for number in feed:
            got.append(number)
    got.extend([number async for number in feed])


@process
async def take_by_alternation(feed: Receiver[int], got: list[int], scope: trio.CancelScope) -> None:
    with scope:
        async for choice in Alternation(feed):
            got.append(choice.value)
    got.extend([number async for number in feed])


@process
async def take_by_lease(feed: Receiver[int], got: list[int], scope: trio.CancelScope) -> None:
    with scope:
        async for job in feed.leases():
            async with job:
                await trio.lowlevel.checkpoint_if_cancelled()
                got.append(job.value)
    got.extend([number async for number in feed])


@pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
@pytest.mark.parametrize("buffer", [0, 2])
@pytest.mark.parametrize("victim", ["sender", "receiver"])
@pytest.mark.parametrize("sender", [put, put_by_alternation])
@pytest.mark.parametrize("receiver", [take, take_by_alternation, take_by_lease])
def test_nothing_is_lost_wherever_the_cancel_strikes(
    lend: bool, buffer: int, victim: str, sender: Any, receiver: Any
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c", buffer=buffer)
        sent: list[int] = []
        got: list[int] = []
        calm = trio.CancelScope()
        async with Spawn() as spawn:
            spawn(sender(channel.sender(), sent, scope if victim == "sender" else calm))
            spawn(receiver(channel.receiver(), got, scope if victim == "receiver" else calm))
        assert got == sent
        if victim == "receiver":
            assert got == [0, 1, 2, 3]

    assert cancel_at_every_step(scenario, lend=lend) > 4
