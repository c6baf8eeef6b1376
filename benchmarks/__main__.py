"""CommsTime and selection, side by side in one run; prints ratios, writes JSON on request.

Rounds of all candidates are interleaved, and the best of each counts: the machine's other work
only ever adds time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable

import trio
from rich.console import Console
from rich.table import Table

import csp
from csp import Alternation, Channel, Fifo, Par, Receiver, Sender, Spawn, process


@process
async def prefix(feed: Receiver[int], out: Sender[int]) -> None:
    await out.send(0)
    async for number in feed:
        await out.send(number)


@process
async def delta(feed: Receiver[int], left: Sender[int], right: Sender[int]) -> None:
    while True:
        number = await feed.receive()
        await left.send(number)
        await right.send(number)


@process
async def successor(feed: Receiver[int], out: Sender[int]) -> None:
    while True:
        await out.send(await feed.receive() + 1)


@process
async def consumer(feed: Receiver[int], rounds: int) -> float:
    for _ in range(50):
        await feed.receive()
    started = time.perf_counter()
    for _ in range(rounds):
        await feed.receive()
    return (time.perf_counter() - started) / rounds / 4


async def _csp(rounds: int) -> float:
    a, b, c, d = (Channel(int, name=name) for name in "abcd")
    async with Spawn() as spawn:
        spawn(prefix(c.receiver(), a.sender()))
        spawn(delta(a.receiver(), d.sender(), b.sender()))
        spawn(successor(b.receiver(), c.sender()))
        return await spawn(consumer(d.receiver(), rounds))


async def _trio(rounds: int) -> float:
    (a, ra), (b, rb), (c, rc), (d, rd) = (trio.open_memory_channel[int](0) for _ in range(4))

    async def prefix_() -> None:
        await a.send(0)
        while True:
            await a.send(await rc.receive())

    async def delta_() -> None:
        while True:
            number = await ra.receive()
            await d.send(number)
            await b.send(number)

    async def successor_() -> None:
        while True:
            await c.send(await rb.receive() + 1)

    async with trio.open_nursery() as nursery:
        for body in (prefix_, delta_, successor_):
            nursery.start_soon(body)
        for _ in range(50):
            await rd.receive()
        started = time.perf_counter()
        for _ in range(rounds):
            await rd.receive()
        seconds = time.perf_counter() - started
        nursery.cancel_scope.cancel()
    return seconds / rounds / 4


async def _asyncio(rounds: int) -> float:
    a, b, c, d = (asyncio.Queue[int](1) for _ in range(4))

    async def prefix_() -> None:
        await a.put(0)
        while True:
            await a.put(await c.get())

    async def delta_() -> None:
        while True:
            number = await a.get()
            await d.put(number)
            await b.put(number)

    async def successor_() -> None:
        while True:
            await c.put(await b.get() + 1)

    tasks = [asyncio.ensure_future(body()) for body in (prefix_, delta_, successor_)]
    for _ in range(50):
        await d.get()
    started = time.perf_counter()
    for _ in range(rounds):
        await d.get()
    seconds = time.perf_counter() - started
    for task in tasks:
        task.cancel()
    return seconds / rounds / 4


def _selection(guards: int, rounds: int) -> float:
    """Seconds of one selection over `guards` ready guards."""

    @process
    async def select(feeds: list[Receiver[int]]) -> float:
        alternation = Alternation(*feeds)
        await alternation.select()
        started = time.perf_counter()
        for _ in range(rounds):
            await alternation.select()
        return (time.perf_counter() - started) / rounds

    @process
    async def fill(outs: list[Sender[int]], each: int) -> None:
        for out in outs:
            for number in range(each):
                await out.send(number)

    async def main() -> float:
        each = rounds // guards + 2
        channels = [Channel(int, name=f"c{i}", buffer=Fifo(each)) for i in range(guards)]
        outs = [channel.sender() for channel in channels]
        feeds = [channel.receiver() for channel in channels]
        await fill(outs, each)
        return (await Par(select(feeds)))[0]

    return csp.run(main)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a short run that shows it works")
    parser.add_argument("--json", metavar="FILE", help="write the figures, in seconds")
    options = parser.parse_args()
    rounds, repeats = (300, 1) if options.smoke else (20_000, 5)
    candidates: dict[str, Callable[[], float]] = {
        "csp": lambda: csp.run(_csp, rounds, lend=True),
        "csp, fallback path": lambda: csp.run(_csp, max(rounds // 5, 100), lend=False),
        "trio.open_memory_channel(0)": lambda: trio.run(_trio, max(rounds // 5, 100)),
        "asyncio.Queue(1)": lambda: asyncio.run(_asyncio(rounds)),
        "selection over 10 guards": lambda: _selection(10, rounds),
        "selection over 100 guards": lambda: _selection(100, rounds),
    }
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, measure in candidates.items():
            times[name].append(measure())
    best = {name: min(values) for name, values in times.items()}
    table = Table("what", "microseconds", "times csp", title="CommsTime a communication; selection")
    for name, seconds in best.items():
        ratio = "" if name.startswith("selection") else f"{seconds / best['csp']:.2f}"
        table.add_row(name, f"{seconds * 1e6:.2f}", ratio)
    console = Console()
    console.print(table)
    grown = best["selection over 100 guards"] / best["selection over 10 guards"]
    console.print(f"selection over 100 ready guards against 10: {grown:.2f} times (must: 1.5)")
    trio_ratio = best["trio.open_memory_channel(0)"] / best["csp"]
    asyncio_ratio = best["asyncio.Queue(1)"] / best["csp"]
    console.print(f"against trio {trio_ratio:.1f} (must: 6), asyncio {asyncio_ratio:.1f} (must: 3)")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(times, file, indent=1)


if __name__ == "__main__":
    main()
