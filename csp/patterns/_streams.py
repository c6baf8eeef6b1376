"""Processes with one input and one output.

All end in the same way: when `inp` has ended, whereupon `out` retires; or when nobody receives from
`out` any more, which a process sees when it sends, whereupon `inp` retires.  The value that it had in
hand is dropped then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from csp import Receiver, Sender, process

T = TypeVar("T")
U = TypeVar("U")
A = TypeVar("A")


@process
async def identity(inp: Receiver[T], out: Sender[T]) -> None:
    """Pass on what comes: a buffer of one place.

        inp --T-->[ identity ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Source: COPY of C. A. R. Hoare, Communicating Sequential Processes (1985); Identity of JCSP's and
    PyCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[str]:
    ...     a, b = Channel(str, name="a"), Channel(str, name="b")
    ...     return (await Par(
    ...         emit("ab", a.sender()), identity(a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    ['a', 'b']
    """
    async for value in inp:
        await out.send(value)


@process
async def prefix(first: T, inp: Receiver[T], out: Sender[T]) -> None:
    """Send `first`, then pass on what comes: what starts a ring.

        inp --T-->[ prefix(first) ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Source: Prefix of JCSP's and PyCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit([1, 2], a.sender()), prefix(0, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [0, 1, 2]
    """
    await out.send(first)
    async for value in inp:
        await out.send(value)


@process
async def successor(inp: Receiver[int], out: Sender[int]) -> None:
    """Add 1 to each number.

        inp --int-->[ successor ]--int--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Source: Successor of JCSP's and PyCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit([1, 2], a.sender()), successor(a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [2, 3]
    """
    async for number in inp:
        await out.send(number + 1)


@process
async def map(function: Callable[[T], U], inp: Receiver[T], out: Sender[U]) -> None:
    """Send `function(value)` of each value; several at once and async: see `farm`.

        inp --T-->[ map(function) ]--U--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Raises: what `function` raises.
    Source: `map` of core.async.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[str]:
    ...     a, b = Channel(int, name="a"), Channel(str, name="b")
    ...     return (await Par(
    ...         emit([1, 2], a.sender()), map(str, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    ['1', '2']
    """
    async for value in inp:
        await out.send(function(value))


@process
async def filter(predicate: Callable[[T], object], inp: Receiver[T], out: Sender[T]) -> None:
    """Pass on the values of which `predicate(value)` is true, and drop the others.

        inp --T-->[ filter(predicate) ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Raises: what `predicate` raises.
    Source: `filter` of core.async.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     odd = filter(lambda n: n % 2, a.receiver(), b.sender())
    ...     return (await Par(emit(range(6), a.sender()), odd, collect(b.receiver())))[2]
    >>> csp.run(main)
    [1, 3, 5]
    """
    async for value in inp:
        if predicate(value):
            await out.send(value)


@process
async def scan(function: Callable[[A, T], A], first: A, inp: Receiver[T], out: Sender[A]) -> None:
    """Send what `fold` would return so far, behind each value: running totals, states.

        inp --T-->[ scan(function, first) ]--A--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Raises: what `function` raises.
    Source: Integrate of JCSP's plugNplay, with any function; `itertools.accumulate`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     totals = scan(lambda total, n: total + n, 0, a.receiver(), b.sender())
    ...     return (await Par(emit([1, 2, 3], a.sender()), totals, collect(b.receiver())))[2]
    >>> csp.run(main)
    [1, 3, 6]
    """
    state = first
    async for value in inp:
        state = function(state, value)
        await out.send(state)


@process
async def take(count: int, inp: Receiver[T], out: Sender[T]) -> None:
    """Pass on the first `count` values, and take no more.

        inp --T-->[ take(count) ]--T--> out

    Ends: when the last of them was taken from `out`, when `inp` has ended, or nobody receives.
    Source: `take` of core.async; `itertools.islice`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, counter
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         counter(a.sender()), take(3, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [0, 1, 2]
    """
    for _ in range(count):
        await out.send(await inp.receive())


@process
async def drop(count: int, inp: Receiver[T], out: Sender[T]) -> None:
    """Drop the first `count` values, then pass on what comes.

        inp --T-->[ drop(count) ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Source: Tail of JCSP's and PyCSP's plugNplay, for any number of values.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit(range(5), a.sender()), drop(3, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [3, 4]
    """
    for _ in range(count):
        await inp.receive()
    async for value in inp:
        await out.send(value)


@process
async def batch(size: int, inp: Receiver[T], out: Sender[list[T]]) -> None:
    """Send lists of `size` (1 or more) values each; the last one may be shorter.

        inp --T-->[ batch(size) ]--list[T]--> out

    Ends: when `inp` has ended and the rest was sent, or nobody receives from `out`.
    Raises: ValueError if `size` is less than 1.
    Source: `partition-all` of core.async; `itertools.batched`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[list[int]]:
    ...     a, b = Channel(int, name="a"), Channel(list[int], name="b")
    ...     return (await Par(
    ...         emit(range(5), a.sender()), batch(2, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [[0, 1], [2, 3], [4]]
    """
    if size < 1:
        raise ValueError(f"a batch has 1 or more values, not {size}")
    values: list[T] = []
    async for value in inp:
        values.append(value)
        if len(values) == size:
            await out.send(values)
            values = []
    if values:
        await out.send(values)


@process
async def flatten(inp: Receiver[Iterable[T]], out: Sender[T]) -> None:
    """Send the values in each iterable one by one: the inverse of `batch`.

        inp --Iterable[T]-->[ flatten ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Raises: what iterating raises.
    Source: `itertools.chain.from_iterable`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(list[int], name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit([[1, 2], [3]], a.sender()), flatten(a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [1, 2, 3]
    """
    async for values in inp:
        for value in values:
            await out.send(value)
