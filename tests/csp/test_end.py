"""Ends of channels: whose they are, what is said to whoever may not use one, how they close."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import nullcontext
from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import csp
from csp import Channel, EndClosed, Par, Poisoned, Receiver, Sender, Spawn, process
from csp._kernel import HOLDER, Holder
from csp._offer import RECEIVE, SEND
from csp.lowlevel import current_kernel


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main, *args: csp.run(main, *args, lend=request.param)


@process
async def holds(out: Sender[Any], until: Receiver[int]) -> None:
    async for _ in until:
        pass


@process
async def puts(out: Sender[int]) -> None:
    await out.send(1)


@process
async def drain(feed: Receiver[int]) -> None:
    async for _ in feed:
        pass


# --- what is written on it ---------------------------------------------------------------------


def test_an_end_knows_the_name_and_the_type_of_its_channel() -> None:
    channel = Channel[int | str](name="c")
    with channel.sender() as tx, channel.receiver() as rx:
        for end in (tx, rx):
            assert (end.channel_name, end.type) == ("c", int | str)


def test_an_end_shows_its_kind_its_channel_and_whether_it_is_closed() -> None:
    channel = Channel(int, name="c")
    with channel.sender() as tx, channel.receiver() as rx:
        assert (repr(tx), repr(rx)) == ("<sender of c>", "<receiver of c>")
    assert (repr(tx), repr(rx)) == ("<sender of c (closed)>", "<receiver of c (closed)>")


# --- who may use it ----------------------------------------------------------------------------


async def retired(end: Sender[int]) -> None:
    end.retire()


async def dropped_with_its_process(end: Sender[int]) -> None:
    with Channel(int, name="over").receiver() as until:
        holds(end, until).close()


async def moved(end: Sender[int]) -> None:
    over = Channel(int, name="over")
    with over.sender() as last:
        async with Spawn() as spawn:
            spawn(holds(end, over.receiver()))
            await wait_all_tasks_blocked()
            last.retire()


async def sent(end: Sender[int]) -> None:
    ends = Channel[Sender[int]](name="ends", buffer=1)
    with ends.sender() as out, ends.receiver() as feed:
        await out.send(end)
        (await feed.receive()).retire()


LOST: dict[str, tuple[Any, str]] = {
    "retired": (retired, "^this sender of `c` was retired\n"),
    "dropped": (dropped_with_its_process, r"^process `holds` \(test_end.py:\d+\) was never run\n"),
    "moved": (moved, r"^you gave `c`'s sender to `holds` at test_end.py:\d+; `.clone\(\)` it to"),
    "sent": (sent, "^you sent this sender of `c` away\n"),
}

USES: dict[str, Callable[[Sender[int]], Any]] = {
    "send": lambda end: end.send(1),
    "send_nowait": lambda end: end.send_nowait(1),
    "clone": lambda end: end.clone(),
    "poison": lambda end: end.poison(),
    "detach": lambda end: end.detach(),
    "select": lambda end: csp.Alternation(end.offer(lambda: 1)).select(),
    "give": lambda end: puts(end),
    "send it": lambda end: _send_away(end),
}


async def _send_away(end: Any) -> None:
    ends = Channel[Any](name="ends", buffer=1)
    with ends.sender() as out, ends.receiver():
        await out.send(end)


async def using(use: Callable[[Any], Any], end: Any) -> None:
    result = use(end)
    if hasattr(result, "__await__"):
        await result


@pytest.mark.parametrize("use", list(USES))
@pytest.mark.parametrize("how", list(LOST))
def test_whoever_lost_an_end_is_told_how_whatever_he_does_with_it(
    run: Any, how: str, use: str
) -> None:
    async def main() -> None:
        lose, message = LOST[how]
        channel = Channel(int, name="c", buffer=9)
        end = channel.sender()
        with channel.sender(), channel.receiver():
            await end.send(0)
            await lose(end)
            with pytest.raises(EndClosed, match=message):
                await using(USES[use], end)
            end.retire()
            end.close()
            with end:
                pass
            assert channel._core.ends[SEND] == 1

    run(main)


@pytest.mark.parametrize("use", ["send", "send_nowait", "clone", "poison", "detach", "send it"])
def test_an_end_that_is_given_to_a_process_may_not_be_used_before_that_has_run(
    run: Any, use: str
) -> None:
    async def main() -> None:
        channel, over = Channel(int, name="c", buffer=1), Channel(int, name="over")
        with channel.receiver() as rx, over.receiver() as until:
            end = channel.sender()
            end.send_nowait(1)
            given = holds(end, until)
            with pytest.raises(EndClosed, match="you gave `c`'s sender to `holds` at test_end.py"):
                await using(USES[use], end)
            with end:
                end.retire()  # does nothing: it is the process's
            assert rx.statistics().open_send_channels == 1
            given.close()
            assert rx.statistics().open_send_channels == 0

    run(main)


@pytest.mark.parametrize("use", ["send", "send_nowait", "clone", "poison", "detach"])
@pytest.mark.parametrize("who", ["process `thief`", "this trio task"])
def test_whoever_was_never_given_an_end_is_told_to_ask_for_it(run: Any, use: str, who: str) -> None:
    taken: list[Sender[int]] = []

    @process
    async def thief() -> None:
        with pytest.raises(EndClosed, match=f"{who} was never given the sender of `c`: pass `c`'s"):
            await using(USES[use], taken[0])

    async def plain() -> None:
        HOLDER.set(None)
        with pytest.raises(EndClosed, match=f"{who} was never given the sender of `c`: pass `c`'s"):
            await using(USES[use], taken[0])

    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as end, channel.receiver() as rx:
            taken.append(end)
            if who == "this trio task":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(plain)
            else:
                await thief()
            assert rx.statistics().current_buffer_used == 0
            end.send_nowait(1)  # no harm was done

    run(main)


def test_the_trio_tasks_of_a_process_use_its_ends() -> None:
    @process
    async def sends(out: Sender[int]) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(out.send, number)

    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=3)
        with channel.receiver() as rx:
            await sends(channel.sender())
            return sorted([number async for number in rx])

    assert csp.run(main) == [0, 1, 2]


def test_ends_made_where_no_process_is_belong_to_all_plain_trio_tasks() -> None:
    channel = Channel(int, name="c", buffer=1)
    tx, rx = channel.sender(), channel.receiver()

    async def task() -> None:
        await tx.send(1)

    async def main() -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
        return await rx.receive()

    assert trio.run(main) == 1
    tx.retire()
    rx.retire()


@pytest.mark.parametrize("use", ["send", "receive", "lease", "select"])
def test_an_end_that_is_closed_while_its_operation_waits_for_its_turn_is_not_used(
    run: Any, use: str
) -> None:
    @process
    async def uses(out: Sender[int], feed: Receiver[int]) -> None:
        class Closes(trio.abc.Instrument):
            def before_io_wait(self, timeout: float) -> None:
                out.retire()
                feed.retire()

        operations: dict[str, Callable[[], Any]] = {
            "send": lambda: out.send(2),
            "receive": feed.receive,
            "lease": lambda: feed.lease().__aenter__(),
            "select": csp.Alternation(feed, out.offer(lambda: 2)).select,
        }
        out.send_nowait(0)
        assert feed.receive_nowait() == 0  # both are in use
        closes = Closes()
        trio.lowlevel.add_instrument(closes)
        current_kernel().deadline = -math.inf  # its turn is over: it goes through trio first
        with pytest.raises(EndClosed):
            await operations[use]()
        trio.lowlevel.remove_instrument(closes)

    async def main() -> None:
        channel = Channel(int, name="c", buffer=3)
        with channel.sender() as tx, channel.receiver() as rx:
            await uses(channel.sender(), channel.receiver())
            tx.send_nowait(1)
            assert rx.receive_nowait() == 1
            assert rx.statistics().current_buffer_used == 0

    run(main)


# --- counting ----------------------------------------------------------------------------------


def test_an_end_counts_once_while_it_is_given_held_sent_and_received(run: Any) -> None:
    counts: list[int] = []

    @process
    async def passes_on(out: Sender[Sender[int]], end: Sender[int]) -> None:
        counts.append(end.statistics().open_send_channels)
        await out.send(end)

    async def main() -> None:
        numbers = Channel(int, name="numbers")
        ends = Channel[Sender[int]](name="ends", buffer=1)
        with numbers.receiver() as rx, ends.receiver() as feed:

            def count() -> None:
                counts.append(rx.statistics().open_send_channels)

            end = numbers.sender()
            count()
            passing = passes_on(ends.sender(), end)
            count()
            await passing
            count()
            arrived = await feed.receive()
            count()
            with arrived.clone():
                count()
            arrived.retire()
            arrived.retire()
            count()

    run(main)
    assert counts == [1, 1, 1, 1, 1, 2, 0]


def test_a_process_knows_the_ends_it_holds(run: Any) -> None:
    def held(holder: Holder) -> set[str]:
        return {repr(end) for end in holder.ends()}

    @process
    async def main() -> None:
        holder = HOLDER.get()
        assert holder is not None
        a, b, c = (Channel(int, name=name, buffer=1) for name in "abc")
        ends = [a.sender(), b.sender(), c.sender(), c.receiver(), b.receiver()]
        assert len(holder.ends()) == 5
        ends[0].retire()
        ends[1].detach()
        await drain_nothing(ends[2])
        assert held(holder) == {"<receiver of c>", "<receiver of b>"}
        for end in ends:
            end.retire()
        assert held(holder) == set()

    @process
    async def drain_nothing(out: Sender[int]) -> None:
        mine = HOLDER.get()
        assert mine is not None
        assert held(mine) == {"<sender of c>"}

    run(main())


def test_an_end_of_nobody_is_kept_alive_by_nobody() -> None:
    channel = Channel(int, name="c")
    tx = channel.sender()
    alive = weakref.ref(tx)
    with pytest.warns(ResourceWarning, match="the sender of channel `c` was dropped without"):
        del tx
        gc.collect()
    assert alive() is None


def test_a_dropped_end_retires_though_its_warning_is_an_error() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        tx = channel.sender()
        with channel.receiver() as rx:
            del tx  # python -W error, as in these tests: the error is only shown
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    trio.run(main)


@pytest.mark.parametrize("over", ["retired", "poisoned"])
def test_an_end_that_nobody_can_wait_for_is_dropped_without_a_word(
    over: str, recwarn: pytest.WarningsRecorder
) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        tx, rx = channel.sender(), channel.receiver()
        if over == "retired":
            rx.retire()
        else:
            rx.poison("enough")
            del rx
        del tx
        gc.collect()

    trio.run(main)
    assert not recwarn.list


# --- closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [SEND, RECEIVE])
def test_closing_at_leisure_is_a_checkpoint_and_closes_also_when_it_is_cancelled(side: int) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx, channel.receiver() as rx:
            end: Any = (tx, rx)[side]
            with trio.CancelScope() as scope:
                scope.cancel()
                await end.aclose()
            assert scope.cancelled_caught
            assert channel._core.ends[side] == 0
            with trio.testing.assert_checkpoints():
                await end.aclose()

    csp.run(main)


def test_a_failing_block_closes_its_end() -> None:
    channel = Channel(int, name="c")
    with pytest.raises(KeyError), channel.sender():
        raise KeyError
    assert channel._core.gone[SEND]


def test_poison_from_where_no_process_is_comes_from_main() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx, channel.receiver() as rx:
            rx.poison("enough")
            with pytest.raises(Poisoned, match="`c` was poisoned by `main`: enough"):
                await tx.send(1)

    trio.run(main)


def test_the_last_claim_that_is_taken_back_closes_an_end_and_no_earlier_one(run: Any) -> None:
    async def main() -> None:
        channel, over = Channel(int, name="c"), Channel(int, name="over")
        with channel.receiver() as rx, over.receiver() as until:
            end = channel.sender()
            first, second = holds(end, until), holds(end, until)
            first.close()
            assert rx.statistics().open_send_channels == 1
            second.close()
            assert rx.statistics().open_send_channels == 0

    run(main)


# --- numbers -----------------------------------------------------------------------------------


def test_a_value_that_was_given_back_counts_as_buffered_and_needs_no_room(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            async with rx.lease():
                assert tx.statistics().current_buffer_used == 0
                await tx.send(2)
                raise ValueError
            assert tx.statistics().current_buffer_used == 2
            assert tx.statistics().max_buffer_size == 1

    run(main)


def test_who_waits_is_counted_on_his_side(run: Any) -> None:
    async def main() -> None:
        channel, other = Channel(int, name="c"), Channel(int, name="other")
        with channel.sender() as tx, other.receiver() as rx:
            async with Spawn() as spawn:
                for _ in range(3):
                    spawn(drain(channel.receiver()))
                spawn(puts(other.sender()))
                await wait_all_tasks_blocked()
                both = tx.statistics(), rx.statistics()
                waiting = [(s.tasks_waiting_send, s.tasks_waiting_receive) for s in both]
                assert waiting == [(0, 3), (1, 0)]
                await rx.receive()
                tx.retire()

    run(main)


def test_ends_of_two_sides_given_to_one_process_are_two_ends(run: Any) -> None:
    @process
    async def both(out: Sender[int], feed: Receiver[int]) -> int:
        _, number = await Par(out.send(7), feed.receive())
        return number

    async def main() -> int:
        channel = Channel(int, name="c")
        return await both(channel.sender(), channel.receiver())

    assert run(main) == 7


# --- what an end does not have ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "name", "message"),
    [
        ("sender", "receive", "a sender has no `receive`: that is for the receivers of `c`"),
        ("receiver", "send", "a receiver has no `send`: that is for the senders of `c`"),
        ("sender", "put", "'Sender' object has no attribute 'put'"),
        ("", "send", "a channel has no `send`: make an end of it, `c.sender()`"),
        ("", "receive", "a channel has no `receive`: make an end of it, `c.receiver()`"),
        ("", "put", "'Channel' object has no attribute 'put'"),
    ],
)
@pytest.mark.parametrize("where", ["main", "process"])
def test_whoever_wants_what_another_end_has_is_told(
    where: str, what: str, name: str, message: str
) -> None:
    @process
    async def wants(end: Any) -> None:
        getattr(end, name)

    async def main() -> None:
        c = Channel(int, name="c")
        with getattr(c, what)() if what else nullcontext(c) as end:
            if where == "main":
                getattr(end, name)
            await wants(end)

    with pytest.raises(AttributeError) as caught:
        csp.run(main)
    assert str(caught.value) == message


@process
async def loops(over: Receiver[int]) -> None:
    for _ in cast(Any, over):
        pass


@process
async def loops_over_guards(over: Receiver[int]) -> None:
    for _ in cast(Any, csp.Alternation(over)):
        pass


@process
async def takes_from_a_sender(over: Sender[int]) -> None:
    async for _ in cast(Any, over):
        pass


@pytest.mark.parametrize(
    ("who", "what", "message", "page"),
    [
        (loops, "receiver", "have to be waited for: write `async for`", "forgotten-await"),
        (loops_over_guards, "receiver", "to wait for its guards: write", "forgotten-await"),
        (takes_from_a_sender, "sender", "a sender has no values: `async for`", "wrong-end"),
    ],
)
def test_who_loops_in_a_wrong_way_is_told_what_to_write(
    who: Any, what: str, message: str, page: str
) -> None:
    async def main() -> None:
        await who(getattr(Channel(int, name="c"), what)())

    with pytest.raises(TypeError, match=message) as caught:
        csp.run(main)
    assert f"(csp explain {page})" in caught.value.__notes__


def test_who_loops_in_a_wrong_way_in_a_nursery_is_told_as_well() -> None:
    async def main() -> None:
        with Channel(int, name="c").receiver() as end:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(inside, end)

    async def inside(end: Any) -> None:
        list(end)

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    (error,) = caught.value.exceptions
    assert str(error) == "the values of a receiver have to be waited for: write `async for`"


def test_an_end_is_no_iterable_to_those_who_ask() -> None:
    with Channel(int, name="c").receiver() as end:
        assert isinstance(end, AsyncIterable)
        assert not isinstance(end, Iterable)
