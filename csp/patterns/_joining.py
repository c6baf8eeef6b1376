"""Processes with several inputs and one output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, overload

from csp import Alternation, Par, Process, Receiver, Sender, process

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


class Addable(Protocol):
    """What can stand on the left of `+`."""

    def __add__(self, other: Any, /) -> Any:
        """The sum."""


N = TypeVar("N", bound=Addable)


@process
async def merge(inps: Sequence[Receiver[T]], out: Sender[T]) -> None:
    """Pass on what comes from any input, fairly.

        inp --T-->[       ]
        inp --T-->[ merge ]--T--> out
        inp --T-->[       ]

    Nothing is lost, the values of one input keep their order, and an input that is always ready is not
    served twice while another one waits.
    Ends: when all inputs have ended, or nobody receives from `out`.
    Raises: ValueError without inputs.
    Source: Plex of JCSP's plugNplay (its Merge is another: it merges what is sorted), Mux2 of PyCSP's;
    `merge` of core.async.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[str]:
    ...     a, b, c = (Channel(str, name=name) for name in "abc")
    ...     return (await Par(
    ...         emit("abc", a.sender()),
    ...         emit("xyz", b.sender()),
    ...         merge([a.receiver(), b.receiver()], c.sender()),
    ...         collect(c.receiver()),
    ...     ))[3]
    >>> sorted(csp.run(main))
    ['a', 'b', 'c', 'x', 'y', 'z']
    """
    async for _, value in Alternation(*inps):
        await out.send(value)


@process
async def pri_merge(inps: Sequence[Receiver[T]], out: Sender[T]) -> None:
    """As `merge`, but of several values that wait the one of the first input is taken.

        inp --T-->[           ]   (first)
        inp --T-->[ pri_merge ]--T--> out
        inp --T-->[           ]   (last)

    A busy input starves those behind it.
    Ends: when all inputs have ended, or nobody receives from `out`.
    Raises: ValueError without inputs.
    Source: occam's PRI ALT; Mux2 of aPyCSP.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect
    >>> async def main() -> list[str]:
    ...     a, b, c = (Channel(str, name=name, buffer=2) for name in "abc")
    ...     with a.sender() as urgent, b.sender() as normal:
    ...         for letter in "xy":
    ...             await normal.send(letter)
    ...             await urgent.send(letter.upper())
    ...     merged = pri_merge([a.receiver(), b.receiver()], c.sender())
    ...     return (await Par(merged, collect(c.receiver())))[1]
    >>> csp.run(main)
    ['X', 'Y', 'x', 'y']
    """
    async for _, value in Alternation(*inps, priority=True):
        await out.send(value)


@process
async def multiplex(inps: Sequence[Receiver[T]], out: Sender[tuple[int, T]]) -> None:
    """Pass on what comes from any input, fairly, with the number of the input: (0, value).

        inp --T-->[           ]
        inp --T-->[ multiplex ]--(int, T)--> out
        inp --T-->[           ]

    Many channels over one; `demultiplex` takes them apart again.
    Ends: when all inputs have ended, or nobody receives from `out`.
    Raises: ValueError without inputs.
    Source: Multiplex of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[tuple[int, str]]:
    ...     a, b, c = Channel(str, name="a"), Channel(str, name="b"), Channel(tuple[int, str], name="c")
    ...     return (await Par(
    ...         emit("a", a.sender()),
    ...         emit("b", b.sender()),
    ...         multiplex([a.receiver(), b.receiver()], c.sender()),
    ...         collect(c.receiver()),
    ...     ))[3]
    >>> sorted(csp.run(main))
    [(0, 'a'), (1, 'b')]
    """
    numbers = {inp: number for number, inp in enumerate(inps)}
    async for inp, value in Alternation(*inps):
        await out.send((numbers[inp], value))


@process
async def plus(left: Receiver[N], right: Receiver[N], out: Sender[N]) -> None:
    """Take one value from each input, side by side, and send their sum.

        left  --N-->[      ]
        right --N-->[ plus ]--N--> out

    Ends: when one input has ended (a value taken from the other is dropped), or nobody receives from
    `out`.
    Raises: what `+` raises.
    Source: Plus of JCSP's and PyCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b, c = (Channel(int, name=name) for name in "abc")
    ...     return (await Par(
    ...         emit([1, 2], a.sender()),
    ...         emit([10, 20], b.sender()),
    ...         plus(a.receiver(), b.receiver(), c.sender()),
    ...         collect(c.receiver()),
    ...     ))[3]
    >>> csp.run(main)
    [11, 22]
    """
    while True:
        a, b = await Par(left.receive(), right.receive())
        await out.send(a + b)


@process
async def gather(inps: Sequence[Receiver[T]], out: Sender[list[T]]) -> None:
    """Take one value from each input, side by side, and send them as a list.

        inp --T-->[        ]
        inp --T-->[ gather ]--list[T]--> out
        inp --T-->[        ]

    The inverse of `scatter`; for inputs of different types see `zip`.
    Ends: when one input has ended (values taken from others are dropped), or nobody receives from
    `out`; without inputs at once.
    Source: Paraplex of JCSP's plugNplay; MPI_Gather.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[list[int]]:
    ...     a, b, c = Channel(int, name="a"), Channel(int, name="b"), Channel(list[int], name="c")
    ...     return (await Par(
    ...         emit([1, 2], a.sender()),
    ...         emit([10, 20], b.sender()),
    ...         gather([a.receiver(), b.receiver()], c.sender()),
    ...         collect(c.receiver()),
    ...     ))[3]
    >>> csp.run(main)
    [[1, 10], [2, 20]]
    """
    while inps:
        await out.send(list(await Par(*(inp.receive() for inp in inps))))


@overload
def zip(inp1: Receiver[A], inp2: Receiver[B], out: Sender[tuple[A, B]], /) -> Process[None]: ...
@overload
def zip(
    inp1: Receiver[A], inp2: Receiver[B], inp3: Receiver[C], out: Sender[tuple[A, B, C]], /
) -> Process[None]: ...
@overload
def zip(
    inp1: Receiver[A], inp2: Receiver[B], inp3: Receiver[C], inp4: Receiver[D],
    out: Sender[tuple[A, B, C, D]], /,
) -> Process[None]: ...  # fmt: skip
def zip(*ends: Any) -> Process[None]:
    """Take one value from each input (two, three or four), side by side, and send them as a tuple.

        inp1 --A-->[     ]
        inp2 --B-->[ zip ]--(A, B)--> out

    Ends: when one input has ended (values taken from others are dropped), or nobody receives from
    `out`.
    Raises: WiringError if an end does not fit.
    Source: Paraplex of JCSP's plugNplay, with a type for each input; `zip` of Python.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, counter, emit
    >>> async def main() -> list[tuple[int, str]]:
    ...     a, b, c = Channel(int, name="a"), Channel(str, name="b"), Channel(tuple[int, str], name="c")
    ...     return (await Par(
    ...         counter(a.sender()),
    ...         emit("xy", b.sender()),
    ...         zip(a.receiver(), b.receiver(), c.sender()),
    ...         collect(c.receiver()),
    ...     ))[3]
    >>> csp.run(main)
    [(0, 'x'), (1, 'y')]
    """
    if len(ends) - 1 not in _ZIPS:
        raise TypeError(
            f"zip takes two, three or four receivers and a sender, not {len(ends)} ends"
        )
    return _ZIPS[len(ends) - 1](*ends)


@process(name="zip")
async def zip2(inp1: Receiver[A], inp2: Receiver[B], out: Sender[tuple[A, B]]) -> None:
    while True:
        await out.send(await Par(inp1.receive(), inp2.receive()))


@process(name="zip")
async def zip3(
    inp1: Receiver[A], inp2: Receiver[B], inp3: Receiver[C], out: Sender[tuple[A, B, C]]
) -> None:
    while True:
        await out.send(await Par(inp1.receive(), inp2.receive(), inp3.receive()))


@process(name="zip")
async def zip4(
    inp1: Receiver[A], inp2: Receiver[B], inp3: Receiver[C], inp4: Receiver[D],
    out: Sender[tuple[A, B, C, D]],
) -> None:  # fmt: skip
    while True:
        await out.send(await Par(inp1.receive(), inp2.receive(), inp3.receive(), inp4.receive()))


_ZIPS: dict[int, Callable[..., Process[None]]] = {2: zip2, 3: zip3, 4: zip4}
