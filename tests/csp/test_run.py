"""csp.run: what main returns, raises, and is warned of."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Channel, Par, Receiver, Sender, process


@process
async def put(out: Sender[int], number: int) -> None:
    await out.send(number)


def told(main: Callable[[], Any]) -> list[str]:
    """The warnings of a run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        csp.run(main)
    return [str(each.message) for each in caught]


def test_an_end_that_main_neither_uses_nor_gives_away_is_told() -> None:
    kept: list[Any] = []

    async def main() -> None:
        jobs = Channel(int, name="jobs", buffer=1)
        kept.append(jobs.receiver())
        await put(jobs.sender(), 1)

    assert told(main) == [
        "`main` made a receiver of `jobs`, and neither used it nor gave it to a process "
        "(csp explain dropped-end)"
    ]


def test_an_end_that_was_used_given_retired_or_received_is_not_told() -> None:
    @process
    async def ignores(feed: Receiver[int]) -> None:
        return None

    async def main() -> None:
        jobs = Channel(int, name="jobs", buffer=9)
        used, given = jobs.sender(), jobs.receiver()
        jobs.receiver().retire()
        with jobs.sender():
            await used.send(1)
        await Par(put(jobs.sender(), 1), ignores(given))

    assert told(main) == []


def test_a_main_that_fails_is_not_told_of_its_ends_as_well() -> None:
    async def main() -> None:
        jobs = Channel(int, name="jobs")
        tx = jobs.sender()
        raise KeyError(tx)

    with pytest.raises(KeyError), warnings.catch_warnings():
        warnings.simplefilter("error")
        csp.run(main)


def test_arguments_reach_main_and_its_value_comes_back() -> None:
    async def main(a: int, b: int) -> int:
        await trio.lowlevel.checkpoint()
        return a + b

    assert csp.run(main, 1, 2) == 3


def test_an_exception_passes_bare_and_unchanged() -> None:
    error = KeyError("mine")

    async def main() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        csp.run(main)
    assert caught.value is error


@pytest.mark.parametrize("wrong", [None, 3, "main", Channel(int)])
def test_what_is_no_main_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a process or an async function"):
        csp.run(wrong)


def test_a_plain_function_is_refused_with_what_it_returned() -> None:
    with pytest.raises(TypeError, match="returned 3"):
        csp.run(lambda: 3)  # type: ignore[arg-type,return-value]


def test_an_unknown_way_with_deadlocks_is_refused() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        csp.run(put, deadlock="perhaps")  # type: ignore[call-overload]


def test_a_deadlock_may_only_be_warned_of() -> None:
    async def free_it(scope: trio.CancelScope) -> None:
        await trio.sleep(3)
        scope.cancel()

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender(), channel.receiver() as rx, trio.CancelScope() as scope:
            trio.lowlevel.spawn_system_task(free_it, scope)  # nothing csp knows of
            await rx.receive()

    with pytest.warns(RuntimeWarning, match="waits to receive from `c`"):
        csp.run(main, deadlock="warn", clock=trio.testing.MockClock(rate=30))


def test_a_deadlock_may_be_ignored() -> None:
    async def main() -> str:
        channel = Channel(int, name="c")
        with channel.sender(), channel.receiver() as rx:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(rx.receive)
                    for _ in range(10):
                        await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()
        return "over"

    assert csp.run(main, deadlock="ignore") == "over"


def test_a_coroutine_is_refused_with_what_to_write() -> None:
    async def main() -> None: ...

    with pytest.raises(TypeError, match=r"write `csp.run\(main\)`: it calls the function itself"):
        csp.run(main())  # type: ignore[call-overload]


def test_where_no_run_goes_on_the_way_to_start_one_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"start the program with `csp.run\(main\)`"):
        put(Channel(int, name="jobs").sender(), 1).send(None)


def test_under_asyncio_one_is_told_to_start_with_csp_run() -> None:
    @process
    async def nothing() -> None:
        pass

    async def main() -> None:
        await nothing()

    with pytest.raises(RuntimeError, match=r"start the program with `csp\.run\(main\)`"):
        asyncio.run(main())


def test_csp_run_works_where_a_loop_of_asyncio_runs_as_in_a_notebook() -> None:
    @process
    async def answer() -> int:
        return 42

    async def cell() -> int:
        return csp.run(answer)

    assert asyncio.run(cell()) == 42


def test_what_a_failed_process_has_not_awaited_is_told_when_the_run_is_over() -> None:
    """Its frame goes with the run, also if no other run follows."""

    @process
    async def forgetful(inp: Receiver[int]) -> int:
        number: Any = inp.receive()
        return int(number + 1)

    async def main() -> None:
        numbers = Channel(int, name="numbers")
        with numbers.sender():
            await forgetful(numbers.receiver())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(TypeError):
            csp.run(main)
        gc.collect()
    assert "coroutine 'Receiver.receive' was never awaited" in [str(w.message) for w in caught]
