"""Broadcast: each value to every receiver present, or to none."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Broadcast,
    Channel,
    Dropping,
    Fifo,
    Par,
    Receiver,
    Sender,
    Seq,
    Sliding,
    Spawn,
    Timeout,
    process,
)
from csp.testing import cancel_at_every_step


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def lend(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def run(lend: bool) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=lend, clock=MockClock(autojump_threshold=0))


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [value async for value in feed]


@process
async def put(out: Sender[int], *values: int) -> None:
    for value in values:
        await out.send(value)


@process
async def take(feed: Receiver[int], count: int) -> list[int]:
    return [await feed.receive() for _ in range(count)]


# --- who gets what ------------------------------------------------------------------------------


def test_each_value_reaches_each_receiver_in_order(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(put(b.sender(), *range(5)), collect(b.receiver()), collect(b.receiver()))

    assert run(main) == (None, list(range(5)), list(range(5)))


def test_all_receivers_see_the_values_of_several_senders_in_the_same_order(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        writers = [put(b.sender(), n, n + 1, n + 2) for n in (0, 10, 20)]
        return await Par(*writers, *[collect(b.receiver()) for _ in range(3)])

    first, second, third = run(main)[3:]
    assert first == second == third
    assert sorted(first) == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert [n for n in first if n < 10] == [0, 1, 2]


def test_a_send_waits_for_the_slowest_receiver(run: Any) -> None:
    @process
    async def slow(feed: Receiver[int]) -> list[int]:
        got = []
        async for value in feed:
            got.append(value)
            await trio.sleep(10)
        return got

    @process
    async def timed(out: Sender[int]) -> list[float]:
        began, times = trio.current_time(), []
        for value in range(3):
            await out.send(value)
            times.append(trio.current_time() - began)
        return times

    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(timed(b.sender()), collect(b.receiver()), slow(b.receiver()))

    times, quick, slowly = run(main)
    assert times == pytest.approx([0, 10, 20])
    assert quick == slowly == [0, 1, 2]


def test_nobody_takes_a_value_before_all_can(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as here, b.receiver() as away:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tx.send, 7)
                await wait_all_tasks_blocked()
                with pytest.raises(trio.WouldBlock):
                    here.receive_nowait()
                with trio.move_on_after(1) as scope:
                    await here.receive()
                assert scope.cancelled_caught
                nursery.start_soon(away.receive)
                assert await here.receive() == 7

    run(main)


def test_send_nowait_commits_only_if_all_wait(run: Any) -> None:
    async def main() -> list[int]:
        b, got = Broadcast(int, name="b"), []
        with b.sender() as tx, b.receiver() as first, b.receiver() as second:

            async def listen(feed: Receiver[int]) -> None:
                got.append(await feed.receive())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen, first)
                await wait_all_tasks_blocked()
                with pytest.raises(trio.WouldBlock):
                    tx.send_nowait(1)
                nursery.start_soon(listen, second)
                await wait_all_tasks_blocked()
                tx.send_nowait(2)
        return got

    assert run(main) == [2, 2]


def test_receive_nowait_takes_from_a_sender_that_waits_only_for_it(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as rx:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tx.send, 7)
                await wait_all_tasks_blocked()
                assert rx.receive_nowait() == 7
                with pytest.raises(trio.WouldBlock):
                    rx.receive_nowait()

    run(main)


def test_a_receiver_sees_what_is_sent_after_it_was_made(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=10)
        with b.sender() as tx, b.receiver() as early:
            await tx.send(1)
            with b.receiver() as late:
                await tx.send(2)
                tx.retire()
                return [v async for v in early], [v async for v in late]

    assert run(main) == ([1, 2], [2])


def test_a_clone_has_a_port_of_its_own_and_sees_what_comes_after_it(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=10)
        with b.sender() as tx, b.receiver() as first:
            await tx.send(1)
            with first.clone() as second:
                await tx.send(2)
                tx.retire()
                return [v async for v in first], [v async for v in second]

    assert run(main) == ([1, 2], [2])


@pytest.mark.parametrize("buffer", [0, 1, 10])
def test_copies_of_a_process_get_ports_of_their_own(run: Any, buffer: int) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=buffer)
        return await Par(4 * collect(b.receiver()), put(b.sender(), 1, 2, 3))

    assert run(main) == ([[1, 2, 3]] * 4, None)


def test_no_copies_leave_no_receiver(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx:
            await (0 * collect(b.receiver()))
            with pytest.raises(csp.NoReceivers):
                await tx.send(1)

    run(main)


def test_the_steps_of_a_seq_share_one_port(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        rx = b.receiver()
        return await Par(Seq(take(rx, 2), take(rx, 1)), put(b.sender(), 1, 2, 3))

    assert run(main) == (([1, 2], [3]), None)


def test_a_clone_of_a_sender_is_one_more_sender(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        tx = b.sender()
        return await Par(put(tx.clone(), 1), put(tx, 2), collect(b.receiver()))

    assert sorted(run(main)[2]) == [1, 2]


def test_without_a_receiver_a_send_commits_at_once(run: Any) -> None:
    async def main() -> list[int]:
        b = Broadcast(int, name="b")
        with b.sender() as tx:
            await tx.send(1)
            tx.send_nowait(2)
            choice = await Alternation(tx.offer(lambda: 3)).select()
            assert choice == (tx, 3)
            rx = b.receiver()
            return (await Par(collect(rx), put(tx, 4)))[0]

    assert run(main) == [4]


def test_a_receiver_travels_in_a_value_with_its_port(run: Any) -> None:
    @process
    async def gets_one(feed: Receiver[Receiver[int]]) -> list[int]:
        with await feed.receive() as numbers:
            return [number async for number in numbers]

    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=5)
        ends: Any = Channel[Receiver[int]](name="ends")
        with b.sender() as tx, b.receiver() as rx:
            await tx.send(1)
            async with Spawn() as spawn:
                running = spawn(gets_one(ends.receiver()))
                with ends.sender() as out:
                    await out.send(rx)
                await tx.send(2)
                tx.retire()
                return await running

    assert run(main) == [1, 2]


# --- buffers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buffer", "kept"),
    [
        (math.inf, [0, 1, 2, 3, 4]),
        (5, [0, 1, 2, 3, 4]),
        (Fifo(5), [0, 1, 2, 3, 4]),
        (Sliding(2), [3, 4]),
        (Dropping(2), [0, 1]),
    ],
)
def test_each_receiver_has_a_buffer_of_the_given_kind(run: Any, buffer: Any, kept: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=buffer)
        with b.sender() as tx, b.receiver() as first, b.receiver() as second:
            for value in range(5):
                await tx.send(value)
            tx.retire()
            return [v async for v in first], [v async for v in second]

    assert run(main) == (kept, kept)


@pytest.mark.parametrize("buffer", [2, Fifo(2)])
def test_a_full_buffer_of_one_receiver_stops_the_sender(run: Any, buffer: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=buffer)
        with b.sender() as tx, b.receiver() as reads, b.receiver() as sleeps:
            tx.send_nowait(0)
            tx.send_nowait(1)
            assert [reads.receive_nowait(), reads.receive_nowait()] == [0, 1]
            with pytest.raises(trio.WouldBlock):
                tx.send_nowait(2)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tx.send, 2)
                await wait_all_tasks_blocked()
                with pytest.raises(trio.WouldBlock):
                    reads.receive_nowait()
                assert sleeps.receive_nowait() == 0
            return reads.receive_nowait(), sleeps.receive_nowait(), sleeps.receive_nowait()

    assert run(main) == (2, 1, 2)


def test_a_slow_receiver_with_a_sliding_buffer_stops_nobody(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=Sliding(1))
        with b.receiver() as slow:
            got = (await Par(put(b.sender(), *range(100)), collect(b.receiver())))[1]
            return got[-1], [v async for v in slow]

    assert run(main) == (99, [99])


def test_the_buffer_object_is_a_description_and_shared_by_nobody(run: Any) -> None:
    async def main() -> None:
        buffer = Fifo(1)
        one, two = Broadcast(int, name="1", buffer=buffer), Broadcast(int, name="2", buffer=buffer)
        with one.sender() as tx, one.receiver() as a, two.sender() as ty, two.receiver() as b:
            tx.send_nowait(1)
            ty.send_nowait(2)
            assert (a.receive_nowait(), b.receive_nowait(), len(buffer)) == (1, 2, 0)

    run(main)


# --- leaving ------------------------------------------------------------------------------------


def test_a_slow_receiver_that_retires_frees_the_sender(run: Any) -> None:
    async def main() -> float:
        b, began = Broadcast(int, name="b"), trio.current_time()
        slow = b.receiver()
        async with Spawn() as spawn:
            running = spawn(put(b.sender(), 1))
            listener = spawn(collect(b.receiver()))
            await trio.sleep(5)
            slow.retire()
            await running
        assert listener.result() == [1]
        return trio.current_time() - began

    assert run(main) == pytest.approx(5)


def test_a_full_receiver_that_retires_lets_all_waiting_senders_go_on(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=1)
        with b.sender() as tx, b.receiver() as rx, b.receiver() as full:
            async with Spawn() as spawn:
                for number in range(3):
                    spawn(put(tx.clone(), number))
                    await trio.sleep(1)
                tx.retire()
                got = [await rx.receive()]
                full.retire()
                got += [v async for v in rx]
        return got

    assert run(main) == [0, 1, 2]


def test_the_end_of_a_process_retires_its_receiver(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(take(b.receiver(), 1), collect(b.receiver()), put(b.sender(), 1, 2, 3))

    assert run(main) == ([1], [1, 2, 3], None)


def test_with_the_last_sender_each_receiver_ends_once_it_is_drained(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=3)
        with b.receiver() as empty, b.receiver() as full:
            with b.sender() as tx:
                await tx.send(1)
                await empty.receive()
            with pytest.raises(csp.EndOfChannel, match="b"):
                await empty.receive()
            assert [v async for v in full] == [1]

    run(main)


def test_a_receiver_made_after_the_last_sender_has_ended_at_once(run: Any) -> None:
    async def main() -> list[int]:
        b = Broadcast(int, name="b")
        b.sender().retire()
        with b.receiver() as rx:
            return [v async for v in rx]

    assert run(main) == []


def test_after_the_last_receiver_a_send_raises_no_receivers(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx:
            b.receiver().retire()
            with pytest.raises(csp.NoReceivers):
                await tx.send(1)
            with pytest.raises(csp.NoReceivers):
                tx.send_nowait(1)

    run(main)


def test_the_last_receiver_that_retires_ends_a_send_that_waits(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        rx = b.receiver()
        async with Spawn() as spawn:
            spawn(put(b.sender(), 1))  # ends quietly
            await trio.sleep(1)
            rx.retire()

    run(main)


def test_a_direction_never_reopens(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        b.sender().retire()
        b.receiver().retire()
        with pytest.raises(csp.EndClosed, match="all senders of broadcast `b` have retired"):
            b.sender()
        with pytest.raises(csp.EndClosed, match="all receivers of broadcast `b` have retired"):
            b.receiver()

    run(main)


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_poison_reaches_all_and_drops_what_is_buffered(run: Any, side: str) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=2)
        with b.sender() as tx, b.receiver() as one, b.receiver() as two:
            await tx.send(1)
            (tx if side == "sender" else one).poison("enough")
            for operation in (one.receive, two.receive, lambda: tx.send(2)):
                with pytest.raises(csp.Poisoned, match="enough") as caught:
                    await operation()
                assert (caught.value.reason, caught.value.who) == ("enough", "main")
            with b.receiver() as late:
                with pytest.raises(csp.Poisoned):
                    await late.receive()

    run(main)


@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_poison_wakes_all_who_wait(run: Any, side: str) -> None:
    async def main() -> int:
        b, poisoned = Broadcast(int, name="b"), []
        with b.sender() as tx, b.receiver() as one, b.receiver() as two, b.receiver() as idle:
            async with trio.open_nursery() as nursery:

                async def wait(operation: Any) -> None:
                    with pytest.raises(csp.Poisoned):
                        await operation()
                    poisoned.append(operation)

                nursery.start_soon(wait, one.receive)
                nursery.start_soon(wait, two.receive)
                nursery.start_soon(wait, lambda: tx.send(1))
                await wait_all_tasks_blocked()
                (tx if side == "sender" else idle).poison()
        return len(poisoned)

    assert run(main) == 3


@process
async def fails(*ends: Any) -> None:
    raise ValueError("broken")


def test_receivers_are_told_that_the_sender_failed(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=1)
        with b.receiver() as one, b.receiver() as two:
            with b.sender() as tx:
                await tx.send(1)
                with pytest.raises(ValueError):
                    await fails(tx.clone())
                assert await one.receive() == 1  # another sender is left
            with pytest.raises(csp.Abandoned, match="broken"):
                await one.receive()
            assert await two.receive() == 1  # what was sent comes first
            with pytest.raises(csp.Abandoned, match="broken"):
                async for _ in two:
                    pass

    run(main)


def test_the_sender_is_told_once_the_last_receiver_is_gone_that_one_failed(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=5)
        with b.sender() as tx, b.receiver() as left:
            with pytest.raises(ValueError):
                await fails(b.receiver())
            await tx.send(1)
            left.retire()
            with pytest.raises(csp.Abandoned, match="broken") as caught:
                await tx.send(2)
            assert [type(cause) for cause in caught.value.causes] == [ValueError]

    run(main)


def test_a_send_that_waits_is_told_that_the_last_receiver_failed(run: Any) -> None:
    @process
    async def fails_late(feed: Receiver[int]) -> None:
        await trio.sleep(1)
        raise ValueError("broken")

    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx:
            async with trio.open_nursery() as nursery:
                late = fails_late(b.receiver())

                async def absorb() -> None:
                    with pytest.raises(ValueError):
                        await late

                nursery.start_soon(absorb)
                with pytest.raises(csp.Abandoned, match="broken"):
                    await tx.send(1)

    run(main)


# --- leases and extended rendezvous -------------------------------------------------------------


def test_a_lease_takes_the_value_of_one_receiver_only(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=2)
        with b.sender() as tx, b.receiver() as works, b.receiver() as reads:
            await tx.send(1)
            async with works.lease() as job:
                raise ValueError("again")
            async with works.lease() as job:
                again = job.value, job.attempt
            tx.retire()
            return again, [v async for v in works], [v async for v in reads]

    assert run(main) == ((1, 2), [], [1])


def test_a_sender_waits_for_a_lease_that_waits(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        with b.receiver() as works:

            async def lease() -> int:
                async with works.lease() as job:
                    return job.value

            async with Spawn() as spawn:
                listener = spawn(collect(b.receiver()))
                spawn(put(b.sender(), 1))
                value = await lease()
        return value, listener.result()

    assert run(main) == (1, [1])


def test_a_receiver_with_a_leased_value_has_not_ended(run: Any) -> None:
    async def main() -> list[str]:
        b, order = Broadcast(int, name="b", buffer=1), []
        rx = b.receiver()
        other = rx._core  # the clone of a receiver has another port

        async def ends() -> None:
            async for _ in rx:
                order.append("again")
            order.append("ended")

        with b.sender() as tx:
            await tx.send(1)
        async with trio.open_nursery() as nursery:
            with pytest.raises(RuntimeError, match="cancelled by hand"):
                try:
                    async with rx.lease():
                        nursery.start_soon(ends)
                        await wait_all_tasks_blocked()
                        order.append("working")
                        raise KeyError
                finally:
                    raise RuntimeError("cancelled by hand")
        assert other.held == 0
        rx.retire()
        return order

    assert run(main) == ["working", "again", "ended"]


def test_a_failed_lease_without_attempts_left_raises_in_its_holder(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=1)
        with b.sender() as tx, b.receiver() as rx:
            await tx.send(1)
            for _ in range(2):
                async with rx.lease():
                    raise ValueError("no")
            with pytest.raises(csp.LeaseFailed, match="failed 3 times"):
                async with rx.lease():
                    raise ValueError("no")

    run(main)


def test_leasing_is_a_guard_on_a_broadcast(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=1)
        with b.sender() as tx, b.receiver() as rx:
            await tx.send(1)
            choice = await Alternation(rx.leasing(), Timeout(1)).select()
            lease: Any = choice.value
            async with lease as job:
                return job.value

    assert run(main) == 1


# --- alternations -------------------------------------------------------------------------------


@pytest.mark.parametrize("late", ["sender", "receivers"])
def test_receivers_in_alternations_get_each_value(run: Any, late: str) -> None:
    @process
    async def selects(feed: Receiver[int]) -> list[int]:
        if late == "receivers":
            await trio.sleep(1)
        return [value async for _, value in Alternation(feed)]

    @process
    async def sends(out: Sender[int]) -> None:
        if late == "sender":
            await trio.sleep(1)
        for value in range(3):
            await out.send(value)

    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(2 * selects(b.receiver()), collect(b.receiver()), sends(b.sender()))

    assert run(main) == ([[0, 1, 2]] * 2, [0, 1, 2], None)


@pytest.mark.parametrize("late", ["sender", "receivers"])
@pytest.mark.parametrize("selecting", [True, False])
def test_an_offer_on_a_broadcast_is_made_once_for_all(run: Any, late: str, selecting: bool) -> None:
    made: list[int] = []

    def produce() -> int:
        made.append(len(made))
        return made[-1]

    @process
    async def offers(out: Sender[int]) -> list[int]:
        if late == "sender":
            await trio.sleep(1)
        alternation = Alternation(out.offer(produce))
        return [(await alternation.select()).value for _ in range(3)]

    @process
    async def takes(feed: Receiver[int]) -> list[int]:
        if late == "receivers":
            await trio.sleep(1)
        if selecting:
            return [value async for _, value in Alternation(feed)]
        return [value async for value in feed]

    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(offers(b.sender()), 3 * takes(b.receiver()))

    assert run(main) == ([0, 1, 2], [[0, 1, 2]] * 3)
    assert made == [0, 1, 2]


def test_an_offer_waits_until_every_receiver_is_there(run: Any) -> None:
    async def main() -> Any:
        b, timer = Broadcast(int, name="b"), Timeout(3)
        with b.sender() as tx, b.receiver() as here, b.receiver() as away:
            alternation = Alternation(tx.offer(lambda: 1), timer)
            async with trio.open_nursery() as nursery:
                got: list[int] = []

                async def listen(feed: Receiver[int]) -> None:
                    got.append(await feed.receive())

                nursery.start_soon(listen, here)
                assert (await alternation.select()).guard is timer
                nursery.start_soon(listen, away)
                assert (await alternation.select()).guard is tx
        return got

    assert run(main) == [1, 1]


def test_a_produce_that_raises_sends_nothing_to_anybody(run: Any) -> None:
    async def main() -> Any:
        b, values = Broadcast(int, name="b"), list[int]()
        tx, got = b.sender(), list[Any]()

        async def offer() -> None:
            with pytest.raises(IndexError):
                await Alternation(tx.offer(values.pop)).select()
            values.append(5)
            await Alternation(tx.offer(values.pop)).select()
            tx.retire()

        async with trio.open_nursery() as nursery:
            first, second = b.receiver(), b.receiver()
            nursery.start_soon(offer)
            await wait_all_tasks_blocked()
            got = list(await Par(collect(first), collect(second)))
        return got

    assert run(main) == [[5], [5]]


def test_one_alternation_with_both_ends_of_a_broadcast_never_meets_itself(run: Any) -> None:
    async def main() -> None:
        b, timer = Broadcast(int, name="b"), Timeout(1)
        with b.sender() as tx, b.receiver() as rx:
            alternation = Alternation(tx.offer(lambda: 1), rx, timer)
            for select in (alternation.select, alternation.pri_select, alternation.select):
                assert (await select()).guard is timer

    run(main)


def test_an_alternation_with_both_ends_receives_from_another_sender(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as rx:
            alternation = Alternation(tx.offer(lambda: 1), rx)
            async with Spawn() as spawn:
                listener = spawn(take(b.receiver(), 1))
                spawn(put(b.sender(), 2))
                await trio.sleep(1)
                choice = await alternation.select()
            return choice == (rx, 2), listener.result()

    assert run(main) == (True, [2])


def test_an_alternation_with_both_ends_sends_if_its_own_buffer_has_room(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=1)
        with b.sender() as tx, b.receiver() as rx:
            alternation = Alternation(tx.offer(lambda: 1), rx)
            return [(await alternation.select()).guard is tx for _ in range(4)]

    assert run(main) == [True, False, True, False]


def test_an_offer_blocked_by_its_own_receiver_blocks_no_other_sender(run: Any) -> None:
    async def main() -> Any:
        b, got = Broadcast(int, name="b"), list[Any]()
        with b.sender() as tx, b.sender() as other, b.receiver() as own, b.receiver() as rx:
            async with trio.open_nursery() as nursery:

                async def select() -> None:
                    choice = await Alternation(tx.offer(lambda: 1), own).select()
                    got.append((choice.guard is own, choice.value))

                nursery.start_soon(select)
                await wait_all_tasks_blocked()
                nursery.start_soon(other.send, 2)
                await wait_all_tasks_blocked()
                with trio.move_on_after(3):
                    got.append(await rx.receive())
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        return got

    assert run(main) == [2, (True, 2)]


def test_one_selection_on_two_receivers_is_a_partner_for_one_of_them_only(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as one, b.receiver() as two:
            async with trio.open_nursery() as nursery:

                async def select() -> None:
                    await Alternation(one, two).select()

                nursery.start_soon(select)
                await wait_all_tasks_blocked()
                try:
                    with pytest.raises(trio.WouldBlock):
                        tx.send_nowait(7)
                finally:
                    nursery.cancel_scope.cancel()

    run(main)


@pytest.mark.parametrize("buffer", [1, Sliding(1)])
def test_one_alternation_on_two_buffered_receivers_gets_each_value_twice(
    run: Any, buffer: Any
) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=buffer)
        with b.receiver() as one, b.receiver() as two:
            async with Spawn() as spawn:
                alternation = Alternation(one, two)
                spawn(put(b.sender(), 7))
                return [(await alternation.select()).value for _ in range(2)]

    assert run(main) == [7, 7]


def test_the_guard_ended_fires_when_the_last_sender_has_retired(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b", buffer=1)
        with b.receiver() as rx, b.receiver() as also:
            with b.sender() as tx:
                tx.send_nowait(1)
            timer = Timeout(1)
            alternation = Alternation(rx.ended(), timer)
            assert (await alternation.select()).guard is timer  # a value is left
            assert await rx.receive() == 1
            first = (await alternation.select()).guard
            return first is rx, [v async for v in also]

    assert run(main) == (True, [1])


def test_a_condition_that_is_false_makes_a_receiver_stop_the_sender(run: Any) -> None:
    async def main() -> Any:
        b, open_, timer = Broadcast(int, name="b"), list[bool](), Timeout(5)
        with b.receiver() as rx:
            alternation = Alternation(rx.when(lambda: open_), timer)
            async with Spawn() as spawn:
                running = spawn(take(b.receiver(), 1))
                spawn(put(b.sender(), 3))
                assert (await alternation.select()).guard is timer
                open_.append(True)
                choice = await alternation.select()
            return choice.value, running.result()

    assert run(main) == (3, [3])


def test_a_poisoned_broadcast_ends_the_selections_of_both_sides(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as one, b.receiver() as two:
            async with trio.open_nursery() as nursery:

                async def select(guard: Any) -> None:
                    with pytest.raises(csp.Poisoned, match="no more"):
                        await Alternation(guard).select()

                nursery.start_soon(select, one)
                nursery.start_soon(select, tx.offer(lambda: 1))
                await wait_all_tasks_blocked()
                two.poison("no more")

    run(main)


# --- cancelling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("late", [True, False])
def test_a_cancelled_send_reached_nobody_and_a_committed_one_everybody(
    lend: bool, buffer: int, late: bool
) -> None:
    outcomes: set[bool] = set()

    async def scenario(scope: trio.CancelScope) -> None:
        b = Broadcast(int, name="b", buffer=buffer)
        sent: list[int] = []

        @process
        async def victim(out: Sender[int]) -> None:
            with scope:
                for value in (1, 2):
                    await out.send(value)
                    sent.append(value)
            await trio.sleep(1)

        @process
        async def listens(feed: Receiver[int]) -> list[int]:
            if late:
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
            return [value async for value in feed]

        _, one, two = await Par(victim(b.sender()), listens(b.receiver()), listens(b.receiver()))
        assert one == two == sent
        outcomes.add(len(sent) == 2)

    clock = MockClock(autojump_threshold=0)
    assert cancel_at_every_step(scenario, lend=lend, clock=clock) > 2
    assert True in outcomes
    assert False in outcomes or buffer  # with room, two sends are one step


@pytest.mark.parametrize("buffer", [0, 1])
def test_a_cancelled_receive_took_nothing_and_the_others_miss_nothing(
    lend: bool, buffer: int
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        b = Broadcast(int, name="b", buffer=buffer)

        @process
        async def victim(feed: Receiver[int]) -> list[int]:
            got = []
            with scope:
                for _ in range(2):
                    got.append(await feed.receive())
            return got + [value async for value in feed]

        _, one, two = await Par(
            put(b.sender(), 1, 2, 3), victim(b.receiver()), collect(b.receiver())
        )
        assert one == two == [1, 2, 3]

    clock = MockClock(autojump_threshold=0)
    assert cancel_at_every_step(scenario, lend=lend, clock=clock) > 2


def test_a_cancelled_selection_on_both_sides_neither_took_nor_sent(lend: bool) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        b = Broadcast(int, name="b")

        @process
        async def selects(feed: Receiver[int]) -> list[int]:
            got = list[int]()
            alternation = Alternation(feed)
            with scope:
                for _ in range(2):
                    got.append((await alternation.select()).value)
            return got + [value async for _, value in alternation]

        @process
        async def offers(out: Sender[int]) -> list[int]:
            values = iter(range(10))
            alternation = Alternation(out.offer(values.__next__))
            return [(await alternation.select()).value for _ in range(4)]

        sent, one, two = await Par(offers(b.sender()), selects(b.receiver()), collect(b.receiver()))
        assert sent == one == two

    clock = MockClock(autojump_threshold=0)
    assert cancel_at_every_step(scenario, lend=lend, clock=clock) > 2


# --- types and wiring ---------------------------------------------------------------------------


def test_values_are_checked_at_every_send(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b", buffer=2)
        with b.sender() as tx, b.receiver() as rx:
            wrong: Any = "one"
            with pytest.raises(csp.ChannelTypeError, match="`b` carries int"):
                await tx.send(wrong)
            with pytest.raises(csp.ChannelTypeError):
                tx.send_nowait(wrong)
            with pytest.raises(csp.ChannelTypeError):
                await Alternation(tx.offer(lambda: wrong)).select()
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()

    run(main)


def test_a_deep_check_looks_into_the_value(run: Any) -> None:
    async def main() -> None:
        b: Any = Broadcast(list[int], name="b", check="deep")
        with b.sender() as tx:
            await tx.send([1])
            with pytest.raises(csp.ChannelTypeError):
                await tx.send(["one"])

    run(main)


def test_a_subscripted_broadcast_is_a_broadcast(run: Any) -> None:
    async def main() -> Any:
        b: Any = Broadcast[int | str](name="b", buffer=2)
        assert isinstance(b, Broadcast)
        with b.sender() as tx, b.receiver() as one, b.receiver() as two:
            await tx.send("x")
            with pytest.raises(csp.ChannelTypeError):
                await tx.send(1.5)
            return one.receive_nowait(), two.receive_nowait()

    assert run(main) == ("x", "x")


def test_a_union_may_be_given_as_an_argument(run: Any) -> None:
    async def main() -> Any:
        b: Any = Broadcast(int | str, name="b", buffer=2)
        with b.sender() as tx, b.receiver() as one, b.receiver() as two:
            await tx.send("x")
            with pytest.raises(csp.ChannelTypeError):
                await tx.send(1.5)
            return one.receive_nowait(), two.receive_nowait()

    assert run(main) == ("x", "x")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"buffer": "many"}, TypeError),
        ({"buffer": 1.5}, TypeError),
        ({"buffer": True}, TypeError),
        ({"buffer": None}, TypeError),
        ({"buffer": -1}, ValueError),
        ({"check": "thorough"}, ValueError),
        ({"max_attempts": 2}, TypeError),
    ],
)
def test_wrong_options_are_refused(options: Any, error: Any) -> None:
    with pytest.raises(error):
        Broadcast(int, name="b", **options)


def test_an_end_of_the_wrong_type_or_direction_is_a_wiring_error(run: Any) -> None:
    async def main() -> None:
        words = Broadcast(str, name="words")
        with words.receiver() as rx, words.sender() as tx:
            for end in (rx, tx):
                with pytest.raises(csp.WiringError, match="words"):
                    collect(end)  # type: ignore[arg-type]
            await tx.aclose()
            assert [word async for word in rx] == []

    run(main)


def test_a_broadcast_given_where_an_end_is_wanted_is_a_wiring_error(run: Any) -> None:
    async def main() -> None:
        b: Any = Broadcast(int, name="b")
        with pytest.raises(csp.WiringError, match=r"b\.receiver\(\)"):
            collect(b).close()

    run(main)


def test_a_process_that_was_given_a_broadcast_may_make_a_sender_later(run: Any) -> None:
    @process
    async def late(b: Broadcast[int]) -> None:
        await trio.sleep(3)
        with b.sender() as tx:
            await tx.send(1)

    async def main() -> Any:
        b = Broadcast(int, name="b")
        return await Par(late(b), collect(b.receiver()))

    assert run(main) == (None, [1])


def test_a_broadcast_of_calls_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError):
        Broadcast(csp.Call[int, int], name="b")


def test_a_broadcast_shows_its_name() -> None:
    assert repr(Broadcast(int, name="ticks")) == "<Broadcast ticks>"
    assert Broadcast(int, name="ticks").name == "ticks"
    assert "test_broadcast.py:" in Broadcast(int).name


def test_the_statistics_of_a_sender_count_all_receivers(run: Any) -> None:
    async def main() -> Any:
        b = Broadcast(int, name="b")
        with b.sender() as tx, b.receiver() as one, b.receiver():
            before = tx.statistics().open_receive_channels
            one.retire()
            return before, tx.statistics().open_receive_channels

    assert run(main) == (2, 1)


def test_the_statistics_of_a_receiver_count_the_senders(run: Any) -> None:
    async def main() -> int:
        b = Broadcast(int, name="b")
        with b.sender(), b.sender(), b.receiver() as rx:
            return rx.statistics().open_send_channels

    assert run(main) == 2


def test_the_end_of_another_process_may_not_be_used(run: Any) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        rx, tx = b.receiver(), b.sender()
        async with Spawn() as spawn:
            spawn(collect(rx))
            with pytest.raises(csp.EndClosed, match="you gave `b`'s receiver to `collect`"):
                await rx.receive()
            with pytest.raises(csp.EndClosed):
                rx.clone()
            tx.retire()

    run(main)


def test_a_receiver_that_nobody_reads_is_a_deadlock_that_is_named(lend: bool) -> None:
    async def main() -> None:
        b = Broadcast(int, name="b")
        with b.receiver():
            await Par(put(b.sender(), 1), collect(b.receiver()))

    with pytest.raises(csp.Deadlock, match="waits to send to `b`"):
        csp.run(main, lend=lend)


def test_ends_are_refused_as_they_have_one_owner(run: Any) -> None:
    async def main() -> None:
        news, reply = Broadcast(object, name="news"), Channel(int, name="reply")
        with news.sender() as tx, reply.sender() as end:
            with pytest.raises(csp.ChannelTypeError, match="carries no ends"):
                await tx.send([end])

    run(main)


def test_an_extended_rendezvous_is_refused(run: Any) -> None:
    async def main() -> None:
        with Broadcast(int, name="news").receiver() as rx:
            with pytest.raises(TypeError, match="lease"):
                rx.extended()

    run(main)
