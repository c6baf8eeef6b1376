"""Alternation: fair, by priority, conditional, offering, on both sides of a channel."""

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Channel,
    Every,
    Flag,
    Par,
    Receiver,
    Sender,
    Skip,
    Spawn,
    Timeout,
    Wait,
    process,
)


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


@process
async def put(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


@process
async def for_ever(out: Sender[int]) -> None:
    while True:
        await out.send(1)


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [number async for number in feed]


def full(*names: str, count: int = 1) -> tuple[list[Any], list[Any]]:
    """Channels with `count` values each: their senders and receivers."""
    channels = [Channel(int, name=name, buffer=max(count, 1)) for name in names]
    senders = [channel.sender() for channel in channels]
    receivers = [channel.receiver() for channel in channels]
    for sender in senders:
        for number in range(count):
            sender.send_nowait(number)
    return senders, receivers


# --- choosing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 5, 70])
def test_a_guard_that_stays_ready_is_taken_within_as_many_selections_as_guards(
    run: Any, size: int
) -> None:
    async def main() -> None:
        senders, receivers = full(*map(str, range(size)), count=3)
        alternation = Alternation(*receivers)
        for _ in range(3):
            taken = {id((await alternation.select()).guard) for _ in range(size)}
            assert len(taken) == size
        for end in senders + receivers:
            end.retire()

    run(main)


def test_fairness_holds_between_processes_that_never_stop(run: Any) -> None:
    @process
    async def merge(feeds: list[Receiver[int]]) -> list[int]:
        counts = [0] * len(feeds)
        alternation = Alternation(*feeds)
        for _ in range(60):
            counts[feeds.index((await alternation.select()).guard)] += 1
        return counts

    async def main() -> Any:
        channels = [Channel(int, name=str(i)) for i in range(3)]
        senders = [for_ever(channel.sender()) for channel in channels]
        return (await Par(merge([c.receiver() for c in channels]), *senders))[0]

    counts = run(main)
    assert min(counts) >= 15


def test_pri_select_takes_the_first_ready_in_the_order_given(run: Any) -> None:
    async def main() -> list[str]:
        senders, receivers = full("a", "b", count=2)
        alternation = Alternation(*receivers)
        names = [(await alternation.pri_select()).guard.channel_name for _ in range(4)]
        for end in senders + receivers:
            end.retire()
        return names

    assert run(main) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(("priority", "names"), [(True, "aabb"), (False, "abab")])
def test_async_for_selects_fairly_or_by_priority(run: Any, priority: bool, names: str) -> None:
    async def main() -> str:
        senders, receivers = full("a", "b", count=2)
        for sender in senders:
            sender.retire()
        got = ""
        async for guard, _ in Alternation(*receivers, priority=priority):
            got += guard.channel_name
        for receiver in receivers:
            receiver.retire()
        return got

    assert run(main) == names


def test_skip_commits_only_when_nothing_else_is_ready_wherever_it_stands(run: Any) -> None:
    async def main() -> list[bool]:
        (tx,), (rx,) = full("a")
        skip = Skip()
        seen = []
        for alternation in (Alternation(skip, rx), Alternation(skip, rx)):
            seen.append((await alternation.pri_select()).guard is skip)
        tx.retire()
        rx.retire()
        return seen

    assert run(main) == [False, True]


def test_a_polling_loop_with_skip_lets_others_run(run: Any) -> None:
    @process
    async def poll(feed: Receiver[int]) -> int:
        skip = Skip()
        async for guard, value in Alternation(feed, skip):
            if guard is not skip:
                return value or 0
        raise AssertionError

    async def main() -> Any:
        channel = Channel(int, name="c")
        with trio.fail_after(1000):
            return (await Par(poll(channel.receiver()), put(channel.sender(), 9)))[0]

    assert run(main) == 9


def test_an_elapsed_timer_is_ready_like_any_other_guard(run: Any) -> None:
    async def main() -> list[bool]:
        (tx,), (rx,) = full("a")
        timeout = Timeout(0)
        seen = [(await Alternation(timeout, rx).pri_select()).guard is timeout]
        seen.append((await Alternation(rx, timeout).pri_select()).guard is timeout)
        tx.retire()
        rx.retire()
        return seen

    assert run(main) == [True, False]


def test_every_fires_beside_a_guard_that_is_always_ready(run: Any) -> None:
    async def main() -> int:
        channel, flag, fired = Channel(int, name="c"), Flag(), 0
        async with Spawn() as spawn:

            @process
            async def ticking(out: Sender[int]) -> None:
                while True:
                    await out.send(1)
                    await trio.sleep(1)

            spawn(ticking(channel.sender()), background=True)
            every = Every(5)
            with channel.receiver() as rx, trio.move_on_after(22):
                async for guard, _ in Alternation(rx, every, Wait(flag)):
                    fired += guard is every
        return fired

    assert run(main) == 4


# --- conditions and dropped guards --------------------------------------------------------------


def test_a_bounded_buffer_is_an_alternation_with_conditions(run: Any) -> None:
    most = 0

    @process
    async def buffer(inp: Receiver[int], out: Sender[int], size: int) -> None:
        nonlocal most
        items: deque[int] = deque()
        take = inp.when(lambda: len(items) < size)
        give = out.offer(items.popleft).when(lambda: items)
        async for end, value in Alternation(take, give):
            if end is inp:
                items.append(value)
                most = max(most, len(items))

    async def main() -> Any:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        return (
            await Par(
                put(a.sender(), *range(20)),
                buffer(a.receiver(), b.sender(), 3),
                collect(b.receiver()),
            )
        )[2]

    assert run(main) == list(range(20))
    assert most <= 3


def test_a_condition_is_looked_at_when_a_selection_starts(run: Any) -> None:
    async def main() -> None:
        looked = []
        (tx,), (rx,) = full("a", count=3)
        alternation = Alternation(rx.when(lambda: looked.append(1) or True))
        assert looked == []
        for number in range(3):
            await alternation.select()
            assert len(looked) == number + 1
        tx.retire()
        rx.retire()

    run(main)


def test_false_conditions_alone_are_named_by_both_ways_to_select(run: Any) -> None:
    def never() -> bool:
        return False

    async def main() -> None:
        (tx,), (rx,) = full("a")
        alternation = Alternation(rx.when(never))
        with pytest.raises(RuntimeError, match="never"):
            await alternation.select()
        with pytest.raises(RuntimeError, match="never"):
            async for _ in alternation:
                pass
        tx.retire()
        rx.retire()

    run(main)


def test_a_guard_whose_channel_has_ended_drops_out_and_the_others_go_on(run: Any) -> None:
    @process
    async def merge(left: Receiver[int], right: Receiver[int]) -> list[int]:
        return [value async for _, value in Alternation(left, right)]

    async def main() -> Any:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        return (
            await Par(
                merge(a.receiver(), b.receiver()), put(a.sender(), 1), put(b.sender(), 10, 20, 30)
            )
        )[0]

    assert sorted(run(main)) == [1, 10, 20, 30]


def test_select_raises_end_of_channel_when_all_guards_have_dropped_out(run: Any) -> None:
    async def main() -> None:
        (tx,), (rx,) = full("a", count=0)
        alternation = Alternation(rx)
        tx.retire()
        for _ in range(2):
            with pytest.raises(csp.EndOfChannel):
                await alternation.select()
        assert [c async for c in alternation] == []
        rx.retire()

    run(main)


def test_async_for_ends_when_what_is_left_is_disabled(run: Any) -> None:
    async def main() -> None:
        senders, (a, b) = full("a", "b", count=0)
        senders[0].retire()
        assert [c async for c in Alternation(a, b.when(lambda: False))] == []
        for end in (senders[1], a, b):
            end.retire()

    run(main)


def test_an_output_guard_drops_out_when_all_receivers_have_retired(run: Any) -> None:
    async def main() -> None:
        senders, (a, b) = full("a", "b", count=0)
        b.retire()
        senders[0].retire()
        assert [c async for c in Alternation(a, senders[1].offer(lambda: 1))] == []
        senders[1].retire()
        a.retire()

    run(main)


def test_a_loop_with_a_timeout_does_not_end_by_itself(run: Any) -> None:
    async def main() -> int:
        (tx,), (rx,) = full("a", count=0)
        tx.retire()
        count = 0
        async for _ in Alternation(rx, Timeout(1)):
            count += 1
            if count == 3:
                break
        rx.retire()
        return count

    assert run(main) == 3


def test_a_poisoned_guard_raises_also_while_the_selection_waits(run: Any) -> None:
    async def main() -> None:
        senders, receivers = full("a", "b", count=0)
        async with trio.open_nursery() as nursery:

            async def select() -> None:
                with pytest.raises(csp.Poisoned, match="stop"):
                    await Alternation(*receivers).select()

            nursery.start_soon(select)
            await wait_all_tasks_blocked()
            senders[1].poison("stop")
        with pytest.raises(csp.Poisoned):
            async for _ in Alternation(*receivers):
                pass
        for end in senders + receivers:
            end.retire()

    run(main)


def test_an_abandoned_guard_raises_and_async_for_does_not_swallow_it(run: Any) -> None:
    @process
    async def fails(out: Sender[int]) -> None:
        raise ValueError("broken")

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            with pytest.raises(ValueError):
                await fails(channel.sender())
            with pytest.raises(csp.Abandoned, match="broken"):
                async for _ in Alternation(rx, Timeout(60)):
                    pass

    run(main)


# --- offers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("who_first", ["offer", "receiver"])
def test_produce_is_called_only_once_the_partner_is_fixed(run: Any, who_first: str) -> None:
    made: list[int] = []

    def produce() -> int:
        made.append(1)
        return len(made)

    @process
    async def offers(out: Sender[int]) -> Any:
        timeout = Timeout(1)
        alternation = Alternation(out.offer(produce), timeout)
        if who_first == "offer":
            assert (await alternation.select()).guard is timeout
            assert made == []
        choice = await Alternation(out.offer(produce)).select()
        return choice.guard is out, choice.value

    async def main() -> Any:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                running = spawn(offers(channel.sender()))
                if who_first == "offer":
                    await trio.sleep(5)
                return await rx.receive(), await running

    assert run(main) == (1, (True, 1))
    assert made == [1]


@pytest.mark.parametrize("who_first", ["offer", "receiver"])
def test_a_produce_that_raises_fails_its_own_select_and_nothing_is_committed(
    run: Any, who_first: str
) -> None:
    values: list[int] = []

    @process
    async def offers(out: Sender[int]) -> None:
        if who_first == "receiver":
            await trio.sleep(1)
        alternation = Alternation(out.offer(values.pop))
        with pytest.raises(IndexError):
            await alternation.select()
        values.append(7)
        await alternation.select()

    @process
    async def takes(feed: Receiver[int]) -> int:
        if who_first == "offer":
            await trio.sleep(1)
        return await feed.receive()

    async def main() -> Any:
        channel = Channel(int, name="c")
        return (await Par(offers(channel.sender()), takes(channel.receiver())))[1]

    assert run(main) == 7


def test_a_produce_may_not_communicate(run: Any) -> None:
    async def main() -> None:
        senders, (a, b) = full("a", "b", count=0)
        senders[0].send_nowait(1)
        with pytest.raises(RuntimeError, match="may not communicate"):
            await Alternation(senders[1].offer(a.receive_nowait)).select()
        assert a.receive_nowait() == 1
        for end in (*senders, a, b):
            end.retire()

    run(main)


mark: ContextVar[str] = ContextVar("mark", default="nobody's")


@pytest.mark.parametrize("who_first", ["offer", "receiver"])
def test_produce_is_called_in_the_process_of_the_offerer(run: Any, who_first: str) -> None:
    @process
    async def offers(out: Sender[str]) -> None:
        mark.set("the offerer's")
        if who_first == "receiver":
            await trio.sleep(1)
        await Alternation(out.offer(mark.get)).select()

    @process
    async def takes(feed: Receiver[str]) -> str:
        mark.set("the receiver's")
        if who_first == "offer":
            await trio.sleep(1)
        return await feed.receive()

    async def main() -> Any:
        channel = Channel(str, name="c")
        return (await Par(offers(channel.sender()), takes(channel.receiver())))[1]

    assert run(main) == "the offerer's"


@pytest.mark.parametrize("who_first", ["offer", "receiver"])
def test_an_end_may_be_offered(run: Any, who_first: str) -> None:
    @process
    async def offers(out: Sender[Sender[str]]) -> str:
        reply = Channel(str, name="reply")
        with reply.receiver() as rx:
            answer = reply.sender()
            if who_first == "receiver":
                await trio.sleep(1)
            await Alternation(out.offer(lambda: answer)).select()
            return await rx.receive()

    @process
    async def takes(feed: Receiver[Sender[str]]) -> None:
        if who_first == "offer":
            await trio.sleep(1)
        answer = await feed.receive()
        await answer.send("here")

    async def main() -> Any:
        channel: Any = Channel[Sender[str]](name="c")
        return (await Par(offers(channel.sender()), takes(channel.receiver())))[0]

    assert run(main) == "here"


@pytest.mark.parametrize("late", ["sender", "receiver"])
def test_both_sides_of_a_channel_may_be_in_alternations(run: Any, late: str) -> None:
    @process
    async def offers(outs: list[Sender[int]]) -> list[int]:
        sent = []
        if late == "sender":
            await trio.sleep(1)
        numbers = iter(range(100))
        alternation = Alternation(*[out.offer(numbers.__next__) for out in outs])
        for _ in range(6):
            sent.append((await alternation.select()).value)
        return sent

    @process
    async def takes(feeds: list[Receiver[int]]) -> list[int]:
        if late == "receiver":
            await trio.sleep(1)
        return [value async for _, value in Alternation(*feeds)]

    async def main() -> Any:
        channels = [Channel(int, name=str(i)) for i in range(3)]
        return await Par(
            offers([c.sender() for c in channels]), takes([c.receiver() for c in channels])
        )

    assert run(main) == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5])


