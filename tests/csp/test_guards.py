"""Guards as descriptions: what they take and refuse, and when each fires."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Alternation, Channel, Deadline, Every, Skip, Spawn, Timeout, Wait, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


def test_a_timeout_restarts_at_each_selection(run: Any) -> None:
    async def main() -> list[float]:
        alternation, times, began = Alternation(Timeout(3)), [], trio.current_time()
        for _ in range(2):
            await alternation.select()
            times.append(trio.current_time() - began)
            await trio.sleep(10)
        return times

    assert run(main) == pytest.approx([3, 16])


def test_every_keeps_its_rhythm_and_skips_what_was_missed(run: Any) -> None:
    async def main() -> list[float]:
        alternation, times, began = Alternation(Every(2)), [], trio.current_time()
        for pause in (1, 1, 5, 0):
            await alternation.select()
            times.append(trio.current_time() - began)
            await trio.sleep(pause)
        return times

    times = run(main)
    assert times[:3] == pytest.approx([2, 4, 6])
    assert times[3] == pytest.approx(11) or times[3] == pytest.approx(12)


def test_a_deadline_fires_once_and_drops_out(run: Any) -> None:
    async def main() -> float:
        began = trio.current_time()
        deadline = Deadline(began + 4)
        alternation = Alternation(deadline)
        assert await alternation.select() == (deadline, None)
        took = trio.current_time() - began
        with pytest.raises(RuntimeError, match="dropped out"):
            await alternation.select()
        assert [choice async for choice in Alternation(Deadline(began))] != []
        return took

    assert run(main) == pytest.approx(4)


def test_wait_gives_the_result_of_a_process_and_raises_its_error(run: Any) -> None:
    @process
    async def answer() -> int:
        await trio.sleep(2)
        return 42

    async def main() -> Any:
        async with Spawn() as spawn:
            wait = Wait(spawn(answer()))
            guard, value = await Alternation(wait, Timeout(60)).select()
            assert guard is wait
            return value

    assert run(main) == 42


def test_ended_fires_once_when_the_channel_has_ended(run: Any) -> None:
    async def main() -> list[Any]:
        channel = Channel(int, name="c", buffer=2)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                await tx.send(1)
            seen: list[Any] = [value async for _, value in Alternation(rx, rx.ended())]
            return seen

    assert run(main) == [1, None]


def test_ended_waits_for_the_last_sender(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        with channel.receiver() as rx, channel.sender() as tx:
            ended = rx.ended()
            timeout = Timeout(1)
            alternation = Alternation(ended, timeout)
            assert (await alternation.select()).guard is timeout
            tx.retire()
            return (await alternation.select()).guard is rx

    assert run(main)


def test_a_guard_behind_when_is_the_one_you_named(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.receiver() as rx, channel.sender() as tx:
            put = tx.offer(lambda: 5)
            choice = await Alternation(put.when(lambda: True).when(lambda: True)).select()
            assert choice == (tx, 5)
            choice = await Alternation(rx.when(lambda: True)).select()
            assert rx.chosen(choice)
            assert choice.value == 5
            timeout = Timeout(0)
            assert (await Alternation(timeout.when(lambda: True)).select()).guard is timeout

    run(main)


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_seconds_that_cannot_be_waited_for_are_refused(seconds: float) -> None:
    for guard in (Timeout, Every):
        with pytest.raises(ValueError, match="cannot be waited for"):
            guard(seconds)


@pytest.mark.parametrize("seconds", ["1", None, True])
def test_seconds_are_a_number(seconds: Any) -> None:
    for guard in (Timeout, Every):
        with pytest.raises(TypeError, match="seconds is a number"):
            guard(seconds)


def test_every_wants_more_than_nothing() -> None:
    with pytest.raises(ValueError):
        Every(0)


def test_functions_are_wanted_where_functions_are_wanted() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx, channel.sender() as tx:
            with pytest.raises(TypeError, match="when takes a function"):
                rx.when(True)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="when takes a function"):
                Skip().when(True)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="offer takes a function"):
                tx.offer(5)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="a sender is no guard"):
                Alternation(tx)  # type: ignore[call-overload]
            with pytest.raises(TypeError, match="is no guard"):
                Alternation(5)  # type: ignore[call-overload]
            with pytest.raises(ValueError, match="at least one"):
                Alternation()

    csp.run(main)


def test_a_member_of_a_barrier_is_a_guard(run: Any) -> None:
    @process
    async def syncs(member: csp.Member) -> None:
        await trio.sleep(3)
        await member.sync()

    async def main() -> float:
        barrier = csp.Barrier(name="b")
        with barrier.member() as mine:
            async with Spawn() as spawn:
                spawn(syncs(barrier.member()))
                choice = await Alternation(mine, Timeout(60)).select()  # type: ignore[arg-type]
                assert choice.guard is mine
                return trio.current_time()

    run(main)
