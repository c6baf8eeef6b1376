"""Small networks of real processes in every order, without trio."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from csp import Alternation, Barrier, Channel, Member, Par, Receiver, Sender, process

sys.path.insert(0, str(Path(__file__).parent))
from explorer import Stuck, every_order, random_orders


@process
async def numbers(out: Sender[int], *values: int) -> None:
    for value in values:
        await out.send(value)


@process
async def double(feed: Receiver[int], out: Sender[int]) -> None:
    async for value in feed:
        await out.send(2 * value)


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [value async for value in feed]


def test_a_pipeline_gives_each_result_once_in_every_order() -> None:
    async def main() -> tuple[int, ...]:
        jobs, results = Channel(int, name="jobs"), Channel(int, name="results")
        done = await Par(
            numbers(jobs.sender(), 1),
            double(jobs.receiver(), results.sender()),
            collect(results.receiver()),
        )
        return tuple(done[2])

    results = every_order(main)
    assert len(results) > 100
    assert set(results) == {(2,)}


def test_a_pool_gives_each_result_once() -> None:
    async def main() -> tuple[int, ...]:
        jobs, results = Channel(int, name="jobs"), Channel(int, name="results")
        done = await Par(
            numbers(jobs.sender(), 1, 2, 3),
            2 * double(jobs.receiver(), results.sender()),
            collect(results.receiver()),
        )
        return tuple(done[2])

    results = set(random_orders(main, 500))
    assert set(map(frozenset, results)) == {frozenset({2, 4, 6})}
    assert len(results) > 1  # they overtake each other


def test_a_buffer_keeps_the_order_in_every_order() -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=2)
        return (await Par(numbers(channel.sender(), 1, 2, 3), collect(channel.receiver())))[1]

    assert set(map(tuple, every_order(main))) == {(1, 2, 3)}


def test_an_alternation_merges_all_in_every_order() -> None:
    @process
    async def merge(left: Receiver[int], right: Receiver[int]) -> list[int]:
        return [value async for _, value in Alternation(left, right)]

    async def main() -> tuple[int, ...]:
        left, right = Channel(int, name="left"), Channel(int, name="right")
        done = await Par(
            numbers(left.sender(), 1, 2),
            numbers(right.sender(), 3),
            merge(left.receiver(), right.receiver()),
        )
        return tuple(done[2])

    assert set(every_order(main)) == {(1, 2, 3), (1, 3, 2), (3, 1, 2)}


def test_two_alternations_meet_in_every_order() -> None:
    @process
    async def give(out: Sender[int]) -> None:
        await Alternation(out.offer(lambda: 7)).select()

    @process
    async def take(feed: Receiver[int]) -> int:
        return (await Alternation(feed).select()).value

    async def main() -> int:
        channel = Channel(int, name="c")
        return (await Par(give(channel.sender()), take(channel.receiver())))[1]

    assert set(every_order(main)) == {7}


def test_a_barrier_holds_in_every_order() -> None:
    async def main() -> list[str]:
        story: list[str] = []

        @process
        async def phases(name: str, barrier: Member) -> None:
            story.append("before")
            await barrier.sync()
            story.append("after")

        barrier = Barrier(name="b")
        await Par(*(phases(name, barrier.member()) for name in "abc"))
        return story

    assert all(story == ["before"] * 3 + ["after"] * 3 for story in every_order(main))


def philosophers(*, left_handed: bool) -> Any:
    """Two philosophers and two forks; a fork is a process that is taken and put back by a send."""

    @process
    async def philosopher(first: Sender[None], second: Sender[None]) -> None:
        for hand in (first, second, first, second):  # take both, put both back
            await hand.send(None)

    @process
    async def fork(hands: list[Receiver[None]]) -> None:
        async for hand, _ in Alternation(*hands):
            await hand.receive()  # only who took it may put it back

    async def main() -> str:
        left, right = ([Channel(type(None), name=f"{f}{n}") for n in range(2)] for f in "lr")
        first = [left[0], right[1]] if not left_handed else [left[0], left[1]]
        second = [right[0], left[1]] if not left_handed else [right[0], right[1]]
        await Par(
            *(philosopher(first[n].sender(), second[n].sender()) for n in range(2)),
            *(fork([channel.receiver() for channel in side]) for side in (left, right)),
        )
        return "eaten"

    return main


def test_two_philosophers_may_starve_but_not_if_one_is_left_handed() -> None:
    assert set(random_orders(philosophers(left_handed=False), 300)) == {Stuck, "eaten"}
    assert set(random_orders(philosophers(left_handed=True), 300)) == {"eaten"}
