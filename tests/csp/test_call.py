"""Calls: replies, failures, cancels, and many at a time."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import Alternation, Call, CallFailed, Channel, Par, Receiver, Sender, Spawn, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def inverse(requests: Receiver[Call[int, float]]) -> None:
    async def answer(number: int) -> float:
        await trio.sleep(number)
        return 1 / number

    await requests.serve(answer)


def calls() -> Any:
    return Channel(Call[int, float], name="calls")


def test_a_reply_reaches_its_caller(run: Any) -> None:
    async def main() -> Any:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(inverse(channel.receiver()), background=True)
                return await tx.call(2), await tx.call(4)

    assert run(main) == (0.5, 0.25)


def test_an_error_goes_to_the_caller_with_type_and_text_and_the_server_goes_on(run: Any) -> None:
    async def main() -> Any:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(inverse(channel.receiver()), background=True)
                with pytest.raises(CallFailed, match="ZeroDivisionError: .*division by zero"):
                    await tx.call(0)
                return await tx.call(1)

    assert run(main) == 1.0


def test_a_request_or_reply_of_the_wrong_type_is_refused(run: Any) -> None:
    @process
    async def wrong(requests: Receiver[Call[int, float]]) -> None:
        async with requests.accept() as call:
            with pytest.raises(csp.ChannelTypeError, match="replies of channel `calls` are float"):
                call.reply("no")  # type: ignore[arg-type]
            call.reply(1)

    async def main() -> None:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(wrong(channel.receiver()))
                with pytest.raises(csp.ChannelTypeError, match="requests of channel `calls` are"):
                    await tx.call("no")
                with pytest.raises(csp.ChannelTypeError):
                    await tx.call(True)
                assert await tx.call(5) == 1

    run(main)


def test_a_second_reply_is_an_error_of_the_server(run: Any) -> None:
    @process
    async def twice(requests: Receiver[Call[int, float]]) -> None:
        async with requests.accept() as call:
            call.reply(1.0)
            with pytest.raises(RuntimeError, match="already"):
                call.reply(2.0)

    async def main() -> float:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(twice(channel.receiver()))
                return await tx.call(5)

    assert run(main) == 1.0


def test_leaving_without_a_reply_is_no_reply(run: Any) -> None:
    @process
    async def silent(requests: Receiver[Call[int, float]]) -> None:
        async with requests.accept() as call:
            assert call.request == 5

    async def main() -> None:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(silent(channel.receiver()))
                with pytest.raises(CallFailed, match="no reply"):
                    await tx.call(5)

    run(main)


def test_an_ended_channel_in_the_block_fails_the_call_and_passes_on(run: Any) -> None:
    @process
    async def forwards(requests: Receiver[Call[int, float]], out: Sender[int]) -> str:
        with pytest.raises(csp.NoReceivers):
            async with requests.accept() as call:
                await out.send(call.request)
        return "passed on"

    async def main() -> str:
        channel, other = calls(), Channel(int, name="other")
        other.receiver().retire()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                running = spawn(forwards(channel.receiver(), other.sender()))
                with pytest.raises(CallFailed, match="NoReceivers"):
                    await tx.call(5)
                return await running

    assert run(main) == "passed on"


def test_a_cancelled_caller_ends_the_block_of_the_server_which_serves_on(run: Any) -> None:
    seen: list[bool] = []

    @process
    async def server(requests: Receiver[Call[int, float]]) -> None:
        async with requests.accept() as call:
            try:
                await trio.sleep_forever()
            finally:
                seen.append(call.cancelled)
        async with requests.accept() as call:
            call.reply(3.0)

    async def main() -> float:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(server(channel.receiver()))
                with trio.move_on_after(5) as scope:
                    await tx.call(5)
                assert scope.cancelled_caught
                return await tx.call(6)

    assert run(main) == 3.0
    assert seen == [True]


def test_a_call_cancelled_before_it_was_accepted_reaches_no_server(run: Any) -> None:
    async def main() -> list[int]:
        channel, got = calls(), []

        @process
        async def server(requests: Receiver[Call[int, float]]) -> None:
            async with requests.accept() as call:
                got.append(call.request)
                call.reply(1.0)

        with channel.sender() as tx:
            keep = channel.receiver()
            with trio.move_on_after(1):
                await tx.call(1)
            async with Spawn() as spawn:
                spawn(server(keep))
                await tx.call(2)
        return got

    assert run(main) == [2]


def test_an_error_after_the_reply_is_the_servers_own(run: Any) -> None:
    @process
    async def server(requests: Receiver[Call[int, float]]) -> str:
        with pytest.raises(ValueError, match="later"):
            async with requests.accept() as call:
                call.reply(1.0)
                raise ValueError("later")
        return "not absorbed"

    async def main() -> Any:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                running = spawn(server(channel.receiver()))
                return await tx.call(1), await running

    assert run(main) == (1.0, "not absorbed")


def test_a_call_without_any_server_left_raises_no_receivers(run: Any) -> None:
    async def main() -> None:
        channel = calls()
        channel.receiver().retire()
        with channel.sender() as tx, pytest.raises(csp.NoReceivers):
            await tx.call(1)

    run(main)


def test_a_buffered_call_fails_when_the_last_server_leaves(run: Any) -> None:
    async def main() -> None:
        channel: Any = Channel(Call[int, float], name="calls", buffer=1)
        rx = channel.receiver()
        with channel.sender() as tx:
            async with trio.open_nursery() as nursery:

                async def caller() -> None:
                    with pytest.raises((csp.ChannelEnded, CallFailed)):
                        await tx.call(1)

                nursery.start_soon(caller)
                await wait_all_tasks_blocked()
                rx.retire()

    run(main)


def test_a_buffered_call_fails_when_the_channel_is_poisoned(run: Any) -> None:
    async def main() -> None:
        channel: Any = Channel(Call[int, float], name="calls", buffer=1)
        with channel.receiver() as rx, channel.sender() as tx:
            async with trio.open_nursery() as nursery:

                async def caller() -> None:
                    with pytest.raises((csp.Poisoned, CallFailed)):
                        await tx.call(1)

                nursery.start_soon(caller)
                await wait_all_tasks_blocked()
                rx.poison("enough")

    run(main)


def test_map_is_ordered_by_default_and_as_completed_when_asked(run: Any) -> None:
    @process
    async def client(tx: Sender[Call[int, float]]) -> Any:
        ordered = [reply async for reply in tx.map([4, 2, 1])]
        unordered = [reply async for reply in tx.map([4, 2, 1], ordered=False)]
        return ordered, unordered

    async def main() -> Any:
        channel = calls()
        return (await Par(client(channel.sender()), 3 * inverse(channel.receiver())))[0]

    assert run(main) == ([0.25, 0.5, 1.0], [1.0, 0.5, 0.25])


def test_map_raises_the_first_failure_when_its_turn_comes_and_cancels_the_rest(run: Any) -> None:
    async def main() -> Any:
        channel, got = calls(), []
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(3 * inverse(channel.receiver()), background=True)
                began = trio.current_time()
                with pytest.raises(CallFailed, match="ZeroDivisionError"):
                    async for reply in tx.map([2, 0, 50]):
                        got.append(reply)
                return got, trio.current_time() - began

    got, took = run(main)
    assert got == [0.5]
    assert took == pytest.approx(2)  # the call of 50 was cancelled


def test_outcomes_come_as_completed_and_go_on_behind_a_failure(run: Any) -> None:
    async def main() -> Any:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(3 * inverse(channel.receiver()), background=True)
                outcomes = [outcome async for outcome in tx.outcomes([3, 0, 1])]
                failed = outcomes[0]
                assert isinstance(failed.error, CallFailed)
                with pytest.raises(CallFailed):
                    failed.reply
                return [(o.request, o.error is None) for o in outcomes]

    assert run(main) == [(0, False), (1, True), (3, True)]


def test_map_offers_one_request_at_a_time(run: Any) -> None:
    async def main() -> list[int]:
        channel, drawn = calls(), []

        def requests() -> Any:
            for number in (1, 2, 3):
                drawn.append(number)
                yield number

        async with trio.open_nursery() as nursery:
            with channel.sender() as tx, channel.receiver():

                async def client() -> None:
                    async for _ in tx.map(requests()):
                        pass

                nursery.start_soon(client)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
                return drawn

    assert run(main) == [1]


def test_map_takes_an_async_iterable(run: Any) -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in (1, 2):
            await trio.sleep(1)
            yield number

    async def main() -> list[float]:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(inverse(channel.receiver()), background=True)
                return [reply async for reply in tx.map(numbers())]

    assert run(main) == [1.0, 0.5]


@pytest.mark.parametrize("ordered", [True, False])
def test_map_of_nothing_yields_nothing(run: Any, ordered: bool) -> None:
    async def main() -> list[float]:
        channel = calls()
        with channel.sender() as tx, channel.receiver():
            return [reply async for reply in tx.map([], ordered=ordered)]

    assert run(main) == []


def test_map_without_a_server_raises_no_receivers_bare(run: Any) -> None:
    async def main() -> None:
        channel = calls()
        channel.receiver().retire()
        with channel.sender() as tx, pytest.raises(csp.NoReceivers):
            async for _ in tx.map([1, 2]):
                pass

    run(main)


def test_a_call_is_a_guard(run: Any) -> None:
    @process
    async def server(requests: Receiver[Call[int, float]]) -> None:
        async for guard, accepted in Alternation(requests.accepting()):
            assert guard is requests
            async with accepted as call:
                call.reply(call.request * 2.0)

    async def main() -> float:
        channel = calls()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(server(channel.receiver()), background=True)
                return await tx.call(4)

    assert run(main) == 8.0


@pytest.mark.parametrize("how", ["serve", "accept", "accepting"])
def test_a_buffered_call_whose_caller_has_gone_is_not_worked_on(run: Any, how: str) -> None:
    begun, done = list[int](), list[int]()

    async def main() -> None:
        channel = Channel(Call[int, int], name="calls", buffer=1)

        async def answer(request: int) -> int:
            begun.append(request)
            await trio.lowlevel.checkpoint()
            done.append(request)
            return request

        @process
        async def server(requests: Receiver[Call[int, int]]) -> None:
            if how == "serve":
                await requests.serve(answer)
            while True:
                if how == "accept":
                    accepted = requests.accept()
                else:
                    accepted = (await Alternation(requests.accepting()).select()).value
                async with accepted as call:
                    call.reply(await answer(call.request))

        keep = channel.receiver()
        async with Spawn() as spawn:
            with channel.sender() as tx:
                with trio.move_on_after(1) as scope:
                    await tx.call(1)
                assert scope.cancelled_caught
                spawn(server(keep), background=True)
                assert await tx.call(2) == 2

    run(main)
    assert done == [2]
    assert begun == [2] or how == "accepting"  # there it is chosen first, then cancelled


def test_a_caller_cancelled_between_the_choice_and_the_block_ends_the_block(run: Any) -> None:
    async def main() -> bool:
        channel, scope = calls(), trio.CancelScope()

        @process
        async def client(requests: Sender[Call[int, float]]) -> None:
            with scope:
                await requests.call(1)

        async with Spawn() as spawn:
            with channel.receiver() as rx:
                spawn(client(channel.sender()))
                choice = await Alternation(rx.accepting()).select()
                scope.cancel()
                await wait_all_tasks_blocked()
                async with choice.value as call:
                    assert call.cancelled
                    await trio.sleep_forever()
        return scope.cancelled_caught

    assert run(main)


Line = Call[Sender[int], Receiver[int]]  # of ends: in the request and in the reply


@process
async def answers_with_ends(requests: Receiver[Line], times: int) -> None:
    for number in range(times):
        async with requests.accept() as call:
            with call.request as out:
                await out.send(number)
            back = Channel(int, name="back", buffer=1)
            with back.sender() as tx:
                await tx.send(number + 100)
            call.reply(back.receiver())


@pytest.mark.parametrize("how", ["call", "map", "outcomes"])
def test_ends_in_a_request_go_to_the_server_and_those_in_a_reply_to_the_caller(
    run: Any, how: str
) -> None:
    @process
    async def client(lines: Sender[Line]) -> list[int]:
        there = Channel(int, name="there", buffer=2)
        requests = [there.sender(), there.sender()]
        if how == "call":
            replies = [await lines.call(each) for each in requests]
        elif how == "map":
            replies = [reply async for reply in lines.map(requests)]
        else:
            replies = [done.reply async for done in lines.outcomes(requests)]
        got: list[int] = []
        for reply in replies:
            with reply:
                got += [value async for value in reply]
        with there.receiver() as rx:
            got += [value async for value in rx]
        return got

    async def main() -> Any:
        lines = Channel(Line, name="lines")
        return await Par(client(lines.sender()), answers_with_ends(lines.receiver(), 2))

    assert run(main)[0] == [100, 101, 0, 1]


def test_an_end_in_a_request_that_nobody_takes_stays_the_callers(run: Any) -> None:
    async def main() -> None:
        lines, there = Channel(Line, name="lines"), Channel(int, name="there")
        with lines.sender() as tx, there.sender() as out, lines.receiver(), there.receiver() as rx:
            with trio.move_on_after(1):
                await tx.call(out)
            async with Spawn() as spawn:
                spawn(out.send(3))
                assert await rx.receive() == 3

    run(main)


def test_an_end_in_a_reply_that_comes_too_late_stays_the_servers(run: Any) -> None:
    @process
    async def server(requests: Receiver[Line]) -> None:
        back = Channel(int, name="back", buffer=1)
        with back.receiver() as rx, back.sender() as tx:
            async with requests.accept() as call:
                with trio.CancelScope(shield=True):
                    await trio.sleep(2)
                assert call.cancelled
                call.reply(rx)
            await tx.send(9)
            assert await rx.receive() == 9

    @process
    async def client(lines: Sender[Line]) -> None:
        there = Channel(int, name="there")
        with there.receiver(), trio.move_on_after(1):
            await lines.call(there.sender())

    async def main() -> None:
        lines = Channel(Line, name="lines")
        await Par(client(lines.sender()), server(lines.receiver()))

    run(main)
