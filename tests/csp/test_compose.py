"""Par, Seq and copies: values, order, what they take and what they refuse."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Barrier, Channel, Par, Seq, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Any:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def after(seconds: float, value: int = 0) -> int:
    await trio.sleep(seconds)
    return value


@process
async def fails() -> int:
    raise ValueError("broken")


def test_par_takes_as_long_as_the_slowest_and_seq_as_all(run: Any) -> None:
    async def main() -> Any:
        side_by_side = await Par(after(3, 1), after(1, 2))
        between = trio.current_time()
        in_turn = await Seq(after(3, 1), after(1, 2))
        return side_by_side, between, in_turn, trio.current_time()

    assert run(main) == ((1, 2), 3, (1, 2), 7)


def test_they_nest_and_copies_count_as_one_element(run: Any) -> None:
    async def main() -> Any:
        return await Par(2 * after(1, 7), Seq(after(0, 1), Par(after(0, 2), after(0, 3))))

    assert run(main) == ([7, 7], (1, (2, 3)))


def test_nothing_and_no_copies_have_no_values(run: Any) -> None:
    async def main() -> Any:
        return await Par(), await Seq(), await (0 * after(1)), await (2 * Par(after(0, 1)))

    assert run(main) == ((), (), [], [(1,), (1,)])


def test_par_takes_channel_operations_whose_ends_stay_the_parents(run: Any) -> None:
    async def main() -> Any:
        left, right = Channel(int, name="left"), Channel(str, name="right")
        barrier = Barrier(name="b")
        with left.sender() as a, left.receiver() as b, right.sender() as c, right.receiver() as d:
            with barrier.member() as one:
                values = await Par(
                    a.send(1), b.receive(), c.send("x"), csp.Alternation(d).select(), one.sync()
                )
            await Par(a.send(2), b.receive())
        return values[1], values[3].value

    assert run(main) == (1, "x")


def test_an_error_in_seq_passes_bare_and_drops_the_rest(run: Any) -> None:
    async def main() -> float:
        with pytest.raises(ValueError, match="broken"):
            await Seq(after(1), fails(), after(10))
        return trio.current_time()

    assert run(main) == 1


async def bare() -> None: ...


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (bare, "`bare` is a bare coroutine: decorate it with @process"),
        (lambda: after, "`after` was not called"),
        (lambda: 3, "a process is wanted, not 3"),
        (lambda: None, "a process is wanted, not None: was it awaited already?"),
    ],
)
def test_what_is_no_process_is_refused(make: Any, hint: str) -> None:
    for compose in (Par, Seq):
        with pytest.raises(TypeError) as caught:
            compose(make())
        assert hint in str(caught.value)


def test_a_channel_operation_cannot_be_copied(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as out, channel.receiver():
            network = Par(out.send(1))
            with pytest.raises(TypeError, match="write a @process"):
                2 * network
            network.close()

    run(main)


@pytest.mark.parametrize("n", [-1, 1.5, True])
def test_a_wrong_number_of_copies_is_refused(n: Any) -> None:
    one = after(1)
    with pytest.raises((TypeError, ValueError)):
        n * one
    one.close()


def test_a_process_is_composed_once() -> None:
    one = after(1)
    whole = Par(one)
    with pytest.raises(RuntimeError, match="was run or composed already"):
        Seq(one)
    whole.close()


def test_a_process_is_a_coroutine_for_a_nursery_and_by_hand() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(after, 1)

    trio.run(main, clock=MockClock(autojump_threshold=0))

    async def by_hand() -> int:
        described = after(0, 7)
        assert repr(described).startswith("<process after (test_compose.py:")

        class Await:
            def __await__(self) -> Any:
                value: Any = None
                while True:
                    try:
                        value = yield described.send(value)
                    except StopIteration as stop:
                        return stop.value

        return await Await()

    assert trio.run(by_hand) == 7


def test_a_list_of_processes_is_refused_with_what_to_write() -> None:
    processes = [after(0), after(1)]
    with pytest.raises(TypeError, match=r"not a list: write `Par\(\*processes\)`"):
        Par(processes)  # type: ignore[call-overload]
    for each in processes:
        each.close()


def test_ends_given_to_a_bare_coroutine_retire_without_a_warning() -> None:
    async def plain(out: csp.Sender[int]) -> None: ...

    async def main() -> None:
        numbers = Channel(int, name="numbers")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(TypeError, match="decorate it with @process"):
                Par(plain(numbers.sender()))
        with numbers.receiver() as rx:
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    csp.run(main)


def test_one_that_fails_in_a_nested_par_cancels_those_around_before_its_ends_retire(
    run: Any,
) -> None:
    @process
    async def producer(out: csp.Sender[int]) -> None:
        while True:
            await out.send(0)

    @process
    async def worker(inp: csp.Receiver[int]) -> None:
        await inp.receive()
        raise ValueError("broken")

    async def main() -> None:
        numbers = Channel(int, name="numbers")
        await Par(producer(numbers.sender()), Par(worker(numbers.receiver())))

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    leaves = caught.value.exceptions[0]
    assert len(caught.value.exceptions) == 1
    assert isinstance(leaves, ExceptionGroup)
    assert isinstance(leaves.exceptions[0], ValueError)


def test_trio_says_what_to_write_to_whoever_starts_a_called_process_in_a_nursery() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with pytest.raises(TypeError, match=r"nursery.start_soon\(after, \.\.\.\)"):
                nursery.start_soon(after(0))  # type: ignore[arg-type]

    trio.run(main)
