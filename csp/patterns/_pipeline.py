"""Pipelines: stages joined by channels, which are a stage again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from csp import Channel, Par, Process, Receiver, Sender

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")

Stage = Callable[[Receiver[A], Sender[B]], Process[Any]]
Joined = Callable[[Receiver[A], Sender[B]], Process[tuple[Any, ...]]]


@overload
def pipeline(s1: Stage[A, B], /) -> Joined[A, B]: ...
@overload
def pipeline(
    s1: Stage[A, B],
    s2: Stage[B, C],
    /,
) -> Joined[A, C]: ...
@overload
def pipeline(
    s1: Stage[A, B],
    s2: Stage[B, C],
    s3: Stage[C, D],
    /,
) -> Joined[A, D]: ...
@overload
def pipeline(
    s1: Stage[A, B],
    s2: Stage[B, C],
    s3: Stage[C, D],
    s4: Stage[D, E],
    /,
) -> Joined[A, E]: ...
@overload
def pipeline(
    s1: Stage[A, B],
    s2: Stage[B, C],
    s3: Stage[C, D],
    s4: Stage[D, E],
    s5: Stage[E, F],
    /,
) -> Joined[A, F]: ...
@overload
def pipeline(
    *stages: Stage[A, A],
) -> Joined[A, A]: ...
def pipeline(*stages: Callable[..., Process[Any]]) -> Callable[..., Process[tuple[Any, ...]]]:
    """Join stages by channels, each to the next: what comes out is a stage again.

        inp --A-->[ s1 ]--B-->[ s2 ]--C-->[ s3 ]--D--> out

    A stage is whatever makes a process of a receiver and a sender: a `@process` function with these
    two parameters, `functools.partial(map, str)`, another pipeline.  The channels between have no
    buffer and take any type.  The process returns what its stages return, as a tuple.
    Ends: stage by stage.  The end of `inp` runs through to `out`; if nobody receives from `out`, each
    stage ends when it sends the next time, up to the first.
    Raises: TypeError without stages; its call what the calls of the stages raise.  The process raises what its stages raise, in an exception group.
    Source: `P >> Q` of C. A. R. Hoare, Communicating Sequential Processes (1985), 4.4.

    >>> import csp
    >>> from functools import partial
    >>> from csp import Channel, Par
    >>> from csp.patterns import batch, collect, counter, successor, take
    >>> async def main() -> list[list[int]]:
    ...     a, b = Channel(int, name="a"), Channel(list[int], name="b")
    ...     pairs = pipeline(successor, partial(take, 6), partial(batch, 2))
    ...     return (await Par(
    ...         counter(a.sender()), pairs(a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [[1, 2], [3, 4], [5, 6]]
    """
    if not stages:
        raise TypeError("a pipeline needs at least one stage")

    def joined(inp: Receiver[Any], out: Sender[Any]) -> Process[tuple[Any, ...]]:
        between = [Channel(Any, name=f"stage {n} to {n + 1}") for n in range(1, len(stages))]
        inps = [inp, *(channel.receiver() for channel in between)]
        outs = [*(channel.sender() for channel in between), out]
        parts: list[Process[Any]] = []
        try:
            for stage, left, right in zip(stages, inps, outs, strict=True):
                parts.append(stage(left, right))
        except BaseException:
            for part in parts:
                part.close()
            for sender, receiver in zip(outs[:-1], inps[1:], strict=True):
                sender.retire()
                receiver.retire()
            raise
        return Par(*parts)

    return joined
