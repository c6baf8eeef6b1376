"""Promises that were broken once: each test found a fault."""

import gc
import warnings
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import (
    Alternation,
    Barrier,
    Broadcast,
    Call,
    CallFailed,
    Channel,
    EndClosed,
    Failed,
    Par,
    Process,
    Receiver,
    Sender,
    Spawn,
    process,
)
from csp.lowlevel import on_event

T = TypeVar("T")


def run(main: Any, **options: Any) -> Any:
    """In a clock that runs fast but never jumps: trio goes idle, so deadlocks are looked for."""
    return csp.run(main, clock=MockClock(rate=50), **options)


@process
async def put(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [number async for number in feed]


@process
async def drain(feed: Receiver[int]) -> None:
    async for _ in feed:
        pass


@process
async def nap(seconds: float) -> None:
    await trio.sleep(seconds)


# --- deadlocks: false alarms -------------------------------------------------------------------


def test_a_deadline_around_an_awaited_process_is_a_timer_of_its_parent() -> None:
    async def main() -> str:
        channel = Channel(int, name="c")
        with channel.sender(), trio.move_on_after(5):
            await drain(channel.receiver())
        return "over"

    assert run(main) == "over"


def test_an_idle_background_process_is_no_deadlock_while_the_others_work() -> None:
    async def main() -> str:
        requests = Channel(int, name="requests")
        with requests.sender():
            async with Spawn() as spawn:
                spawn(drain(requests.receiver()), background=True)
                spawn(nap(3))
        return "over"

    assert run(main) == "over"


def test_a_process_that_was_given_a_channel_may_make_an_end_of_it_later() -> None:
    @process
    async def late(channel: Channel[int]) -> None:
        await trio.sleep(3)
        with channel.sender() as tx:
            await tx.send(1)

    async def main() -> Any:
        channel = Channel(int, name="c")
        return await Par(late(channel), collect(channel.receiver()))

    assert run(main) == (None, [1])


def test_whoever_has_the_broadcast_may_make_a_sender_later() -> None:
    async def main() -> Any:
        ticks = Broadcast(int, name="ticks")
        async with Spawn() as spawn:
            running = spawn(collect(ticks.receiver()))
            await trio.sleep(3)
            with ticks.sender() as tx:
                await tx.send(1)
        return running.result()

    assert run(main) == [1]


def test_a_server_that_has_retired_its_receiver_may_still_reply() -> None:
    @process
    async def server(calls: Receiver[Call[int, int]]) -> None:
        async with calls.accept() as call:
            calls.retire()
            await trio.sleep(3)
            call.reply(7)

    @process
    async def client(calls: Sender[Call[int, int]]) -> int:
        return await calls.call(1)

    async def main() -> Any:
        calls = Channel(Call[int, int], name="calls")
        return await Par(server(calls.receiver()), client(calls.sender()))

    assert run(main) == (None, 7)


def test_a_lease_may_come_back_from_a_process_that_has_retired_its_receiver() -> None:
    @process
    async def first(feed: Receiver[int]) -> None:
        async with feed.lease():
            feed.retire()
            await trio.sleep(3)
            raise ValueError

    @process
    async def second(feed: Receiver[int]) -> list[int]:
        await trio.sleep(1)
        return [number async for number in feed]

    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as tx:
            await tx.send(1)
        return await Par(first(channel.receiver()), second(channel.receiver()))

    assert run(main) == (None, [1])


def test_a_reader_of_failed_values_waits_for_whoever_works_on_one() -> None:
    @process
    async def worker(feed: Receiver[int]) -> None:
        async with feed.lease():
            await trio.sleep(3)
            raise ValueError

    @process
    async def failures(failed: Receiver[Failed[int]]) -> int:
        return (await failed.receive()).value

    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1, max_attempts=1)
        with channel.sender() as tx:
            await tx.send(1)
        return await Par(worker(channel.receiver()), failures(channel.failed.receiver()))

    assert run(main) == (None, 1)


