"""netchannels: the home in this program, the other side in another one, over plain loopback."""

from __future__ import annotations

import itertools
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, TypeVar

import trio

import csp
import netchannels
from csp import Call, Channel, Receiver, Sender, process

from .elsewhere import Elsewhere, elsewhere

T = TypeVar("T")

WARM = 200
MIB = 1 << 20
PREFETCH = 256  # small values
LONG_AHEAD = 4  # values of a mebibyte
AHEAD = 16  # requests of calls, for each worker
SECRET = "BENCHMARKS_SECRET"  # the variable with the secret of the network

# --- in this program ---------------------------------------------------------------------------


@asynccontextmanager
async def _home(count: int, *words: object) -> AsyncIterator[tuple[Any, list[Elsewhere]]]:
    """A node, and so many other programs that will connect to it."""
    secret = secrets.token_hex()
    async with netchannels.serve(secret=secret, plain=True) as node:
        with ExitStack() as stack:
            yield (
                node,
                [
                    stack.enter_context(
                        elsewhere("on_netchannels", node.address, *words, **{SECRET: secret})
                    )
                    for _ in range(count)
                ],
            )


async def _beside(work: csp.Process[T]) -> T:
    """Run it in a trio task of its own, as a process of a network is."""
    async with csp.Spawn() as spawn:
        return await spawn(work)


@process
async def send_each(out: Sender[bytes], value: bytes, rounds: int) -> float:
    """Send the value again and again; the seconds of once."""
    with out:
        for _ in range(WARM):
            await out.send(value)
        started = time.perf_counter()
        for _ in range(rounds):
            await out.send(value)
        return (time.perf_counter() - started) / rounds


@process
async def send_numbers(out: Sender[int], rounds: int) -> None:
    """Send numbers."""
    for number in range(WARM + rounds):
        await out.send(number)


@process
async def send_long(out: Sender[bytes], rounds: int) -> None:
    """Send values of a mebibyte."""
    value = bytes(MIB)
    for _ in range(rounds + 1):
        await out.send(value)


def rendezvous(rounds: int) -> float:
    """The seconds of a rendezvous with a receiver elsewhere, 64 bytes."""

    async def main() -> float:
        values = Channel(bytes, name="values")
        async with _home(1, "take", 0) as (node, _):
            node.share("values", values.receiver())
            return await _beside(send_each(values.sender(), bytes(64), rounds))

    return csp.run(main)


def rendezvous_there(rounds: int) -> float:
    """The same with the sender elsewhere."""

    async def main() -> float:
        values = Channel(bytes, name="values")
        async with _home(1, "send", rounds) as (node, (other,)):
            node.share("values", values.sender())
            await _beside(take_some(values.receiver(), WARM + rounds))
            return (await trio.to_thread.run_sync(other.said))[0]

    return csp.run(main)


def one_way(rounds: int) -> float:
    """The seconds of one of many small values, taken ahead."""

    async def main() -> float:
        numbers = Channel(int, name="values", buffer=PREFETCH)
        async with _home(1, "count", PREFETCH) as (node, (other,)):
            node.share("values", numbers.receiver())
            await _beside(send_numbers(numbers.sender(), rounds))
            return (await trio.to_thread.run_sync(other.said))[0]

    return csp.run(main)


def bulk(rounds: int) -> float:
    """The seconds of a value of a mebibyte."""

    async def main() -> float:
        values = Channel(bytes, name="values", buffer=LONG_AHEAD)
        async with _home(1, "read", LONG_AHEAD) as (node, (other,)):
            node.share("values", values.receiver())
            await _beside(send_long(values.sender(), rounds))
            return (await trio.to_thread.run_sync(other.said))[0]

    return csp.run(main)


@process
async def call_each(calls: Sender[Call[int, int]], workers: int, rounds: int) -> float:
    """Call as often as the servers like; the seconds of a call."""
    with calls:
        await _ready(calls, workers)
        started = time.perf_counter()
        async for done in calls.outcomes(range(rounds)):
            assert done.reply == done.request * done.request
        return (time.perf_counter() - started) / rounds


async def _ready(calls: Sender[Call[int, int]], workers: int) -> None:
    """All programs have answered a call: a negative request is answered once by each."""
    async with trio.open_nursery() as nursery:
        for _ in range(workers):
            nursery.start_soon(calls.call, -1)


