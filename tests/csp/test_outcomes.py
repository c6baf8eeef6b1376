"""Many calls at once: what is kept, what is given up, whose errors are whose."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio
from trio._core import _run
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import Call, CallFailed, Channel, Outcome, Receiver, Sender, Spawn, process
from csp.testing import cancel_at_every_step

Calls = Channel[Call[int, int]]


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@pytest.fixture(params=["map", "unordered", "outcomes"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Each of the ways to make many calls."""
    if request.param == "outcomes":
        return lambda calls, requests: calls.outcomes(requests)
    return lambda calls, requests: calls.map(requests, ordered=request.param == "map")


def reply_of(each: Any) -> Any:
    return each.reply if isinstance(each, Outcome) else each


@process
async def doubles(calls: Receiver[Call[int, int]], log: list[Any]) -> None:
    """Takes a second for each; a negative one fails, one of 100 or more is never answered."""
    while True:
        async with calls.accept() as call:
            log.append(call.request)
            try:
                await trio.sleep(math.inf if call.request >= 100 else 1)
                if call.request < 0:
                    raise ValueError("negative")
                call.reply(2 * call.request)
            except trio.Cancelled:
                log.append(f"cancelled {call.request}")
                raise


def with_servers(run: Any, body: Any, servers: int = 1) -> list[Any]:
    """Run `body(sender)` beside so many servers; what they did."""
    log: list[Any] = []

    async def main() -> None:
        calls: Calls = Channel(Call[int, int], name="calls")
        async with Spawn() as spawn:
            for _ in range(servers):
                spawn(doubles(calls.receiver(), log), background=True)
            with calls.sender() as tx:
                await body(tx)

    run(main)
    return log


# --- an outcome --------------------------------------------------------------------------------


def test_an_outcome_has_a_reply_or_raises_the_error() -> None:
    good: Outcome[int, int | None] = Outcome(2, None, None)
    assert (good.request, good.reply, good.error) == (2, None, None)
    error = CallFailed("no")
    bad: Outcome[int, int] = Outcome(2, None, error)
    with pytest.raises(CallFailed) as caught:
        bad.reply
    assert caught.value is bad.error is error


def test_an_outcome_shows_its_request_and_what_became_of_it() -> None:
    assert repr(Outcome("a", [1], None)) == "Outcome('a', [1])"
    assert (
        repr(Outcome("a", None, CallFailed("no reply"))) == "Outcome('a', CallFailed('no reply'))"
    )


# --- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3, None, object()])
def test_what_cannot_be_iterated_is_refused_at_once(ask: Any, wrong: Any) -> None:
    calls: Calls = Channel(Call[int, int], name="calls")
    with calls.sender() as tx:
        with pytest.raises(TypeError, match="requests is an iterable or async iterable, not"):
            ask(tx, wrong)


def test_nothing_is_asked_before_the_first_reply_is_wanted(run: Any, ask: Any) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        drawn: list[int] = []

        def requests() -> Iterator[int]:
            drawn.append(1)
            yield 1

        replies = ask(calls, requests())
        await trio.sleep(5)
        assert drawn == []
        assert [reply_of(each) async for each in replies] == [2]

    with_servers(run, body)


class Broken(Exception):
    pass


def plain_that_breaks() -> Iterator[int]:
    yield 1
    yield 2
    raise Broken


async def async_that_breaks() -> AsyncIterator[int]:
    for number in plain_that_breaks():
        yield number


@pytest.mark.parametrize("requests", [plain_that_breaks, async_that_breaks])
def test_an_error_of_the_requests_is_raised_behind_the_replies_to_what_was_sent(
    run: Any, ask: Any, requests: Any
) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        got: list[Any] = []
        replies = ask(calls, requests())
        with pytest.raises(Broken):
            async for each in replies:
                got.append(reply_of(each))
        assert got == [2, 4]
        with pytest.raises(StopAsyncIteration):
            await replies.__anext__()  # told once

    with_servers(run, body)


def test_a_request_of_the_wrong_type_is_an_error_of_the_requests(run: Any, ask: Any) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        got: list[Any] = []
        with pytest.raises(csp.ChannelTypeError, match="requests of channel `calls` are int"):
            async for each in ask(calls, [1, "2", 3]):
                got.append(reply_of(each))
        assert got == [2]

    assert with_servers(run, body) == [1]


def test_a_sender_that_is_not_ours_is_refused_when_the_first_reply_is_wanted(run: Any) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        gone = calls.clone()
        replies = gone.map([1])
        gone.retire()
        with pytest.raises(csp.EndClosed):
            await replies.__anext__()

    assert with_servers(run, body) == []


# --- replies -----------------------------------------------------------------------------------


def test_servers_work_side_by_side_and_the_order_is_that_of_the_requests(run: Any) -> None:
    @process
    async def slow_first(calls: Receiver[Call[int, int]]) -> None:
        async with calls.accept() as call:
            await trio.sleep(10 - call.request)
            call.reply(call.request)

    async def main() -> Any:
        results = []
        for ordered in (True, False):
            calls: Calls = Channel(Call[int, int], name="calls")
            async with Spawn() as spawn:
                for _ in range(3):
                    spawn(slow_first(calls.receiver()))
                with calls.sender() as tx:
                    began = trio.current_time()
                    got = [reply async for reply in tx.map(range(3), ordered=ordered)]
                    results.append((got, round(trio.current_time() - began)))
        return results

    assert run(main) == [([0, 1, 2], 10), ([2, 1, 0], 10)]


