"""What trio asks of its memory channels, asked of our ends.

Source: python-trio/trio, src/trio/_tests/test_channel.py (as of trio 0.35).  The facts are trio's, the
programs are ours.  The first part uses ends in plain trio tasks, the second inside processes, where a
few answers differ on purpose (DESIGN 2).  Not taken over: `as_safe_channel`, which we do not have.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

import csp
from csp import Channel, EndClosed, EndOfChannel, Fifo, NoReceivers, Par, Receiver, Sender, process


def pair(buffer: float = 0) -> tuple[Sender[int], Receiver[int]]:
    """The two ends of a new channel of ints."""
    channel = Channel(int, name="numbers", buffer=buffer)
    return channel.sender(), channel.receiver()


# --- making one ----------------------------------------------------------------------------


def test_a_buffer_size_that_is_no_integer_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Channel(int, buffer=1.0)
    with pytest.raises(TypeError):
        Fifo(1.0)


def test_a_negative_buffer_size_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Channel(int, buffer=-1)
    with pytest.raises(ValueError, match="0 or more"):
        Fifo(-1)


@pytest.mark.trio
async def test_ends_are_trio_channels_and_can_be_shown() -> None:
    tx, rx = pair()
    with tx, rx:
        assert isinstance(tx, trio.abc.SendChannel)
        assert isinstance(rx, trio.abc.ReceiveChannel)
        assert repr(tx) != repr(rx)


# --- sending and receiving in plain trio tasks -----------------------------------------------


@pytest.mark.trio
async def test_a_buffered_channel_takes_as_many_values_as_it_has_room_for() -> None:
    tx, rx = pair(2)
    with tx, rx:
        tx.send_nowait(1)
        await tx.send(2)
        with pytest.raises(trio.WouldBlock):
            tx.send_nowait(3)
        assert await rx.receive() == 1
        assert rx.receive_nowait() == 2
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()


@pytest.mark.trio
async def test_sending_and_receiving_over_a_buffer_are_checkpoints() -> None:
    tx, rx = pair(1)
    with tx, rx:
        with assert_checkpoints():
            await tx.send(1)
        with assert_checkpoints():
            assert await rx.receive() == 1


@pytest.mark.trio
@pytest.mark.parametrize("sender_first", [True, False])
async def test_a_rendezvous_is_a_checkpoint_for_both_sides(sender_first: bool) -> None:
    tx, rx = pair()
    got: list[int] = []

    async def send() -> None:
        with assert_checkpoints():
            await tx.send(1)

    async def receive() -> None:
        with assert_checkpoints():
            got.append(await rx.receive())

    with tx, rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send if sender_first else receive)
            await wait_all_tasks_blocked()
            nursery.start_soon(receive if sender_first else send)
    assert got == [1]


@pytest.mark.trio
async def test_closing_is_a_checkpoint() -> None:
    tx, rx = pair()
    with assert_checkpoints():
        await tx.aclose()
    with assert_checkpoints():
        await rx.aclose()


@pytest.mark.trio
async def test_without_a_buffer_nothing_happens_until_both_are_there() -> None:
    tx, rx = pair()
    with tx, rx:
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()
        with pytest.raises(trio.WouldBlock):
            tx.send_nowait(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.send, 1)
            await wait_all_tasks_blocked()
            assert rx.receive_nowait() == 1
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()


@pytest.mark.trio
async def test_an_unlimited_buffer_never_makes_a_sender_wait() -> None:
    tx, rx = pair(math.inf)
    with rx:
        with tx:
            for number in range(1000):
                tx.send_nowait(number)
        assert [number async for number in rx] == list(range(1000))


@pytest.mark.trio
async def test_waiting_senders_are_served_in_the_order_of_their_arrival() -> None:
    tx, rx = pair()
    with tx, rx:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(tx.send, number)
                await wait_all_tasks_blocked()
            assert [await rx.receive() for _ in range(5)] == list(range(5))


@pytest.mark.trio
async def test_waiting_receivers_are_served_in_the_order_of_their_arrival() -> None:
    tx, rx = pair()
    got: list[tuple[str, int]] = []

    async def receive(name: str) -> None:
        got.append((name, await rx.receive()))

    with tx, rx:
        async with trio.open_nursery() as nursery:
            for name in "abc":
                nursery.start_soon(receive, name)
                await wait_all_tasks_blocked()
            for number in range(3):
                tx.send_nowait(number)
    assert sorted(got) == [("a", 0), ("b", 1), ("c", 2)]


@pytest.mark.trio
async def test_a_value_can_be_taken_back_when_nobody_waits_for_it() -> None:
    tx, rx = pair(1)
    with tx, rx:
        for number in range(3):
            tx.send_nowait(number)
            assert rx.receive_nowait() == number


@pytest.mark.trio
async def test_a_value_belongs_to_the_receiver_that_waited_for_it() -> None:
    tx, rx = pair(1)
    got: list[int] = []

    async def receive() -> None:
        got.append(await rx.receive())

    with tx, rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            tx.send_nowait(1)
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()
    assert got == [1]


@pytest.mark.trio
async def test_free_room_belongs_to_the_sender_that_waited_for_it() -> None:
    tx, rx = pair(1)
    with tx, rx:
        tx.send_nowait(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.send, 2)
            await wait_all_tasks_blocked()
            assert rx.receive_nowait() == 1
            with pytest.raises(trio.WouldBlock):
                tx.send_nowait(3)
            assert await rx.receive() == 2


# --- cancelling in plain trio tasks ----------------------------------------------------------


@pytest.mark.trio
async def test_a_receive_that_timed_out_leaves_the_channel_usable(autojump_clock: object) -> None:
    tx, rx = pair(1)
    with tx, rx:
        with trio.move_on_after(10) as timeout:
            await rx.receive()
        assert timeout.cancelled_caught
        await tx.send(1)
        assert rx.receive_nowait() == 1


@pytest.mark.trio
async def test_a_send_that_timed_out_did_not_happen(autojump_clock: object) -> None:
    tx, rx = pair()
    with tx, rx:
        with trio.move_on_after(10) as timeout:
            await tx.send(1)
        assert timeout.cancelled_caught
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()


@pytest.mark.trio
async def test_a_send_under_a_pending_cancel_did_not_happen() -> None:
    tx, rx = pair(1)
    with tx, rx:
        with trio.CancelScope() as scope:
            scope.cancel()
            await tx.send(1)
        assert scope.cancelled_caught
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()


@pytest.mark.trio
async def test_a_receive_under_a_pending_cancel_leaves_the_value() -> None:
    tx, rx = pair(1)
    with tx, rx:
        tx.send_nowait(1)
        with trio.CancelScope() as scope:
            scope.cancel()
            await rx.receive()
        assert scope.cancelled_caught
        assert rx.receive_nowait() == 1


@pytest.mark.trio
async def test_a_cancel_behind_the_commit_comes_too_late_for_the_receiver() -> None:
    tx, rx = pair()
    got: list[int] = []
    scope = trio.CancelScope()

    async def receive() -> None:
        with scope:
            got.append(await rx.receive())

    with tx, rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            tx.send_nowait(1)
            scope.cancel()
    assert got == [1]


@pytest.mark.trio
async def test_a_cancel_behind_the_commit_comes_too_late_for_the_sender() -> None:
    tx, rx = pair()
    sent: list[int] = []
    scope = trio.CancelScope()

    async def send() -> None:
        with scope:
            await tx.send(1)
            sent.append(1)

    with tx, rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert rx.receive_nowait() == 1
            scope.cancel()
    assert sent == [1]


@pytest.mark.trio
async def test_a_cancelled_close_closes_all_the_same() -> None:
    tx, rx = pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await tx.aclose()
    with pytest.raises(EndClosed):
        tx.send_nowait(1)
    with rx, pytest.raises(EndOfChannel):
        rx.receive_nowait()


# --- closing in plain trio tasks -------------------------------------------------------------


async def close_now(end: Sender[int] | Receiver[int]) -> None:
    end.close()


async def close_async(end: Sender[int] | Receiver[int]) -> None:
    await end.aclose()


Close = Callable[[Any], Awaitable[None]]
both_ways = pytest.mark.parametrize("close", [close_now, close_async])


async def expect(
    error: type[Exception], operation: Callable[..., Awaitable[object]], *args: object
) -> None:
    with pytest.raises(error):
        await operation(*args)


@both_ways
@pytest.mark.trio
async def test_a_closed_sender_refuses_everything_but_closing(close: Close) -> None:
    tx, rx = pair(1)
    with rx:
        await close(tx)
        with pytest.raises(EndClosed):
            await tx.send(1)
        with pytest.raises(EndClosed):
            tx.send_nowait(1)
        with pytest.raises(EndClosed):
            tx.clone()
        await close(tx)


@both_ways
@pytest.mark.trio
async def test_a_closed_receiver_refuses_everything_but_closing(close: Close) -> None:
    tx, rx = pair(1)
    with tx:
        await close(rx)
        with pytest.raises(EndClosed):
            await rx.receive()
        with pytest.raises(EndClosed):
            rx.receive_nowait()
        with pytest.raises(EndClosed):
            rx.clone()
        await close(rx)


def test_our_errors_are_caught_as_the_ones_of_trio() -> None:
    assert issubclass(EndClosed, trio.ClosedResourceError)
    assert issubclass(EndOfChannel, trio.EndOfChannel)
    assert issubclass(NoReceivers, trio.BrokenResourceError)


@both_ways
@pytest.mark.trio
async def test_a_send_waiting_on_an_end_that_is_closed_fails(close: Close) -> None:
    tx, rx = pair()
    with rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndClosed, tx.send, 1)
            await wait_all_tasks_blocked()
            await close(tx)
        with pytest.raises(EndOfChannel):
            rx.receive_nowait()
        with pytest.raises(EndOfChannel):
            await rx.receive()


@both_ways
@pytest.mark.trio
async def test_a_receive_waiting_on_an_end_that_is_closed_fails(close: Close) -> None:
    tx, rx = pair()
    with tx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndClosed, rx.receive)
            await wait_all_tasks_blocked()
            await close(rx)
        with pytest.raises(EndClosed):
            rx.receive_nowait()


@both_ways
@pytest.mark.trio
async def test_a_waiting_send_fails_when_the_last_receiver_goes(close: Close) -> None:
    tx, rx = pair()
    with tx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, NoReceivers, tx.send, 1)
            await wait_all_tasks_blocked()
            await close(rx)
        with pytest.raises(NoReceivers):
            tx.send_nowait(1)
        with pytest.raises(NoReceivers):
            await tx.send(1)


@both_ways
@pytest.mark.trio
async def test_a_waiting_receive_ends_when_the_last_sender_goes(close: Close) -> None:
    tx, rx = pair()
    with rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndOfChannel, rx.receive)
            await wait_all_tasks_blocked()
            await close(tx)


@pytest.mark.trio
async def test_what_was_buffered_is_received_before_the_end() -> None:
    tx, rx = pair(2)
    with rx:
        with tx:
            tx.send_nowait(1)
            tx.send_nowait(2)
        assert rx.receive_nowait() == 1
        assert await rx.receive() == 2
        with pytest.raises(EndOfChannel):
            await rx.receive()
        with pytest.raises(EndOfChannel):
            rx.receive_nowait()


@pytest.mark.trio
async def test_buffered_values_do_not_help_a_sender_without_receivers() -> None:
    tx, rx = pair(10)
    with tx:
        tx.send_nowait(1)
        rx.close()
        with pytest.raises(NoReceivers):
            tx.send_nowait(2)


@pytest.mark.trio
async def test_the_receiving_side_is_open_as_long_as_one_clone_is() -> None:
    tx, first = pair(10)
    with tx:
        second, third = first.clone(), first.clone()
        tx.send_nowait(1)
        await first.aclose()
        with second:
            pass
        for closed in (first, second):
            with pytest.raises(EndClosed):
                closed.clone()
        tx.send_nowait(2)
        assert third.receive_nowait() == 1
        await third.aclose()
        with pytest.raises(NoReceivers):
            tx.send_nowait(3)


@pytest.mark.trio
async def test_closing_one_sender_disturbs_only_those_who_wait_on_it() -> None:
    first, rx = pair()
    second = first.clone()
    with second, rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndClosed, first.send, 1)
            nursery.start_soon(second.send, 2)
            await wait_all_tasks_blocked()
            await first.aclose()
            assert await rx.receive() == 2


@pytest.mark.trio
async def test_closing_one_receiver_disturbs_only_those_who_wait_on_it() -> None:
    tx, first = pair()
    second = first.clone()
    got: list[int] = []

    async def receive() -> None:
        got.append(await second.receive())

    with tx, second:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndClosed, first.receive)
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            await first.aclose()
            await tx.send(1)
    assert got == [1]


@pytest.mark.trio
async def test_ends_are_closed_by_with_and_by_async_with() -> None:
    tx, rx = pair()
    async with tx:
        pass
    with pytest.raises(EndClosed):
        tx.send_nowait(1)
    with rx:
        pass
    with pytest.raises(EndClosed):
        rx.receive_nowait()


# --- many of them, and counting --------------------------------------------------------------


@pytest.mark.trio
async def test_many_producers_with_a_clone_each_end_the_loop_of_the_consumer() -> None:
    async def produce(tx: Sender[int], start: int) -> None:
        async with tx:
            for number in range(start, start + 3):
                await tx.send(number)

    tx, rx = pair()
    with rx:
        async with trio.open_nursery() as nursery:
            async with tx:
                for start in range(0, 30, 3):
                    nursery.start_soon(produce, tx.clone(), start)
            got = [number async for number in rx]
    assert sorted(got) == list(range(30))


@pytest.mark.trio
async def test_many_consumers_of_one_end_each_get_a_share() -> None:
    got: list[tuple[int, int]] = []

    async def consume(rx: Receiver[int], who: int) -> None:
        async for number in rx:
            got.append((who, number))

    tx, rx = pair(1)
    with rx:
        async with trio.open_nursery() as nursery, tx:
            for who in range(5):
                nursery.start_soon(consume, rx, who)
            await wait_all_tasks_blocked()
            for number in range(10):
                await tx.send(number)
    assert {who for who, _ in got} == set(range(5))
    assert sorted(number for _, number in got) == list(range(10))


def counted(end: Any) -> dict[str, Any]:
    """The fields that trio's statistics have, read from `end`."""
    statistics = end.statistics()
    return {
        field.name: getattr(statistics, field.name)
        for field in attrs.fields(trio.MemoryChannelStatistics)
    }


