"""What Go asks of its channels and of `select`, asked of ours.

Source: golang/go, test/chan/*.go and src/runtime/chan_test.go.  The ideas are Go's, the programs ours.
What differs on purpose: a closed channel raises where Go yields zero values; a condition that is false
takes the place of a nil channel; `Skip` that of `default`; nothing blocks for ever on nothing.
Not taken over: powser1 and powser2 (a calculation, no question about channels), and what only tests
Go's compiler, stack or collector.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import math
import tracemalloc
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Channel,
    EndOfChannel,
    NoReceivers,
    Par,
    Receiver,
    Sender,
    Skip,
    Spawn,
    WiringError,
    process,
)

PRIMES = [
    2,
    3,
    5,
    7,
    11,
    13,
    17,
    19,
    23,
    29,
    31,
    37,
    41,
    43,
    47,
    53,
    59,
    61,
    67,
    71,
    73,
    79,
    83,
    89,
    97,
]
CAPACITIES = [0, 1, 2, 10]


@process
async def send_range(out: Sender[int], count: int) -> None:
    for number in range(count):
        await out.send(number)


@process
async def collect(inp: Receiver[int]) -> list[int]:
    return [number async for number in inp]


@process
async def take(inp: Receiver[int], count: int) -> list[int]:
    return [await inp.receive() for _ in range(count)]


async def blocks(operation: Callable[[], Awaitable[object]]) -> bool:
    """True if `operation` waits with nobody to meet; it is cancelled then."""
    done = False

    async def attempt() -> None:
        nonlocal done
        await operation()
        done = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return not done


# --- sieve1.go, sieve2.go: process networks that grow ------------------------------------------


@process
async def count_from(first: int, step: int, out: Sender[int]) -> None:
    for number in itertools.count(first, step):
        await out.send(number)


@process
async def strain(prime: int, inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        if number % prime:
            await out.send(number)


@process
async def sieve(out: Sender[int]) -> None:
    numbers = Channel(int)
    async with Spawn() as spawn:
        spawn(count_from(2, 1, numbers.sender()))
        inp = numbers.receiver()
        while True:
            prime = await inp.receive()
            await out.send(prime)
            strained = Channel(int)
            spawn(strain(prime, inp, strained.sender()))
            inp = strained.receiver()


def test_a_sieve_grows_a_process_for_each_prime_and_winds_down_when_no_more_are_wanted() -> None:
    async def main() -> list[int]:
        primes = Channel(int)
        return (await Par(sieve(primes.sender()), take(primes.receiver(), len(PRIMES))))[1]

    assert csp.run(main) == PRIMES


@process
async def hold(out: Sender[int]) -> None:
    await trio.sleep_forever()


@process
async def wait_for_both(go: Receiver[int], inp: Receiver[int]) -> None:
    await go.receive()
    await inp.receive()


@process
async def let_go_and_fail(go: Sender[int]) -> None:
    await wait_all_tasks_blocked()
    go.send_nowait(1)
    raise LookupError("the only one that failed")


def test_a_torn_down_process_does_not_mistake_its_cancelled_neighbour_for_a_failure() -> None:
    """In half of the runs it is cancelled later than the neighbour that holds the sender."""

    async def main() -> None:
        go, numbers = Channel(int), Channel(int)
        await Par(
            hold(numbers.sender()),
            wait_for_both(go.receiver(), numbers.receiver()),
            let_go_and_fail(go.sender()),
        )

    for _ in range(50):
        with pytest.raises(ExceptionGroup) as caught:
            csp.run(main)
        assert [type(error) for error in caught.value.exceptions] == [LookupError]


@process
async def elastic(inp: Receiver[int], out: Sender[int]) -> None:
    """An unlimited buffer, made of one alternation."""
    waiting: deque[int] = deque()
    async for end, number in Alternation(inp, out.offer(waiting.popleft).when(lambda: waiting)):
        if end is inp:
            waiting.append(number)


@process
async def merge_multiples(primes: Receiver[int], out: Sender[int]) -> None:
    """Send the odd composites in order; some come more than once."""
    heads: list[tuple[int, int, Receiver[int]]] = []
    async with Spawn() as spawn:
        async for prime in primes:
            multiples = Channel(int, buffer=10)
            spawn(count_from(prime * prime, 2 * prime, multiples.sender()), background=True)
            newest = multiples.receiver()
            first = await newest.receive()
            while heads and heads[0][0] <= first:
                least, number, source = heads[0]
                await out.send(least)
                heapq.heapreplace(heads, (await source.receive(), number, source))
            await out.send(first)
            heapq.heappush(heads, (await newest.receive(), prime, newest))


@process
async def strike_out(composites: Receiver[int], feedback: Sender[int], out: Sender[int]) -> None:
    await out.send(2)
    await out.send(3)
    await feedback.send(3)
    composite = await composites.receive()
    for candidate in itertools.count(5, 2):
        while composite < candidate:
            composite = await composites.receive()
        if composite != candidate:
            await feedback.send(candidate)
            await out.send(candidate)


def test_a_sieve_with_a_feedback_loop_runs_through_an_elastic_buffer() -> None:
    async def main() -> list[int]:
        found, feedback, known, composites = (
            Channel(int, name=name) for name in ("found", "back", "known", "comp")
        )
        results = await Par(
            strike_out(composites.receiver(), feedback.sender(), found.sender()),
            elastic(feedback.receiver(), known.sender()),
            merge_multiples(known.receiver(), composites.sender()),
            take(found.receiver(), len(PRIMES)),
        )
        return results[3]

    assert csp.run(main) == PRIMES


# --- goroutines.go, fifo.go --------------------------------------------------------------------


@process
async def pass_one(inp: Receiver[int], out: Sender[int]) -> None:
    await out.send(await inp.receive())


def test_a_value_runs_through_a_chain_of_thousands_of_processes() -> None:
    length = 5000

    async def main() -> int:
        first = Channel(int)
        inp, links = first.receiver(), []
        for _ in range(length):
            link = Channel(int)
            links.append(pass_one(inp, link.sender()))
            inp = link.receiver()
        return (await Par(Par(*links), send_range(first.sender(), 1), take(inp, 1)))[2][0]

    assert csp.run(main) == 0


def test_a_long_chain_is_torn_down_cleanly_when_nobody_sends() -> None:
    async def main() -> list[int]:
        first = Channel(int)
        inp, links = first.receiver(), []
        for _ in range(1000):
            link = Channel(int)
            links.append(pass_one(inp, link.sender()))
            inp = link.receiver()
        return (await Par(Par(*links), send_range(first.sender(), 0), collect(inp)))[2]

    assert csp.run(main) == []


@pytest.mark.trio
async def test_a_buffer_is_a_pure_fifo() -> None:
    channel = Channel(int, buffer=10)
    with channel.sender() as tx, channel.receiver() as rx:
        for number in range(10):
            await tx.send(number)
        assert [await rx.receive() for _ in range(10)] == list(range(10))


@process
async def receive_in_turn(
    numbers: Receiver[int], mine: int, turn: Receiver[int], after: Sender[int]
) -> None:
    await turn.receive()
    assert await numbers.receive() == mine
    await after.send(mine)


def test_a_daisy_chain_of_receivers_sees_the_values_in_order() -> None:
    async def main() -> list[int]:
        numbers, start = Channel(int), Channel(int)
        turn, chain = start.receiver(), []
        for mine in range(10):
            after = Channel(int)
            chain.append(receive_in_turn(numbers.receiver(), mine, turn, after.sender()))
            turn = after.receiver()
        results = await Par(
            Par(*chain),
            send_range(start.sender(), 1),
            send_range(numbers.sender(), 10),
            take(turn, 1),
        )
        return results[3]

    assert csp.run(main) == [9]


# --- nonblock.go, sendstmt.go, zerosize.go -----------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("value", [123, 2.5, True, "hello", None, b"", (), frozenset({1})])
async def test_an_operation_that_does_not_wait_succeeds_once_a_partner_or_room_is_there(
    buffer: int, value: object
) -> None:
    channel = Channel(type(value), buffer=buffer)
    got: list[object] = []
    with channel.sender() as tx, channel.receiver() as rx:

        async def receive() -> None:
            got.append(await rx.receive())

        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            tx.send_nowait(value)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.send, value)
            await wait_all_tasks_blocked()
            got.append(rx.receive_nowait())
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()
    assert got == [value, value]


class Empty:
    __slots__ = ()


@pytest.mark.trio
@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("value", [None, (), b"", Empty()])
async def test_values_without_content_are_values(buffer: int, value: object) -> None:
    channel = Channel(type(value), buffer=buffer)
    with channel.sender() as tx, channel.receiver() as rx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.send, value)
            choice = await Alternation(rx).select()
        assert choice.guard is rx
        assert choice.value is value


@pytest.mark.trio
async def test_a_channel_of_any_object_carries_it_unchanged() -> None:
    channel = Channel(object, buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        sent = Empty()
        await tx.send(sent)
        skip = Skip()
        choice = await Alternation(tx.offer(lambda: sent), tx.offer(Empty), skip).select()
        assert choice.guard is skip
        assert await rx.receive() is sent


def test_an_end_travels_over_a_channel_and_is_used_at_once() -> None:
    async def main() -> int:
        ends, numbers = Channel[Sender[int]](buffer=1), Channel(int, buffer=1)
        with ends.sender() as give, ends.receiver() as get, numbers.receiver() as inp:
            await give.send(numbers.sender())
            choice = await Alternation(get, Skip()).select()
            assert get.chosen(choice)
            with choice.value as out:
                await out.send(2)
            return await inp.receive()

    assert csp.run(main) == 2


# --- perm.go: directions -----------------------------------------------------------------------


@pytest.mark.trio
async def test_an_end_has_one_direction() -> None:
    channel = Channel(int)
    with channel.sender() as tx, channel.receiver() as rx:
        for name in ("receive", "receive_nowait", "__aiter__", "lease", "extended"):
            assert not hasattr(tx, name)
        for name in ("send", "send_nowait", "offer"):
            assert not hasattr(rx, name)


@pytest.mark.trio
async def test_a_channel_itself_neither_sends_nor_receives() -> None:
    channel = Channel(int)
    for name in ("send", "receive", "send_nowait", "receive_nowait", "__aiter__"):
        assert not hasattr(channel, name)


@pytest.mark.trio
async def test_a_sender_is_no_guard_before_it_offers() -> None:
    channel = Channel(int)
    with channel.sender() as tx, pytest.raises(TypeError):
        Alternation(tx)  # type: ignore[call-overload]


@pytest.mark.trio
async def test_a_process_refuses_an_end_of_the_wrong_direction_and_moves_nothing() -> None:
    channel = Channel(int, name="jobs", buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        with pytest.raises(WiringError, match="jobs"):
            collect(tx)  # type: ignore[arg-type]
        with pytest.raises(WiringError, match="jobs"):
            send_range(rx, 1)  # type: ignore[arg-type]
        await tx.send(1)
        assert await rx.receive() == 1


@pytest.mark.trio
async def test_a_process_refuses_a_channel_and_says_what_to_write() -> None:
    jobs = Channel(int, name="jobs")
    with pytest.raises(WiringError, match=r"jobs\.receiver\(\)"):
        collect(jobs)  # type: ignore[arg-type]
    with pytest.raises(WiringError, match=r"jobs\.sender\(\)"):
        send_range(jobs, 1)  # type: ignore[arg-type]


# --- select.go, select3.go, select4.go, select8.go ---------------------------------------------


@pytest.mark.trio
async def test_each_of_two_offers_is_taken_once_and_then_the_default() -> None:
    left, right = Channel(int, buffer=1), Channel(int, buffer=1)
    made: list[int] = []

    def make() -> int:
        made.append(1 << len(made))
        return made[-1]

    with (
        left.sender() as to_left,
        right.sender() as to_right,
        left.receiver() as at_left,
        right.receiver() as at_right,
    ):
        alternation = Alternation(to_left.offer(make), to_right.offer(make), Skip())
        chosen = [(await alternation.select()).guard for _ in range(3)]
        assert set(chosen[:2]) == {to_left, to_right}
        assert isinstance(chosen[2], Skip)
        assert await at_left.receive() | await at_right.receive() == 3
        alternation.close()
    assert made == [1, 2], "a value is made only for the guard that is chosen"


@pytest.mark.trio
async def test_the_value_of_an_offer_that_is_not_chosen_is_never_made() -> None:
    empty, full = Channel(int), Channel(int, buffer=1)
    with empty.sender() as offered, full.sender() as tx, full.receiver() as rx:
        await tx.send(42)
        guard, value = await Alternation(
            offered.offer(lambda: pytest.fail("made a value")), rx
        ).select()
        assert guard is rx
        assert value == 42


@pytest.mark.trio
async def test_operations_block_exactly_when_nobody_is_there() -> None:
    channel, roomy, closed = Channel(int), Channel(int, buffer=1), Channel(int)
    closed.sender().close()
    with (
        channel.sender() as tx,
        channel.receiver() as rx,
        roomy.sender() as roomy_tx,
        roomy.receiver() as roomy_rx,
        closed.receiver() as ended,
    ):
        assert await blocks(rx.receive)
        assert await blocks(lambda: tx.send(7))
        assert await blocks(Alternation(rx).select)
        assert await blocks(Alternation(tx.offer(lambda: 7)).select)
        assert await blocks(roomy_rx.receive)
        assert not await blocks(lambda: roomy_tx.send(7))
        assert not await blocks(Alternation(roomy_rx).select)
        assert not await blocks(Alternation(roomy_tx.offer(lambda: 7)).select)
        assert not await blocks(Alternation(rx, tx.offer(lambda: 7), Skip()).select)
        for _ in range(10):
            with pytest.raises(EndOfChannel):
                await ended.receive()
            with pytest.raises(EndOfChannel):
                await Alternation(ended).select()


@pytest.mark.trio
async def test_sending_to_a_channel_that_nobody_receives_from_raises_in_a_selection_too() -> None:
    channel = Channel(int)
    channel.receiver().close()
    with channel.sender() as tx:
        with pytest.raises(NoReceivers):
            await tx.send(7)
        with pytest.raises(EndOfChannel):  # all guards have dropped out: DESIGN 2, alternation
            await Alternation(tx.offer(lambda: 7)).select()


@pytest.mark.trio
async def test_a_guard_whose_condition_is_false_is_never_selected() -> None:
    channel = Channel(int, buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        await tx.send(7)
        skip = Skip()
        closed = Alternation(rx.when(lambda: False), skip)
        assert (await closed.select()).guard is skip
        assert (await closed.pri_select()).guard is skip
        assert rx.receive_nowait() == 7


@pytest.mark.trio
async def test_a_selection_with_only_false_conditions_raises_instead_of_blocking() -> None:
    channel = Channel(int)
    with channel.sender() as tx, channel.receiver() as rx:
        never = Alternation(rx.when(lambda: False), tx.offer(lambda: 7).when(lambda: False))
        for select in (never.select, never.pri_select):
            with pytest.raises(RuntimeError) as caught:
                await select()
            assert not isinstance(caught.value, csp.ChannelEnded)


@pytest.mark.trio
async def test_an_alternation_without_guards_does_not_block_for_ever() -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        await Alternation().select()


@pytest.mark.trio
async def test_an_alternation_never_meets_itself() -> None:
    channel = Channel(int)
    with channel.sender() as tx, channel.receiver() as rx:
        both = Alternation(rx, tx.offer(lambda: pytest.fail("met itself")))
        assert await blocks(both.select)
        assert await blocks(both.pri_select)


def test_a_loop_with_a_default_ends_by_break() -> None:
    async def main() -> int:
        channel = Channel(int)

        @process
        async def poll(inp: Receiver[int]) -> int:
            looked = 0
            async for _ in Alternation(inp, Skip()):
                looked += 1
                if looked == 5:
                    break
            return looked

        with channel.sender():
            return await poll(channel.receiver())

    assert csp.run(main) == 5


# --- select5.go: the same operation, phrased in every way --------------------------------------

Select = Callable[[Alternation[Any, Any]], Awaitable[Any]]


async def by_loop(alternation: Alternation[Any, Any]) -> Any:
    async for choice in alternation:
        return choice
    raise AssertionError("the loop ended without a choice")


async def fairly(alternation: Alternation[Any, Any]) -> Any:
    return await alternation.select()


async def by_priority(alternation: Alternation[Any, Any]) -> Any:
    return await alternation.pri_select()


every_phrase = pytest.mark.parametrize(
    ("select", "before", "after", "others", "impossible"),
    list(itertools.product((by_loop, fairly, by_priority), *((False, True),) * 4)),
)


def phrase(
    guard: Any, dummy: tuple[Any, Any], before: bool, after: bool, others: bool, impossible: bool
) -> Any:
    """An alternation in which only `guard` can be chosen."""
    tx, rx = dummy
    guards: list[Any] = [Skip()] if before else []
    if impossible:
        guards += [rx.when(lambda: False), tx.offer(lambda: 1).when(lambda: False)]
    guards.append(guard)
    if others:
        guards += [tx.offer(lambda: 1), rx]
    if after:
        guards.append(Skip())
    return Alternation(*guards)


@every_phrase
@pytest.mark.trio
async def test_one_ready_guard_is_chosen_in_whatever_company(
    select: Select, before: bool, after: bool, others: bool, impossible: bool
) -> None:
    channel, idle = Channel(int, buffer=1), Channel(int)
    with (
        channel.sender() as tx,
        channel.receiver() as rx,
        idle.sender() as idle_tx,
        idle.receiver() as idle_rx,
    ):
        dummy = (idle_tx, idle_rx)
        sending = phrase(tx.offer(lambda: 5), dummy, before, after, others, impossible)
        assert tuple(await select(sending)) == (tx, 5)
        sending.close()
        receiving = phrase(rx, dummy, before, after, others, impossible)
        assert tuple(await select(receiving)) == (rx, 5)
        receiving.close()
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()


# --- select2.go, select6.go, select7.go, doubleselect.go ---------------------------------------


@process
async def receive_beside_a_dummy(inp: Receiver[int], dummy: Receiver[int]) -> int:
    count = 0
    alternation = Alternation(inp, dummy)
    while True:
        try:
            await inp.receive() if count % 2 else await alternation.select()
        except EndOfChannel:
            return count
        count += 1
        if count == 2000:
            return count


def test_selecting_often_leaves_nothing_behind_on_a_guard_that_is_never_ready() -> None:
    async def main() -> list[int]:
        dummy = Channel(int)
        sizes = []
        with dummy.sender(), dummy.receiver() as idle:
            for _ in range(3):
                numbers = Channel(int)
                await Par(
                    send_range(numbers.sender(), 2000),
                    receive_beside_a_dummy(numbers.receiver(), idle.clone()),
                )
                del numbers
                assert idle.statistics().tasks_waiting_receive == 0
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        return sizes

    tracemalloc.start()
    try:
        sizes = csp.run(main)
    finally:
        tracemalloc.stop()
    assert sizes[2] - sizes[1] < 20_000, "2,000 more selections cost nearly nothing"


def test_a_channel_that_lost_a_selection_still_serves_all_who_wait() -> None:
    @process
    async def receive_one(inp: Receiver[int]) -> None:
        await inp.receive()

    @process
    async def select_then_receive(
        one: Receiver[int], two: Receiver[int], told: Sender[int]
    ) -> None:
        guard, value = await Alternation(one, two).select()
        assert guard is two
        await told.send(value)
        await one.receive()

    @process
    async def wait_for_all(one: Sender[int], two: Sender[int], told: Receiver[int]) -> None:
        await wait_all_tasks_blocked()
        await two.send(5)
        assert await told.receive() == 5
        await one.send(1)
        await one.send(2)

    async def main() -> None:
        one, two, told = Channel(int), Channel(int), Channel(int)
        await Par(
            receive_one(one.receiver()),
            select_then_receive(one.receiver(), two.receiver(), told.sender()),
            wait_for_all(one.sender(), two.sender(), told.receiver()),
        )

    csp.run(main)


@process
async def receive_plainly(inp: Receiver[int]) -> int:
    return await inp.receive()


@process
async def receive_by_selecting(inp: Receiver[int]) -> int:
    return (await Alternation(inp).select()).value


@process
async def receive_by_selecting_of_two(inp: Receiver[int]) -> int:
    idle = Channel(int)
    with idle.sender(), idle.receiver() as never:
        return (await Alternation(inp, never).select()).value


@process
async def send_plainly(out: Sender[int]) -> None:
    await wait_all_tasks_blocked()
    await out.send(1)


@process
async def send_by_selecting(out: Sender[int]) -> None:
    await wait_all_tasks_blocked()
    assert (await Alternation(out.offer(lambda: 1)).select()).value == 1


@process
async def send_by_selecting_of_two(out: Sender[int]) -> None:
    await wait_all_tasks_blocked()
    idle = Channel(int)
    with idle.receiver(), idle.sender() as never:
        assert (
            await Alternation(out.offer(lambda: 1), never.offer(lambda: 2)).select()
        ).guard is out


@pytest.mark.parametrize("send", [send_plainly, send_by_selecting, send_by_selecting_of_two])
@pytest.mark.parametrize(
    "receive", [receive_plainly, receive_by_selecting, receive_by_selecting_of_two]
)
def test_every_way_to_send_meets_every_way_to_receive(
    send: Callable[[Sender[int]], Any], receive: Callable[[Receiver[int]], Any]
) -> None:
    async def main() -> int:
        channel = Channel(int)
        return (await Par(send(channel.sender()), receive(channel.receiver())))[1]

    assert csp.run(main) == 1


@process
async def send_each_number_once(outs: list[Sender[int]], count: int) -> None:
    numbers = iter(range(count))
    alternation = Alternation(*[out.offer(lambda: next(numbers)) for out in outs])
    for _ in range(count):
        await alternation.select()


@process
async def forward(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await out.send(number)


def test_a_selection_sends_over_one_of_its_guards_only() -> None:
    count = 1000

    async def main() -> list[int]:
        channels, merged = [Channel(int) for _ in range(4)], Channel(int)
        results = await Par(
            send_each_number_once([channel.sender() for channel in channels], count),
            Par(*[forward(channel.receiver(), merged.sender()) for channel in channels]),
            collect(merged.receiver()),
        )
        return results[2]

    assert sorted(csp.run(main)) == list(range(count))


# --- chan_test.go: one channel, any capacity ---------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize("capacity", CAPACITIES)
async def test_receiving_from_an_empty_channel_waits(capacity: int) -> None:
    channel = Channel(int, buffer=capacity)
    got: list[int] = []
    with channel.sender() as tx, channel.receiver() as rx:

        async def receive() -> None:
            got.append(await rx.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            assert got == []
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()
            await tx.send(0)
            await tx.send(1)
    assert sorted(got) == [0, 1]


@pytest.mark.trio
@pytest.mark.parametrize("capacity", CAPACITIES)
async def test_sending_to_a_full_channel_waits(capacity: int) -> None:
    channel = Channel(int, buffer=capacity)
    with channel.sender() as tx, channel.receiver() as rx:
        for number in range(capacity):
            await tx.send(number)
        assert await blocks(lambda: tx.send(-1))
        with pytest.raises(trio.WouldBlock):
            tx.send_nowait(-1)
        statistics = tx.statistics()
        assert statistics.current_buffer_used == statistics.max_buffer_size == capacity
        assert [rx.receive_nowait() for _ in range(capacity)] == list(range(capacity))


@pytest.mark.trio
@pytest.mark.parametrize("capacity", CAPACITIES)
async def test_a_closed_channel_is_drained_and_then_ended(capacity: int) -> None:
    channel = Channel(int, buffer=capacity)
    with channel.receiver() as rx:
        with channel.sender() as tx:
            for number in range(capacity):
                await tx.send(number)
        assert [await rx.receive() for _ in range(capacity)] == list(range(capacity))
        for _ in range(2):
            with pytest.raises(EndOfChannel):
                await rx.receive()


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_closing_frees_the_receivers_that_wait(capacity: int) -> None:
    @process
    async def close_later(out: Sender[int]) -> None:
        await wait_all_tasks_blocked()

    async def main() -> list[list[int]]:
        channel = Channel(int, buffer=capacity)
        return (await Par(3 * collect(channel.receiver()), close_later(channel.sender())))[0]

    assert csp.run(main) == [[], [], []]


@pytest.mark.parametrize("capacity", [*CAPACITIES, math.inf])
def test_four_senders_and_four_receivers_neither_lose_nor_double_a_value(capacity: float) -> None:
    async def main() -> list[list[int]]:
        channel = Channel(int, buffer=capacity)
        return (
            await Par(4 * send_range(channel.sender(), 200), 4 * take(channel.receiver(), 200))
        )[1]

    assert Counter(sum(csp.run(main), [])) == dict.fromkeys(range(200), 4)


def test_closing_does_not_take_a_buffered_value_from_one_who_does_not_wait() -> None:
    @process
    async def receive_now(inp: Receiver[int]) -> int:
        return inp.receive_nowait()

    async def main() -> int:
        channel = Channel(int, buffer=1)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                tx.send_nowait(1)
            return await receive_now(rx)

    assert csp.run(main) == 1


@pytest.mark.parametrize("second", ["sent to", "closed"])
def test_a_selection_sees_all_channels_at_one_moment(second: str) -> None:
    """While the first has its value the default is never due, whatever happens to the second."""

    @process
    async def select_one(one: Receiver[int], two: Receiver[int]) -> bool:
        guard, _ = await Alternation(one, two, Skip()).select()
        return guard is one or guard is two

    @process
    async def make_second_ready(out: Sender[int]) -> None:
        if second == "sent to":
            await out.send(2)

    async def main() -> list[bool]:
        seen: list[bool] = []
        for _ in range(50):
            one, two = Channel(int, buffer=1), Channel(int, buffer=1)
            with one.sender() as tx:
                await tx.send(1)
                results = await Par(
                    make_second_ready(two.sender()), select_one(one.receiver(), two.receiver())
                )
                seen.append(results[1])
        return seen

    assert csp.run(main) == [True] * 50


@pytest.mark.parametrize("capacity", [0, 10])
def test_two_processes_that_select_both_directions_of_one_channel_meet_each_other(
    capacity: int,
) -> None:
    @process
    async def talk(me: int, out: Sender[int], inp: Receiver[int], count: int) -> None:
        offer = out.offer(lambda: me)
        alternations = [Alternation(offer, inp), Alternation(inp, offer)]
        for turn in range(count):
            guard, value = await alternations[turn % (me + 1)].select()
            if guard is inp and capacity == 0:
                assert value != me, "met itself"

    async def main() -> None:
        channel = Channel(int, buffer=capacity)
        await Par(*[talk(me, channel.sender(), channel.receiver(), 500) for me in range(2)])

    csp.run(main)


def test_plain_operations_and_selections_over_four_channels_all_come_out_even() -> None:
    count = 200

    @process
    async def select_sends(outs: list[Sender[int]]) -> None:
        left = [count] * len(outs)
        guards = [
            out.offer(lambda: 0).when(partial(left.__getitem__, k)) for k, out in enumerate(outs)
        ]
        alternation = Alternation(*reversed(guards))
        for _ in range(sum(left)):
            left[outs.index((await alternation.select()).guard)] -= 1

    @process
    async def select_receives(inps: list[Receiver[int]]) -> None:
        left = [count] * len(inps)
        alternation = Alternation(
            *[inp.when(partial(left.__getitem__, k)) for k, inp in enumerate(inps)]
        )
        for _ in range(sum(left)):
            left[inps.index((await alternation.select()).guard)] -= 1

    async def main() -> None:
        channels = [Channel(int, buffer=capacity) for capacity in (0, 0, 2, 3)]
        await Par(
            *[send_range(channel.sender(), count) for channel in channels],
            *[take(channel.receiver(), count) for channel in channels],
            select_sends([channel.sender() for channel in channels]),
            select_receives([channel.receiver() for channel in channels]),
        )

    csp.run(main)


# --- chan_test.go, fairness_test.go: fairness --------------------------------------------------


@pytest.mark.trio
async def test_two_guards_that_are_always_ready_take_turns() -> None:
    left, right = Channel(int, buffer=100), Channel(int, buffer=100)
    with (
        left.sender() as to_left,
        right.sender() as to_right,
        left.receiver() as one,
        right.receiver() as two,
    ):
        for number in range(100):
            to_left.send_nowait(number)
            to_right.send_nowait(number)
        alternation = Alternation(one, two)
        chosen = [(await alternation.select()).guard for _ in range(200)]
        alternation.close()
    for turn in range(0, 200, 2):
        assert set(chosen[turn : turn + 2]) == {one, two}


@pytest.mark.parametrize("capacity", [0, 100])
def test_two_offers_on_one_channel_are_both_made(capacity: int) -> None:
    @process
    async def receive_slowly(inp: Receiver[int]) -> list[int]:
        got: list[int] = []
        for _ in range(100):
            await trio.lowlevel.checkpoint()
            got.append(await inp.receive())
        return got

    @process
    async def send_bits(out: Sender[int]) -> None:
        alternation = Alternation(out.offer(lambda: 1), out.offer(lambda: 0))
        for _ in range(100):
            await alternation.select()

    async def main() -> list[int]:
        channel = Channel(int, buffer=capacity)
        return (await Par(send_bits(channel.sender()), receive_slowly(channel.receiver())))[1]

    assert 10 < sum(csp.run(main)) < 90


@pytest.mark.trio
async def test_an_alternation_may_wait_twice_on_one_channel() -> None:
    """Go: TestSelectDuplicateChannel."""
    one, other = Channel(int), Channel(int)
    got: list[tuple[str, int]] = []
    with (
        one.sender() as tx,
        other.sender() as other_tx,
        one.receiver() as rx,
        other.receiver() as other_rx,
    ):
        again = rx.clone()

        async def select() -> None:
            with again:
                got.append(("select", (await Alternation(rx, again, other_rx).select()).value))

        async def receive() -> None:
            got.append(("receive", await rx.receive()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(select)
            await wait_all_tasks_blocked()
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            await other_tx.send(7)
            await wait_all_tasks_blocked()
            await tx.send(8)
    assert got == [("select", 7), ("receive", 8)]


def test_a_farm_of_consumers_handles_every_value_once() -> None:
    primes, rounds = PRIMES[:10], 100

    @process
    async def work(who: int, inp: Receiver[int], out: Sender[int]) -> None:
        async for number in inp:
            if primes[who % len(primes)] == number:
                await trio.lowlevel.checkpoint()
            await out.send(number)

    @process
    async def feed(out: Sender[int]) -> None:
        for number in primes * rounds:
            await out.send(number)

    async def main() -> list[int]:
        jobs, results = Channel(int, buffer=69), Channel(int, buffer=69)
        workers = [work(who, jobs.receiver(), results.sender()) for who in range(23)]
        return (await Par(feed(jobs.sender()), Par(*workers), collect(results.receiver())))[2]

    assert Counter(csp.run(main)) == dict.fromkeys(primes, rounds)