def test_failed_ends_with_its_channel() -> None:
    @process
    async def worker(feed: Receiver[int]) -> None:
        async for job in feed.leases():
            async with job:
                raise ValueError

    @process
    async def failures(failed: Receiver[Failed[int]]) -> list[int]:
        return [each.value async for each in failed]

    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1, max_attempts=1)
        with channel.sender() as tx:
            await tx.send(1)
        return await Par(worker(channel.receiver()), failures(channel.failed.receiver()))

    assert run(main) == (None, [1])


# --- deadlocks that are not reported -----------------------------------------------------------


@process
async def extend(feed: Receiver[int], other: Receiver[int]) -> None:
    await trio.sleep(0.5)
    async with feed.extended():
        await other.receive()


@process
async def send_both(first: Sender[int], second: Sender[int], delay: float) -> None:
    await trio.sleep(delay)
    await first.send(1)
    await second.send(1)


@pytest.mark.parametrize(
    "delay",
    [0, 1],
)
def test_a_sender_in_an_extended_rendezvous_is_judged_whoever_came_first(delay: float) -> None:
    def network() -> Process[Any]:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        return Par(extend(a.receiver(), b.receiver()), send_both(a.sender(), b.sender(), delay))

    async def main() -> None:
        with trio.fail_after(100):
            await network()

    with pytest.raises(csp.Deadlock):
        run(main)


# --- ownership ---------------------------------------------------------------------------------


def test_an_alternation_does_not_receive_on_an_end_that_was_given_away() -> None:
    async def main() -> Any:
        numbers, other = Channel(int, name="numbers"), Channel(int, name="other", buffer=1)
        tx, rx = numbers.sender(), numbers.receiver()
        with other.sender() as out, other.receiver() as feed:
            alternation = Alternation(rx, feed)
            await out.send(0)
            await alternation.select()  # registered from now on
            async with Spawn() as spawn:
                spawn(put(tx, 1, 2, 3))
                running = spawn(collect(rx))
                with pytest.raises(EndClosed), trio.fail_after(5):
                    await alternation.select()
        return running.result()

    assert run(main) == [1, 2, 3]


def test_a_process_cannot_give_away_what_it_was_never_given() -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=1)
        tx, rx = channel.sender(), channel.receiver()

        @process
        async def thief() -> None:
            with pytest.raises(EndClosed, match="never given"):
                await put(tx, 1)

        await thief()
        tx.retire()
        with rx:
            return [number async for number in rx]

    assert run(main) == []


def test_a_process_cannot_clone_what_it_was_never_given() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")

        @process
        async def thief() -> None:
            with pytest.raises(EndClosed, match="never given"):
                tx.clone()

        with channel.sender() as tx:
            await thief()

    run(main)


def test_a_process_given_to_spawn_twice_is_refused_the_second_time() -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=9)
        with channel.receiver():
            once = put(channel.sender(), 1)
            async with Spawn() as spawn:
                spawn(once)
                with pytest.raises(RuntimeError, match="run or composed already"):
                    spawn(once)

    run(main)


def test_a_composition_that_is_refused_retires_what_its_parts_claimed() -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c")
        tx = channel.sender()
        with channel.receiver() as rx:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(TypeError):
                    Par(put(tx, 1), 42)  # type: ignore[call-overload]
                gc.collect()
            tx.retire()
            with trio.fail_after(5):
                return [number async for number in rx]

    assert run(main) == []


def test_a_call_that_is_refused_does_not_warn_of_a_process_never_run() -> None:
    channel = Channel(int, name="c")
    tx = channel.sender()
    tx.retire()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(EndClosed):
            put(tx, 1)
        gc.collect()
    assert not [each for each in caught if issubclass(each.category, RuntimeWarning)]


def test_copies_of_a_process_that_was_given_a_process_have_one_each() -> None:
    @process
    async def runner(inner: Process[None]) -> None:
        await inner

    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=9)
        await (2 * runner(put(channel.sender(), 1)))
        with channel.receiver() as rx:
            return [number async for number in rx]

    assert run(main) == [1, 1]


# --- ends in values ----------------------------------------------------------------------------


@dataclass
class Node:
    link: Any = None


def test_a_value_that_holds_itself_can_be_sent() -> None:
    async def main() -> None:
        channel = Channel(Node, name="c", buffer=1)
        node = Node()
        node.link = [node]
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(node)
            assert await rx.receive() is node

    run(main)