@pytest.mark.trio
async def test_statistics_have_the_fields_and_the_numbers_of_trio() -> None:
    tx, rx = pair(2)
    theirs_tx, theirs_rx = trio.open_memory_channel[int](2)

    def agree() -> dict[str, Any]:
        ours = counted(tx)
        assert ours == counted(rx) == counted(theirs_tx) == counted(theirs_rx)
        return ours

    assert agree()["max_buffer_size"] == 2
    for sender in (tx, theirs_tx):
        sender.send_nowait(1)
    assert agree()["current_buffer_used"] == 1
    senders, receivers = (
        [end.clone() for end in (tx, theirs_tx)],
        [end.clone() for end in (rx, theirs_rx)],
    )
    assert agree()["open_send_channels"] == agree()["open_receive_channels"] == 2
    for sender in senders:
        sender.close()
    assert agree()["open_send_channels"] == 1
    for receiver in receivers:
        receiver.close()
    assert agree()["open_receive_channels"] == 1
    for sender in (tx, theirs_tx):
        sender.send_nowait(2)
    async with trio.open_nursery() as nursery:
        for number in (3, 4):
            nursery.start_soon(tx.send, number)
            nursery.start_soon(theirs_tx.send, number)
        await wait_all_tasks_blocked()
        assert agree()["tasks_waiting_send"] == 2
        nursery.cancel_scope.cancel()
    assert agree()["tasks_waiting_send"] == 0
    for receiver in (rx, theirs_rx):
        receiver.receive_nowait()
        receiver.receive_nowait()
    assert agree()["current_buffer_used"] == 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rx.receive)
        nursery.start_soon(theirs_rx.receive)
        await wait_all_tasks_blocked()
        assert agree()["tasks_waiting_receive"] == 1
        nursery.cancel_scope.cancel()
    assert agree()["tasks_waiting_receive"] == 0
    for end in (tx, theirs_tx, rx, theirs_rx):
        end.close()
    assert agree()["open_send_channels"] == agree()["open_receive_channels"] == 0


