"""Slow readers, and others that do not suffer from them.

Invariants:
* a worker that is slow, or stands still, does not stop the others, nor its home.
* what waits for it is bounded by the credit of its link, and one value a port.
* what was asked for is sent at once: no operation waits for a tick of the clock.
"""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
import trio.testing

import csp
from netchannels.testing import faulty_pair, linked

CREDIT = 8 * 2**20  # bytes, by default
LONG = bytes(256 * 1024)


def run(main: Any) -> None:
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("fault", ["slow", "hold"])
def test_a_worker_that_is_slow_or_frozen_does_not_stop_the_others(fault: str) -> None:
    async def main() -> None:
        jobs = csp.Channel(int, name="jobs", buffer=10)
        done: dict[str, list[int]] = {"good": [], "bad": []}

        async def works(rx: csp.Receiver[int], name: str) -> None:
            with rx:
                try:
                    async for job in rx.leases():
                        async with job:
                            await trio.sleep(0.001)
                            done[name].append(job.value)
                except csp.LinkLost:
                    return

        async with AsyncExitStack() as stack:
            bad, good = faulty_pair(), faulty_pair()
            receivers: dict[str, Any] = {}
            for name, streams in (("bad", bad), ("good", good)):
                home, there = await stack.enter_async_context(linked(streams))
                home.share("jobs", jobs.receiver())
                receivers[name] = await there.receiver("jobs", int, prefetch=2)
                home.unshare("jobs")
            getattr(bad[1], fault)(*([40] if fault == "slow" else []))
            start = trio.current_time()
            async with trio.open_nursery() as nursery:
                for name, rx in receivers.items():
                    nursery.start_soon(works, rx, name)
                with jobs.sender() as tx:
                    for value in range(1_000):
                        await tx.send(value)
                assert trio.current_time() - start < 1.0 + 0.2  # 1 ms each, by the good one
                assert len(done["good"]) >= 980
        assert sorted({*done["good"], *done["bad"]}) == list(range(1_000))

    run(main)


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_frozen_worker_does_not_stop_the_calls_of_the_others(prefetch: int) -> None:
    """Without a buffer: what the frozen one was sent has no answer, and nothing waits behind it."""

    async def main() -> None:
        square = csp.Channel(csp.Call[int, int], name="square", max_attempts=2)
        replies: list[int] = []

        async def works(rx: Any) -> None:
            async def answer(number: int) -> int:
                await trio.sleep(0.001)
                return number * number

            with rx:
                try:
                    await rx.serve(answer)
                except csp.LinkLost:
                    return

        async with AsyncExitStack() as stack:
            bad, good = faulty_pair(), faulty_pair()
            servers: list[Any] = []
            for streams in (bad, good):
                home, there = await stack.enter_async_context(linked(streams))
                home.share("square", square.receiver())
                servers.append(
                    await there.receiver("square", csp.Call[int, int], prefetch=prefetch)
                )
                home.unshare("square")
            bad[1].hold()
            start = trio.current_time()
            async with trio.open_nursery() as nursery:
                for server in servers:
                    nursery.start_soon(works, server)
                with square.sender() as tx:
                    async for done in tx.outcomes(range(500)):
                        replies.append(done.reply)
                        if len(replies) == 490:
                            assert trio.current_time() - start < 0.5 + 0.1
        assert sorted(replies) == [number**2 for number in range(500)]

    run(main)


def test_what_waits_for_a_slow_reader_is_bounded_by_the_credit() -> None:
    async def main() -> None:
        streams = faulty_pair()
        streams[1].slow(64 * 1024)
        texts = csp.Channel(bytes, name="texts", buffer=100)
        async with linked(streams) as (home, there):
            home.share("texts", texts.receiver())
            rx = await there.receiver("texts", bytes, prefetch=1_000)
            gc.collect()
            tracemalloc.start()
            try:
                with texts.sender() as tx:
                    for _ in range(100):  # 25 MiB, one object
                        await tx.send(LONG)
                    await trio.sleep(5)
                    _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            (link,) = home._inside.links
            assert CREDIT - len(LONG) < link.connection._sent <= CREDIT + len(LONG)
            assert home.status().links[0].credit <= len(LONG)
            assert peak < 2 * CREDIT  # both sides of the link, and what is being written; of 25 MiB
            streams[1].mend()
            with rx:
                assert [len(text) async for text in rx] == [len(LONG)] * 100
            await trio.sleep(1)
            assert link.connection._sent == 0

    run(main)


def test_values_that_nobody_takes_there_are_bounded_by_the_prefetch() -> None:
    async def main() -> None:
        numbers = csp.Channel(int, name="numbers", buffer=1_000)
        async with linked() as (home, there):
            home.share("it", numbers.receiver())
            rx = await there.receiver("it", int, prefetch=5)
            home.unshare("it")
            with numbers.sender() as tx:
                for value in range(1_000):
                    await tx.send(value)
            await trio.sleep(5)
            assert home.status().total.sent == there.status().total.received == 5
            with rx:
                assert [value async for value in rx] == list(range(1_000))

    run(main)


def test_a_sender_elsewhere_is_stopped_by_a_home_that_does_not_receive() -> None:
    async def main() -> None:
        texts = csp.Channel(bytes, name="texts", buffer=100)
        async with linked() as (home, there):
            home.share("it", texts.sender())
            tx = await there.sender("it", bytes)
            home.unshare("it")
            sent = 0
            with tx, texts.receiver() as rx:
                with trio.move_on_after(10):
                    while True:
                        await tx.send(LONG)
                        sent += 1
                assert sent == 100
                tx.close()
                assert len([text async for text in rx]) == 100

    run(main)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_what_was_asked_for_comes_at_once(prefetch: int) -> None:
    async def main() -> None:
        async with linked() as (home, there):
            numbers = csp.Channel(int, name="numbers")
            home.share("it", numbers.receiver())
            start = trio.current_time()
            for _ in range(20):  # which trio task runs first is chance
                with numbers.sender() as tx:
                    rx = await there.receiver("it", int, prefetch=prefetch)
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(tx.send, 1)
                        assert await rx.receive() == 1
                    rx.close()
                    numbers_left = csp.Channel(int, name="numbers")
                home.unshare("it")
                numbers = numbers_left
                home.share("it", numbers.receiver())
            assert trio.current_time() == start

    run(main)
