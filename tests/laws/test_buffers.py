"""Laws of buffers: a chain of copies is a buffer, and a buffer changes no stream."""

from __future__ import annotations

import itertools
from collections import deque

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import csp
from csp import Channel, Par, Process, Receiver, Sender, Spawn, process

law = settings(max_examples=30, deadline=None, derandomize=True)

moves = st.lists(st.sampled_from(["put", "get"]), max_size=12)
values = st.lists(st.integers(), max_size=8)
rooms = st.lists(st.integers(0, 3), min_size=1, max_size=4)  # of the channels in a chain


@process
async def place(inp: Receiver[int], out: Sender[int]) -> None:
    """Holds one value: a buffer of one."""
    async for value in inp:
        await out.send(value)


@process
async def give(numbers: list[int], out: Sender[int]) -> None:
    for number in numbers:
        await out.send(number)


@process
async def collect(inp: Receiver[int]) -> list[int]:
    return [value async for value in inp]


def chain(channels: list[Channel[int]]) -> list[Process[None]]:
    return [place(a.receiver(), b.sender()) for a, b in itertools.pairwise(channels)]


async def moved(moves: list[str], tx: Sender[int], rx: Receiver[int]) -> list[str]:
    """What becomes of each move, when everybody else waits."""
    seen: list[str] = []
    for number, move in enumerate(moves):
        await wait_all_tasks_blocked()
        try:
            if move == "put":
                tx.send_nowait(number)
                seen.append("put")
            else:
                seen.append(f"got {rx.receive_nowait()}")
        except trio.WouldBlock:
            seen.append("would wait")
    return seen


def by_oracle(moves: list[str], size: int) -> list[str]:
    held, seen = deque[int](), list[str]()
    for number, move in enumerate(moves):
        if move == "put" and len(held) < size:
            held.append(number)
            seen.append("put")
        elif move == "get" and held:
            seen.append(f"got {held.popleft()}")
        else:
            seen.append("would wait")
    return seen


@law
@given(moves=moves, size=st.integers(1, 4))
def test_a_chain_of_n_places_is_a_buffer_of_n(moves: list[str], size: int, lend: bool) -> None:
    async def main() -> list[str]:
        channels = [Channel(int, name=f"c{i}") for i in range(size + 1)]
        places = chain(channels)
        with channels[0].sender() as tx, channels[-1].receiver() as rx:
            async with Spawn() as spawn:
                for each in places:
                    spawn(each, background=True)
                return await moved(moves, tx, rx)

    assert csp.run(main, lend=lend) == by_oracle(moves, size)


@law
@given(moves=moves, size=st.integers(1, 4))
def test_the_buffer_of_a_channel_is_one_too(moves: list[str], size: int, lend: bool) -> None:
    async def main() -> list[str]:
        channel = Channel(int, name="c", buffer=size)
        with channel.sender() as tx, channel.receiver() as rx:
            return await moved(moves, tx, rx)

    assert csp.run(main, lend=lend) == by_oracle(moves, size)


@law
@given(values=values, rooms=rooms)
def test_a_chain_of_copies_is_the_identity(values: list[int], rooms: list[int], lend: bool) -> None:
    async def main() -> list[int]:
        channels = [Channel(int, name=f"c{i}", buffer=room) for i, room in enumerate(rooms)]
        first, last = give(values, channels[0].sender()), collect(channels[-1].receiver())
        return (await Par(first, Par(*chain(channels)), last))[2]

    assert csp.run(main, lend=lend) == values


@law
@given(values=values, sizes=st.permutations([0, 1, 3]))
def test_buffers_in_a_row_commute(values: list[int], sizes: list[int], lend: bool) -> None:
    """Where the room is does not show: as much is taken before anybody receives."""

    async def main() -> int:
        channels = [Channel(int, name=f"c{i}", buffer=room) for i, room in enumerate(sizes)]
        places, sent = chain(channels), 0
        with channels[0].sender() as tx, channels[-1].receiver():
            async with Spawn() as spawn:
                for each in places:
                    spawn(each, background=True)
                for value in values:
                    await wait_all_tasks_blocked()
                    try:
                        tx.send_nowait(value)
                    except trio.WouldBlock:
                        break
                    sent += 1
        return sent

    assert csp.run(main, lend=lend) == min(len(values), sum(sizes) + len(sizes) - 1)