# --- the same inside processes ---------------------------------------------------------------


@process
async def send_all(out: Sender[int], numbers: Iterable[int]) -> None:
    for number in numbers:
        await out.send(number)


@process
async def collect(inp: Receiver[int]) -> list[int]:
    return [number async for number in inp]


@process
async def take(inp: Receiver[int], count: int) -> list[int]:
    return [await inp.receive() for _ in range(count)]


@pytest.mark.parametrize("buffer", [0, 1, 7, math.inf])
def test_values_arrive_in_order_whatever_the_buffer(buffer: float) -> None:
    async def main() -> list[int]:
        tx, rx = pair(buffer)
        _, got = await Par(send_all(tx, range(100)), collect(rx))
        return got

    assert csp.run(main) == list(range(100))


def test_ten_producing_processes_end_the_loop_of_the_consumer() -> None:
    async def main() -> list[int]:
        channel = Channel(int)
        producers = [send_all(channel.sender(), range(3 * n, 3 * n + 3)) for n in range(10)]
        return (await Par(Par(*producers), collect(channel.receiver())))[1]

    assert sorted(csp.run(main)) == list(range(30))


def test_ten_copies_of_a_consuming_process_share_the_values() -> None:
    async def main() -> list[list[int]]:
        tx, rx = pair()
        return (await Par(send_all(tx, range(100)), 10 * collect(rx)))[1]

    shares = csp.run(main)
    assert len(shares) == 10
    assert sorted(sum(shares, [])) == list(range(100))


