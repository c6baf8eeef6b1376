"""csp."""

from __future__ import annotations

import time

import csp
from csp import Alternation, Channel, Receiver, Sender, Spawn, process
from csp.lowlevel import TrioKernel, current_kernel

from ..measure import Unavailable

WARM = 50

# --- CommsTime -------------------------------------------------------------------------------


@process
async def prefix(first: int, feed: Receiver[int], out: Sender[int]) -> None:
    """Send `first`, then pass on what comes."""
    await out.send(first)
    async for number in feed:
        await out.send(number)


@process
async def delta(feed: Receiver[int], left: Sender[int], right: Sender[int]) -> None:
    """Send what comes to both."""
    async for number in feed:
        await left.send(number)
        await right.send(number)


@process
async def successor(feed: Receiver[int], out: Sender[int]) -> None:
    """Send the successor of what comes."""
    async for number in feed:
        await out.send(number + 1)


@process
async def consumer(feed: Receiver[int], rounds: int) -> float:
    """Take the numbers; the seconds of one of the four communications of each."""
    for _ in range(WARM):
        await feed.receive()
    started = time.perf_counter()
    for _ in range(rounds):
        await feed.receive()
    return (time.perf_counter() - started) / rounds / 4


async def ring(rounds: int) -> float:
    """The network of CommsTime: three processes in a ring, and one that takes."""
    a, b, c, d = (Channel(int, name=name) for name in "abcd")
    async with Spawn() as spawn:
        spawn(prefix(0, c.receiver(), a.sender()))
        spawn(delta(a.receiver(), d.sender(), b.sender()))
        spawn(successor(b.receiver(), c.sender()))
        return await spawn(consumer(d.receiver(), rounds))


def commstime(rounds: int) -> float:
    """Lending turns; raises Unavailable if none was lent, for then it is the other path."""

    async def main() -> tuple[float, int]:
        seconds = await ring(rounds)
        kernel = current_kernel()
        return seconds, kernel.lent_steps if isinstance(kernel, TrioKernel) else 0

    seconds, lent = csp.run(main, lend=True)
    if not lent:
        raise Unavailable("no turn was lent: this trio does not allow it")
    return seconds


def commstime_fallback(rounds: int) -> float:
    """Trio's scheduler alone."""
    return csp.run(ring, rounds, lend=False)


# --- selection -------------------------------------------------------------------------------


@process
async def select_and_refill(
    feeds: list[Receiver[int]], refills: list[Sender[int]], rounds: int
) -> float:
    """Select among channels that all hold a value, and give back what was taken."""
    alternation = Alternation(*feeds)
    for _ in range(len(feeds)):
        number = (await alternation.select()).value
        await refills[number].send(number)
    started = time.perf_counter()
    for _ in range(rounds):
        number = (await alternation.select()).value
        await refills[number].send(number)
    return (time.perf_counter() - started) / rounds


def selection(guards: int, rounds: int) -> float:
    """Over channels with room for one value each."""

    async def main() -> float:
        channels = [Channel(int, name=f"c{i}", buffer=1) for i in range(guards)]
        refills = [channel.sender() for channel in channels]
        for number, refill in enumerate(refills):
            await refill.send(number)
        return await select_and_refill([c.receiver() for c in channels], refills, rounds)

    return csp.run(main)


@process
async def only_select(feeds: list[Receiver[int]], rounds: int) -> float:
    """Select among channels that hold enough values for all rounds."""
    alternation = Alternation(*feeds)
    for _ in range(len(feeds)):
        await alternation.select()
    started = time.perf_counter()
    for _ in range(rounds):
        await alternation.select()
    return (time.perf_counter() - started) / rounds


def selection_alone(guards: int, rounds: int) -> float:
    """Over channels filled before: no refill."""

    async def main() -> float:
        each = rounds // guards + 2
        channels = [Channel(int, name=f"c{i}", buffer=each) for i in range(guards)]
        for channel in channels:
            with channel.sender() as out:
                for number in range(each):
                    await out.send(number)
        return await only_select([channel.receiver() for channel in channels], rounds)

    return csp.run(main)


@process
async def writer(number: int, out: Sender[int]) -> None:
    """Offer `number` for ever."""
    while True:
        await out.send(number)


def selection_of_writers(guards: int, rounds: int) -> float:
    """Over rendezvous channels with a writer each: the refill is the writer's next offer."""

    async def main() -> float:
        channels = [Channel(int, name=f"c{i}") for i in range(guards)]
        async with Spawn() as spawn:
            for number, channel in enumerate(channels):
                spawn(writer(number, channel.sender()))
            return await spawn(only_select([channel.receiver() for channel in channels], rounds))

    return csp.run(main)
