"""Spawn: processes started one by one and waited for together."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Channel, Receiver, Running, Sender, Spawn, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Any:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def after(seconds: float, value: int = 0) -> int:
    await trio.sleep(seconds)
    return value


@process
async def fails(seconds: float) -> None:
    await trio.sleep(seconds)
    raise ValueError("broken")


@process
async def forwards(feed: Receiver[int], out: Sender[int]) -> None:
    async for number in feed:
        await out.send(number)


def test_the_block_waits_for_all(run: Any) -> None:
    async def main() -> tuple[list[int], float]:
        async with Spawn() as spawn:
            running = [spawn(after(n, n)) for n in (3, 1, 2)]
        return [each.result() for each in running], trio.current_time()

    assert run(main) == ([3, 1, 2], 3)


def test_a_running_process_is_awaited_by_any_number(run: Any) -> None:
    async def main() -> list[int]:
        async with Spawn() as spawn:
            one = spawn(after(2, 7))
            return [await one, await one]

    assert run(main) == [7, 7]


def test_a_background_process_is_cancelled_when_the_others_have_ended(run: Any) -> None:
    async def main() -> tuple[Any, float]:
        async with Spawn() as spawn:
            server = spawn(after(100), background=True)
            spawn(after(2))
        return server.result(), trio.current_time()

    assert run(main) == (None, 2)


def test_a_failure_cancels_the_others_and_is_raised_in_a_group(run: Any) -> None:
    kept: list[Running[int]] = []

    async def main() -> float:
        with pytest.raises(ExceptionGroup) as caught:
            async with Spawn() as spawn:
                kept.append(spawn(after(100)))
                spawn(fails(1))
        (error,) = caught.value.exceptions
        assert isinstance(error, ValueError)
        assert "in process `fails` (test_spawn.py:" in error.__notes__[0]
        return trio.current_time()

    assert run(main) == 1
    with pytest.raises(trio.Cancelled):
        kept[0].result()


def test_whoever_awaits_a_failed_process_gets_its_error(run: Any) -> None:
    async def main() -> None:
        with pytest.raises(ExceptionGroup):
            async with Spawn() as spawn:
                running = spawn(fails(1))
                try:
                    await running
                except ValueError:
                    raise AssertionError("the block is cancelled first") from None
        with pytest.raises(ValueError, match="broken"):
            running.result()

    run(main)


def test_cancel_ends_one_and_retires_its_ends_without_a_cause(run: Any) -> None:
    async def main() -> list[int]:
        there, back = Channel(int, name="there"), Channel(int, name="back")
        with there.sender() as out, back.receiver() as feed:
            async with Spawn() as spawn:
                running = spawn(forwards(there.receiver(), back.sender()))
                await out.send(1)
                got = [await feed.receive()]
                running.cancel()
                assert await running is None
                got += [number async for number in feed]  # ends in order
        return got

    assert run(main) == [1]


def test_cancelling_the_spawn_ends_all_and_the_block(run: Any) -> None:
    async def main() -> float:
        async with Spawn() as spawn:
            spawn(after(100))
            spawn(after(200), background=True)
            await trio.sleep(1)
            spawn.cancel()
            await trio.sleep(300)
        return trio.current_time()

    assert run(main) == 1


def test_cancelling_a_spawn_that_is_over_or_not_begun_does_nothing() -> None:
    Spawn().cancel()


def test_a_process_may_be_started_from_another(run: Any) -> None:
    @process
    async def starts(spawn: Spawn) -> None:
        spawn(after(5))

    async def main() -> float:
        async with Spawn() as spawn:
            spawn(starts(spawn))
        return trio.current_time()

    assert run(main) == 5


def test_outside_of_the_block_nothing_is_started(run: Any) -> None:
    async def main() -> None:
        spawn = Spawn()
        late = after(1)
        with pytest.raises(RuntimeError, match="inside its `async with Spawn"):
            spawn(late)
        late.close()

    run(main)


@pytest.mark.parametrize(("wrong", "hint"), [(after, "write `after"), (3, "not 3")])
def test_what_is_no_process_is_refused(run: Any, wrong: Any, hint: str) -> None:
    async def main() -> None:
        async with Spawn() as spawn:
            with pytest.raises(TypeError, match=hint):
                spawn(wrong)

    run(main)


def test_a_result_before_the_end_is_refused_and_the_repr_names_it(run: Any) -> None:
    async def main() -> None:
        async with Spawn() as spawn:
            running = spawn(after(1).named("sleeper"))
            assert (running.name, repr(running)) == ("sleeper", "<running sleeper>")
            with pytest.raises(RuntimeError, match="has not ended yet"):
                running.result()

    run(main)