def test_a_process_that_sends_too_much_ends_quietly_with_its_receivers() -> None:
    async def main() -> list[int]:
        tx, rx = pair()
        return (await Par(send_all(tx, range(1000)), take(rx, 3)))[1]

    assert csp.run(main) == [0, 1, 2]


def test_a_process_that_wants_a_value_that_never_comes_fails() -> None:
    async def main() -> None:
        tx, rx = pair()
        await Par(send_all(tx, range(3)), take(rx, 4))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    assert caught.group_contains(EndOfChannel)


@process
async def try_both_directions(tx: Sender[int], rx: Receiver[int]) -> list[str]:
    blocked: list[str] = []
    try:
        tx.send_nowait(1)
    except trio.WouldBlock:
        blocked.append("send")
    try:
        rx.receive_nowait()
    except trio.WouldBlock:
        blocked.append("receive")
    return blocked


@pytest.mark.parametrize(("buffer", "blocked"), [(0, ["send", "receive"]), (1, [])])
def test_nowait_in_a_process_waits_for_nobody(buffer: int, blocked: list[str]) -> None:
    async def main() -> list[str]:
        return await try_both_directions(*pair(buffer))

    assert csp.run(main) == blocked


@process
async def overtake(tx: Sender[int], rx: Receiver[int]) -> None:
    await wait_all_tasks_blocked()
    tx.send_nowait(1)
    with pytest.raises(trio.WouldBlock):
        rx.receive_nowait()


