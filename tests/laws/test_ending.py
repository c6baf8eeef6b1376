"""Laws of ending: retiring comes after the last value, and poison is a zero."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csp
from csp import Alternation, Channel, EndOfChannel, Par, Receiver, Sender, Spawn, process

law = settings(max_examples=30, deadline=None, derandomize=True)

values = st.lists(st.integers(), max_size=6)
room = st.integers(0, 3)
Reader = Callable[[Receiver[int]], Awaitable[list[int]]]


@process
async def give(numbers: list[int], out: Sender[int]) -> None:
    for number in numbers:
        await out.send(number)


@process
async def copy(inp: Receiver[int], out: Sender[int]) -> None:
    async for value in inp:
        await out.send(value)


async def by_receive(rx: Receiver[int]) -> list[int]:
    got = list[int]()
    while True:
        try:
            got.append(await rx.receive())
        except EndOfChannel:
            return got


async def by_loop(rx: Receiver[int]) -> list[int]:
    return [value async for value in rx]


async def by_alternation(rx: Receiver[int]) -> list[int]:
    return [choice.value async for choice in Alternation(rx)]


async def by_select(rx: Receiver[int]) -> list[int]:
    got, alternation = list[int](), Alternation(rx)
    while True:
        try:
            got.append((await alternation.select()).value)
        except EndOfChannel:
            return got


async def by_lease(rx: Receiver[int]) -> list[int]:
    got = list[int]()
    async for job in rx.leases():
        async with job:
            got.append(job.value)
    return got


async def until_it_has_ended(rx: Receiver[int]) -> list[int]:
    got = list[int]()
    async for choice in Alternation(rx, rx.ended()):
        if choice.value is None:
            return got
        got.append(choice.value)
    raise AssertionError("`ended` did not fire")


READERS = [by_receive, by_loop, by_alternation, by_select, by_lease, until_it_has_ended]


@pytest.mark.parametrize("reader", READERS)
@law
@given(values=values, room=room)
def test_the_end_comes_after_the_last_value(
    values: list[int], room: int, reader: Reader, lend: bool
) -> None:
    @process
    async def read(rx: Receiver[int]) -> list[int]:
        got = await reader(rx)
        with pytest.raises(EndOfChannel):  # and for ever
            await rx.receive()
        return got

    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=room)
        return (await Par(give(values, channel.sender()), read(channel.receiver())))[1]

    assert csp.run(main, lend=lend) == values


@law
@given(streams=st.lists(values, min_size=1, max_size=4), room=room)
def test_a_channel_ends_with_its_last_sender(
    streams: list[list[int]], room: int, lend: bool
) -> None:
    @process
    async def read(rx: Receiver[int]) -> list[int]:
        return await by_loop(rx)

    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=room)
        givers = Par(*(give(stream, channel.sender()) for stream in streams))
        return (await Par(givers, read(channel.receiver())))[1]

    got = csp.run(main, lend=lend)
    assert sorted(got) == sorted(value for stream in streams for value in stream)


async def poisoned(operation: Callable[[], Any]) -> bool:
    try:
        result = operation()
        if hasattr(result, "__await__"):
            await result
    except csp.Poisoned as error:
        return error.reason == "first"
    return False


@law
@given(data=st.data(), held=values, by_sender=st.booleans())
def test_poison_is_a_zero_whatever_came_before_and_comes_after(
    data: st.DataObject, held: list[int], by_sender: bool, lend: bool
) -> None:
    after = data.draw(
        st.lists(
            st.sampled_from(
                ["send", "receive", "send_nowait", "receive_nowait", "select", "poison"]
            ),
            max_size=6,
        )
    )

    async def main() -> list[bool]:
        channel = Channel(int, name="c", buffer=len(held) + 1)
        tx, rx = channel.sender(), channel.receiver()
        operations: dict[str, Callable[[], Any]] = {
            "send": lambda: tx.send(1),
            "receive": rx.receive,
            "send_nowait": lambda: tx.send_nowait(1),
            "receive_nowait": rx.receive_nowait,
            "select": lambda: Alternation(rx).select(),
        }
        with tx, rx:
            for value in held:
                tx.send_nowait(value)
            (tx if by_sender else rx).poison("first")
            seen = list[bool]()
            for name in after:
                if name == "poison":
                    rx.poison("second")
                else:
                    seen.append(await poisoned(operations[name]))
            return seen

    assert all(csp.run(main, lend=lend))


@law
@given(held=values, retire_first=st.booleans())
def test_poison_absorbs_a_direction_that_ends(
    held: list[int], retire_first: bool, lend: bool
) -> None:
    async def main() -> list[bool]:
        channel = Channel(int, name="c", buffer=len(held) + 1)
        with channel.sender() as tx, channel.sender() as other, channel.receiver() as rx:
            for value in held:
                tx.send_nowait(value)
            if retire_first:
                other.retire()
            tx.poison("first")
            other.retire()
            tx.retire()
            operations = [rx.receive, rx.receive_nowait, Alternation(rx).select]
            return [await poisoned(operation) for operation in operations]

    assert all(csp.run(main, lend=lend))


@law
@given(length=st.integers(1, 4), from_the_front=st.booleans())
def test_poison_passes_through_a_chain_either_way(
    length: int, from_the_front: bool, lend: bool
) -> None:
    async def main() -> bool:
        channels = [Channel(int, name=f"c{i}") for i in range(length + 1)]
        copies = [copy(a.receiver(), b.sender()) for a, b in itertools.pairwise(channels)]
        with channels[0].sender() as tx, channels[-1].receiver() as rx:
            async with Spawn() as spawn:
                for each in copies:
                    spawn(each)
                (tx if from_the_front else rx).poison("first")
                if from_the_front:
                    return await poisoned(rx.receive)
                while not await poisoned(lambda: tx.send(1)):  # a copy is told when it sends
                    pass
                return True

    assert csp.run(main, lend=lend)