def test_one_alternation_with_both_ends_never_meets_itself(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        timeout = Timeout(1)
        with channel.sender() as tx, channel.receiver() as rx:
            alternation = Alternation(tx.offer(lambda: 1), rx, timeout)
            for select in (alternation.select, alternation.pri_select, alternation.select):
                assert (await select()).guard is timeout

    run(main)


def test_two_alternations_with_both_ends_meet_each_other(run: Any) -> None:
    @process
    async def peer(out: Sender[int], feed: Receiver[int], number: int) -> tuple[str, int]:
        guard, value = await Alternation(out.offer(lambda: number), feed).select()
        return ("sent" if guard is out else "received"), value

    async def main() -> Any:
        c = Channel(int, name="c")
        return await Par(peer(c.sender(), c.receiver(), 1), peer(c.sender(), c.receiver(), 2))

    first, second = run(main)
    assert {first[0], second[0]} == {"sent", "received"}
    assert first[1] == second[1]


# --- standing registration ----------------------------------------------------------------------


def test_registered_but_not_selecting_is_no_offer(run: Any) -> None:
    async def main() -> None:
        (tx,), (rx,) = full("unused", count=0)
        channel = Channel(int, name="c")
        with channel.sender() as ctx, channel.receiver() as crx:
            alternation = Alternation(crx, Timeout(0))
            await alternation.select()
            with pytest.raises(trio.WouldBlock):
                ctx.send_nowait(1)
        tx.retire()
        rx.retire()

    run(main)


def test_one_selection_at_a_time(run: Any) -> None:
    async def main() -> None:
        (tx,), (rx,) = full("a", count=0)
        alternation = Alternation(rx)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alternation.select)
            await wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="one selection at a time"):
                await alternation.select()
            nursery.cancel_scope.cancel()
        tx.send_nowait(4)
        assert (await alternation.select()).value == 4  # a cancelled selection frees it
        tx.retire()
        rx.retire()

    run(main)