def test_a_long_chain_can_be_sent() -> None:
    async def main() -> None:
        channel = Channel(Node, name="c", buffer=1)
        node = Node()
        for _ in range(5000):
            node = Node(node)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(node)
            assert await rx.receive() is node

    run(main)


@dataclass
class Chain:
    link: "Chain | None" = None


def test_a_type_that_holds_itself_can_be_checked_deeply() -> None:
    async def main() -> None:
        channel = Channel(Chain, name="c", buffer=1, check="deep")
        with channel.sender() as tx, channel.receiver():
            tx.send_nowait(Chain(Chain()))
            with pytest.raises(csp.ChannelTypeError):
                tx.send_nowait(Chain(Chain(5)))  # type: ignore[arg-type]

    run(main)


def test_an_end_retired_while_it_is_offered_ends_its_channel_when_the_offer_is_withdrawn() -> None:
    async def main() -> list[int]:
        numbers, ends = Channel(int, name="numbers"), Channel[Sender[int]](name="ends")
        tx, rx = numbers.sender(), numbers.receiver()
        with ends.sender() as out, ends.receiver(), rx:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(out.send, tx)
                await trio.testing.wait_all_tasks_blocked()
                tx.retire()
                nursery.cancel_scope.cancel()
            with trio.fail_after(5):
                return [number async for number in rx]

    assert run(main) == []


def test_an_end_that_stands_in_a_value_twice_stays_one() -> None:
    async def main() -> None:
        numbers = Channel(int, name="numbers")
        lists: Channel[list[Any]] = Channel(list, name="lists", buffer=1)
        with lists.sender() as out, lists.receiver() as feed:
            tx = numbers.sender()
            try:
                await out.send([tx, tx])
            except EndClosed:
                tx.retire()
                return  # refused, as among arguments
            first, second = await feed.receive()
            one_only = first is second and numbers.receiver().statistics().open_send_channels == 1
            first.retire()
            second.retire()
            assert one_only

    run(main)


# --- wiring ------------------------------------------------------------------------------------


@process
async def merge(left: Receiver[T], right: Receiver[T]) -> None:
    raise NotImplementedError


@process
async def of_senders(senders: Receiver[Sender[int]]) -> None:
    raise NotImplementedError


@process
async def of_optional(feed: Receiver[T | None]) -> None:
    raise NotImplementedError


def test_one_type_variable_of_two_receivers_may_be_their_union() -> None:
    merge(Channel(int).receiver(), Channel(str).receiver()).close()


def test_a_receiver_of_senders_of_a_wider_type_is_accepted() -> None:
    of_senders(Channel[Sender[float]]().receiver()).close()


def test_an_optional_type_may_name_none_first() -> None:
    of_optional(Channel[None | int]().receiver()).close()


# --- calls and barriers ------------------------------------------------------------------------


@process
async def client(calls: Sender[Call[int, int]]) -> str:
    try:
        return f"{await calls.call(1)}"
    except (CallFailed, csp.NoReceivers) as error:
        return str(error)


def test_a_call_that_was_chosen_and_dropped_fails() -> None:
    @process
    async def server(calls: Receiver[Call[int, int]]) -> None:
        async for choice in Alternation(calls.accepting()):
            del choice

    async def main() -> Any:
        calls = Channel(Call[int, int], name="calls")
        return await Par(client(calls.sender()), server(calls.receiver()))

    assert "no reply" in run(main)[0]


def test_a_call_that_is_received_is_refused_or_fails() -> None:
    @process
    async def server(calls: Receiver[Call[int, int]]) -> None:
        with pytest.raises(TypeError, match="accept"):
            await calls.receive()

    async def main() -> Any:
        calls = Channel(Call[int, int], name="calls")
        return await Par(client(calls.sender()), server(calls.receiver()))

    run(main)


