"""The model of a picture: what is drawn, whatever draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["process", "main", "operation"]
CROWD = 8  # a barrier of more nodes is written on them: so many lines would hide the rest


def _title(what: str, step: int, background: bool) -> str:
    return (f"{step}. " if step else "") + what + (" (background)" if background else "")


@dataclass(frozen=True, slots=True)
class Node:
    """A process, or several that are wired alike, or a channel operation in a `Par`.

    `id` is `p1`, `p2`, ... in the order of the picture; `copies` is how many it stands for, `step`
    its place in a `Seq`, from 1, else 0.

    >>> Node("p1", "worker", copies=3, background=True).title
    '3 * worker (background)'
    """

    id: str
    name: str
    kind: Kind = "process"
    copies: int = 1
    background: bool = False
    step: int = 0

    @property
    def title(self) -> str:
        """What is written on it."""
        return _title(self.label, self.step, self.background)

    @property
    def label(self) -> str:
        """What it is called elsewhere: `3 * worker`."""
        return f"{self.copies} * {self.name}" if self.copies > 1 else self.name


@dataclass(frozen=True, slots=True)
class Box:
    """What is composed of others; of a "process" the parts are those it runs or was given.

    >>> Box("par", "Par", (Node("p1", "source"),), step=2).title
    '2. Par'
    """

    kind: Literal["par", "seq", "copies", "elsewhere", "process"]
    name: str
    parts: tuple[Node | Box, ...]
    background: bool = False
    step: int = 0

    @property
    def title(self) -> str:
        """What is written on it."""
        return _title(self.name, self.step, self.background)


@dataclass(frozen=True, slots=True)
class Wire:
    """A channel, a broadcast or a barrier, and the ids of the nodes that hold its ends.

    `both` are the nodes that were given the channel itself, and may make ends of it.
    `unseen_senders` and `unseen_receivers` count the ends that no node of the picture holds.
    The members of a barrier stand in `senders`.

    >>> Wire("c1", "channel", "jobs", "int", "3", senders=("p1",)).title
    'jobs: int, buffer 3'
    """

    id: str
    kind: Literal["channel", "broadcast", "barrier"]
    name: str
    element: str
    buffer: str
    senders: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    both: tuple[str, ...] = ()
    unseen_senders: int = 0
    unseen_receivers: int = 0

    @property
    def details(self) -> str:
        """What is written below its name: `int, buffer 3`."""
        buffer = f"buffer {self.buffer}" if self.buffer else ""
        kind = "" if self.kind == "channel" else self.kind
        return ", ".join(part for part in (kind, self.element, buffer) if part)

    @property
    def title(self) -> str:
        """Its name and its details in one line."""
        return f"{self.name}: {self.details}"

    @property
    def senders_missing(self) -> str:
        """What stands in the place of senders if no node holds one; "" if one does."""
        return "" if self.senders or self.both else _missing(self.unseen_senders)

    @property
    def receivers_missing(self) -> str:
        """What stands in the place of receivers if no node holds one; "" if one does."""
        if self.receivers or self.both or self.kind == "barrier":
            return ""
        return _missing(self.unseen_receivers)


def _missing(unseen: int) -> str:
    return "somebody unseen" if unseen else "nobody"


@dataclass(frozen=True, slots=True)
class Picture:
    """A process network before it runs; `note` says up to where its main was looked at.

    >>> list(Picture("main", (Node("p1", "source"),), ()).nodes())
    ['p1']
    """

    title: str
    parts: tuple[Node | Box, ...]
    wires: tuple[Wire, ...]
    note: str = ""

    def nodes(self) -> dict[str, Node]:
        """All nodes by their id, in the order of the picture."""
        return {node.id: node for node in _nodes(self.parts)}

    def crowded(self) -> tuple[Wire, ...]:
        """The barriers that have too many members for a line to each."""
        return tuple(
            wire
            for wire in self.wires
            if wire.kind == "barrier" and len({*wire.senders, *wire.both}) > CROWD
        )

    def badges(self) -> dict[str, list[str]]:
        """What is written on nodes instead of lines: the names of crowded barriers, by node id."""
        badges: dict[str, list[str]] = {}
        for wire in self.crowded():
            for id in dict.fromkeys((*wire.senders, *wire.both)):
                badges.setdefault(id, []).append(wire.name)
        return badges


def _nodes(parts: tuple[Node | Box, ...]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, Node):
            yield part
        else:
            yield from _nodes(part.parts)
