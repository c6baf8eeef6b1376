"""Processes that pass values on by the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from csp import Channel, Par, Process, Receiver, Sender, process
from csp.patterns import collect, delay, emit, regulate

Run = Callable[..., Any]
Timed = list[tuple[float, Any]]


@process
async def play(score: Timed, out: Sender[Any]) -> None:
    """Send each value at its time."""
    started = trio.current_time()
    for time, value in score:
        await trio.sleep_until(started + time)
        await out.send(value)


@process
async def record(inp: Receiver[Any]) -> Timed:
    started = trio.current_time()
    return [(trio.current_time() - started, value) async for value in inp]


async def played(
    score: Timed, make: Callable[[Receiver[Any], Sender[Any]], Process[None]]
) -> Timed:
    a, b = Channel[Any](name="a"), Channel[Any](name="b")
    network = Par(play(score, a.sender()), make(a.receiver(), b.sender()), record(b.receiver()))
    return (await network)[2]


def test_delay_passes_each_value_on_later(run: Run) -> None:
    score = [(0.0, "a"), (0.5, "b"), (9.0, "c")]
    assert run(played, score, lambda i, o: delay(2.0, i, o)) == [
        (2.0, "a"),
        (4.0, "b"),
        (11.0, "c"),
    ]


def test_delay_of_nothing_keeps_the_order(run: Run) -> None:
    async def main() -> list[int]:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        network = Par(
            emit(range(5), a.sender()), delay(0, a.receiver(), b.sender()), collect(b.receiver())
        )
        return (await network)[2]

    assert run(main) == [0, 1, 2, 3, 4]


def test_regulate_sends_the_newest_and_repeats_it(run: Run) -> None:
    score = [(0.1, 1), (0.2, 2), (2.5, 3), (4.5, None), (5.5, 4)]
    heard = run(played, score, lambda i, o: regulate(1.0, i, o))
    assert heard == [(1.0, 2), (2.0, 2), (3.0, 3), (4.0, 3), (5.0, None), (5.5, 4)]


def test_regulate_sends_nothing_before_the_first_value(run: Run) -> None:
    heard = run(played, [(2.5, 1), (3.5, 2)], lambda i, o: regulate(1.0, i, o))
    assert heard == [(3.0, 1), (3.5, 2)]


def test_regulate_repeats_none_as_well(run: Run) -> None:
    heard = run(played, [(0.5, None), (2.5, None)], lambda i, o: regulate(1.0, i, o))
    assert heard == [(1.0, None), (2.0, None), (2.5, None)]


def test_regulate_of_an_empty_input_sends_nothing(run: Run) -> None:
    assert run(played, [], lambda i, o: regulate(1.0, i, o)) == []


@pytest.mark.parametrize("seconds", [0, -1])
def test_regulate_refuses_what_cannot_be_waited_for(run: Run, seconds: float) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run(played, [(0.0, 1)], lambda i, o: regulate(seconds, i, o))
    assert caught.group_contains(ValueError)
