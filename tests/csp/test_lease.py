"""Leases and extended rendezvous: what becomes of a value in work."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import Alternation, Channel, Par, Receiver, Sender, Spawn, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def put(out: Sender[Any], *values: Any) -> None:
    for value in values:
        await out.send(value)


def test_the_sender_goes_on_while_its_value_is_leased(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                running = spawn(put(channel.sender(), 1))
                async with rx.lease() as job:
                    await running
                    assert (job.value, job.attempt) == (1, 1)

    run(main)


def test_a_lease_has_a_value_inside_its_block_only(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            job = rx.lease()
            with pytest.raises(RuntimeError, match="inside"):
                job.value
            async with job:
                assert job.value == 1
            with pytest.raises(RuntimeError, match="inside"):
                job.value

    run(main)


def test_a_channel_does_not_end_while_a_value_is_leased_and_the_next_gets_it(run: Any) -> None:
    @process
    async def fails(feed: Receiver[int], leased: csp.Flag) -> None:
        async with feed.lease():
            leased.set()
            await trio.sleep(5)
            raise ValueError("no")

    @process
    async def patient(feed: Receiver[int], leased: csp.Flag) -> list[tuple[int, int]]:
        await Alternation(csp.Wait(leased)).select()
        done = []
        async for job in feed.leases():
            async with job:
                done.append((job.value, job.attempt))
        return done

    async def main() -> Any:
        channel, leased = Channel(int, name="jobs"), csp.Flag()
        return (
            await Par(
                put(channel.sender(), 1),
                fails(channel.receiver(), leased),
                patient(channel.receiver(), leased),
            )
        )[2]

    assert run(main) == [(1, 2)]


def test_a_value_given_back_goes_before_those_that_wait(run: Any) -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="jobs", buffer=3)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                for number in (1, 2, 3):
                    await tx.send(number)
            async with rx.lease():
                raise ValueError("back")
            return [number async for number in rx]

    assert run(main) == [1, 2, 3]


@pytest.mark.parametrize("grouped", [False, True])
def test_an_ended_channel_in_the_block_gives_back_uncounted_and_passes_on(
    run: Any, grouped: bool
) -> None:
    async def main() -> Any:
        channel, results = Channel(int, name="jobs", buffer=1), Channel(int, name="results")
        results.receiver().retire()
        with channel.sender() as tx, channel.receiver() as rx, results.sender() as out:
            await tx.send(1)
            with pytest.raises(ExceptionGroup if grouped else csp.NoReceivers):
                async with rx.lease() as job:
                    if grouped:
                        async with trio.open_nursery() as nursery:
                            nursery.start_soon(out.send, job.value)
                    await out.send(job.value)
            async with rx.lease() as job:
                return job.value, job.attempt

    assert run(main) == (1, 1)


def test_a_group_with_another_error_is_absorbed_and_counts(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            async with rx.lease():
                raise ExceptionGroup("both", [csp.NoReceivers("gone"), ValueError("no")])
            async with rx.lease() as job:
                return job.value, job.attempt

    assert run(main) == (1, 2)


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_value_is_tried_max_attempts_times_then_reported_with_its_history(
    run: Any, attempts: int
) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs", buffer=1, max_attempts=attempts)
        with channel.sender() as tx, channel.receiver() as rx, channel.failed.receiver() as failed:
            await tx.send(9)
            for number in range(attempts):
                async with rx.lease() as job:
                    raise ValueError(f"{number} of {job.attempt}")
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()
            got = failed.receive_nowait()
        assert isinstance(got, csp.Failed)
        return got.value, got.attempts, [str(error) for error in got.errors]

    history = [f"{number} of {number + 1}" for number in range(attempts)]
    assert run(main) == (9, attempts, history)


def test_without_a_receiver_of_failed_the_holder_gets_lease_failed(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs", buffer=1, max_attempts=1)
        channel.failed.receiver().retire()
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            with pytest.raises(csp.LeaseFailed, match="`jobs` failed 1 times") as caught:
                async with rx.lease():
                    raise ValueError("no")
            assert isinstance(caught.value.__cause__, ValueError)
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()

    run(main)


def test_the_third_failure_is_the_last_by_default(run: Any) -> None:
    async def main() -> int:
        channel, tries = Channel(int, name="jobs", buffer=1), 0
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            with pytest.raises(csp.LeaseFailed):
                while True:
                    async with rx.lease():
                        tries += 1
                        raise ValueError("no")
        return tries

    assert run(main) == 3


def test_a_cancelled_wait_for_a_lease_takes_nothing(run: Any) -> None:
    async def main() -> int:
        channel = Channel(int, name="jobs")
        with channel.receiver() as rx:
            with trio.move_on_after(1):
                async with rx.lease():
                    raise AssertionError("nobody sends")
            async with Spawn() as spawn:
                spawn(put(channel.sender(), 4))
                return await rx.receive()

    assert run(main) == 4


def test_a_lease_may_be_taken_by_an_alternation(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(3)
            alternation = Alternation(rx.leasing())
            guard, lease = await alternation.select()
            assert guard is rx
            async with lease:
                raise ValueError("again")
            async with (await alternation.select()).value as job:
                return job.value, job.attempt

    assert run(main) == (3, 2)


def test_a_lease_from_an_alternation_that_is_dropped_comes_back(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(3)
            await Alternation(rx.leasing()).select()
            async with rx.lease() as job:
                return job.value, job.attempt

    assert run(main) == (3, 1)


def test_poison_drops_a_leased_value_that_is_given_back(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(3)
            async with rx.lease():
                tx.poison("stop")
                raise ValueError("back")
            with pytest.raises(csp.Poisoned, match="stop"):
                await rx.receive()

    run(main)


def test_an_end_in_a_value_that_is_given_back_belongs_to_the_next_holder(run: Any) -> None:
    @process
    async def fails(feed: Receiver[Sender[str]]) -> None:
        async with feed.lease():
            raise ValueError("not me")

    @process
    async def answers(feed: Receiver[Sender[str]]) -> None:
        async with feed.lease() as job:
            with job.value as out:
                await out.send("here")

    async def main() -> str:
        requests: Channel[Any] = Channel[Sender[str]](name="requests", buffer=1)
        reply = Channel(str, name="reply")
        with reply.receiver() as rx, requests.sender() as tx:
            await tx.send(reply.sender())
            async with Spawn() as spawn:
                keep = requests.receiver()
                await spawn(fails(requests.receiver()))
                spawn(answers(keep))
                return await rx.receive()

    assert run(main) == "here"


# --- extended rendezvous ------------------------------------------------------------------------


def test_a_cancelled_sender_cancels_the_block_and_the_process_goes_on_behind_it(run: Any) -> None:
    order: list[Any] = []

    @process
    async def sender(out: Sender[int]) -> None:
        with trio.move_on_after(5) as scope:
            await out.send(1)
        order.append(("sender", scope.cancelled_caught))

    @process
    async def receiver(feed: Receiver[int]) -> None:
        async with feed.extended():
            await trio.sleep_forever()
        order.append("behind")
        async for value in feed:
            order.append(value)

    async def main() -> None:
        channel = Channel(int, name="c")
        await Par(sender(channel.sender()), receiver(channel.receiver()))

    run(main)
    assert sorted(map(str, order)) == ["('sender', True)", "behind"]  # the value was dropped


def test_an_error_in_the_block_puts_the_value_back_and_passes_on(run: Any) -> None:
    async def main() -> int:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                running = spawn(put(channel.sender(), 1))
                with pytest.raises(ValueError, match="no"):
                    async with rx.extended():
                        raise ValueError("no")
                await wait_all_tasks_blocked()
                value = await rx.receive()
                await running
                return value

    assert run(main) == 1


def test_a_value_put_back_is_received_before_those_of_other_senders(run: Any) -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                spawn(put(channel.sender(), 1))
                await wait_all_tasks_blocked()
                spawn(put(channel.sender(), 2))
                await wait_all_tasks_blocked()
                with pytest.raises(ValueError):
                    async with rx.extended():
                        raise ValueError("no")
                return [number async for number in rx]

    assert run(main) == [1, 2]


def test_if_the_block_was_first_the_send_returns(run: Any) -> None:
    async def main() -> bool:
        channel = Channel(int, name="c")
        scope = trio.CancelScope()

        @process
        async def sender(out: Sender[int]) -> bool:
            with scope:
                await out.send(1)
            return scope.cancelled_caught

        with channel.receiver() as rx:
            async with Spawn() as spawn:
                running = spawn(sender(channel.sender()))
                async with rx.extended() as value:
                    assert value == 1
                scope.cancel()
                return await running

    assert run(main) is False


def test_a_cancelled_receiver_puts_the_value_back(run: Any) -> None:
    async def main() -> int:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                spawn(put(channel.sender(), 8))
                with trio.move_on_after(1) as scope:
                    async with rx.extended():
                        await trio.sleep_forever()
                assert scope.cancelled_caught
                return await rx.receive()

    assert run(main) == 8


def test_the_channel_does_not_end_during_an_extended_rendezvous(run: Any) -> None:
    async def main() -> list[str]:
        order: list[str] = []

        @process
        async def other(feed: Receiver[int]) -> None:
            async for _ in feed:
                order.append("value")
            order.append("end")

        channel = Channel(int, name="c", buffer=1)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                await tx.send(1)
            async with Spawn() as spawn:
                async with rx.extended():
                    spawn(other(rx.clone()))
                    await trio.sleep(1)
                    order.append("block")
        return order

    assert run(main) == ["block", "end"]


def test_a_receiver_whose_sender_was_cancelled_before_the_block_keeps_its_place(run: Any) -> None:
    got: list[tuple[str, int]] = []

    @process
    async def first(feed: Receiver[int]) -> None:
        async with feed.extended() as number:
            got.append(("first", number))

    @process
    async def second(feed: Receiver[int]) -> None:
        got.append(("second", await feed.receive()))

    @process
    async def sender(out: Sender[int]) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()  # strikes when it parks: the other has not begun its block by then
            await out.send(1)
        assert scope.cancelled_caught
        await trio.sleep(1)
        await out.send(2)
        await out.send(3)

    async def main() -> None:
        channel = Channel(int, name="c")
        async with Spawn() as spawn:
            for each in (first, second):
                spawn(each(channel.receiver()))
                await wait_all_tasks_blocked()
            spawn(sender(channel.sender()))

    run(main)
    assert sorted(got) == [("first", 2), ("second", 3)]


# --- a result together with the end of the lease -------------------------------------------------


def test_a_result_and_the_end_of_its_lease_are_one_step(run: Any) -> None:
    @process
    async def work(tasks: Receiver[int], results: Sender[int]) -> list[int]:
        attempts: list[int] = []
        async for job in tasks.leases():
            async with job:
                attempts.append(job.attempt)
                if job.value == 2 and job.attempt == 1:
                    raise ValueError("not yet")
                await job.send(results, job.value * job.value)
        return attempts

    @process
    async def collect(results: Receiver[int]) -> list[int]:
        return [result async for result in results]

    async def main() -> None:
        tasks, results = Channel(int, name="tasks"), Channel(int, name="results")
        _, attempts, collected = await Par(
            put(tasks.sender(), 1, 2, 3),
            work(tasks.receiver(), results.sender()),
            collect(results.receiver()),
        )
        assert (attempts, collected) == ([1, 1, 2, 1], [1, 4, 9])

    run(main)


def test_a_result_that_was_not_sent_leaves_the_lease_as_it_was(run: Any) -> None:
    async def main() -> None:
        tasks, results = Channel(int, name="tasks", buffer=1), Channel(int, name="results")
        with tasks.sender() as tx, tasks.receiver() as rx, results.sender() as out:
            with results.receiver():
                await tx.send(1)
                with trio.move_on_after(1):
                    async with rx.lease() as job:
                        await job.send(out, 1)
                async with rx.lease() as job:
                    assert job.attempt == 1  # a cancel does not count
                    with pytest.raises(csp.ChannelTypeError):
                        await job.send(out, "one")
                    with trio.move_on_after(1):
                        await job.send(out, 1)
                    assert job.value == 1
                    raise ValueError("no")
            with pytest.raises(csp.NoReceivers):
                async with rx.lease() as job:
                    assert job.attempt == 2
                    await job.send(out, 1)
            assert tx.statistics().current_buffer_used == 1

    run(main)


def test_a_block_that_ends_while_its_result_is_being_sent_leaves_the_lease_to_that(
    run: Any,
) -> None:
    async def main() -> None:
        tasks, results = Channel(int, name="tasks", buffer=1), Channel(int, name="results")
        out, collected = results.sender(), results.receiver()
        with tasks.sender() as tx, tasks.receiver() as rx, out, collected:
            for cancelled in (False, True):
                await tx.send(1)
                async with trio.open_nursery() as nursery:
                    async with rx.lease() as job:
                        nursery.start_soon(job.send, out, 1)
                        await wait_all_tasks_blocked()
                    if cancelled:
                        nursery.cancel_scope.cancel()
                    else:
                        assert await collected.receive() == 1
                del job
                assert tx.statistics().current_buffer_used == cancelled

    run(main)


def test_a_lease_whose_result_was_sent_is_over(run: Any) -> None:
    async def main() -> None:
        tasks, results = Channel(int, name="tasks", buffer=1), Channel(int, name="r", buffer=2)
        with tasks.sender() as tx, tasks.receiver() as rx, results.sender() as out:
            await tx.send(1)
            with pytest.raises(ValueError, match="too late"):
                async with rx.lease() as job:
                    await job.send(out, 1)
                    with pytest.raises(RuntimeError, match="until its `send` begins"):
                        await job.send(out, 1)
                    raise ValueError("too late")
            tx.close()
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    run(main)
