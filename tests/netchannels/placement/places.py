"""What the tests of placements run: `python places.py PLACEMENT SCENARIO`, PLACEMENT being JSON.

It prints a line of JSON for each thing that it has found out.  Tests run copies of it under names of
their own, by which they know its programs from all others of the machine.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

import csp
import netchannels
from csp import Channel, Par, process
from netchannels.placement import Cores, DaskCluster, Hosts, Placement

# --- what runs elsewhere -----------------------------------------------------------------------


def square(number: int) -> int:
    """Fails for 13."""
    if number == 13:
        raise ValueError("13 brings bad luck")
    print("squaring", number)
    logging.getLogger("places").warning("squared %d", number)
    return number * number


def die(what: tuple[str, str]) -> str:
    """("once", FILE) kills the first program that it meets, ("always", "") every one."""
    kind, file = what
    if kind == "always" or (kind == "once" and not os.path.exists(file)):
        pathlib.Path(file or os.devnull).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sleep":
        time.sleep(600)
    return kind


def wait(seconds: float) -> float:
    """Keep a thread for so long, and start a program that would go on longer."""
    code = "import time; time.sleep(1000)"
    subprocess.Popen([sys.executable, "-I", "-S", "-c", code, f"{__name__}:child"])
    time.sleep(seconds)
    return seconds


@process
async def doubles(numbers: csp.Receiver[int], out: csp.Sender[int]) -> int:
    """Send twice of each; the value is how many there were."""
    count = 0
    async for number in numbers:
        await out.send(2 * number)
        count += 1
    return count


# --- the parent ----------------------------------------------------------------------------


def say(what: str, value: Any) -> None:
    """A line for the test."""
    print(f"{what}={json.dumps(value)}", flush=True)


async def results(place: Placement) -> None:
    """Values, ordered and as completed, and errors of the function."""
    async with netchannels.pool(square, workers=place) as pool:
        say("ordered", [n async for n in pool.map(range(10))])
        say("completed", sorted([n async for n in pool.map(range(10), ordered=False)]))
        outcomes = [each async for each in pool.outcomes([12, 13, 14])]
        say("failed", [[each.request, str(each.error)] for each in outcomes if each.error])
        say("fine", sorted(each.reply for each in outcomes if not each.error))
        say("hosts", sorted({each.host for each in pool.statistics()}))


async def some_results(place: Placement) -> None:
    """A few values."""
    async with netchannels.pool(square, workers=place) as pool:
        say("values", [n async for n in pool.map(range(4))])


async def failures(place: Placement) -> None:
    """A program that is killed, a request that kills all, one that runs for too long."""
    async with netchannels.pool(die, workers=place) as pool:
        once = os.path.join(os.environ["TMPDIR"], "met")
        say("once", await pool.call(("once", once)))
        mixed = [("fine", "")] * 5 + [("always", "")] + [("fine", "")] * 5
        outcomes = [each async for each in pool.outcomes(mixed)]
        say("always", [str(each.error) for each in outcomes if each.error])
        say("fine", sum(1 for each in outcomes if not each.error))
        try:
            await pool.call(("sleep", ""), timeout=0.3)
        except csp.RequestFailed as error:
            say("overran", str(error))
        say("after", await pool.call(("fine", "")))


async def copies(place: Placement) -> None:
    """A process, multiplied."""
    numbers, twice = Channel(int, name="numbers"), Channel(int, name="twice")

    @process
    async def producer(out: csp.Sender[int]) -> None:
        for number in range(10):
            await out.send(number)

    @process
    async def collector(incoming: csp.Receiver[int]) -> list[int]:
        return sorted([number async for number in incoming])

    _, counts, found = await Par(
        producer(numbers.sender()),
        place * doubles(numbers.receiver(), twice.sender()),
        collector(twice.receiver()),
    )
    say("counts", sum(counts))
    say("found", found)


async def ending(place: Placement) -> None:
    """All programs are at work, then there is an error."""
    async with at_work(place):
        raise RuntimeError("enough")


async def forever(place: Placement) -> None:
    """All programs are at work until somebody ends this one."""
    async with at_work(place) as pool:
        while True:
            if any(each.restarts for each in pool.statistics()) and are(pool, "working"):
                say("again", [each.pid for each in pool.statistics()])
                await trio.sleep_forever()
            await trio.sleep(0.05)


def are(pool: netchannels.Pool[Any, Any], state: str) -> bool:
    """True if all programs are in this state."""
    return all(each.state == state for each in pool.statistics())


@asynccontextmanager
async def at_work(place: Placement) -> AsyncGenerator[netchannels.Pool[float, float]]:
    """All programs compute something long."""
    async with netchannels.pool(wait, workers=place) as pool:
        while not are(pool, "idle"):
            await trio.sleep(0.05)
        async with trio.open_nursery() as nursery:
            for _ in range(place.size):
                nursery.start_soon(pool.call, 600.0)
            while not are(pool, "working"):
                await trio.sleep(0.05)
            say("pids", [each.pid for each in pool.statistics()])
            yield pool


async def refused(place: Placement) -> None:
    """Nothing can be started; `FUNCTION` is "module:name" of what would run."""
    module, _, name = os.environ.get("FUNCTION", f"{__name__}:square").partition(":")
    function = getattr(importlib.import_module(module), name)
    try:
        async with netchannels.pool(function, workers=place) as pool:
            await pool.call(1)
    except Exception as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        say("error", f"{type(error).__name__}: {error}")


SCENARIOS: dict[str, Callable[[Placement], Any]] = {
    each.__name__: each
    for each in (results, some_results, failures, copies, ending, forever, refused)
}


@asynccontextmanager
async def placement(wanted: dict[str, Any]) -> AsyncGenerator[Placement]:
    """The one that a test wants."""
    if wanted["kind"] == "cores":
        yield Cores(wanted["n"])
    elif wanted["kind"] == "hosts":
        yield Hosts(
            wanted["hosts"],
            each=wanted.get("each", 1),
            python=wanted.get("python", sys.executable),
            ssh=wanted["ssh"],
        )
    else:
        from distributed import Client

        client = await trio.to_thread.run_sync(Client, wanted["address"])
        try:
            yield DaskCluster(client, wanted["n"], listen=wanted.get("listen"))
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(client.close)


async def main() -> None:
    """Run a scenario."""
    async with placement(json.loads(sys.argv[1])) as place:
        await SCENARIOS[sys.argv[2]](place)


if __name__ == "__main__":
    logging.basicConfig(format="%(name)s: %(message)s")
    csp.run(main)
