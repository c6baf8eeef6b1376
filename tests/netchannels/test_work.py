"""The work on a batch: in the loop, in a thread, within its time, within its bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

import csp
from netchannels._batches import MUCH, OVERRAN, RAISED, Answers, Batch, Batches
from netchannels._codec import codec
from netchannels._work import LONG, Unguarded, Work

INT = codec(int)


class Guard:
    def __init__(self) -> None:
        self.expected: list[float] = []

    def expect(self, seconds: float) -> None:
        self.expected.append(seconds)


async def silent(seconds: float) -> None:
    """Nobody listens."""


@asynccontextmanager
async def served(work: Work) -> AsyncGenerator[csp.Sender[Any]]:
    """What calls it."""
    channel = csp.Channel(Batches, name="batches")
    receiver = channel.receiver()

    async def serve() -> None:
        with receiver:
            await work.serve(receiver)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with channel.sender() as calls:
            yield calls


def work_on(
    function: Callable[[Any], Any], *batches: Batch, is_async: bool = False, **options: Any
) -> tuple[list[Answers], Work]:
    """The answers to some batches."""
    options = {"largest": 1_000_000, "busy": silent, "guard": Unguarded()} | options
    codecs = options.pop("codecs", (INT, INT))
    work = Work(function, codecs, is_async=is_async, **options)

    async def main() -> list[Answers]:
        async with served(work) as calls:
            return [await calls.call(batch) for batch in batches]
        raise AssertionError

    return csp.run(main), work


def requests(*numbers: int, timeout: float = 0.0) -> Batch:
    return Batch([INT.encode(number) for number in numbers], timeout)


def replies(answers: Answers) -> list[int]:
    return [INT.decode(reply) for reply in answers.replies]


def test_a_def_runs_in_one_thread_for_the_batch_and_an_async_def_in_the_loop() -> None:
    threads: list[int] = []

    def double(number: int) -> int:
        threads.append(threading.get_ident())
        return 2 * number

    async def triple(number: int) -> int:
        await trio.sleep(0)
        threads.append(threading.get_ident())
        return 3 * number

    (answers,), _ = work_on(double, requests(1, 2))
    assert replies(answers) == [2, 4]
    (answers,), _ = work_on(triple, requests(1, 2), is_async=True)
    assert replies(answers) == [3, 6]
    here = threading.get_ident()
    assert threads[0] == threads[1] != here
    assert threads[2:] == [here, here]


def test_an_empty_batch_is_answered_and_a_failure_stands_in_its_place() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2

    (empty, answers), _ = work_on(half, Batch([]), requests(4, 5, 6))
    assert empty == Answers([])
    assert INT.decode(answers.replies[0]) == 2
    assert INT.decode(answers.replies[2]) == 3
    assert (answers.failures[1].kind, answers.failures[1].text) == (RAISED, "ValueError: 5 is odd")
    assert list(answers.failures) == [1]


def test_what_is_not_begun_after_a_while_goes_back() -> None:
    def slow(number: int) -> int:
        time.sleep(LONG * 1.1)
        return number

    (answers,), _ = work_on(slow, requests(1, 2, 3))
    assert replies(answers) == [1]


def test_so_does_what_would_come_after_many_bytes_and_what_is_too_long_fails() -> None:
    kinds = (INT, codec(bytes))
    (answers,), _ = work_on(bytes, requests(700_000, 700_000, 1), codecs=kinds)
    assert [len(reply) > 600_000 for reply in answers.replies] == [True, True]
    assert MUCH < 2 * 700_000
    (answers,), _ = work_on(bytes, requests(2_000_000, 1), codecs=kinds)
    assert "2,000,005 bytes, 1,000,000 at most" in answers.failures[0].text
    assert answers.replies[1] == codec(bytes).encode(b"\0")


def test_an_async_def_that_overruns_is_cancelled_and_the_next_one_begins() -> None:
    async def rest(milliseconds: int) -> int:
        await trio.sleep(milliseconds / 1000)
        return milliseconds

    (answers,), work = work_on(rest, requests(5000, 1, timeout=0.05), is_async=True)
    assert answers.failures[0].kind == OVERRAN
    assert INT.decode(answers.replies[1]) == 1
    assert not answers.leaves
    assert not work.leaves


def test_a_def_that_overruns_ends_the_work_and_says_where_it_was() -> None:
    goes_on = threading.Event()

    def hangs(number: int) -> int:
        if number:
            goes_on.wait(60)
        return number

    (answers,), work = work_on(hangs, requests(0, 1, 2, timeout=0.1))
    goes_on.set()
    assert replies(Answers(answers.replies[:1])) == [0]
    assert list(answers.failures) == [1]
    assert answers.failures[1].kind == OVERRAN
    assert "in hangs" in answers.failures[1].traceback
    assert len(answers.replies) == 2
    assert answers.leaves
    assert work.leaves


def test_the_other_side_knows_of_silence_before_it_begins_and_the_guard_of_limits() -> None:
    said: list[float] = []
    guard = Guard()

    async def announce(seconds: float) -> None:
        said.append(seconds)

    def look(number: int) -> int:
        assert said[-1] >= 60
        return number

    (answers,), _ = work_on(look, requests(1), busy=announce, guard=guard)
    assert replies(answers) == [1]
    said.clear()
    work_on(look, requests(2, timeout=100.0), busy=announce, guard=guard)
    assert 100 < max(said) <= 101  # no longer: it may have been stopped
    assert any(100 < seconds <= 101 for seconds in guard.expected)


def test_a_program_that_has_nothing_to_do_takes_its_silence_back() -> None:
    said: list[float] = []

    async def announce(seconds: float) -> None:
        said.append(seconds)

    async def rest(number: int) -> int:
        return number

    async def main() -> None:
        work = Work(
            rest, (INT, INT), is_async=True, largest=1_000, busy=announce, guard=Unguarded()
        )
        async with served(work) as calls:
            await calls.call(requests(1))
            assert max(said) >= 60
            said.clear()
            await trio.sleep(11)
            assert set(said) == {0}  # once, or twice if it started after the request was answered

    csp.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("is_async", [False, True])
def test_when_it_is_enough_the_present_batch_is_finished_and_no_other_begun(is_async: bool) -> None:
    done: list[int] = []

    async def main() -> None:
        work: Work

        def note(number: int) -> int:
            done.append(number)
            if not is_async:
                trio.from_thread.run_sync(work.enough.set)
            return number

        async def note_in_loop(number: int) -> int:
            work.enough.set()
            return note(number)

        work = Work(
            note_in_loop if is_async else note,
            (INT, INT),
            is_async=is_async,
            largest=1000,
            busy=silent,
            guard=Unguarded(),
        )
        async with served(work) as calls:
            assert replies(await calls.call(requests(1, 2))) == [1, 2]
            with pytest.raises(csp.NoReceivers):
                await calls.call(requests(3))

    csp.run(main)
    assert done == [1, 2]
