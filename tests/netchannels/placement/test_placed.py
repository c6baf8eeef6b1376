"""`Cores(n) * worker(...)`: copies of a process in programs of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import csp
from netchannels import Cores, TypeRefused
from netchannels.placement._placed import arguments_type, value_type

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
