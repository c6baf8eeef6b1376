"""Processes with an output and no input."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import TypeVar, cast

from csp import Alternation, Every, Sender, process

T = TypeVar("T")


@process
async def emit(values: Iterable[T] | AsyncIterable[T], out: Sender[T]) -> None:
    """Send each of `values`, an iterable or an async one.

        [ emit(values) ]--T--> out

    Ends: behind the last value, or when nobody receives from `out`.
    Raises: what iterating over `values` raises.
    Source: Emit of Groovy Parallel Patterns (J. Kerridge), `onto-chan!` of core.async.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect
    >>> async def main() -> list[str]:
    ...     c = Channel(str, name="c")
    ...     _, letters = await Par(emit("abc", c.sender()), collect(c.receiver()))
    ...     return letters
    >>> csp.run(main)
    ['a', 'b', 'c']
    """
    if isinstance(values, Iterable):
        for value in values:
            await out.send(value)
        return
    try:
        async for value in values:
            await out.send(value)
    finally:
        if isinstance(values, AsyncGenerator):  # if some of it is left, nobody else would close it
            await cast("AsyncGenerator[T, None]", values).aclose()


@process
async def counter(out: Sender[int], start: int = 0, step: int = 1) -> None:
    """Count: send `start`, `start + step`, `start + 2 * step` and so on.

        [ counter ]--int--> out

    Ends: when nobody receives from `out`.
    Source: Numbers of JCSP's plugNplay; `itertools.count`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, take
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         counter(a.sender(), 1, step=2), take(4, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [1, 3, 5, 7]
    """
    number = start
    while True:
        await out.send(number)
        number += step


@process
async def ticker(seconds: float, out: Sender[int]) -> None:
    """Send 0, 1, 2 and so on, one every `seconds` (more than 0), the first after `seconds`.

        [ ticker(seconds) ]--int--> out

    A tick that is taken late does not shift the next ones; those that were missed are left out, and
    not counted.
    Ends: when nobody receives from `out`, which it sees at its next tick.
    Raises: TypeError or ValueError for `seconds` that cannot be waited for.
    Source: Regular of JCSP's plugNplay; `time.Tick` of Go.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, take
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         ticker(0.001, a.sender()), take(3, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [0, 1, 2]
    """
    ticks = 0
    async for _ in Alternation(Every(seconds)):
        await out.send(ticks)
        ticks += 1
