"""Processes and what they return, alone and composed."""

from collections.abc import Coroutine
from typing import Any, TypeVar, assert_type

import trio

import csp
from csp import Alternation, Channel, Par, Process, Receiver, Running, Sender, Seq, Spawn, process

T = TypeVar("T")


class Doubler:
    """A process may be a method."""

    @process
    async def serve(self, inp: Receiver[int], out: Sender[int]) -> None:
        async for value in inp:
            await out.send(2 * value)


@process
async def number(value: int = 1, *, negated: bool = False) -> int:
    return -value if negated else value


@process
async def word() -> str:
    return "word"


@process(passes_poison=False, name="other")
async def copy(inp: Receiver[T], out: Sender[T]) -> None:
    async for value in inp:
        await out.send(value)


async def bare() -> None: ...


async def results() -> None:
    assert_type(number(), Process[int])
    assert_type(await number(3, negated=True), int)
    assert_type(await Par(number(), word()), tuple[int, str])
    assert_type(await Seq(number(), word(), number()), tuple[int, str, int])
    assert_type(2 * number(), Process[list[int]])
    assert_type(await Par(2 * number(), word()), tuple[list[int], str])
    assert_type(await Par(Seq(number(), word()), number()), tuple[tuple[int, str], int])
    assert_type(2 * Par(number(), word()), Process[list[tuple[int, str]]])
    six = await Par(number(), word(), number(), word(), number(), word())
    assert_type(six, tuple[int, str, int, str, int, str])
    assert_type(await Par(*(number(i) for i in range(9))), tuple[int, ...])
    assert_type(number().named("one"), Process[int])


async def operations(tx: Sender[int], rx: Receiver[str]) -> None:
    assert_type(await Par(tx.send(1), rx.receive()), tuple[None, str])
    both = await Par(Alternation(rx).select(), number())
    assert_type(both[0].value, str)


async def spawned() -> None:
    async with Spawn() as spawn:
        running = spawn(number())
        assert_type(running, Running[int])
        assert_type(await running, int)
        assert_type(running.result(), int)
        assert_type(await spawn(word(), background=True), str)
        running.cancel()
        spawn(number)  # refused
        spawn(bare())  # refused
        spawn(number(), behind=True)  # refused
        text: str = await running  # refused
        print(text)


async def in_a_nursery() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(number, 3)
        nursery.start_soon(word)


def as_coroutine() -> Coroutine[Any, Any, int]:
    return number()


def methods(numbers: Channel[int], words: Channel[str]) -> None:
    assert_type(Doubler().serve(numbers.receiver(), numbers.sender()), Process[None])
    Doubler().serve(numbers.receiver(), words.sender())  # refused
    Doubler().serve(numbers.receiver())  # refused


def generic(numbers: Channel[int], words: Channel[str]) -> None:
    copy(numbers.receiver(), numbers.sender())
    copy(words.receiver(), words.sender())


async def mistakes() -> None:
    number("one")  # refused
    number(1, True)  # refused
    word(1)  # refused
    number(negated="no")  # refused
    "two" * number()  # refused
    number() * number()  # refused
    first: tuple[str, int] = await Par(number(), word())  # refused
    Par(number(), 3)  # refused
    Seq(number)  # refused
    process(3)  # refused
    process(len)  # refused
    process(word, passes_poison="no")  # refused
    print(first)


def run() -> None:
    assert_type(csp.run(number(3)), int)
    assert_type(csp.run(Par(number(), word())), tuple[int, str])
    assert_type(csp.run(number), int)
    assert_type(csp.run(number, 3), int)
    csp.run(number, "three")  # refused
    csp.run(number, 3, 4)  # refused