def test_two_may_read_from_one_map_and_both_hear_of_its_end(run: Any, ask: Any) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        replies, got = ask(calls, range(4)), list[Any]()

        async def read() -> None:
            async for reply in replies:
                got.append(reply)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(read)
        assert len(got) == 4

    with_servers(run, body)


def test_a_failed_call_is_one_outcome_among_the_others(run: Any) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        got = [(each.request, str(each.error)) async for each in calls.outcomes([1, -2, 3])]
        assert got == [(1, "None"), (-2, "ValueError: negative"), (3, "None")]

    with_servers(run, body)


@pytest.mark.parametrize("seed", range(10))
def test_after_its_failure_a_map_is_over(run: Any, seed: int) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        _run._r.seed(seed)  # trio throws dice for the order of its tasks
        replies = calls.map([1, -2, 3, 4])
        assert await replies.__anext__() == 2
        with pytest.raises(CallFailed, match="negative"):
            await replies.__anext__()
        with pytest.raises(StopAsyncIteration):
            await replies.__anext__()

    assert 4 not in with_servers(run, body)


def test_in_a_plain_trio_task_each_reply_is_a_checkpoint(ask: Any) -> None:
    async def main() -> None:
        calls: Calls = Channel(Call[int, int], name="calls")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(doubles, calls.receiver(), [])
            with calls.sender() as tx:
                replies = ask(tx, [1, 2])
                for expected in (2, 4):
                    with trio.testing.assert_checkpoints():
                        assert reply_of(await replies.__anext__()) == expected
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


# --- leaving -----------------------------------------------------------------------------------


async def by_break(calls: Any, ask: Any) -> None:
    async for _ in ask(calls, [1, 100, 2, 3]):
        break


async def by_aclose(calls: Any, ask: Any) -> None:
    replies = ask(calls, [1, 100, 2, 3])
    await replies.__anext__()
    await wait_all_tasks_blocked()
    await replies.aclose()
    await replies.aclose()


async def by_an_error(calls: Any, ask: Any) -> None:
    with pytest.raises(Broken):
        async for _ in ask(calls, [1, 100, 2, 3]):
            raise Broken


async def by_a_cancel(calls: Any, ask: Any) -> None:
    with trio.move_on_after(5):
        async for _ in ask(calls, [1, 100, 2, 3]):
            pass


@pytest.mark.parametrize("leave", [by_break, by_aclose, by_an_error, by_a_cancel])
def test_whoever_stops_reading_ends_the_blocks_that_work_for_him(
    run: Any, ask: Any, leave: Any
) -> None:
    async def body(calls: Sender[Call[int, int]]) -> None:
        await leave(calls, ask)
        with trio.fail_after(5):
            assert await calls.call(7) == 14  # the only server is free again

    log = with_servers(run, body)
    assert [each for each in log if each not in (100, "cancelled 100")] == [1, 7]
    assert ("cancelled 100" in log) == (100 in log)


# --- what is kept ------------------------------------------------------------------------------


def test_no_more_is_asked_than_a_slow_reader_has_room_for(
    run: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csp._outcomes.KEPT", 5)

    async def body(calls: Sender[Call[int, int]]) -> None:
        drawn: list[int] = []

        def requests() -> Iterator[int]:
            for number in range(20):
                drawn.append(number)
                yield number

        got: list[Any] = []
        async for each in ask(calls, requests()):
            got.append(reply_of(each))
            await trio.sleep(50)  # a long time for the server
            assert len(drawn) - len(got) <= 5 + 2  # one is being asked, one is drawn
        assert sorted(got) == [2 * number for number in range(20)]
        assert len(drawn) == 20

    with_servers(run, body)


def test_the_room_is_for_a_thousand() -> None:
    assert csp._outcomes.KEPT == 1000


# --- answers that come too late ----------------------------------------------------------------


def test_an_answer_to_a_call_that_was_given_up_is_not_read(run: Any, ask: Any) -> None:
    @process
    async def stubborn(calls: Receiver[Call[int, int]]) -> None:
        async with calls.accept() as call:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)
            call.reply(call.request)

    async def main() -> None:
        calls: Calls = Channel(Call[int, int], name="calls")
        async with Spawn() as spawn:
            running = spawn(stubborn(calls.receiver()))
            with calls.sender() as tx:
                replies = ask(tx, [1])
                with trio.move_on_after(1):
                    await replies.__anext__()
                await replies.aclose()
                await running
                with pytest.raises(StopAsyncIteration):
                    await replies.__anext__()

    run(main)


@pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
@pytest.mark.parametrize("dice", range(8))
def test_a_cancel_of_the_caller_and_its_servers_is_a_cancel_and_no_error(
    dice: int, lend: bool
) -> None:
    """Whoever of them is struck first, and though a server that has gone is an error elsewhere."""

    async def scenario(scope: trio.CancelScope) -> None:
        _run._r.seed(dice)  # trio throws dice for the order of its tasks
        calls = Channel(Call[int, int], name="calls")
        with scope:
            async with Spawn() as spawn:
                spawn(2 * quick(calls.receiver()))
                with calls.sender() as ask:
                    assert [reply async for reply in ask.map(range(3))] == [0, 1, 2]

    assert cancel_at_every_step(scenario, lend=lend) > 4


@process
async def quick(calls: Receiver[Call[int, int]]) -> None:
    await calls.serve(lambda number: number)