def test_an_alternation_with_two_members_of_a_barrier_does_not_meet_itself() -> None:
    async def main() -> list[str]:
        barrier = Barrier(name="b")
        first, second, third = barrier.member(), barrier.member(), barrier.member()
        done: list[str] = []

        async def sync() -> None:
            await third.sync()
            done.append("sync")

        with trio.move_on_after(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sync)
                await Alternation(first, second).select()
                done.append("select")
        return done

    assert run(main) == []


# --- what users are told -----------------------------------------------------------------------


def test_a_process_started_by_a_nursery_does_not_name_a_place_in_trio() -> None:
    @process
    async def bad() -> None:
        raise ValueError

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bad)

    with pytest.raises(ExceptionGroup) as caught:
        trio.run(main)
    assert "_util.py" not in caught.value.exceptions[0].__notes__[0]


def test_observers_are_told_of_a_send_that_does_not_wait() -> None:
    async def main() -> list[tuple[str, str]]:
        channel = Channel(int, name="c", buffer=1)
        seen: list[Any] = []
        with channel.sender() as tx, channel.receiver() as rx:
            with on_event(seen.append):
                tx.send_nowait(1)
                rx.receive_nowait()
        return [(event.kind, event.side) for event in seen]

    told = run(main)
    assert ("committed", "receive") in told
    assert ("committed", "send") in told


# --- endings -----------------------------------------------------------------------------------


@process
async def awaits(out: Sender[int]) -> None:
    await sleeper(out)


@process
async def runs_side_by_side(out: Sender[int]) -> None:
    await Par(sleeper(out))


@process
async def sleeper(out: Sender[int]) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize("outer", [awaits, runs_side_by_side])
def test_what_a_cancelled_process_runs_retires_without_a_cause_too(outer: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                spawn(outer(channel.sender()), background=True)
                await trio.sleep(1)
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    run(main)


def test_a_receive_that_waits_while_its_end_is_given_away_takes_nothing() -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx, rx = channel.sender(), channel.receiver()
        got: list[int] = []

        async def sibling() -> None:
            try:
                got.append(await rx.receive())
            except EndClosed:
                return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sibling)
            await trio.sleep(1)
            _, numbers = await Par(put(tx, 1, 2), collect(rx))
        return got, numbers

    assert run(main) == ([], [1, 2])


def test_cancelling_one_running_process_leaves_the_others_alone() -> None:
    async def main() -> Any:
        channel, done = Channel(int, name="c"), []
        async with Spawn() as spawn:
            with channel.receiver():
                first = spawn(sleeper(channel.sender()))
                second = spawn(nap(5))
                await trio.sleep(1)
                first.cancel()
                await second
                done.append("second")
        return done

    assert run(main) == ["second"]


def test_a_guard_whose_channel_has_ended_drops_out_whatever_its_condition() -> None:
    async def main() -> list[Any]:
        channel = Channel(int, name="c")
        channel.sender().retire()
        with channel.receiver() as rx:
            return [choice async for choice in Alternation(rx.when(lambda: False))]

    assert run(main) == []


def test_an_end_that_main_made_and_never_gave_away_is_named() -> None:
    async def main() -> None:
        forgotten = Channel(int, name="forgotten").sender()
        assert forgotten.channel_name == "forgotten"

    with pytest.warns(Warning, match="forgotten"):
        run(main)


def test_a_block_whose_sender_is_cancelled_ends_quietly_also_if_it_uses_the_end_it_got() -> None:
    async def main() -> str:
        numbers, ends = Channel(int, name="n", buffer=1), Channel[Sender[int]](name="ends")
        log: list[str] = []

        @process
        async def takes(feed: Receiver[Sender[int]], giver: trio.CancelScope) -> None:
            async with feed.extended() as end:
                giver.cancel()
                for _ in range(3):
                    await trio.lowlevel.cancel_shielded_checkpoint()
                end.send_nowait(1)
                await trio.sleep(1)
            log.append("behind")

        @process
        async def gives(
            out: Sender[Sender[int]], end: Sender[int], scope: trio.CancelScope
        ) -> None:
            with scope:
                await out.send(end)

        with numbers.receiver():
            scope = trio.CancelScope()
            await Par(takes(ends.receiver(), scope), gives(ends.sender(), numbers.sender(), scope))
        return log[0]

    assert run(main) == "behind"
