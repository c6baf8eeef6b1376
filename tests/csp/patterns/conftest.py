"""Each test of a pattern that asks for `run` runs on both scheduling paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock

import csp
from csp import Channel, Par, Process, Receiver, Sender, patterns


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def lend(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def run(lend: bool) -> Callable[..., Any]:
    """`csp.run` in virtual time."""
    return lambda main, *args: csp.run(
        main, *args, lend=lend, clock=MockClock(autojump_threshold=0)
    )


Stage = Callable[[Receiver[Any], Sender[Any]], Process[Any]]


@pytest.fixture
def through(run: Callable[..., Any]) -> Callable[[Stage, Any], list[Any]]:
    """`through(stage, values)`: what comes out of a stage when these values go in."""

    async def main(stage: Stage, values: Any) -> list[Any]:
        a, b = Channel[Any](name="a"), Channel[Any](name="b")
        network = Par(
            patterns.emit(values, a.sender()),
            stage(a.receiver(), b.sender()),
            patterns.collect(b.receiver()),
        )
        return (await network)[2]

    return lambda stage, values: run(main, stage, values)