@pytest.mark.parametrize("buffer", [0, 1])
def test_a_value_belongs_to_the_process_that_waited_for_it(buffer: int) -> None:
    async def main() -> list[int]:
        tx, rx = pair(buffer)
        return (await Par(take(rx.clone(), 1), overtake(tx, rx)))[0]

    assert csp.run(main) == [1]


@process
async def push_in(tx: Sender[int], rx: Receiver[int]) -> list[int]:
    await wait_all_tasks_blocked()
    first = rx.receive_nowait()
    with pytest.raises(trio.WouldBlock):
        tx.send_nowait(99)
    return [first, await rx.receive()]


def test_free_room_belongs_to_the_process_that_waited_for_it() -> None:
    async def main() -> list[int]:
        tx, rx = pair(1)
        return (await Par(send_all(tx.clone(), [1, 2]), push_in(tx, rx)))[1]

    assert csp.run(main) == [1, 2]


def test_a_receive_that_timed_out_in_a_process_leaves_the_channel_usable() -> None:
    @process
    async def give_up_and_send(tx: Sender[int], rx: Receiver[int]) -> int:
        with trio.move_on_after(10) as timeout:
            await rx.receive()
        assert timeout.cancelled_caught
        await tx.send(1)
        return await rx.receive()

    async def main() -> int:
        return await give_up_and_send(*pair(1))

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == 1


