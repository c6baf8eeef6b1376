"""Leases, extended rendezvous and calls."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Call, Channel, Par, Receiver, Sender, Spawn, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param)


@process
async def put(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


def test_a_failed_lease_comes_back_first_and_counts_its_attempts(run: Any) -> None:
    @process
    async def worker(feed: Receiver[int]) -> list[tuple[int, int]]:
        done = []
        async for job in feed.leases():
            async with job:
                if job.value == 1 and job.attempt < 3:
                    raise ValueError("again")
                done.append((job.value, job.attempt))
        return done

    async def main() -> Any:
        channel = Channel(int, name="jobs")
        return (await Par(put(channel.sender(), 1, 2), worker(channel.receiver())))[1]

    assert run(main) == [(1, 3), (2, 1)]


def test_a_value_that_fails_too_often_goes_to_failed_or_raises_in_its_holder(run: Any) -> None:
    @process
    async def worker(feed: Receiver[int]) -> None:
        async for job in feed.leases():
            async with job:
                raise ValueError(f"no {job.value}")

    async def main() -> Any:
        channel = Channel(int, name="jobs", max_attempts=2)
        with channel.failed.receiver() as failed:
            await Par(put(channel.sender(), 7), worker(channel.receiver()))
            history = failed.receive_nowait()
        other = Channel(int, name="other", max_attempts=2)
        with pytest.raises(ExceptionGroup) as caught:
            await Par(put(other.sender(), 7), worker(other.receiver()))
        assert isinstance(caught.value.exceptions[0], csp.LeaseFailed)
        return history.value, history.attempts, [str(error) for error in history.errors]

    assert run(main) == (7, 2, ["no 7", "no 7"])


def test_a_cancelled_lease_comes_back_uncounted(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            with trio.move_on_after(0):
                async with rx.lease():
                    await trio.sleep_forever()
            with trio.CancelScope() as scope:
                async with rx.lease():
                    scope.cancel()
                    await trio.sleep_forever()
            async with rx.lease() as job:
                return job.value, job.attempt

    assert run(main) == (1, 1)


def test_the_sender_waits_for_the_end_of_an_extended_rendezvous(run: Any) -> None:
    order: list[str] = []

    @process
    async def sender(out: Sender[int]) -> None:
        await out.send(1)
        order.append("sent")

    @process
    async def receiver(feed: Receiver[int]) -> None:
        async with feed.extended() as value:
            await trio.sleep(0.01)
            order.append(f"worked on {value}")

    async def main() -> None:
        channel = Channel(int, name="jobs")
        await Par(sender(channel.sender()), receiver(channel.receiver()))

    run(main)
    assert order == ["worked on 1", "sent"]


def test_cancelling_the_sender_cancels_the_block_and_drops_the_value(run: Any) -> None:
    @process
    async def sender(out: Sender[int]) -> None:
        with trio.move_on_after(0.01):
            await out.send(1)

    @process
    async def receiver(feed: Receiver[int]) -> str:
        async with feed.extended():
            await trio.sleep_forever()
        return "went on"

    async def main() -> Any:
        channel = Channel(int, name="jobs")
        return (await Par(sender(channel.sender()), receiver(channel.receiver())))[1]

    assert run(main) == "went on"


def test_calls_are_answered_and_errors_reach_the_caller(run: Any) -> None:
    @process
    async def client(calls: Sender[Call[int, int]]) -> Any:
        first = await calls.call(5)
        with pytest.raises(csp.CallFailed, match="ZeroDivisionError"):
            await calls.call(0)
        ordered = [reply async for reply in calls.map([4, 2, 1])]
        outcomes = {o.request: o.error is None async for o in calls.outcomes([1, 0, 2])}
        return first, ordered, outcomes

    @process
    async def server(requests: Receiver[Call[int, int]]) -> None:
        await requests.serve(lambda number: 100 // number)

    async def main() -> Any:
        channel = Channel(Call[int, int], name="calls")
        return (await Par(client(channel.sender()), 2 * server(channel.receiver())))[0]

    assert run(main) == (20, [25, 50, 100], {1: True, 0: False, 2: True})


def test_leaving_without_a_reply_fails_the_call(run: Any) -> None:
    @process
    async def server(requests: Receiver[Call[int, int]]) -> None:
        async with requests.accept():
            pass

    async def main() -> None:
        channel = Channel(Call[int, int], name="calls")
        with channel.sender() as calls:
            async with Spawn() as spawn:
                spawn(server(channel.receiver()))
                with pytest.raises(csp.CallFailed, match="no reply"):
                    await calls.call(1)

    run(main)


def test_cancelling_the_caller_ends_the_servers_block(run: Any) -> None:
    @process
    async def server(requests: Receiver[Call[int, int]]) -> bool:
        async with requests.accept() as call:
            await trio.sleep_forever()
        return call is not None

    async def main() -> Any:
        channel = Channel(Call[int, int], name="calls")
        with channel.sender() as calls:
            async with Spawn() as spawn:
                running = spawn(server(channel.receiver()))
                with trio.move_on_after(0.01):
                    await calls.call(1)
                return await running

    assert run(main) is True