def calls(workers: int, prefetch: int, rounds: int) -> float:
    """The seconds of a call to so many programs, which take so many requests ahead."""

    async def main() -> float:
        square = Channel(Call[int, int], name="square", buffer=prefetch * workers)
        async with _home(workers, "serve", prefetch) as (node, _):
            node.share("values", square.receiver())
            return await _beside(call_each(square.sender(), workers, rounds))

    return csp.run(main)


@process
async def call_some(calls: Sender[Call[int, int]], rounds: int) -> float:
    """Keep the servers at work until so many calls were answered; the seconds of one of these."""
    answered, started = 0, time.perf_counter()
    with calls:
        async for _ in calls.outcomes(itertools.count()):
            answered += 1
            if answered == rounds:
                break
    return (time.perf_counter() - started) / rounds


def disturbed(rounds: int, *, workers: int, by: str) -> float:
    """The seconds of a call to so many programs that wait 5 ms each, while somebody misbehaves.

    `by` is a stranger of `troublemaker`, or "frozen": one worker more, which stands still.
    """

    async def main() -> float:
        pause = Channel(Call[int, int], name="pause")
        frozen = by == "frozen"
        with ExitStack() as stack:
            async with _home(workers + frozen, "pause", 0) as (node, programs):
                node.share("values", pause.receiver())
                calls = pause.sender()
                await _beside(get_ready(calls.clone(), workers + frozen))
                if frozen:
                    programs[-1].freeze()
                elif by:
                    trouble = stack.enter_context(elsewhere("troublemaker", by, node.address))
                    await trio.to_thread.run_sync(trouble.wait_ready)
                return await _beside(call_some(calls, rounds))

    return csp.run(main)


@process
async def get_ready(calls: Sender[Call[int, int]], workers: int) -> None:
    """All programs have answered a call."""
    with calls:
        await _ready(calls, workers)


@process
async def take_some(values: Receiver[bytes], count: int) -> None:
    """Take so many values."""
    for _ in range(count):
        await values.receive()


# --- in the other program ----------------------------------------------------------------------


@process
async def take_bytes(values: Receiver[bytes]) -> None:
    """Take values to the end."""
    async for _ in values:
        pass


@process
async def count(numbers: Receiver[int]) -> float:
    """Take numbers to the end; the seconds of one."""
    for _ in range(WARM):
        await numbers.receive()
    taken, started = 0, time.perf_counter()
    async for _ in numbers:
        taken += 1
    return (time.perf_counter() - started) / taken


@process
async def read(values: Receiver[bytes]) -> float:
    """Take long values to the end; the seconds of a mebibyte."""
    await values.receive()
    size, started = 0, time.perf_counter()
    async for value in values:
        size += len(value)
    return (time.perf_counter() - started) / size * MIB


@process
async def serve(calls: Receiver[Call[int, int]]) -> None:
    """Answer with the square; the first answer, to a negative number, takes a while."""

    async def answer(number: int) -> int:
        if number < 0:
            await trio.sleep(0.5)
        return number * number

    await calls.serve(answer)


@process
async def pause(calls: Receiver[Call[int, int]]) -> None:
    """Answer after 5 ms; the first answer, to a negative number, takes a while."""

    async def answer(number: int) -> int:
        await trio.sleep(0.5 if number < 0 else 0.005)
        return number

    await calls.serve(answer)


async def main(address: str, word: str, number: str) -> None:
    """Connect, and do what the word says."""
    secret = os.environ[SECRET]
    receivers: dict[str, tuple[Any, Callable[[Any], csp.Process[Any]]]] = {
        "take": (bytes, take_bytes),
        "count": (int, count),
        "read": (bytes, read),
        "serve": (Call[int, int], serve),
        "pause": (Call[int, int], pause),
    }
    async with netchannels.connect(address, secret=secret, plain=True) as node:
        if word == "send":
            out = await node.sender("values", bytes, wait=10)
            said = await _beside(send_each(out, bytes(64), int(number)))
        else:
            kind, work = receivers[word]
            said = await _beside(
                work(await node.receiver("values", kind, prefetch=int(number), wait=10))
            )
    if said is not None:
        print(said)


if __name__ == "__main__":
    csp.run(main, *sys.argv[1:])
