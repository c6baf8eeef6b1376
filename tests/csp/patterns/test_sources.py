"""Processes with an output and no input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

from csp import Alternation, Channel, Par, Process, Receiver, Sender, process
from csp.patterns import collect, counter, emit, take, ticker

Run = Callable[..., Any]


async def first(count: int, source: Callable[[Sender[Any]], Process[Any]]) -> list[Any]:
    a, b = Channel[Any](name="a"), Channel[Any](name="b")
    network = Par(source(a.sender()), take(count, a.receiver(), b.sender()), collect(b.receiver()))
    return (await network)[2]


def test_emit_sends_an_iterable_in_its_order(run: Run) -> None:
    assert run(first, 9, partial(emit, [3, 1, 2])) == [3, 1, 2]


def test_emit_sends_an_async_iterable(run: Run) -> None:
    async def letters() -> AsyncIterator[str]:
        for letter in "abc":
            await trio.sleep(1)
            yield letter

    assert run(first, 9, partial(emit, letters())) == ["a", "b", "c"]


def test_emit_closes_an_async_generator_that_it_has_not_exhausted(run: Run) -> None:
    closed: list[bool] = []

    async def letters() -> AsyncIterator[str]:
        try:
            while True:
                yield "a"
        finally:
            await trio.sleep(1)
            closed.append(True)

    assert run(first, 2, partial(emit, letters())) == ["a", "a"]
    assert closed == [True]


def test_emit_passes_on_what_comes_from_a_receiver(run: Run) -> None:
    async def main() -> list[int]:
        a, b, c = (Channel(int, name=name) for name in "abc")
        network = Par(
            emit([1, 2], a.sender()),
            emit(a.receiver(), b.sender()),
            take(9, b.receiver(), c.sender()),
            collect(c.receiver()),
        )
        return (await network)[3]

    assert run(main) == [1, 2]


def test_emit_takes_no_more_of_its_iterable_than_is_received(run: Run) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    assert run(first, 3, partial(emit, endless())) == [0, 1, 2]
    assert taken == [0, 1, 2, 3]  # the last one found nobody


def test_an_error_of_its_iterable_is_the_error_of_emit(run: Run) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("disk full")

    with pytest.raises(ExceptionGroup) as caught:
        run(first, 9, partial(emit, broken()))
    assert caught.group_contains(OSError, match="disk full")


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, [0, 1, 2]), ({"start": 5}, [5, 6, 7]), ({"step": -2}, [0, -2, -4])],
)
def test_counter_counts(run: Run, options: dict[str, int], numbers: list[int]) -> None:
    assert run(first, 3, lambda out: counter(out, **options)) == numbers


def test_ticker_ticks_by_the_clock(run: Run) -> None:
    async def main() -> list[tuple[int, float]]:
        ticks = Channel(int, name="ticks")
        return (await Par(ticker(2.0, ticks.sender()), watch(ticks.receiver())))[1]

    @process
    async def watch(inp: Receiver[int]) -> list[tuple[int, float]]:
        started = trio.current_time()
        return [(await inp.receive(), trio.current_time() - started) for _ in range(3)]

    assert run(main) == [(0, 2.0), (1, 4.0), (2, 6.0)]


def test_ticks_that_were_missed_are_left_out_and_the_beat_is_kept(run: Run) -> None:
    @process
    async def slow(inp: Receiver[int]) -> list[tuple[int, float]]:
        started, seen = trio.current_time(), []
        for _ in range(3):
            await trio.sleep(5)
            seen.append((await inp.receive(), trio.current_time() - started))
        return seen

    async def main() -> list[tuple[int, float]]:
        ticks = Channel(int, name="ticks")
        return (await Par(ticker(2.0, ticks.sender()), slow(ticks.receiver())))[1]

    assert run(main) == [(0, 5.0), (1, 10.0), (2, 15.0)]


def test_ticker_ends_at_the_tick_after_its_receivers_have_retired(run: Run) -> None:
    async def main() -> float:
        ticks = Channel(int, name="ticks")
        ticks.receiver().retire()
        started = trio.current_time()
        await ticker(3.0, ticks.sender())
        return trio.current_time() - started

    assert run(main) == 3.0


@pytest.mark.parametrize(("seconds", "error"), [(0, ValueError), ("1", TypeError)])
def test_ticker_refuses_what_cannot_be_waited_for(
    run: Run, seconds: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(ticker(seconds, Channel(int).sender()))


def test_sources_are_guards_like_any_other_sender(run: Run) -> None:
    """An alternation over two counters takes from both."""

    async def main() -> set[int]:
        a, b = Channel(int, name="a"), Channel(int, name="b")

        @process
        async def both(left: Receiver[int], right: Receiver[int]) -> set[int]:
            alternation = Alternation(left, right)
            return {(await alternation.select()).value for _ in range(4)}

        network = Par(
            counter(a.sender()), counter(b.sender(), 10), both(a.receiver(), b.receiver())
        )
        return (await network)[2]

    assert run(main) == {0, 1, 10, 11}
