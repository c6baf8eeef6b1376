"""What PyCSP asks of channels, buffers, guards, poison and retire, asked of ours.

Sources: runefriborg/pycsp, test/{commtest,buffertest,guardtest,poisontest,selecttest}.py, and
PyCSP/aPyCSP, tests/{test_alt,test_channels}.py.  The questions are theirs, the programs ours.  Their
random sleeps became paces in virtual time, so each run is the same run.
What differs on purpose: processes retire their ends without being told; a `Skip` waits until nothing
else is ready, wherever it stands; poison drops what is buffered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Channel,
    Deadlock,
    EndClosed,
    EndOfChannel,
    NoReceivers,
    Par,
    Poisoned,
    Receiver,
    Sender,
    Seq,
    Skip,
    Spawn,
    Timeout,
    process,
)

T = TypeVar("T")
COUNT = 10


def run_in_virtual_time(main: Callable[[], Awaitable[T]]) -> T:
    """Run `main`; the clock jumps as soon as everybody waits."""
    return csp.run(main, clock=MockClock(autojump_threshold=0))


class Pace:
    """Seconds of virtual time to sleep before each step; 0 does not sleep."""

    def __init__(self, name: str, *seconds: float) -> None:
        self.name, self.seconds = name, seconds

    async def step(self, number: int) -> None:
        pause = self.seconds[number % len(self.seconds)]
        if pause:
            await trio.sleep(pause)


PACES = [
    Pace("at once", 0),
    Pace("slowly", 0.01),
    Pace("unevenly", 0.003, 0, 0.017, 0.001, 0, 0.009, 0.005),
]
at_any_pace = pytest.mark.parametrize(
    ("reading", "writing"),
    [(reading, writing) for reading in PACES for writing in PACES],
    ids=[f"read {reading.name}, written {writing.name}" for reading in PACES for writing in PACES],
)
buffered = pytest.mark.parametrize(
    "sizes", [(0, 0, 0, 0), (1, 5, 10, 20)], ids=["unbuffered", "buffered"]
)


@process
async def read(inp: Receiver[int], pace: Pace) -> list[int]:
    """Collect what comes until the channel is retired or poisoned."""
    got: list[int] = []
    try:
        async for number in inp:
            got.append(number)
            await pace.step(len(got))
    except Poisoned:
        pass
    return got


@process
async def write(out: Sender[int], who: int, count: int, pace: Pace) -> None:
    for number in range(count):
        await pace.step(number)
        await out.send(who)


@process
async def write_and_poison(out: Sender[int], who: int, count: int, pace: Pace) -> None:
    for number in range(count):
        await pace.step(number)
        await out.send(who)
    out.poison(f"writer {who} is done")


@process
async def read_any(inps: list[Receiver[int]], pace: Pace) -> list[int]:
    """Collect which of the channels each value came from."""
    got: list[int] = []
    try:
        async for end, _ in Alternation(*inps):
            got.append(inps.index(end))
            await pace.step(len(got))
    except Poisoned:
        pass
    return got


@process
async def write_any(outs: list[Sender[int]], count: int, pace: Pace) -> None:
    alternation = Alternation(*[out.offer(partial(int, who)) for who, out in enumerate(outs)])
    for number in range(count):
        await pace.step(number)
        await alternation.select()


@process
async def write_any_and_poison(outs: list[Sender[int]], count: int, pace: Pace) -> None:
    alternation = Alternation(*[out.offer(partial(int, who)) for who, out in enumerate(outs)])
    for number in range(count):
        await pace.step(number)
        await alternation.select()
    for out in outs:
        out.poison("enough")


def channels(sizes: tuple[int, ...]) -> list[Channel[int]]:
    return [Channel(int, name=f"c{k}", buffer=size) for k, size in enumerate(sizes)]


def senders(of: list[Channel[int]]) -> list[Sender[int]]:
    return [channel.sender() for channel in of]


def receivers(of: list[Channel[int]]) -> list[Receiver[int]]:
    return [channel.receiver() for channel in of]


# --- multiplicities and buffers ----------------------------------------------------------------


@at_any_pace
@buffered
def test_one_to_one(sizes: tuple[int, ...], reading: Pace, writing: Pace) -> None:
    async def main() -> tuple[list[int], ...]:
        four = channels(sizes)
        readers = Par(*[read(channel.receiver(), reading) for channel in four])
        writers = Par(
            *[write(channel.sender(), who, COUNT, writing) for who, channel in enumerate(four)]
        )
        return (await Par(readers, writers))[0]

    assert run_in_virtual_time(main) == tuple([who] * COUNT for who in range(4))


@at_any_pace
@pytest.mark.parametrize("size", [0, 20])
def test_many_to_one(size: int, reading: Pace, writing: Pace) -> None:
    async def main() -> list[int]:
        channel = Channel(int, buffer=size)
        writers = [write(channel.sender(), who, COUNT, writing) for who in range(4)]
        return (await Par(read(channel.receiver(), reading), Par(*writers)))[0]

    assert Counter(run_in_virtual_time(main)) == dict.fromkeys(range(4), COUNT)


@at_any_pace
@pytest.mark.parametrize("size", [0, 20])
def test_one_to_many(size: int, reading: Pace, writing: Pace) -> None:
    async def main() -> list[list[int]]:
        channel = Channel(int, buffer=size)
        return (
            await Par(
                4 * read(channel.receiver(), reading),
                write(channel.sender(), 7, 4 * COUNT, writing),
            )
        )[0]

    shares = run_in_virtual_time(main)
    assert len(shares) == 4
    assert sum(shares, []) == [7] * (4 * COUNT)


@at_any_pace
@pytest.mark.parametrize("size", [0, 20])
def test_many_to_many(size: int, reading: Pace, writing: Pace) -> None:
    async def main() -> list[list[int]]:
        channel = Channel(int, buffer=size)
        writers = [write(channel.sender(), who, COUNT, writing) for who in range(4)]
        return (await Par(4 * read(channel.receiver(), reading), Par(*writers)))[0]

    assert Counter(sum(run_in_virtual_time(main), [])) == dict.fromkeys(range(4), COUNT)


@at_any_pace
@buffered
def test_one_alternation_of_outputs_to_many(
    sizes: tuple[int, ...], reading: Pace, writing: Pace
) -> None:
    async def main() -> tuple[list[int], ...]:
        four = channels(sizes)
        readers = Par(*[read(channel.receiver(), reading) for channel in four])
        return (await Par(readers, write_any(senders(four), 4 * COUNT, writing)))[0]

    shares = run_in_virtual_time(main)
    assert sum(map(len, shares)) == 4 * COUNT
    assert all(share == [who] * len(share) for who, share in enumerate(shares))


@at_any_pace
@buffered
def test_alternations_of_outputs_to_alternations_of_inputs(
    sizes: tuple[int, ...], reading: Pace, writing: Pace
) -> None:
    async def main() -> tuple[list[int], ...]:
        four = channels(sizes)
        readers = Par(*[read_any(receivers(four), reading) for _ in range(4)])
        writers = Par(*[write_any(senders(four), 4 * COUNT, writing) for _ in range(4)])
        return (await Par(readers, writers))[0]

    got = [number for share in run_in_virtual_time(main) for number in share]
    assert len(got) == 16 * COUNT
    assert set(got) <= set(range(4))


@pytest.mark.parametrize(("writers", "readers"), [(1, 1), (1, 5), (5, 1), (5, 5), (3, 3)])
def test_as_many_values_are_read_as_were_written(writers: int, readers: int) -> None:
    total = 4 * writers * readers

    @process
    async def read_exactly(inp: Receiver[int], count: int) -> int:
        return sum([await inp.receive() for _ in range(count)])

    async def main() -> int:
        channel = Channel(int)
        reading = [read_exactly(channel.receiver(), total // readers) for _ in range(readers)]
        writing = [write(channel.sender(), 1, total // writers, PACES[0]) for _ in range(writers)]
        return sum((await Par(Par(*reading), Par(*writing)))[0])

    assert csp.run(main) == total


def test_a_buffer_holds_what_a_writer_left_behind_until_a_reader_comes() -> None:
    async def main() -> list[int]:
        channel = Channel(int, buffer=COUNT)
        steps = Seq(write(channel.sender(), 3, COUNT, PACES[0]), read(channel.receiver(), PACES[0]))
        return (await steps)[1]

    assert csp.run(main) == [3] * COUNT


def test_without_room_for_all_a_writer_before_its_reader_is_a_deadlock() -> None:
    async def main() -> None:
        channel = Channel(int, name="numbers", buffer=COUNT - 1)
        await Seq(write(channel.sender(), 3, COUNT, PACES[0]), read(channel.receiver(), PACES[0]))

    with pytest.raises(Deadlock, match="numbers"):
        csp.run(main)


@pytest.mark.trio
async def test_writers_queue_up_and_are_served_one_by_one() -> None:
    channel = Channel(int)
    with channel.sender() as tx, channel.receiver() as rx:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(tx.send, number)
            await wait_all_tasks_blocked()
            got = []
            for left in range(5, 0, -1):
                assert tx.statistics().tasks_waiting_send == left
                got.append(await rx.receive())
    assert sorted(got) == list(range(5))


# --- selections --------------------------------------------------------------------------------


@process
async def select_in(order: str, inps: list[Receiver[int]], count: int) -> list[int]:
    alternation = Alternation(*inps)
    select = alternation.select if order == "fair" else alternation.pri_select
    return [inps.index((await select()).guard) for _ in range(count)]


@process
async def select_when_all_wait(inps: list[Receiver[int]], count: int) -> list[int]:
    alternation, chosen = Alternation(*inps), []
    for _ in range(count):
        await wait_all_tasks_blocked()
        chosen.append(inps.index((await alternation.select()).guard))
    return chosen


def test_three_writers_that_are_always_ready_share_300_fair_selections_evenly() -> None:
    async def main() -> list[int]:
        three = channels((0, 0, 0))
        writers = [write(channel.sender(), who, 300, PACES[0]) for who, channel in enumerate(three)]
        return (await Par(Par(*writers), select_when_all_wait(receivers(three), 300)))[1]

    assert Counter(csp.run(main)) == {0: 100, 1: 100, 2: 100}


@pytest.mark.parametrize("guards", [1, 2, 3, 10])
def test_a_guard_that_stays_ready_is_taken_within_as_many_selections_as_there_are_guards(
    guards: int,
) -> None:
    async def main() -> list[int]:
        full = channels((100,) * guards)
        for tx in senders(full):
            with tx:
                for number in range(100):
                    tx.send_nowait(number)
        return await select_in("fair", receivers(full), 100)

    chosen = csp.run(main)
    for start in range(100 - guards + 1):
        assert set(chosen[start : start + guards]) == set(range(guards))


def test_a_selection_by_priority_takes_the_first_guard_as_long_as_it_is_ready() -> None:
    async def main() -> list[int]:
        full = channels((100, 100, 100))
        for tx in senders(full):
            with tx:
                for number in range(100):
                    tx.send_nowait(number)
        return await select_in("priority", receivers(full), 300)

    assert csp.run(main) == [0] * 100 + [1] * 100 + [2] * 100


def test_a_loop_by_priority_drains_the_channels_in_the_order_given() -> None:
    @process
    async def drain(inps: list[Receiver[int]]) -> list[int]:
        return [inps.index(end) async for end, _ in Alternation(*inps, priority=True)]

    async def main() -> list[int]:
        full = channels((5, 5, 5))
        for tx in senders(full):
            with tx:
                for number in range(5):
                    tx.send_nowait(number)
        return await drain(receivers(full))

    assert csp.run(main) == [0] * 5 + [1] * 5 + [2] * 5


def test_priority_is_looked_at_anew_in_each_selection() -> None:
    @process
    async def look(urgent: Receiver[int], ordinary: Receiver[int], again: Sender[int]) -> list[str]:
        alternation, seen = Alternation(urgent, ordinary), []
        for number in range(6):
            if number == 3:
                again.send_nowait(number)
            seen.append(
                "urgent" if (await alternation.pri_select()).guard is urgent else "ordinary"
            )
        return seen

    async def main() -> list[str]:
        urgent, ordinary = channels((2, 9))
        with urgent.sender() as tx, ordinary.sender() as other:
            tx.send_nowait(0)
            for number in range(9):
                other.send_nowait(number)
            return await look(urgent.receiver(), ordinary.receiver(), tx.clone())

    assert csp.run(main) == ["urgent", "ordinary", "ordinary", "urgent", "ordinary", "ordinary"]


@pytest.mark.parametrize("order", ["fair", "priority"])
def test_every_order_of_selection_serves_all_writers(order: str) -> None:
    async def main() -> list[int]:
        four = channels((0, 0, 0, 0))
        writers = [
            write(channel.sender(), who, COUNT, PACES[2]) for who, channel in enumerate(four)
        ]
        return (await Par(Par(*writers), select_in(order, receivers(four), 4 * COUNT)))[1]

    assert Counter(run_in_virtual_time(main)) == dict.fromkeys(range(4), COUNT)


@pytest.mark.parametrize("made", ["once", "for each selection"])
def test_an_alternation_may_be_made_once_or_each_time(made: str) -> None:
    @process
    async def read_ten(inp: Receiver[int]) -> list[int]:
        got: list[int] = []
        alternation = Alternation(inp)
        for _ in range(COUNT):
            if made != "once":
                alternation.close()
                alternation = Alternation(inp)
            guard, value = await alternation.select()
            assert guard is inp
            got.append(value)
        return got

    async def main() -> list[int]:
        channel = Channel(int)
        return (
            await Par(write(channel.sender(), 4, COUNT, PACES[0]), read_ten(channel.receiver()))
        )[1]

    assert csp.run(main) == [4] * COUNT


def test_alternations_on_both_sides_of_one_channel_meet() -> None:
    @process
    async def offer_numbers(out: Sender[int]) -> list[int]:
        numbers = iter(range(COUNT))
        alternation = Alternation(out.offer(lambda: next(numbers)))
        return [(await alternation.select()).value for _ in range(COUNT)]

    @process
    async def select_numbers(inp: Receiver[int]) -> list[int]:
        return [value async for _, value in Alternation(inp)]

    async def main() -> tuple[list[int], list[int]]:
        channel = Channel(int)
        return await Par(offer_numbers(channel.sender()), select_numbers(channel.receiver()))

    assert csp.run(main) == (list(range(COUNT)), list(range(COUNT)))


# --- guards ------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_a_skip_is_taken_when_nothing_else_is_ready_and_brings_no_value() -> None:
    channel, first, second = Channel(int), Skip(), Skip()
    with channel.sender(), channel.receiver() as rx:
        for select in (
            Alternation(first, second, rx).select,
            Alternation(rx, first, second).pri_select,
        ):
            guard, value = await select()
            assert guard is first or guard is second
            assert value is None


@pytest.mark.trio
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("order", ["fair", "priority"])
async def test_a_skip_leaves_the_way_to_whatever_is_ready_wherever_it_stands(
    place: int, order: str
) -> None:
    ready, idle = Channel(int, buffer=3), Channel(int)
    with ready.sender() as tx, ready.receiver() as rx, idle.sender(), idle.receiver() as never:
        for number in range(3):
            tx.send_nowait(number)
        guards: list[Any] = [never, rx]
        guards.insert(place, Skip())
        alternation = Alternation(*guards)
        select = alternation.select if order == "fair" else alternation.pri_select
        assert [(await select()).value for _ in range(4)] == [0, 1, 2, None]
        alternation.close()


def test_a_reader_that_skips_gets_everything_between_its_skips() -> None:
    @process
    async def poll(inps: list[Receiver[int]], count: int) -> list[int]:
        got: list[int] = []
        alternation: Alternation[Any, Any] = Alternation(*inps[:2], Skip(), *inps[2:])
        while len(got) < count:
            end, _ = await alternation.pri_select()
            if isinstance(end, Skip):
                await trio.sleep(0.002)
            else:
                got.append(inps.index(end))
        return got

    async def main() -> list[int]:
        four = channels((0, 0, 0, 0))
        writers = [
            write(channel.sender(), who, COUNT, PACES[2]) for who, channel in enumerate(four)
        ]
        return (await Par(Par(*writers), poll(receivers(four), 4 * COUNT)))[1]

    assert Counter(run_in_virtual_time(main)) == dict.fromkeys(range(4), COUNT)


def test_a_timeout_starts_anew_with_each_selection() -> None:
    @process
    async def listen(inp: Receiver[int]) -> list[object]:
        timer = Timeout(0.1)
        seen: list[object] = []
        alternation = Alternation(inp, timer)
        for _ in range(10):
            guard, value = await alternation.select()
            seen.append(
                (round(trio.current_time() - started, 3), "timeout" if guard is timer else value)
            )
        return seen

    started = 0.0

    async def main() -> list[object]:
        nonlocal started
        started = trio.current_time()
        channel = Channel(int)
        return (
            await Par(write(channel.sender(), 7, 1, Pace("late", 0.45)), listen(channel.receiver()))
        )[1]

    timeouts = [(0.1, "timeout"), (0.2, "timeout"), (0.3, "timeout"), (0.4, "timeout"), (0.45, 7)]
    timeouts += [
        (0.55, "timeout"),
        (0.65, "timeout"),
        (0.75, "timeout"),
        (0.85, "timeout"),
        (0.95, "timeout"),
    ]
    assert run_in_virtual_time(main) == timeouts


def test_a_timeout_that_is_never_due_does_not_disturb() -> None:
    @process
    async def listen(inps: list[Receiver[int]], count: int) -> list[int]:
        alternation: Alternation[Any, Any] = Alternation(*inps, Timeout(60))
        return [inps.index((await alternation.pri_select()).guard) for _ in range(count)]

    async def main() -> list[int]:
        four = channels((0, 0, 0, 0))
        writers = [
            write(channel.sender(), who, COUNT, PACES[2])
            for who, channel in enumerate(four)
            for _ in range(4)
        ]
        return (await Par(Par(*writers), listen(receivers(four), 16 * COUNT)))[1]

    assert Counter(run_in_virtual_time(main)) == dict.fromkeys(range(4), 4 * COUNT)


def test_a_timeout_of_nothing_is_ready_at_once() -> None:
    async def main() -> float:
        timer = Timeout(0)
        started = trio.current_time()
        assert (await Alternation(timer).select()).guard is timer
        return trio.current_time() - started

    assert run_in_virtual_time(main) == 0


# --- retire ------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_a_channel_ends_with_its_last_sender_not_with_its_first() -> None:
    channel = Channel(int, buffer=9)
    with channel.receiver() as rx:
        first, second = channel.sender(), channel.sender()
        first.send_nowait(1)
        first.close()
        second.send_nowait(2)
        assert rx.receive_nowait() == 1
        second.close()
        assert rx.receive_nowait() == 2
        with pytest.raises(EndOfChannel):
            rx.receive_nowait()


@pytest.mark.trio
async def test_a_direction_that_has_ended_does_not_reopen() -> None:
    channel = Channel(int)
    with channel.receiver() as rx:
        channel.sender().close()
        with suppress(EndClosed):
            channel.sender()
        with pytest.raises(EndOfChannel):
            rx.receive_nowait()


@pytest.mark.trio
async def test_retiring_twice_counts_once() -> None:
    channel = Channel(int, buffer=1)
    with channel.receiver() as rx:
        first, second = channel.sender(), channel.sender()
        first.retire()
        first.retire()
        with second:
            second.send_nowait(1)
            assert rx.receive_nowait() == 1


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_readers_that_retire_early_end_their_writers(readers: int) -> None:
    @process
    async def read_five(inp: Receiver[int]) -> int:
        return sum([await inp.receive() for _ in range(5)])

    async def main() -> list[int]:
        channel = Channel(int)
        return (
            await Par(
                readers * read_five(channel.receiver()),
                3 * write(channel.sender(), 1, 1000, PACES[0]),
            )
        )[0]

    assert csp.run(main) == [5] * readers


def test_a_writer_retiring_while_its_value_waits_loses_nothing() -> None:
    """The send commits before the process can end: a reader that comes late gets the value."""

    @process
    async def read_late(inp: Receiver[int]) -> list[int]:
        await trio.sleep(1)
        return [number async for number in inp]

    async def main() -> list[int]:
        channel = Channel(int)
        return (await Par(write(channel.sender(), 5, 1, PACES[0]), read_late(channel.receiver())))[
            1
        ]

    assert run_in_virtual_time(main) == [5]


def test_a_chain_winds_down_from_either_end() -> None:
    @process
    async def forward(inp: Receiver[int], out: Sender[int]) -> None:
        async for number in inp:
            await out.send(number)

    @process
    async def read_some(inp: Receiver[int], count: int) -> list[int]:
        return [await inp.receive() for _ in range(count)]

    async def main(written: int, wanted: int) -> list[int]:
        a, b, c = channels((0, 0, 0))
        results = await Par(
            write(a.sender(), 1, written, PACES[0]),
            forward(a.receiver(), b.sender()),
            forward(b.receiver(), c.sender()),
            read_some(c.receiver(), wanted) if wanted else read(c.receiver(), PACES[0]),
        )
        return results[3]

    assert csp.run(main, 10, 0) == [1] * 10
    assert csp.run(main, 1000, 10) == [1] * 10


def test_writers_end_quietly_in_a_plain_trio_program_too() -> None:
    @process
    async def read_five(inp: Receiver[int]) -> int:
        return sum([await inp.receive() for _ in range(5)])

    async def main() -> int:
        channel = Channel(int)
        return (
            await Par(read_five(channel.receiver()), write(channel.sender(), 1, 1000, PACES[0]))
        )[0]

    assert trio.run(main) == 5


# --- poison ------------------------------------------------------------------------------------


@at_any_pace
def test_what_was_sent_before_the_poison_of_a_rendezvous_arrives(
    reading: Pace, writing: Pace
) -> None:
    async def main() -> list[int]:
        channel = Channel(int)
        return (
            await Par(
                read(channel.receiver(), reading),
                write_and_poison(channel.sender(), 0, COUNT, writing),
            )
        )[0]

    assert run_in_virtual_time(main) == [0] * COUNT


@at_any_pace
def test_an_alternation_is_poisoned_by_any_of_its_channels(reading: Pace, writing: Pace) -> None:
    async def main() -> list[int]:
        four = channels((0, 0, 0, 0))
        writers = [
            write_and_poison(channel.sender(), who, COUNT, writing)
            for who, channel in enumerate(four)
        ]
        return (await Par(read_any(receivers(four), reading), Par(*writers)))[0]

    got = run_in_virtual_time(main)
    assert COUNT <= len(got) <= 4 * COUNT
    assert max(Counter(got).values()) == COUNT


@at_any_pace
def test_one_poisoning_writer_ends_all_readers_and_writers(reading: Pace, writing: Pace) -> None:
    async def main() -> list[list[int]]:
        channel = Channel(int)
        writers = [write_and_poison(channel.sender(), who, COUNT, writing) for who in range(4)]
        return (await Par(4 * read(channel.receiver(), reading), Par(*writers)))[0]

    got = sum(run_in_virtual_time(main), [])
    assert COUNT <= len(got) <= 4 * COUNT


@at_any_pace
def test_poisoned_alternations_of_outputs_and_inputs_all_end(reading: Pace, writing: Pace) -> None:
    async def main() -> tuple[list[int], ...]:
        four = channels((0, 0, 0, 0))
        readers = Par(*[read_any(receivers(four), reading) for _ in range(2)])
        writers = Par(*[write_any_and_poison(senders(four), 4 * COUNT, writing) for _ in range(2)])
        return (await Par(readers, writers))[0]

    got = [number for share in run_in_virtual_time(main) for number in share]
    assert 4 * COUNT <= len(got) <= 8 * COUNT


@pytest.mark.trio
@pytest.mark.parametrize("poisoner", ["sender", "receiver"])
async def test_poison_ends_both_directions_and_says_why(poisoner: str) -> None:
    channel = Channel(int, name="numbers")
    with channel.sender() as tx, channel.receiver() as rx:
        (tx if poisoner == "sender" else rx).poison("the oven is off")
        for operation in (lambda: tx.send(1), rx.receive):
            with pytest.raises(Poisoned, match="the oven is off"):
                await operation()
        for nowait in (lambda: tx.send_nowait(1), rx.receive_nowait):
            with pytest.raises(Poisoned, match="the oven is off"):
                nowait()


@pytest.mark.trio
async def test_poison_wakes_all_who_wait() -> None:
    channel = Channel(int)
    woken: list[str] = []
    with channel.sender() as tx, channel.receiver() as rx:

        async def wait(name: str, operation: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(Poisoned):
                await operation()
            woken.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, "receive", rx.receive)
            nursery.start_soon(wait, "receive", rx.receive)
            nursery.start_soon(wait, "select", Alternation(rx).select)
            await wait_all_tasks_blocked()
            tx.poison("stop")
    assert sorted(woken) == ["receive", "receive", "select"]


@pytest.mark.trio
async def test_poison_wakes_senders_and_output_guards() -> None:
    channel = Channel(int)
    woken: list[str] = []
    with channel.sender() as tx, channel.receiver() as rx:

        async def wait(name: str, operation: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(Poisoned):
                await operation()
            woken.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, "send", lambda: tx.send(1))
            nursery.start_soon(
                wait, "select", Alternation(tx.offer(lambda: pytest.fail("made a value"))).select
            )
            await wait_all_tasks_blocked()
            rx.poison("stop")
    assert sorted(woken) == ["select", "send"]


@pytest.mark.trio
async def test_retire_keeps_what_is_buffered_and_poison_drops_it() -> None:
    retired, poisoned = channels((2, 2))
    with retired.receiver() as rx:
        with retired.sender() as tx:
            tx.send_nowait(1)
        assert [number async for number in rx] == [1]
    with poisoned.sender() as tx, poisoned.receiver() as rx:
        tx.send_nowait(1)
        tx.poison("stop")
        with pytest.raises(Poisoned):
            rx.receive_nowait()


@pytest.mark.trio
async def test_the_first_poison_wins() -> None:
    channel = Channel(int)
    with channel.sender() as tx, channel.receiver() as rx:
        tx.poison("first")
        rx.poison("second")
        with pytest.raises(Poisoned) as caught:
            rx.receive_nowait()
    assert caught.value.reason == "first"


@pytest.mark.trio
async def test_poison_behind_the_last_retire_still_kills_the_channel() -> None:
    channel = Channel(int, buffer=1)
    with channel.receiver() as rx, channel.receiver() as other:
        with channel.sender() as tx:
            tx.send_nowait(1)
        other.poison("stop")
        with pytest.raises(Poisoned):
            rx.receive_nowait()


@pytest.mark.trio
async def test_a_retire_behind_the_poison_changes_nothing() -> None:
    channel = Channel(int)
    with channel.receiver() as rx:
        with channel.sender() as tx:
            tx.poison("stop")
        with pytest.raises(Poisoned):
            rx.receive_nowait()


@pytest.mark.trio
async def test_a_retired_end_cannot_poison() -> None:
    channel = Channel(int, buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        gone = tx.clone()
        gone.close()
        with pytest.raises(EndClosed):
            gone.poison("too late")
        tx.send_nowait(1)
        assert rx.receive_nowait() == 1


@process
async def identity(inp: Receiver[int], out: Sender[int]) -> None:
    while True:
        await out.send(await inp.receive())


def test_poison_runs_through_a_chain_of_processes_behind_the_data() -> None:
    async def main() -> list[int]:
        a, b, c, d = channels((0, 0, 0, 0))
        with d.receiver() as watch:
            results = await Par(
                write_and_poison(a.sender(), 1, COUNT, PACES[0]),
                identity(a.receiver(), b.sender()),
                identity(b.receiver(), c.sender()),
                identity(c.receiver(), d.sender()),
                read(d.receiver(), PACES[0]),
            )
            with pytest.raises(Poisoned, match="writer 1 is done"):
                watch.receive_nowait()
        return results[4]

    assert csp.run(main) == [1] * COUNT


def test_poison_from_the_reader_runs_up_the_chain() -> None:
    @process
    async def read_and_poison(inp: Receiver[int], count: int) -> int:
        got = sum([await inp.receive() for _ in range(count)])
        inp.poison("enough")
        return got

    async def main() -> int:
        a, b, c = channels((0, 0, 0))
        with a.sender() as watch:
            results = await Par(
                2 * write(a.sender(), 1, 1000, PACES[0]),
                identity(a.receiver(), b.sender()),
                identity(b.receiver(), c.sender()),
                read_and_poison(c.receiver(), 20),
            )
            with pytest.raises(Poisoned, match="enough"):
                watch.send_nowait(1)
        return results[3]

    assert csp.run(main) == 20


def test_a_process_that_does_not_pass_poison_retires_its_other_ends() -> None:
    @process(passes_poison=False)
    async def forward(inp: Receiver[int], out: Sender[int]) -> None:
        while True:
            await out.send(await inp.receive())

    @process
    async def read_to_the_end(inp: Receiver[int]) -> list[int]:
        return [number async for number in inp]

    async def main() -> list[int]:
        a, b = channels((0, 0))
        results = await Par(
            write_and_poison(a.sender(), 1, COUNT, PACES[0]),
            forward(a.receiver(), b.sender()),
            read_to_the_end(b.receiver()),
        )
        return results[2]

    assert csp.run(main) == [1] * COUNT


def test_a_process_that_promises_a_value_is_not_ended_quietly_by_poison() -> None:
    @process
    async def read_one(inp: Receiver[int]) -> int:
        return await inp.receive()

    async def main() -> None:
        channel = Channel(int)
        await Par(read_one(channel.receiver()), write_and_poison(channel.sender(), 1, 0, PACES[0]))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    assert caught.group_contains(Poisoned)


def test_poison_and_the_end_of_another_writer_race_and_the_poison_wins() -> None:
    """One writer retires and another poisons: in either order the reader is poisoned."""

    async def main() -> list[bool]:
        seen: list[bool] = []
        for order in (0, 1):
            channel = Channel(int, buffer=5)
            writers = [
                write(channel.sender(), 1, 2, PACES[0]),
                write_and_poison(channel.sender(), 2, 0, PACES[0]),
            ]
            with channel.receiver() as rx:
                await Par(writers[order], writers[1 - order])
                try:
                    rx.receive_nowait()
                except Poisoned:
                    seen.append(True)
        return seen

    assert csp.run(main) == [True, True]


def test_spawned_readers_end_when_the_writer_poisons() -> None:
    async def main() -> list[int]:
        channel = Channel(int)
        async with Spawn() as spawn:
            readings = [spawn(read(channel.receiver(), PACES[0])) for _ in range(3)]
            spawn(write_and_poison(channel.sender(), 1, COUNT, PACES[0]))
        return [number for running in readings for number in await running]

    assert csp.run(main) == [1] * COUNT


def test_a_writer_without_readers_is_told_so() -> None:
    @process
    async def write_alone(out: Sender[int]) -> str:
        try:
            await out.send(1)
        except NoReceivers:
            return "nobody reads"
        return "sent"

    async def main() -> str:
        channel = Channel(int)
        channel.receiver().close()
        return await write_alone(channel.sender())

    assert csp.run(main) == "nobody reads"
