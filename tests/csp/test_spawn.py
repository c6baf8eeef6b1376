"""Spawn: processes started one by one and waited for together."""

from __future__ import annotations

import contextvars
import gc
import weakref
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Channel, EndOfChannel, Receiver, Running, Sender, Spawn, process
from csp._kernel import HOLDER


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


def test_a_running_that_nobody_holds_is_forgotten_when_its_process_starts(run: Any) -> None:
    async def main() -> tuple[bool, bool]:
        async with Spawn() as spawn:
            forgotten = weakref.ref(spawn(after(1)))
            kept = spawn(after(1))
            known = weakref.ref(kept)
            del kept
            early = known() is not None  # its process has not started
            await trio.sleep(0.5)
            return early, forgotten() is None

    assert run(main) == (False, True)


def test_a_running_that_is_held_when_its_process_starts_is_told_the_end(run: Any) -> None:
    async def main() -> int:
        async with Spawn() as spawn:
            held = [spawn(after(1, 5))]
            await trio.sleep(0.5)
            known = weakref.ref(held.pop())
            await trio.sleep(0.2)
            running = known()
            assert running is not None, "the process holds it"
            return await running

    assert run(main) == 5


def test_the_failure_of_a_forgotten_process_cancels_the_others(run: Any) -> None:
    async def main() -> float:
        with pytest.raises(ExceptionGroup) as caught:
            async with Spawn() as spawn:
                spawn(after(100))
                spawn(fails(1))
        assert "in process `fails` (test_spawn.py:" in caught.value.exceptions[0].__notes__[0]
        return trio.current_time()

    assert run(main) == 1


def test_a_forgotten_background_process_is_cancelled_as_any_other(run: Any) -> None:
    async def main() -> float:
        async with Spawn() as spawn:
            spawn(after(100), background=True)
            spawn(after(2))
        return trio.current_time()

    assert run(main) == 2


def test_cancelling_the_spawn_retires_the_ends_of_forgotten_processes_without_a_cause(
    run: Any,
) -> None:
    async def main() -> None:
        there, back = Channel(int, name="there"), Channel(int, name="back")
        with there.sender() as out, back.receiver() as feed:
            async with Spawn() as spawn:
                spawn(forwards(there.receiver(), back.sender()))
                await out.send(1)
                assert await feed.receive() == 1
                spawn.cancel()
            with pytest.raises(EndOfChannel):  # a cause would make it Abandoned
                await feed.receive()

    run(main)


def test_a_quiet_end_of_a_forgotten_process_is_no_failure(run: Any) -> None:
    @process
    async def takes(feed: Receiver[int]) -> None:
        while True:
            await feed.receive()

    async def main() -> float:
        jobs = Channel(int, name="jobs")
        async with Spawn() as spawn:
            spawn(takes(jobs.receiver()))
            with jobs.sender() as out:
                await out.send(1)
            await trio.sleep(1)
        return trio.current_time()

    assert run(main) == 1


def test_a_process_that_is_closed_from_outside_leaves_the_closer_who_he_is(run: Any) -> None:
    async def main() -> None:
        jobs = Channel(int, name="jobs")
        with jobs.sender():
            holder = HOLDER.get()
            inside = forwards(jobs.receiver(), Channel(int, name="out").sender())
            elsewhere = contextvars.copy_context()
            elsewhere.run(HOLDER.set, None)
            elsewhere.run(inside.send, None)
            inside.close()
            assert HOLDER.get() is holder

    run(main)


@pytest.mark.skipif("csp._parking.CAN_LEND is False", reason="this trio cannot lend")
def test_a_parked_process_with_its_channel_is_nineteen_objects_for_the_collector() -> None:
    """Garbage collections go through all of them: they are most of what many processes cost."""

    @process
    async def parked(feed: Receiver[int]) -> None:
        await feed.receive()

    count = 500

    async def main() -> float:
        senders: list[Sender[int]] = []
        gc.collect()
        before = len(gc.get_objects())
        async with Spawn() as spawn:
            for _ in range(count):
                jobs = Channel(int, name="jobs")
                spawn(parked(jobs.receiver()))
                senders.append(jobs.sender())
            await trio.testing.wait_all_tasks_blocked()
            gc.collect()
            each = (len(gc.get_objects()) - before) / count
            for out in senders:
                await out.send(1)
        return each

    assert csp.run(main, lend=True) < 19.5
