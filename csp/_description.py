"""What a process that has not started is made of: for pictures."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal, cast

from ._barrier import Barrier, BarrierCore, Member
from ._broadcast import Broadcast, Hub, Port
from ._buffers import Buffer, Fifo
from ._cargo import find
from ._channel import Channel, Receiver, Sender
from ._compose import Composed, Operation
from ._elsewhere import CopiesElsewhere
from ._function import GIVEN, Called
from ._offer import RECEIVE, SEND
from ._process import Copies, Process
from ._types import describe

AnyEnd = Sender[Any] | Receiver[Any] | Member
AnyChannel = Channel[Any] | Broadcast[Any] | Barrier
Kind = Literal["process", "operation", "par", "seq", "copies", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Description:
    """A process before it starts.

    `kind` is "process" for a called `@process` function, "operation" for a channel operation in a
    `Par`, whose ends stay its parent's; "par", "seq", "copies" (`n * p`) and "elsewhere" (copies
    whose bodies run in other programs) are composed of `parts`.  `parts` of a "process" are the
    processes among its arguments, `channels` the channels and barriers that it was given whole.
    """

    kind: Kind
    name: str
    place: str
    ends: tuple[AnyEnd, ...] = ()
    channels: tuple[AnyChannel, ...] = ()
    parts: tuple[Process[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelDescription:
    """What an end is an end of.

    `key` is the same object for all ends of one channel.  `element` names the element type, ""
    for a barrier; `buffer` is "" for rendezvous, else its size behind its kind: "3", "sliding 1".
    `senders` and `receivers` count the ends that have not retired; members count as senders.
    """

    key: Hashable
    kind: Literal["channel", "broadcast", "barrier"]
    name: str
    element: str
    buffer: str
    senders: int
    receivers: int


def description_of(process: Process[Any], /) -> Description:
    """What `process` is made of; nothing runs, and nothing is claimed.

    Once it runs, what it was given is its own: `ends`, `channels` and `parts` of a called
    `@process` are empty then.

    >>> import csp
    >>> @csp.process
    ... async def square(n: int) -> int:
    ...     return n * n
    >>> both = csp.Par(square(2), square(3).named("cube"))
    >>> seen = description_of(both)
    >>> seen.kind, [part.name for part in seen.parts]
    ('par', ['square', 'cube'])
    >>> both.close()
    """
    name, place = process.name, process.place
    if isinstance(process, Called):
        channels, parts = _given(process)
        return Description("process", name, place, _in_order(process._claims), channels, parts)
    if isinstance(process, Operation):
        return Description("operation", name, place, _in_order(find(process.of())))
    if isinstance(process, Composed):
        return Description(process.kind, name, place, parts=process.parts)
    assert isinstance(process, Copies)
    kind: Kind = "elsewhere" if isinstance(process, CopiesElsewhere) else "copies"
    return Description(kind, name, place, parts=process.copies)


def _given(process: Called[Any]) -> tuple[tuple[AnyChannel, ...], tuple[Process[Any], ...]]:
    channels: dict[AnyChannel, None] = {}
    parts: dict[Process[Any], None] = {}
    for given in reversed(find((process._args, process._kwargs), GIVEN)):
        if isinstance(given, Process):
            parts[cast("Process[Any]", given)] = None
        elif isinstance(given, (Channel, Broadcast, Barrier)):
            channels[cast(AnyChannel, given)] = None
    return tuple(channels), tuple(parts)


def _in_order(ends: Any) -> tuple[AnyEnd, ...]:
    """As they stand in the arguments: `find` takes the last first."""
    return tuple(reversed(ends))


def channel_of(end: AnyEnd | AnyChannel, /) -> ChannelDescription:
    """What `end` is an end of: a channel, a broadcast or a barrier; also one of these itself.

    >>> import csp
    >>> jobs = csp.Channel(int, name="jobs", buffer=3)
    >>> seen = channel_of(jobs)
    >>> seen.kind, seen.name, seen.element, seen.buffer, seen.senders
    ('channel', 'jobs', 'int', '3', 0)
    """
    core: Any = end._core
    if isinstance(core, Port):
        core = core.hub
    if isinstance(core, BarrierCore):
        return ChannelDescription(core, "barrier", core.name, "", "", core.ends[SEND], 0)
    return ChannelDescription(
        core,
        "broadcast" if isinstance(core, Hub) else "channel",
        core.name,
        describe(core.kind),
        _named(_buffer_of_each(core) if isinstance(core, Hub) else core.buffer),
        core.ends[SEND],
        core.ends[RECEIVE],
    )


def _buffer_of_each(hub: Hub) -> Buffer | None:
    """The buffer that each receiver of a broadcast has."""
    broadcast = hub.channel() if hub.channel is not None else None
    return (
        broadcast._buffer if broadcast is not None else hub.ports[0].buffer if hub.ports else None
    )


def _named(buffer: Buffer | None) -> str:
    if buffer is None:
        return ""
    kind = "" if type(buffer) is Fifo else f"{type(buffer).__name__.lower()} "
    return f"{kind}{buffer.size}"
