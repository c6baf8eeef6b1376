"""Processes with an input and no output: what they return is the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from csp import Receiver, process

T = TypeVar("T")
A = TypeVar("A")


@process
async def collect(inp: Receiver[T]) -> list[T]:
    """Return the list of all that comes.

        inp --T-->[ collect ]

    Ends: when `inp` has ended.
    Raises: Poisoned if `inp` is poisoned, for a process that returns a value does not end quietly.
    Source: Collect of Groovy Parallel Patterns (J. Kerridge).

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import emit
    >>> async def main() -> list[int]:
    ...     c = Channel(int, name="c")
    ...     return (await Par(emit(range(3), c.sender()), collect(c.receiver())))[1]
    >>> csp.run(main)
    [0, 1, 2]
    """
    return [value async for value in inp]


@process
async def fold(function: Callable[[A, T], A], first: A, inp: Receiver[T]) -> A:
    """Return `function(... function(function(first, a), b) ...)` of all that comes.

        inp --T-->[ fold(function, first) ]

    Ends: when `inp` has ended.
    Raises: what `function` raises, and Poisoned as `collect`.
    Source: `reduce` of core.async; `functools.reduce`.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import emit
    >>> async def main() -> int:
    ...     c = Channel(int, name="c")
    ...     total = fold(lambda a, b: a + b, 0, c.receiver())
    ...     return (await Par(emit(range(5), c.sender()), total))[1]
    >>> csp.run(main)
    10
    """
    result = first
    async for value in inp:
        result = function(result, value)
    return result


@process
async def sink(inp: Receiver[object]) -> None:
    """Take all that comes, and drop it: for an output that nobody needs.

        inp ---->[ sink ]

    Ends: when `inp` has ended.
    Source: BlackHole of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import emit
    >>> async def main() -> None:
    ...     c = Channel(int, name="c")
    ...     await Par(emit(range(1000), c.sender()), sink(c.receiver()))
    >>> csp.run(main)
    """
    async for _ in inp:
        pass


@process
async def printer(inp: Receiver[object], label: str = "") -> None:
    """Print what comes, each value on a line of its own behind `label`.

        inp ---->[ printer ]

    Ends: when `inp` has ended.
    Source: Printer of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import emit
    >>> async def main() -> None:
    ...     c = Channel(int, name="c")
    ...     await Par(emit([1, 2], c.sender()), printer(c.receiver(), "number "))
    >>> csp.run(main)
    number 1
    number 2
    """
    async for value in inp:
        print(f"{label}{value}")
