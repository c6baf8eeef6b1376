"""Flags: set once, never reset, and whoever waits for one."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Alternation, Flag, Spawn, Timeout, Wait, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def waiter(flag: Flag) -> float:
    await Alternation(Wait(flag)).select()
    return trio.current_time()


def test_all_who_wait_are_woken_by_a_flag(run: Any) -> None:
    async def main() -> list[float]:
        flag, began = Flag(), trio.current_time()
        async with Spawn() as spawn:
            running = [spawn(waiter(flag)) for _ in range(3)]
            await trio.sleep(7)
            assert not flag.is_set()
            flag.set()
            flag.set()  # idempotent
            return [round(await each - began) for each in running]

    assert run(main) == [7, 7, 7]


def test_a_flag_that_is_set_is_ready_at_once_and_for_ever(run: Any) -> None:
    async def main() -> None:
        flag = Flag()
        flag.set()
        for _ in range(2):
            wait = Wait(flag)
            assert await Alternation(wait).select() == (wait, None)
        assert flag.is_set()

    run(main)


def test_a_wait_that_is_cancelled_leaves_the_flag_as_it_was(run: Any) -> None:
    async def main() -> None:
        flag = Flag()
        with trio.move_on_after(1) as scope:
            await Alternation(Wait(flag)).select()
        assert scope.cancelled_caught
        flag.set()
        assert (await Alternation(Wait(flag)).select()).value is None

    run(main)


def test_a_flag_in_a_loop_fires_once_and_drops_out(run: Any) -> None:
    async def main() -> list[str]:
        flag, seen = Flag(), []
        flag.set()
        wait, timeout = Wait(flag), Timeout(1)
        async for guard, _ in Alternation(wait, timeout):
            seen.append("flag" if guard is wait else "timeout")
            if len(seen) == 3:
                break
        return seen

    assert run(main) == ["flag", "timeout", "timeout"]


def test_to_wait_for_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="Flag or a running process"):
        Wait(3)  # type: ignore[call-overload]
