"""CommsTime (Peter Welch): four processes, four channels, seconds of one communication.

prefix -> delta -> consumer, and from delta by way of successor back to prefix: a number goes
round, and each round is four communications without any work in them.
"""

from __future__ import annotations

import asyncio
import time

import trio

import csp
from csp import Channel, Receiver, Sender, Spawn, process

from . import go
from .measure import Candidate, Missing

WARM_UP = 50
CHANNELS = 4  # communications a round


@process
async def prefix(feed: Receiver[int], out: Sender[int]) -> None:
    await out.send(0)
    async for number in feed:
        await out.send(number)


@process
async def delta(feed: Receiver[int], left: Sender[int], right: Sender[int]) -> None:
    async for number in feed:
        await left.send(number)
        await right.send(number)


@process
async def successor(feed: Receiver[int], out: Sender[int]) -> None:
    async for number in feed:
        await out.send(number + 1)


@process
async def consumer(feed: Receiver[int], rounds: int) -> float:
    for _ in range(WARM_UP):
        await feed.receive()
    started = time.perf_counter()
    for _ in range(rounds):
        await feed.receive()
    return (time.perf_counter() - started) / rounds / CHANNELS


async def network(rounds: int) -> float:
    """The four processes of csp."""
    a, b, c, d = (Channel(int, name=name) for name in "abcd")
    async with Spawn() as spawn:
        spawn(prefix(c.receiver(), a.sender()))
        spawn(delta(a.receiver(), d.sender(), b.sender()))
        spawn(successor(b.receiver(), c.sender()))
        return await spawn(consumer(d.receiver(), rounds))


async def trio_tasks(rounds: int) -> float:
    """Trio tasks on memory channels without a buffer."""
    (a, ra), (b, rb), (c, rc), (d, rd) = (trio.open_memory_channel[int](0) for _ in range(4))

    async def prefix() -> None:
        await a.send(0)
        async for number in rc:
            await a.send(number)

    async def delta() -> None:
        async for number in ra:
            await d.send(number)
            await b.send(number)

    async def successor() -> None:
        async for number in rb:
            await c.send(number + 1)

    async with trio.open_nursery() as nursery:
        for body in (prefix, delta, successor):
            nursery.start_soon(body)
        for _ in range(WARM_UP):
            await rd.receive()
        started = time.perf_counter()
        for _ in range(rounds):
            await rd.receive()
        seconds = time.perf_counter() - started
        nursery.cancel_scope.cancel()
    return seconds / rounds / CHANNELS


async def asyncio_tasks(rounds: int) -> float:
    """Asyncio tasks on queues; asyncio has no rendezvous, so each holds one."""
    a, b, c, d = (asyncio.Queue[int](1) for _ in range(4))

    async def prefix() -> None:
        await a.put(0)
        while True:
            await a.put(await c.get())

    async def delta() -> None:
        while True:
            number = await a.get()
            await d.put(number)
            await b.put(number)

    async def successor() -> None:
        while True:
            await c.put(await b.get() + 1)

    tasks = [asyncio.ensure_future(body()) for body in (prefix, delta, successor)]
    for _ in range(WARM_UP):
        await d.get()
    started = time.perf_counter()
    for _ in range(rounds):
        await d.get()
    seconds = time.perf_counter() - started
    for task in tasks:
        task.cancel()
    return seconds / rounds / CHANNELS


def aiochan_coroutines(rounds: int) -> float:
    """Aiochan: Go's and core.async's channels on asyncio."""
    try:
        import aiochan
    except ImportError:
        raise Missing("aiochan is not installed (pip install -e '.[bench]')") from None

    async def main() -> float:
        a, b, c, d = (aiochan.Chan() for _ in range(4))

        async def prefix() -> None:
            await a.put(0)
            async for number in c:
                await a.put(number)

        async def delta() -> None:
            async for number in a:
                await d.put(number)
                await b.put(number)

        async def successor() -> None:
            async for number in b:
                await c.put(number + 1)

        for body in (prefix, delta, successor):
            aiochan.go(body())
        for _ in range(WARM_UP):
            await d.get()
        started = time.perf_counter()
        for _ in range(rounds):
            await d.get()
        seconds = time.perf_counter() - started
        for channel in (a, b, c, d):
            channel.close()
        return seconds / rounds / CHANNELS

    return asyncio.run(main())


def pycsp_greenlets(rounds: int) -> float:
    """PyCSP on greenlets."""
    try:
        import pycsp.greenlets as pycsp
    except ImportError:
        raise Missing("pycsp and greenlet are not installed (pip install -e '.[bench]')") from None
    seconds: list[float] = []

    @pycsp.process
    def prefix(feed, out):  # type: ignore[no-untyped-def]
        out(0)
        while True:
            out(feed())

    @pycsp.process
    def delta(feed, left, right):  # type: ignore[no-untyped-def]
        while True:
            number = feed()
            left(number)
            right(number)

    @pycsp.process
    def successor(feed, out):  # type: ignore[no-untyped-def]
        while True:
            out(feed() + 1)

    @pycsp.process
    def consumer(feed):  # type: ignore[no-untyped-def]
        for _ in range(WARM_UP):
            feed()
        started = time.perf_counter()
        for _ in range(rounds):
            feed()
        seconds.append((time.perf_counter() - started) / rounds / CHANNELS)
        pycsp.poison(feed)

    a, b, c, d = (pycsp.Channel(name) for name in "abcd")
    pycsp.Parallel(
        prefix(c.reader(), a.writer()),
        delta(a.reader(), d.writer(), b.writer()),
        successor(b.reader(), c.writer()),
        consumer(d.reader()),
    )
    return seconds[0]


def candidates(rounds: int) -> dict[str, Candidate]:
    """All that are compared; slow ones make fewer rounds."""
    fewer = max(rounds // 5, 100)
    return {
        "csp": lambda: csp.run(network, rounds, lend=True),
        "csp, fallback path": lambda: csp.run(network, fewer, lend=False),
        "trio.open_memory_channel(0)": lambda: trio.run(trio_tasks, fewer),
        "asyncio.Queue(1)": lambda: asyncio.run(asyncio_tasks(rounds)),
        "aiochan": lambda: aiochan_coroutines(fewer),
        "PyCSP greenlets": lambda: pycsp_greenlets(rounds),
        "Go": lambda: go.measure("commstime.go", rounds * 10),
    }
