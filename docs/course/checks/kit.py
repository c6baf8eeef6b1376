"""What the checks are made of: process networks around a process of the answer."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, ParamSpec

import trio

from csp import Channel, ChannelEnded, Par, Process, Receiver, Sender, patterns, process

P = ParamSpec("P")


class Wrong(Exception):
    """The answer ran, and did something else than what the exercise asks for."""


def expect(what: str, got: object, wanted: object) -> None:
    """Raise Wrong unless the answer did what was wanted; `what` says what it was asked for."""
    if got != wanted:
        raise Wrong(f"{what}: expected {shown(wanted)}, but got {shown(got)}")


def require(true: object, words: str) -> None:
    """Raise Wrong with these words unless `true`."""
    if not true:
        raise Wrong(words)


def shown(value: object) -> str:
    """A value, shortened if it is long."""
    text = repr(value)
    return text if len(text) < 200 else f"{text[:197]}..."


def examiner(
    function: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, Process[None]]:
    """A process that puts questions to an answer, and must come to its last one.

    A process that returns nothing ends quietly when a channel ends, so an answer that has gone before its time
    would pass.
    """

    @functools.wraps(function)
    async def to_the_last(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await function(*args, **kwargs)
        except ChannelEnded as error:
            raise Wrong(f"it has ended too early: {error}") from error

    return process(to_the_last)


async def through(
    make: Callable[[Receiver[Any], Sender[Any]], Process[Any]],
    kind: type[Any],
    values: Iterable[Any],
) -> list[Any]:
    """What comes out of the process `make(inp, out)` when `values` are sent in."""
    inp: Channel[Any] = Channel(kind, name="inp")
    out = Channel(object, name="out")
    results = await Par(
        patterns.emit(values, inp.sender()),
        make(inp.receiver(), out.sender()),
        patterns.collect(out.receiver()),
    )
    return results[2]


async def what_comes(make: Callable[[Sender[Any]], Process[Any]]) -> list[Any]:
    """What the process `make(out)` sends until it ends."""
    out = Channel(object, name="out")
    _, got = await Par(make(out.sender()), patterns.collect(out.receiver()))
    return got


async def taken_by(
    make: Callable[[Receiver[Any]], Process[Any]], kind: type[Any], values: Iterable[Any]
) -> Any:
    """What the process `make(inp)` returns when `values` are sent in."""
    inp: Channel[Any] = Channel(kind, name="inp")
    _, result = await Par(patterns.emit(values, inp.sender()), make(inp.receiver()))
    return result


async def waits(operation: Callable[[], Awaitable[object]]) -> bool:
    """Does it wait for a second?  Then it is withdrawn, and nothing was communicated."""
    with trio.move_on_after(1) as scope:
        await operation()
    return scope.cancelled_caught