def test_a_cancelled_selection_took_nothing(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx, channel.receiver() as rx:
            alternation = Alternation(rx)
            with trio.move_on_after(1) as scope:
                await alternation.select()
            assert scope.cancelled_caught
            with pytest.raises(trio.WouldBlock):
                tx.send_nowait(1)

    run(main)


def test_a_selection_waits_in_the_queue_from_its_start(run: Any) -> None:
    """A selection that loses one of its guards keeps its place in the queue of the other."""

    async def main() -> list[str]:
        order: list[str] = []
        x, y = Channel(int, name="x"), Channel(int, name="y")
        with y.receiver() as first, y.receiver() as second, x.receiver() as other:
            x_sender = x.sender()
            async with trio.open_nursery() as nursery:

                async def select(name: str, *guards: Any) -> None:
                    await Alternation(*guards).select()
                    order.append(name)

                nursery.start_soon(select, "first", other, first)
                await wait_all_tasks_blocked()
                nursery.start_soon(select, "second", second)
                await wait_all_tasks_blocked()
                x_sender.retire()
                await wait_all_tasks_blocked()
                with y.sender() as tx:
                    tx.send_nowait(1)
                    await wait_all_tasks_blocked()
                    tx.send_nowait(2)
        return order

    assert run(main) == ["first", "second"]


def test_plain_receivers_and_selections_are_served_in_order_of_arrival(run: Any) -> None:
    async def main() -> list[str]:
        order: list[str] = []
        channel = Channel(int, name="c")
        with channel.receiver() as a, channel.receiver() as b, channel.receiver() as c:
            async with trio.open_nursery() as nursery:

                async def select(name: str, guard: Any) -> None:
                    await Alternation(guard).select()
                    order.append(name)

                async def receive(name: str, end: Any) -> None:
                    await end.receive()
                    order.append(name)

                for way, name, end in ((receive, "1", a), (select, "2", b), (receive, "3", c)):
                    nursery.start_soon(way, name, end)
                    await wait_all_tasks_blocked()
                with channel.sender() as tx:
                    for number in range(3):
                        tx.send_nowait(number)
                        await wait_all_tasks_blocked()
        return order

    assert run(main) == ["1", "2", "3"]


def test_a_closed_alternation_unregisters_and_can_be_used_again(run: Any) -> None:
    async def main() -> int:
        (tx,), (rx,) = full("a", count=2)
        alternation = Alternation(rx)
        await alternation.select()
        alternation.close()
        alternation.close()
        assert rx._core.watches is None
        value = (await alternation.select()).value
        del alternation
        assert rx._core.watches is None
        tx.retire()
        rx.retire()
        return value

    assert run(main) == 1


def test_an_alternation_given_to_a_process_takes_its_ends_along(run: Any) -> None:
    @process
    async def merge(alternation: Alternation[Any, int]) -> list[int]:
        return [value async for _, value in alternation]

    async def main() -> Any:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        both = Alternation(a.receiver(), b.receiver())
        return (await Par(merge(both), put(a.sender(), 1), put(b.sender(), 2)))[0]

    assert sorted(run(main)) == [1, 2]


def test_a_guard_on_an_end_that_was_given_away_raises_end_closed(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        rx = channel.receiver()
        alternation = Alternation(rx)
        process_ = collect(rx)
        with pytest.raises(csp.EndClosed, match="you gave `c`'s receiver to `collect`"):
            await alternation.select()
        process_.close()

    run(main)


def test_a_selection_on_a_hundred_guards_finds_the_one_that_is_ready(run: Any) -> None:
    async def main() -> list[int]:
        channels = [Channel(int, name=str(i), buffer=1) for i in range(100)]
        senders = [c.sender() for c in channels]
        receivers = [c.receiver() for c in channels]
        alternation, got = Alternation(*receivers), []
        for index in (99, 0, 50, 99):
            await senders[index].send(index)
            got.append((await alternation.select()).value)
        for end in senders + receivers:
            end.retire()
        return got

    assert run(main) == [99, 0, 50, 99]
