"""The ready-made processes: element types are known through them."""

from functools import partial
from typing import Any, assert_type

from csp import Channel, Par, Process, Receiver, Sender, patterns, process


@process
async def digits(inp: Receiver[str], out: Sender[int]) -> None:
    async for text in inp:
        await out.send(int(text))


@process
async def show(inp: Receiver[int], out: Sender[str]) -> None:
    async for number in inp:
        await out.send(str(number))


async def slow(number: int) -> str:
    return str(number)


@process
async def slow_process(number: int) -> str:
    return str(number)


def streams() -> None:
    numbers, texts = Channel(int, name="numbers"), Channel(str, name="texts")
    assert_type(patterns.identity(numbers.receiver(), numbers.sender()), Process[None])
    patterns.identity(numbers.receiver(), texts.sender())  # refused
    patterns.identity(numbers.sender(), numbers.receiver())  # refused
    patterns.prefix(0, numbers.receiver(), numbers.sender())
    patterns.prefix("0", numbers.receiver(), numbers.sender())  # refused
    patterns.map(str, numbers.receiver(), texts.sender())
    patterns.map(len, texts.receiver(), numbers.sender())
    patterns.map(len, texts.receiver(), texts.sender())  # refused
    patterns.map(lambda n: n + 1, numbers.receiver(), numbers.sender())
    patterns.filter(str.isdigit, texts.receiver(), texts.sender())
    patterns.filter(str.isdigit, numbers.receiver(), numbers.sender())  # refused
    patterns.scan(lambda total, text: total + len(text), 0, texts.receiver(), numbers.sender())
    patterns.successor(texts.receiver(), numbers.sender())  # refused
    patterns.batch(2, numbers.receiver(), Channel(list[int]).sender())
    patterns.batch(2, numbers.receiver(), Channel(list[str]).sender())  # refused
    patterns.flatten(Channel(list[int]).receiver(), numbers.sender())
    patterns.flatten(Channel(list[int]).receiver(), texts.sender())  # refused


def both_ends() -> None:
    numbers, texts = Channel(int, name="numbers"), Channel(str, name="texts")
    patterns.emit(range(3), numbers.sender())
    patterns.emit("abc", numbers.sender())  # refused
    assert_type(patterns.collect(numbers.receiver()), Process[list[int]])
    assert_type(patterns.fold(lambda n, text: n + len(text), 0, texts.receiver()), Process[int])
    patterns.sink(texts.receiver())
    patterns.counter(texts.sender())  # refused


def joining() -> None:
    numbers, texts = Channel(int, name="numbers"), Channel(str, name="texts")
    patterns.merge([numbers.receiver(), numbers.receiver()], numbers.sender())
    patterns.merge([numbers.receiver()], texts.sender())  # refused
    patterns.plus(numbers.receiver(), numbers.receiver(), numbers.sender())
    patterns.plus(texts.receiver(), texts.receiver(), texts.sender())
    patterns.plus(numbers.receiver(), texts.receiver(), texts.sender())  # refused
    pairs = Channel(tuple[int, str], name="pairs")
    patterns.zip(numbers.receiver(), texts.receiver(), pairs.sender())
    patterns.zip(texts.receiver(), numbers.receiver(), pairs.sender())  # refused
    patterns.zip(numbers.receiver(), pairs.sender())  # refused
    patterns.gather([numbers.receiver(), numbers.receiver()], Channel(list[int]).sender())
    patterns.multiplex([texts.receiver()], pairs.sender())
    patterns.demultiplex(pairs.receiver(), [texts.sender()])


def spreading() -> None:
    numbers, texts = Channel(int, name="numbers"), Channel(str, name="texts")
    patterns.delta(numbers.receiver(), [numbers.sender(), numbers.sender()])
    patterns.delta(numbers.receiver(), [texts.sender()])  # refused
    patterns.delta(numbers.receiver(), numbers.sender())  # refused
    patterns.copy_to_all(numbers.receiver(), [numbers.sender()])
    patterns.split(str.isdigit, texts.receiver(), texts.sender(), texts.sender())
    patterns.scatter(Channel(list[int]).receiver(), [numbers.sender()])
    patterns.scatter(numbers.receiver(), [numbers.sender()])  # refused


def networks() -> None:
    numbers, texts = Channel(int, name="numbers"), Channel(str, name="texts")
    there = patterns.pipeline(digits, show)
    assert_type(there(texts.receiver(), texts.sender()), Process[tuple[Any, ...]])
    there(texts.receiver(), numbers.sender())  # refused
    patterns.pipeline(digits, digits)  # refused
    longer = patterns.pipeline(digits, partial(patterns.take, 3), there_and(show))
    longer(texts.receiver(), texts.sender())
    patterns.farm(slow, numbers.receiver(), texts.sender(), workers=4)
    patterns.farm(slow_process, numbers.receiver(), texts.sender(), workers=4, ordered=False)
    patterns.farm(slow, numbers.receiver(), numbers.sender(), workers=4)  # refused
    patterns.farm(str, numbers.receiver(), texts.sender(), workers=4)  # refused


def there_and(stage: patterns.Stage[int, str]) -> patterns.Stage[int, str]:
    return stage


async def main() -> None:
    a, b = Channel(int, name="a"), Channel(list[int], name="b")
    _, _, lists = await Par(
        patterns.counter(a.sender()),
        patterns.batch(3, a.receiver(), b.sender()),
        patterns.collect(b.receiver()),
    )
    assert_type(lists, list[list[int]])
