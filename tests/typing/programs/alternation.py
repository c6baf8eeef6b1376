"""Alternation: guards of different kinds and the types of what they commit."""

from collections import deque
from signal import SIGINT
from typing import assert_type

from csp import (
    Alternation,
    Barrier,
    Choice,
    Deadline,
    Every,
    Flag,
    Lease,
    Member,
    Receiver,
    Running,
    Sender,
    Signal,
    Skip,
    Timeout,
    Wait,
    process,
)


@process
async def buffer(inp: Receiver[int], out: Sender[int], size: int) -> None:
    items = deque[int]()
    put = inp.when(lambda: len(items) < size)
    get = out.offer(items.popleft).when(lambda: items)
    async for end, value in Alternation(put, get):
        assert_type(value, int)
        if end is inp:
            items.append(value)


async def narrowed(numbers: Receiver[int], words: Receiver[str]) -> None:
    async for choice in Alternation(numbers, words, Timeout(1.0)):
        if numbers.chosen(choice):
            assert_type(choice.value, int)
            print(choice.value + 1)
            print(choice.value.upper())  # refused
        elif words.chosen(choice):
            assert_type(choice.value, str)
            print(choice.value.upper())
        else:
            assert_type(choice.guard, Receiver[int] | Receiver[str] | Timeout)


async def by_class(numbers: Receiver[int], flag: Flag) -> None:
    choice = await Alternation(numbers, Timeout(1.0), Wait(flag)).select()
    assert_type(choice.value, int | None)
    match choice.guard:
        case Receiver():
            assert_type(choice.guard, Receiver[int])
        case Timeout(seconds=seconds):
            print(seconds + 1)
        case Wait():
            print("set")
    if isinstance(choice.guard, Timeout):
        print(choice.guard.seconds)


async def each_guard(
    numbers: Receiver[int], out: Sender[str], running: Running[bytes], member: Member
) -> None:
    assert_type(await Alternation(numbers).select(), Choice[Receiver[int], int])
    offered = await Alternation(out.offer(lambda: "x")).pri_select()
    assert_type(offered, Choice[Sender[str], str])
    assert_type(await Alternation(Timeout(1)).select(), Choice[Timeout, None])
    assert_type(await Alternation(Deadline(1)).select(), Choice[Deadline, None])
    assert_type(await Alternation(Every(1)).select(), Choice[Every, None])
    assert_type(await Alternation(Skip()).select(), Choice[Skip, None])
    assert_type(await Alternation(Signal(SIGINT)).select(), Choice[Signal, int])
    assert_type(await Alternation(Wait(running)).select(), Choice[Wait[bytes], bytes])
    assert_type(await Alternation(Wait(Flag())).select(), Choice[Wait[None], None])
    assert_type(await Alternation(numbers.ended()).select(), Choice[Receiver[int], None])
    assert_type(await Alternation(member).select(), Choice[Member, None])
    assert_type(await Alternation(Barrier().member()).select(), Choice[Member, None])
    taken = await Alternation(numbers.leasing()).select()
    assert_type(taken, Choice[Receiver[int], Lease[int]])
    async with taken.value as job:
        assert_type(job.value, int)


async def conditions(numbers: Receiver[int], out: Sender[int], member: Member) -> None:
    full = False
    same = Alternation(numbers, priority=True)
    assert_type(await same.select(), Choice[Receiver[int], int])
    later = Alternation(Timeout(1).when(lambda: full))
    assert_type(await later.select(), Choice[Timeout, None])
    once = Alternation(numbers.ended().when(lambda: full))
    assert_type(await once.select(), Choice[Receiver[int], None])
    twice = Alternation(numbers.when(lambda: full).when(lambda: not full))
    assert_type(await twice.select(), Choice[Receiver[int], int])
    gate = Alternation(member.when(lambda: full))
    assert_type(await gate.select(), Choice[Member, None])
    numbers.when(full)  # refused
    out.offer(3)  # refused
    out.offer(lambda: "three")  # refused


async def five(a: Receiver[int], b: Receiver[int], out: Sender[int]) -> None:
    alternation = Alternation(a, b, out.offer(lambda: 1), Timeout(1), Skip())
    assert_type((await alternation.select()).value, int | None)


async def six(a: Receiver[int], b: Receiver[str], c: Receiver[bytes], d: Sender[float]) -> None:
    with Alternation(a, b, c, d.offer(lambda: 1.5), Timeout(1), Signal(SIGINT)) as alternation:
        choice = await alternation.select()
        assert_type(choice.value, int | str | bytes | float | None)
        if b.chosen(choice):
            assert_type(choice.value, str)


async def many(inputs: list[Receiver[int]]) -> None:
    async for end, value in Alternation(*inputs):
        assert_type(end, Receiver[int])
        assert_type(value, int)


async def mistakes(out: Sender[int], numbers: Receiver[int]) -> None:
    Alternation(out)  # refused
    Alternation(numbers.receive())  # refused
    Alternation(1.0)  # refused
    Timeout("1")  # refused
    Wait(numbers)  # refused
    text: str = (await Alternation(numbers).select()).value  # refused
    print(text)
