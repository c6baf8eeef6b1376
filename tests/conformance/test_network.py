"""A channel between programs is a channel: the suite of `csp.testing` over links of every kind."""

from __future__ import annotations

import math
import os
import stat
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import csp
import netchannels
from csp.testing import check_channel
from netchannels.testing import faulty_pair, linked

Pair = Callable[[], Awaitable[tuple[Any, Any]]]
SECRET = netchannels.Secret("a secret for the conformance suite")


class Maker:
    """Makes pairs of ends over a link between two nodes."""

    def __init__(self, home: Any, there: Any, room: float, prefetch: int) -> None:
        self.home, self.there, self.room, self.prefetch = home, there, room, prefetch
        self.made = 0

    def channel(self) -> tuple[csp.Channel[int], str]:
        self.made += 1
        return csp.Channel(int, name="numbers", buffer=self.room), f"numbers {self.made}"

    async def receiver_there(self) -> tuple[Any, Any]:
        """Sent at the home, received at the other node."""
        numbers, name = self.channel()
        self.home.share(name, numbers.receiver())
        receiver = await self.there.receiver(name, int, prefetch=self.prefetch)
        self.home.unshare(name)
        return numbers.sender(), receiver

    async def sender_there(self) -> tuple[Any, Any]:
        """Sent at the other node, received at the home."""
        numbers, name = self.channel()
        self.home.share(name, numbers.sender())
        sender = await self.there.sender(name, int)
        self.home.unshare(name)
        return sender, numbers.receiver()

    async def both_there(self) -> tuple[Any, Any]:
        """The home is a broker: it has neither end."""
        numbers, name = self.channel()
        self.home.share(name, numbers.sender())
        self.home.share(name, numbers.receiver())
        sender = await self.there.sender(name, int)
        receiver = await self.there.receiver(name, int, prefetch=self.prefetch)
        self.home.unshare(name)
        return sender, receiver


MAKES = ["receiver_there", "sender_there", "both_there"]


@pytest.mark.parametrize("processes", [True, False])
@pytest.mark.parametrize("room", [0, 2, math.inf])
@pytest.mark.parametrize("make", MAKES)
def test_a_channel_over_a_link_is_a_channel(make: str, room: float, processes: bool) -> None:
    async def main() -> None:
        async with linked() as (home, there):
            maker = Maker(home, there, room, 0)
            await check_channel(
                getattr(maker, make),
                room=room,
                processes=processes,
                offers=make == "receiver_there" or room > 0,
                instant=False,
            )

    trio.run(main)


@pytest.mark.parametrize("make", MAKES)
def test_it_is_one_over_a_link_that_brings_single_bytes_late(make: str) -> None:
    async def main() -> None:
        streams = faulty_pair()
        for stream in streams:
            stream.pieces()
            stream.delay(0.0001)
        async with linked(streams) as (home, there):
            maker = Maker(home, there, 0, 0)
            await check_channel(
                getattr(maker, make), offers=False, instant=False, settle=_settle_slowly
            )

    trio.run(main)


@pytest.mark.parametrize("make", MAKES)
def test_it_is_one_in_a_process_that_holds_the_nodes(make: str) -> None:
    async def main() -> None:
        async with linked() as (home, there):
            await check_channel(
                getattr(Maker(home, there, 0, 0), make),
                offers=make == "receiver_there",
                instant=False,
            )

    csp.run(main)


def test_an_output_guard_is_refused_where_the_home_is_another_program() -> None:
    async def main() -> None:
        async with linked() as (home, there):
            tx, rx = await Maker(home, there, 0, 0).sender_there()
            with tx, rx, pytest.raises(RuntimeError, match="its home is another program"):
                tx.offer(lambda: 1)

    trio.run(main)


@pytest.mark.parametrize("first", ["home", "there"])
def test_two_alternations_that_offer_to_each_other_over_a_link_meet(first: str) -> None:
    async def side(node: Any, out: csp.Channel[int], name: str, told: list[str]) -> None:
        receiver = await node.receiver(name, int)
        with out.sender() as tx, receiver as rx:
            with csp.Alternation(tx.offer(lambda: 1), rx) as alternation:
                for _ in range(100):
                    told.append("sent" if (await alternation.select()).guard is tx else "received")

    async def main() -> None:
        async with linked() as (home, there):
            one, two = csp.Channel(int, name="one"), csp.Channel(int, name="two")
            home.share("one", one.receiver())
            there.share("two", two.receiver())
            here: list[str] = []
            far: list[str] = []
            sides = [(home, one, "two", here), (there, two, "one", far)]
            with trio.fail_after(20):
                async with trio.open_nursery() as nursery:
                    for each in sides if first == "home" else reversed(sides):
                        nursery.start_soon(side, *each)
            opposite = {"sent": "received", "received": "sent"}
            assert here == [opposite[what] for what in far]

    trio.run(main)


@asynccontextmanager
async def over(kind: str) -> AsyncGenerator[tuple[Any, Any]]:
    """A home and a node that has connected to it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, stat.S_IRWXU)
        address = f"unix:{directory}/socket" if kind == "unix" else "127.0.0.1:0"
        plain = kind == "plain"
        async with netchannels.serve(address, secret=SECRET, plain=plain) as home:
            async with netchannels.connect(home.address, secret=SECRET, plain=plain) as there:
                yield home, there


async def _settle_slowly() -> None:
    await wait_all_tasks_blocked(0.005)


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("kind", ["plain", "tls", "unix"])
def test_it_is_one_over_a_socket(kind: str, make: str) -> None:
    async def main() -> None:
        async with over(kind) as (home, there):
            maker = Maker(home, there, 0, 0)
            await check_channel(
                getattr(maker, make),
                offers=make == "receiver_there",
                instant=False,
                settle=_settle_slowly,
            )

    trio.run(main)
