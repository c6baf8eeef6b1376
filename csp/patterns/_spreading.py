"""Processes with one input and several outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from csp import Alternation, Par, Receiver, Sender, process
from csp.abc import Guard

T = TypeVar("T")


@process
async def delta(inp: Receiver[T], outs: Sequence[Sender[T]]) -> None:
    """Send what comes to every output, side by side: in whatever order they are ready.

                  [       ]--T--> out
        inp --T-->[ delta ]--T--> out
                  [       ]--T--> out

    The next value is taken when all have this one.
    Ends: when `inp` has ended, or one output has nobody who receives (see `copy_to_all`); others may
    have got the last value already.
    Source: Delta of JCSP's plugNplay, ParDelta2 of aPyCSP's: occam's parallel output.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> tuple[list[str], list[str]]:
    ...     a, b, c = (Channel(str, name=name) for name in "abc")
    ...     return (await Par(
    ...         emit("xy", a.sender()),
    ...         delta(a.receiver(), [b.sender(), c.sender()]),
    ...         collect(b.receiver()),
    ...         collect(c.receiver()),
    ...     ))[2:]
    >>> csp.run(main)
    (['x', 'y'], ['x', 'y'])
    """
    async for value in inp:
        await Par(*(out.send(value) for out in outs))


@process
async def seq_delta(inp: Receiver[T], outs: Sequence[Sender[T]]) -> None:
    """Send what comes to every output, one after the other.

                  [           ]--T--> out   (first)
        inp --T-->[ seq_delta ]--T--> out
                  [           ]--T--> out   (last)

    Twenty times as fast as `delta`; but a slow receiver holds up those behind it, and it deadlocks if
    the last one must be served before the first one.
    Ends: when `inp` has ended, or an output has nobody who receives; those before it have got the last
    value already.
    Source: SeqDelta2Int of JCSP's demos.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> tuple[list[str], list[str]]:
    ...     a, b, c = (Channel(str, name=name) for name in "abc")
    ...     return (await Par(
    ...         emit("xy", a.sender()),
    ...         seq_delta(a.receiver(), [b.sender(), c.sender()]),
    ...         collect(b.receiver()),
    ...         collect(c.receiver()),
    ...     ))[2:]
    >>> csp.run(main)
    (['x', 'y'], ['x', 'y'])
    """
    async for value in inp:
        for out in outs:
            await out.send(value)


@process
async def copy_to_all(inp: Receiver[T], outs: Sequence[Sender[T]]) -> None:
    """Send what comes to every output that has receivers, in whatever order they are ready.

                  [             ]--T--> out
        inp --T-->[ copy_to_all ]--T--> out
                  [             ]--T--> out

    A `delta` that goes on while anybody listens.  The next value is taken when all have this one.
    Ends: when `inp` has ended, or no output has anybody who receives.
    Raises: ValueError without outputs; RuntimeError for an output whose home is another program (see
    `Sender.offer`).
    Source: `mult` of core.async; DynamicDelta of JCSP's plugNplay, whose outputs come and go by messages.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit, take
    >>> async def main() -> tuple[list[int], list[int]]:
    ...     a, b, c, d = (Channel(int, name=name) for name in "abcd")
    ...     return (await Par(
    ...         emit(range(4), a.sender()),
    ...         copy_to_all(a.receiver(), [b.sender(), c.sender()]),
    ...         collect(b.receiver()),
    ...         collect(d.receiver()),
    ...         take(2, c.receiver(), d.sender()),
    ...     ))[2:4]
    >>> csp.run(main)
    ([0, 1, 2, 3], [0, 1])
    """
    waiting: dict[Sender[T], T] = {}  # who has not got its value yet

    def offer(out: Sender[T]) -> Guard[Sender[T], T]:
        return out.offer(lambda: waiting[out]).when(lambda: out in waiting)

    each = Alternation(*(offer(out) for out in outs))
    async for value in inp:
        waiting.update(dict.fromkeys(outs, value))
        async for out, _ in each:  # ends when those that wait have nobody who receives
            del waiting[out]
            if not waiting:
                break
        if len(waiting) == len(outs):
            break


@process
async def split(
    predicate: Callable[[T], object], inp: Receiver[T], yes: Sender[T], no: Sender[T]
) -> None:
    """Send the values of which `predicate(value)` is true to `yes`, the others to `no`.

        inp --T-->[ split(predicate) ]--T--> yes
                  [                  ]--T--> no

    Ends: when `inp` has ended, or nobody receives from the output that a value is for.
    Raises: what `predicate` raises.
    Source: `split` of core.async.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> tuple[list[int], list[int]]:
    ...     a, b, c = (Channel(int, name=name) for name in "abc")
    ...     return (await Par(
    ...         emit(range(5), a.sender()),
    ...         split(lambda n: n % 2, a.receiver(), b.sender(), c.sender()),
    ...         collect(b.receiver()),
    ...         collect(c.receiver()),
    ...     ))[2:]
    >>> csp.run(main)
    ([1, 3], [0, 2, 4])
    """
    async for value in inp:
        await (yes if predicate(value) else no).send(value)


@process
async def scatter(inp: Receiver[Sequence[T]], outs: Sequence[Sender[T]]) -> None:
    """Take a sequence of one value for each output, and send them side by side.

                            [         ]--T--> out
        inp --Sequence[T]-->[ scatter ]--T--> out
                            [         ]--T--> out

    Ends: when `inp` has ended, or one output has nobody who receives.
    Raises: ValueError for a sequence that is not as long as `outs`.
    Source: Deparaplex of JCSP's plugNplay; MPI_Scatter.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> tuple[list[int], list[int]]:
    ...     a, b, c = Channel(list[int], name="a"), Channel(int, name="b"), Channel(int, name="c")
    ...     return (await Par(
    ...         emit([[1, 10], [2, 20]], a.sender()),
    ...         scatter(a.receiver(), [b.sender(), c.sender()]),
    ...         collect(b.receiver()),
    ...         collect(c.receiver()),
    ...     ))[2:]
    >>> csp.run(main)
    ([1, 2], [10, 20])
    """
    async for values in inp:
        if len(values) != len(outs):
            raise ValueError(f"{len(values)} values cannot be scattered over {len(outs)} outputs")
        await Par(*(out.send(value) for out, value in zip(outs, values, strict=True)))


@process
async def demultiplex(inp: Receiver[tuple[int, T]], outs: Sequence[Sender[T]]) -> None:
    """Send each value to the output whose number comes with it: (0, value) to the first.

                         [             ]--T--> out
        inp --(int, T)-->[ demultiplex ]--T--> out
                         [             ]--T--> out

    Ends: when `inp` has ended, or nobody receives from the output that a value is for.
    Raises: IndexError for a number without an output.
    Source: Demultiplex of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> tuple[list[str], list[str]]:
    ...     a, b, c = Channel(tuple[int, str], name="a"), Channel(str, name="b"), Channel(str, name="c")
    ...     return (await Par(
    ...         emit([(1, "x"), (0, "y"), (1, "z")], a.sender()),
    ...         demultiplex(a.receiver(), [b.sender(), c.sender()]),
    ...         collect(b.receiver()),
    ...         collect(c.receiver()),
    ...     ))[2:]
    >>> csp.run(main)
    (['y'], ['x', 'z'])
    """
    async for number, value in inp:
        if not 0 <= number < len(outs):
            raise IndexError(f"there is no output {number}: the outputs are 0 to {len(outs) - 1}")
        await outs[number].send(value)
