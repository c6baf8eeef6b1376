"""A channel between programs is a channel: the suite of `csp.testing` over links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

import csp
from csp.testing import check_channel
from netchannels.testing import linked

Pair = Callable[[], Awaitable[tuple[Any, Any]]]


def receiver_there(home: Any, there: Any, room: float, prefetch: int) -> Pair:
    """Sent at the home, received at the other node."""
    made = 0

    async def pair() -> tuple[Any, Any]:
        nonlocal made
        made += 1
        numbers = csp.Channel(int, name="numbers", buffer=room)
        name = f"numbers {made}"
        home.share(name, numbers.receiver())
        receiver = await there.receiver(name, int, prefetch=prefetch)
        home.unshare(name)
        return numbers.sender(), receiver

    return pair


def sender_there(home: Any, there: Any, room: float, prefetch: int) -> Pair:
    """Sent at the other node, received at the home."""
    made = 0

    async def pair() -> tuple[Any, Any]:
        nonlocal made
        made += 1
        numbers = csp.Channel(int, name="numbers", buffer=room)
        name = f"numbers {made}"
        home.share(name, numbers.sender())
        sender = await there.sender(name, int)
        home.unshare(name)
        return sender, numbers.receiver()

    return pair


@pytest.mark.parametrize("processes", [True, False])
@pytest.mark.parametrize("make", [receiver_there, sender_there])
def test_a_rendezvous_over_a_link_is_a_channel(make: Any, processes: bool) -> None:
    async def main() -> None:
        async with linked() as (home, there):
            await check_channel(make(home, there, 0, 0), processes=processes, offers=False)

    trio.run(main)
