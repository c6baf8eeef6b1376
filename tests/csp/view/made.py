"""Events made by hand, and those of real runs."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import csp
from csp import Event, Receiver, Sender, process
from csp.lowlevel import on_event

clock = itertools.count(1)


def event(kind: Any, process: str, channel: str = "", side: str = "", **more: Any) -> Event:
    """An event, one second after the last one that was made."""
    fields = {"detail": "", "time": float(next(clock)), "number": 0, "met": False} | more
    return Event(kind, process, channel, side, **fields)


def met(sender: str, receiver: str, channel: str, number: int, value: str = "") -> list[Event]:
    """A rendezvous: the receiver goes on first."""
    common = {"number": number, "met": True}
    return [
        event("committed", receiver, channel, "receive", **common),
        event("committed", sender, channel, "send", detail=value, **common),
    ]


def kept(sender: str, receiver: str, channel: str, number: int, value: str = "") -> list[Event]:
    """A value that lay in a buffer."""
    return [
        event("committed", sender, channel, "send", number=number, detail=value),
        event("committed", receiver, channel, "receive", number=number),
    ]


def events_of(main: Callable[[], Awaitable[object]], **options: Any) -> list[Event]:
    """The events of a run, main's own included, as `csp run --trace` has them."""
    seen: list[Event] = []
    with ExitStack() as stack:

        def start() -> Awaitable[object]:
            stack.enter_context(on_event(seen.append))
            return main()

        csp.run(start, **options)
    return [_renamed(one) for one in seen]


def _renamed(one: Event) -> Event:
    """The run knows its main function as `start`."""
    process, channel = (
        "main" + name[5:] if name.startswith("start") else name
        for name in (one.process, one.channel)
    )
    detail = one.detail.replace("start.", "main.")
    return Event(one.kind, process, channel, one.side, detail, one.time, one.number, one.met)


def ring(rounds: int, size: int = 3) -> Iterator[Event]:
    """A token goes round among processes: as many events as you like, one at a time."""
    for number in range(1, rounds + 1):
        for at in range(size):
            yield from met(f"main.p{at}", f"main.p{(at + 1) % size}", f"main.c{at}", number)


@process
async def source(out: Sender[int], values: Iterable[int]) -> None:
    """Sends the values."""
    for value in values:
        await out.send(value)


@process
async def sink(feed: Receiver[int]) -> None:
    """Receives and forgets."""
    async for _ in feed:
        pass


@process
async def copier(feed: Receiver[int], out: Sender[int]) -> None:
    """Sends what it receives."""
    async for value in feed:
        await out.send(value)
