"""Processes that pass values on by the clock."""

from __future__ import annotations

from typing import TypeVar

from csp import Alternation, Every, Receiver, Sender, Timeout, process

T = TypeVar("T")


@process
async def delay(seconds: float, inp: Receiver[T], out: Sender[T]) -> None:
    """Pass on each value `seconds` (0 or more) after it was taken, one after the other.

        inp --T-->[ delay(seconds) ]--T--> out

    Ends: when `inp` has ended, or nobody receives from `out`.
    Raises: TypeError or ValueError for `seconds` that cannot be waited for.
    Source: FixedDelay of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[str]:
    ...     a, b = Channel(str, name="a"), Channel(str, name="b")
    ...     return (await Par(
    ...         emit("ab", a.sender()), delay(0.001, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    ['a', 'b']
    """
    pause = Alternation(Timeout(seconds))
    async for value in inp:
        await pause.select()
        await out.send(value)


@process
async def regulate(seconds: float, inp: Receiver[T], out: Sender[T]) -> None:
    """Send the newest value every `seconds` (more than 0), whatever the rate of the input.

        inp --T-->[ regulate(seconds) ]--T--> out

    If nothing came the last value is repeated, if much came all but the newest are dropped; before the
    first value nothing is sent.
    Ends: when `inp` has ended, or nobody receives from `out`; a newest value that was not sent yet is
    sent before.
    Raises: TypeError or ValueError for `seconds` that cannot be waited for.
    Source: Regulate of JCSP's plugNplay.

    >>> import csp
    >>> from csp import Channel, Par
    >>> from csp.patterns import collect, emit
    >>> async def main() -> list[int]:
    ...     a, b = Channel(int, name="a"), Channel(int, name="b")
    ...     return (await Par(
    ...         emit(range(9), a.sender()), regulate(60, a.receiver(), b.sender()), collect(b.receiver())
    ...     ))[2]
    >>> csp.run(main)
    [8]
    """
    newest: list[T] = []  # none or one
    sent = True
    with inp.clone() as same:  # a guard is known by its end: this one says that the input is over
        async for choice in Alternation(inp, same.ended(), Every(seconds)):
            if choice.guard is same:
                break
            if inp.chosen(choice):
                newest, sent = [choice.value], False
            elif newest:
                await out.send(newest[0])
                sent = True
    if not sent:
        await out.send(newest[0])
