"""The farm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from csp import Channel, NoReceivers, Par, Spawn, process
from csp.patterns import collect, emit, farm, map, pipeline, take

Run = Callable[..., Any]
Through = Callable[[Any, Any], list[Any]]

law = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `through` keeps nothing
)


async def nap(seconds: float) -> str:
    await trio.sleep(seconds)
    return f"slept {seconds}"


naps = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), max_size=8)


@law
@given(values=naps, workers=st.integers(1, 4))
def test_an_ordered_farm_is_a_map(through: Through, values: list[float], workers: int) -> None:
    expected = through(partial(map, lambda seconds: f"slept {seconds}"), values)
    assert through(partial(farm, nap, workers=workers), values) == expected


@law
@given(values=naps, workers=st.integers(1, 4))
def test_a_farm_as_completed_loses_and_doubles_nothing(
    through: Through, values: list[float], workers: int
) -> None:
    heard = through(partial(farm, nap, workers=workers, ordered=False), values)
    assert sorted(heard) == sorted(f"slept {seconds}" for seconds in values)


def test_as_completed_the_quick_ones_come_first(through: Through) -> None:
    heard = through(partial(farm, nap, workers=3, ordered=False), [3.0, 2.0, 1.0])
    assert heard == ["slept 1.0", "slept 2.0", "slept 3.0"]


@pytest.mark.parametrize(
    ("workers", "seconds"), [(1, 8.0), (2, 4.0), (4, 2.0), (8, 1.0), (99, 1.0)]
)
def test_the_workers_work_at_the_same_time(run: Run, workers: int, seconds: float) -> None:
    async def main() -> float:
        a, b = Channel(float, name="a"), Channel(str, name="b")
        started = trio.current_time()
        await Par(
            emit([1.0] * 8, a.sender()),
            farm(nap, a.receiver(), b.sender(), workers=workers),
            collect(b.receiver()),
        )
        return trio.current_time() - started

    assert run(main) == seconds


def test_a_process_function_will_do(through: Through) -> None:
    @process
    async def double(number: int) -> int:
        return 2 * number

    assert through(partial(farm, double, workers=2), [1, 2]) == [2, 4]


def test_it_takes_a_value_for_each_worker_and_one_more(run: Run) -> None:
    async def main() -> int:
        a, b = Channel(float, name="a"), Channel(str, name="b")
        taken: list[int] = []
        async with Spawn() as spawn:
            running = spawn(farm(nap, a.receiver(), b.sender(), workers=3))
            spawn(emit((taken.append(0) or 99.0 for _ in range(9)), a.sender()))
            with b.receiver():
                await wait_all_tasks_blocked()
                offered = len(taken)
                running.cancel()
            return offered - 1  # the last one waits in `emit`

    assert run(main) == 4


def test_none_is_a_value_like_any_other(through: Through) -> None:
    async def same(value: object) -> object:
        return value

    assert through(partial(farm, same, workers=2), [None, 1, None]) == [None, 1, None]


async def halve(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def test_the_error_of_the_function_is_the_error_of_the_farm(through: Through) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        through(partial(farm, halve, workers=2), [2, 4, 5, 6])
    assert caught.group_contains(ValueError, match="5 is odd")


def test_an_ordered_farm_fails_behind_the_results_before(run: Run) -> None:
    async def main() -> list[int]:
        a, b = Channel(int, name="a"), Channel(int, name="b", buffer=9)
        with b.receiver() as results:
            try:
                await Par(
                    emit([2, 4, 5, 6], a.sender()),
                    farm(halve, a.receiver(), b.sender(), workers=4),
                )
            except* ValueError:
                pass
            return [
                results.receive_nowait() for _ in range(results.statistics().current_buffer_used)
            ]

    assert run(main) == [1, 2]


def test_what_the_function_finds_ended_is_an_error_and_no_quiet_end(through: Through) -> None:
    async def into_the_void(value: int) -> None:
        channel = Channel(int, name="void")
        channel.receiver().retire()
        with channel.sender() as out:
            await out.send(value)

    with pytest.raises(ExceptionGroup) as caught:
        through(partial(farm, into_the_void, workers=2), [1])
    assert caught.group_contains(NoReceivers)


def test_work_is_cancelled_when_nobody_receives_the_results(run: Run) -> None:
    ended: list[float] = []

    async def work(seconds: float) -> float:
        try:
            await trio.sleep(seconds)
        finally:
            ended.append(trio.current_time())
        return seconds

    async def main() -> float:
        a, b, c = (Channel(float, name=name) for name in "abc")
        started = trio.current_time()
        await Par(
            emit([1.0, 2.0, 1000.0, 1000.0], a.sender()),
            farm(work, a.receiver(), b.sender(), workers=4, ordered=False),
            take(1, b.receiver(), c.sender()),
            collect(c.receiver()),
        )
        return trio.current_time() - started

    assert run(main) == 2.0
    assert len(ended) == 4


@pytest.mark.parametrize("workers", [0, -1])
def test_a_farm_needs_workers(through: Through, workers: int) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        through(partial(farm, nap, workers=workers), [1.0])
    assert caught.group_contains(ValueError, match="1 or more workers")


def test_a_farm_is_a_stage(through: Through) -> None:
    joined = pipeline(partial(map, float), partial(farm, nap, workers=2), partial(map, len))
    assert through(joined, ["1", "10"]) == [9, 10]
