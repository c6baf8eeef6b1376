"""A farm: one function, several workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from csp import Call, Channel, Receiver, Sender, Spawn, process

T = TypeVar("T")
U = TypeVar("U")


@process
async def farm(
    function: Callable[[T], Awaitable[U]],
    inp: Receiver[T],
    out: Sender[U],
    *,
    workers: int,
    ordered: bool = True,
) -> None:
    """Send `await function(value)` of each value, worked on by several workers at once.

                  [ worker(function) ]
        inp --T-->[ worker(function) ]--U--> out
                  [ worker(function) ]

    `function` is an `async def` or a `@process` function; where it waits, the others go on.  By default
    the results come in the order of the values, as from `map`; `ordered=False` sends them as completed.
    It takes a value when a worker is free, and one more; at most 1,000 finished results wait for their
    turn or for `out`.
    Ends: when `inp` has ended and all results are sent; or when nobody receives from `out`, which it
    sees at the next result: then what is being worked on is cancelled.
    Raises: what `function` raises, in an exception group; in an ordered farm behind the results of the
    values before.  ValueError or TypeError if `workers` is not 1 or more.
    Source: the processor farm of occam (D. May and R. Shepherd, Communicating Process Computers, 1987).

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def square(number: int) -> int:
    ...     return number * number
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit(range(5), a.sender()),
    ...         farm(square, a.receiver(), b.sender(), workers=3),
    ...         collect(b.receiver()),
    ...     ))[2]
    >>> csp.run(main)
    [0, 1, 4, 9, 16]
    """
    if workers < 1:
        raise ValueError(f"a farm needs 1 or more workers, not {workers}")
    calls = Channel[Call[Any, Any]](name="work")
    async with Spawn() as spawn:
        spawn(workers * _worker(function, calls.receiver()))
        with calls.sender() as work:
            async for outcome in work.map(inp, ordered=ordered):
                await out.send(outcome.value())


@dataclass
class _Returned(Generic[U]):
    _value: U

    def value(self) -> U:
        return self._value


@dataclass
class _Raised:
    error: Exception

    def value(self) -> Any:
        raise self.error


@process(name="worker")
async def _worker(
    function: Callable[[T], Awaitable[U]], work: Receiver[Call[T, _Returned[U] | _Raised]]
) -> None:
    """Answer with what becomes of the call: its own error would arrive as its text only."""

    async def answer(value: T) -> _Returned[U] | _Raised:
        try:
            return _Returned(await function(value))
        except Exception as error:
            return _Raised(error)

    await work.serve(answer)
