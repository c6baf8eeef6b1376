"""`Cores(n) * worker(...)`: copies of a process in programs of their own."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
import netchannels
from netchannels import Cores, TypeRefused
from netchannels._codec import codec
from netchannels._secret import Secret
from netchannels.placement import _placed
from netchannels.placement._placed import (
    Ended,
    ProgramLost,
    _Running,
    arguments_type,
    run_placed,
    value_type,
)
from netchannels.placement._program import Placement
from netchannels.placement._site import Orders, Program, Site
from netchannels.testing import faulty_pair, linked

sys.path.insert(0, str(Path(__file__).parent.parent))
import jobs


@csp.process
async def produce(out: csp.Sender[int], count: int) -> None:
    for number in range(count):
        await out.send(number)


@csp.process
async def collect(into: csp.Receiver[jobs.Point]) -> list[jobs.Point]:
    return [point async for point in into]


def test_copies_share_the_ends_and_the_network_winds_down_by_itself() -> None:
    async def main() -> tuple[Any, ...]:
        numbers = csp.Channel(int, name="numbers")
        points = csp.Channel(jobs.Point, name="points")
        return await csp.Par(
            produce(numbers.sender(), 200),
            Cores(2) * jobs.squares(numbers.receiver(), points.sender()),
            collect(points.receiver()),
        )

    _, done, found = csp.run(main)
    assert sum(done) == 200
    assert len(done) == 2
    assert sorted(found, key=lambda point: point.x) == [jobs.Point(n, n * n) for n in range(200)]


def test_it_is_awaited_like_any_process_and_its_value_is_a_list() -> None:
    async def main() -> list[int]:
        return await (Cores(2) * jobs.through_a_channel(7))

    assert csp.run(main) == [7, 7]


def test_what_the_process_raises_elsewhere_is_raised_here_with_its_traceback() -> None:
    async def main() -> None:
        numbers = csp.Channel(int, name="numbers")
        with numbers.sender():
            await (Cores(1) * jobs.breaks(numbers.receiver()))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    found = caught.value.split(csp.CallFailed)[0]
    assert found is not None
    leaf: Any = found
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert str(leaf) == "ValueError: broken"
    assert "in breaks" in leaf.traceback


def orders_for(function: Any) -> Orders:
    types = codec(arguments_type(function)).fingerprint + codec(value_type(function)).fingerprint
    return Orders("m:f", "", "w", "w", "a secret for this test", 1000, types.hex(), whole=True)


@pytest.mark.parametrize("seconds", [0.0, 35.0], ids=["at once", "later"])
def test_a_process_may_keep_its_program_silent_for_a_minute(seconds: float) -> None:
    """From its first step, and after it has run for some time."""
    given = csp.Channel(tuple[float], name="w's arguments")
    taken = csp.Channel(Ended, name="w's value")
    streams = faulty_pair()
    held: list[float] = []
    limits: list[float] = []  # it is ended if it is held longer

    @csp.process
    async def holds(seconds: float) -> None:
        await trio.sleep(seconds)
        streams[1].half_open()  # nothing is heard of its program from now on
        held.append(trio.current_time())
        await trio.sleep_forever()

    async def main() -> float:
        async with linked(streams) as (home, there), trio.open_nursery() as nursery:
            home.share("w", given.receiver())
            home.share("w ended", taken.sender())
            function: Any = holds
            nursery.start_soon(
                run_placed, there, orders_for(function.function), function, limits.append
            )
            with given.sender() as out, taken.receiver(), home.events() as events:
                await out.send((seconds,))
                async for event in events:
                    if isinstance(event, netchannels.PeerLost):
                        break
                nursery.cancel_scope.cancel()
        return trio.current_time() - held[0]

    assert 60 <= trio.run(main, clock=MockClock(autojump_threshold=0)) <= 85
    assert set(limits) == {80}


def test_the_loss_of_a_program_that_has_not_ended_says_why_that_may_be() -> None:
    of: Any = SimpleNamespace(label="worker 1")
    running = _Running(of, of, 0, of)
    assert "(compute that long in `trio.to_thread.run_sync`)" in str(running.lost())


class Unreachable(Placement):
    """A program is being started there for ever; `began()` is called when that begins."""

    size = 1

    def __init__(self, began: Callable[[], object]) -> None:
        self._began = began

    def open(self) -> AbstractAsyncContextManager[Site]:
        return nullcontext(NoAnswer(self._began))


class NoAnswer(Site):
    listen, plain, size = "127.0.0.1:0", True, 1

    def __init__(self, began: Callable[[], object]) -> None:
        self._began = began

    async def run(self, *arguments: object, **more: object) -> str:
        self._began()
        await trio.sleep_forever()
        raise AssertionError


def test_a_cancel_does_not_wait_for_a_program_that_is_being_started() -> None:
    async def main() -> bool:
        with trio.CancelScope() as scope:
            await (Unreachable(scope.cancel) * jobs.through_a_channel(7))
        return scope.cancelled_caught

    assert csp.run(main)


def test_what_it_raises_is_told_though_the_others_have_missed_its_ends_before() -> None:
    @csp.process
    async def collects(results: csp.Receiver[int]) -> None:
        async for _ in results:
            pass

    async def main() -> None:
        results = csp.Channel(int, name="results")
        placed = Cores(1) * jobs.breaks_at_first(results.sender())
        await csp.Par(placed, collects(results.receiver()))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    assert caught.value.split(csp.CallFailed)[0] is not None


class Vanishing(Placement):
    """The machine of a program vanishes when that has its arguments; nobody says that it has ended."""

    size = 1

    def open(self) -> AbstractAsyncContextManager[Site]:
        return nullcontext(NoMachine())


class NoMachine(Site):
    listen, plain, size = "127.0.0.1:0", True, 1

    async def run(
        self,
        number: int,
        orders: Orders,
        address: str,
        hear: object,
        *,
        task_status: trio.TaskStatus[Program] = trio.TASK_STATUS_IGNORED,
    ) -> str:
        task_status.started(Program.none())
        with suppress(csp.LinkLost):
            async with netchannels.connect(
                address,
                secret=Secret.drawn(orders.secret),
                plain=True,
                label=orders.label,
                largest=orders.largest,
            ) as node:
                with await node.receiver(orders.name, tuple[int], wait=10) as given:
                    await given.receive()
                for link in list(node._inside.links):
                    link.lose("the cable is pulled")
        await trio.sleep_forever()
        raise AssertionError


def test_a_program_whose_link_is_lost_is_lost_though_nobody_says_that_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_placed, "GRACE", 0)

    async def main() -> None:
        await (Vanishing() * jobs.through_a_channel(7))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    found: Any = caught.value.split(ProgramLost)[0]
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert "its link is lost" in str(found)


def test_only_a_called_process_of_a_file_is_placed() -> None:
    @csp.process
    async def nested() -> None: ...

    with pytest.raises(TypeError, match="inside of a function"):
        Cores(1) * nested()
    wrong: Any = jobs.rest
    with pytest.raises(TypeError, match="called @process"):
        Cores(1) * wrong


def test_arguments_travel_by_their_annotations() -> None:
    assert (
        arguments_type(jobs.squares.function)
        == tuple[  # type: ignore[attr-defined]
            csp.Receiver[int], csp.Sender[jobs.Point], int
        ]
    )
    assert value_type(jobs.squares.function) is int  # type: ignore[attr-defined]

    def several(*numbers: int) -> None: ...

    for function, message in ((several, r"\*numbers"), (jobs.unannotated, "annotate it")):
        with pytest.raises(TypeRefused, match=message):
            arguments_type(function)


def test_copies_that_are_never_run_are_told_with_the_line_that_has_made_them() -> None:
    with pytest.warns(RuntimeWarning, match=r"\(test_placed.py:\d+\) was never run"):
        Cores(1) * jobs.through_a_channel(7)
        gc.collect()
