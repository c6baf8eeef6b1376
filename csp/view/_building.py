"""Pictures of processes: descriptions become nodes and boxes, ends become wires.

Invariant: `at` says for each wire who holds its ends, in the order in which they were met.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from csp import Member, Process, Sender
from csp.lowlevel import ChannelDescription, Description, channel_of, description_of

from ._picture import Box, Kind, Node, Picture, Wire
from ._recording import AnyEnd, Begun, DrawError, Stepped, record

ALIKE = 4  # so many neighbours of one name that are wired alike are drawn as one node

Wiring = tuple[tuple[Hashable, str], ...]


def picture_of(process: Process[Any], /, title: str = "") -> Picture:
    """The picture of a process that has not started; nothing runs, and it can be run afterwards.

    >>> import csp
    >>> from csp import patterns
    >>> numbers = csp.Channel(int, name="numbers")
    >>> network = csp.Par(
    ...     patterns.counter(numbers.sender()), patterns.printer(numbers.receiver())
    ... )
    >>> [wire.title for wire in picture_of(network).wires]
    ['numbers: int']
    >>> network.close()
    """
    builder = _Builder()
    part = builder.part(description_of(process))
    return Picture(title or process.name, (part,), builder.wires())


def picture_of_main(main: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Picture:
    """The picture of what `main(*args)` describes.

    A plain function that returns a `Process` is called, and nothing runs.  The body of an async or
    `@process` function runs up to its first wait or `Par`; what it has started is drawn, and is
    not stepped.  Raises DrawError, which says what to do, if it waits in trio before that, or
    starts no process; TypeError for a function that gives neither; else what the body raises.

    >>> import csp
    >>> from csp import patterns
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     await csp.Par(
    ...         patterns.counter(numbers.sender()), patterns.printer(numbers.receiver())
    ...     )
    >>> [node.name for node in picture_of_main(main).nodes().values()]
    ['counter', 'printer']
    """
    function: Any = inspect.unwrap(main)
    name = str(getattr(main, "__name__", "main"))
    if not inspect.iscoroutinefunction(function):
        process: Any = main(*args, **kwargs)
        if not isinstance(process, Process):
            raise DrawError(
                f"`{name}` returned {process!r:.60}: only an async function, or one that returns a "
                f"`Process`, can be drawn"
            )
        described = cast("Process[Any]", process)
        try:
            return picture_of(described, title=name)
        finally:
            described.close()

    def look(stepped: Stepped, place: str) -> Picture:
        builder = _Builder()
        parts = builder.stepped(stepped)
        return Picture(name, parts, builder.wires(), f"up to {place}")

    return record(look, main, *args, **kwargs)


@dataclass
class _Holders:
    """A channel, and who holds its ends; the counts are of ends, the lists of nodes."""

    channel: ChannelDescription
    ids: dict[str, list[str]] = field(
        default_factory=lambda: {"send": [], "receive": [], "both": []}
    )
    ends: dict[str, int] = field(default_factory=lambda: {"send": 0, "receive": 0})


class _Builder:
    def __init__(self) -> None:
        self.at: dict[Hashable, _Holders] = {}
        self.number = 0

    # --- nodes and boxes -------------------------------------------------------------------

    def stepped(self, stepped: Stepped, outermost: bool = True) -> tuple[Node | Box, ...]:
        """A process whose body was stepped: itself, if it holds ends, and what it has started."""
        parts: list[Node | Box] = []
        if stepped.ends:
            kind: Kind = "main" if outermost else "process"
            parts.append(Node(self.next_id(), stepped.name, kind))
            self.hold(parts[0], _wiring_of(stepped.ends, self))
        described: list[tuple[Description, bool]] = []
        for part in stepped.parts:
            if isinstance(part, Begun):
                described.append((part.description, part.background))
            else:
                parts += self.alike(described)
                described = []
                inside = self.stepped(part, outermost=False)
                parts.append(Box("process", part.name, inside))
        return (*parts, *self.alike(described))

    def alike(self, described: list[tuple[Description, bool]]) -> tuple[Node | Box, ...]:
        """One after another; many neighbours of one name that are wired alike are one node."""
        parts: list[Node | Box] = []
        start = 0
        while start < len(described):
            first, background = described[start]
            end = start + 1
            wiring = self.wiring(first)
            while end < len(described) and described[end][1] == background:
                if not self.is_like(first, wiring, described[end][0]):
                    break
                end += 1
            if end - start >= ALIKE:
                parts.append(self.node(first, end - start, background))
            else:
                parts += [self.part(each, 1, bg) for each, bg in described[start:end]]
            start = end
        return tuple(parts)

    def is_like(self, first: Description, wiring: Wiring, other: Description) -> bool:
        """True if both are processes that hold nothing but ends, of the same channels."""
        plain = first.kind == other.kind == "process" and not (first.parts or other.parts)
        return plain and first.name == other.name and wiring == self.wiring(other)

    def part(self, seen: Description, times: int = 1, background: bool = False) -> Node | Box:
        """A process and its parts, which exist `times` times."""
        if seen.kind in ("process", "operation"):
            return self.called(seen, times, background)
        inside = [description_of(part) for part in seen.parts]
        if seen.kind == "par" or seen.kind == "seq":
            parts = self.parts(inside, times, merge=seen.kind == "par")
            if seen.kind == "seq":
                parts = tuple(replace(part, step=step) for step, part in enumerate(parts, 1))
            return Box(seen.kind, seen.name, parts, background)
        kind: Literal["copies", "elsewhere"]
        kind, name = (
            ("elsewhere", f"{seen.name} elsewhere")
            if seen.kind == "elsewhere"
            else ("copies", seen.name)
        )
        if not inside:
            return Box(kind, name, ())
        one = self.part(inside[0], times * len(inside))
        if isinstance(one, Box) and one.kind in ("par", "seq"):  # whose name the copies have
            return Box(kind, name, one.parts, background)
        if isinstance(one, Node) and seen.kind == "copies":
            return replace(one, background=background)
        return Box(kind, name, (one,), background)

    def parts(
        self, inside: list[Description], times: int, *, merge: bool
    ) -> tuple[Node | Box, ...]:
        if merge and times == 1:
            return self.alike([(each, False) for each in inside])
        return tuple(self.part(each, times) for each in inside)

    def called(self, seen: Description, times: int, background: bool) -> Node | Box:
        if not seen.parts:
            return self.node(seen, times, background)
        itself = (self.node(seen, times, False),) if seen.ends or seen.channels else ()
        inside = self.parts([description_of(part) for part in seen.parts], times, merge=True)
        return Box("process", seen.name.lstrip("_"), (*itself, *inside), background)

    def node(self, seen: Description, times: int, background: bool) -> Node:
        kind: Kind = "operation" if seen.kind == "operation" else "process"
        node = Node(self.next_id(), seen.name.lstrip("_"), kind, times, background)
        self.hold(node, self.wiring(seen), times)
        return node

    def next_id(self) -> str:
        self.number += 1
        return f"p{self.number}"

    # --- wires -----------------------------------------------------------------------------

    def wiring(self, seen: Description) -> Wiring:
        """The channels of which a process was given ends, and which ends."""
        whole = tuple((self.meet(channel_of(each)), "both") for each in seen.channels)
        return _wiring_of(seen.ends, self) + whole

    def meet(self, channel: ChannelDescription) -> Hashable:
        self.at.setdefault(channel.key, _Holders(channel))
        return channel.key

    def hold(self, node: Node | Box, wiring: Wiring, times: int = 1) -> None:
        assert isinstance(node, Node)
        for key, side in wiring:
            holders = self.at[key]
            if side in holders.ends:
                holders.ends[side] += times
            if node.id not in holders.ids[side]:
                holders.ids[side].append(node.id)

    def wires(self) -> tuple[Wire, ...]:
        """All channels, in the order in which they were met."""
        return tuple(
            Wire(
                f"c{number}",
                at.channel.kind,
                at.channel.name,
                at.channel.element,
                at.channel.buffer,
                tuple(at.ids["send"]),
                tuple(at.ids["receive"]),
                tuple(at.ids["both"]),
                max(at.channel.senders - at.ends["send"], 0),
                max(at.channel.receivers - at.ends["receive"], 0),
            )
            for number, at in enumerate(self.at.values(), 1)
        )


def _wiring_of(ends: tuple[AnyEnd, ...], builder: _Builder) -> Wiring:
    return tuple((builder.meet(channel_of(end)), _side(end)) for end in ends)


def _side(end: AnyEnd) -> str:
    return "send" if isinstance(end, (Sender, Member)) else "receive"