def test_a_send_that_timed_out_in_a_process_did_not_happen() -> None:
    @process
    async def give_up(tx: Sender[int]) -> None:
        with trio.move_on_after(10) as timeout:
            await tx.send(1)
        assert timeout.cancelled_caught
        await tx.send(2)

    async def main() -> list[int]:
        tx, rx = pair()

        @process
        async def come_late(rx: Receiver[int]) -> list[int]:
            await trio.sleep(20)
            return [number async for number in rx]

        return (await Par(give_up(tx), come_late(rx)))[1]

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == [2]


@pytest.mark.parametrize("buffer", [0, 1])
def test_in_a_process_a_pending_cancel_strikes_at_the_latest_when_it_parks(buffer: int) -> None:
    @process
    async def wait_cancelled(tx: Sender[int], rx: Receiver[int]) -> bool:
        with trio.CancelScope() as scope:
            scope.cancel()
            await rx.receive()
        return scope.cancelled_caught

    async def main() -> bool:
        return await wait_cancelled(*pair(buffer))

    assert csp.run(main)


def test_a_cancelled_process_does_not_lose_a_value_it_was_given() -> None:
    @process
    async def wait_in_scope(inp: Receiver[int], scope: trio.CancelScope) -> list[int]:
        got: list[int] = []
        with scope:
            while True:
                got.append(await inp.receive())
        return got

    @process
    async def send_and_cancel(out: Sender[int], scope: trio.CancelScope) -> None:
        await wait_all_tasks_blocked()
        out.send_nowait(1)
        scope.cancel()
        await wait_all_tasks_blocked()

    async def main() -> list[int]:
        tx, rx = pair()
        scope = trio.CancelScope()
        return (await Par(wait_in_scope(rx, scope), send_and_cancel(tx, scope)))[0]

    assert csp.run(main) == [1]


def test_a_trio_task_of_a_process_fails_when_the_process_closes_its_end() -> None:
    @process
    async def close_under_it(rx: Receiver[int]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect, EndClosed, rx.receive)
            await wait_all_tasks_blocked()
            rx.close()

    async def main() -> None:
        tx, rx = pair()
        with tx:
            await close_under_it(rx)

    csp.run(main)


def test_a_plain_trio_task_and_a_process_meet_on_one_channel() -> None:
    async def main() -> list[int]:
        tx, rx = pair()

        async def feed() -> None:
            with tx:
                for number in range(10):
                    await tx.send(number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed)
            return await collect(rx)

    assert csp.run(main) == list(range(10))


def test_a_process_is_started_by_a_nursery_as_a_trio_task() -> None:
    async def main() -> list[int]:
        tx, rx = pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, tx, range(10))
            with rx:
                return [number async for number in rx]

    assert csp.run(main) == list(range(10))


def test_the_end_that_was_given_away_is_closed_for_the_giver() -> None:
    async def main() -> None:
        tx, rx = pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, tx, [1])
            with rx:
                assert await rx.receive() == 1
        with pytest.raises(EndClosed):
            tx.send_nowait(2)
        tx.close()

    csp.run(main)
