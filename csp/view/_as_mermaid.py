"""A picture as a Mermaid flowchart, which many sites and editors draw where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ._picture import Box, Node, Picture, Wire


def as_mermaid(picture: Picture, /) -> str:
    """The picture as the text of a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html).

    >>> from csp.view import Node, Wire
    >>> nodes = Node("p1", "source"), Node("p2", "drain")
    >>> wire = Wire("c1", "channel", "jobs", "int", "3", ("p1",), ("p2",))
    >>> print(as_mermaid(Picture("main", nodes, (wire,))))
    flowchart LR
        p1["source"]
        p2["drain"]
        p1 -- "jobs: int, buffer 3" --> p2
    """
    lines = ["flowchart LR"]
    badges = picture.badges()
    lines += _parts(picture.parts, badges, "    ", count(1))
    for wire in picture.wires:
        if wire not in picture.crowded():
            lines += [f"    {line}" for line in _wire(wire)]
    for wire in picture.crowded():
        lines.append(f"    {wire.id}{{{{{_quoted(wire.title)}}}}}")
    return "\n".join(lines)


def _parts(
    parts: tuple[Node | Box, ...], badges: dict[str, list[str]], indent: str, numbers: count[int]
) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Node):
            yield f"{indent}{part.id}{_shape(part, badges.get(part.id, []))}"
            continue
        title = f"b{next(numbers)}[{_quoted(part.title)}]"
        if not part.parts:
            yield f"{indent}{title}"
            continue
        yield f"{indent}subgraph {title}"
        yield from _parts(part.parts, badges, indent + "    ", numbers)
        yield f"{indent}end"


def _shape(node: Node, badges: list[str]) -> str:
    words = _quoted(node.title, *badges)
    if node.kind == "operation":
        return f"({words})"
    return f"[[{words}]]" if node.copies > 1 else f"[{words}]"


def _wire(wire: Wire) -> Iterator[str]:
    one_each = len(wire.senders) == len(wire.receivers) == 1 and not wire.both
    if one_each:
        yield f"{wire.senders[0]} -- {_quoted(wire.title)} --> {wire.receivers[0]}"
        return
    title = _quoted(wire.title)
    yield f"{wire.id}{{{{{title}}}}}" if wire.kind == "barrier" else f"{wire.id}([{title}])"
    for id in wire.senders:
        yield f"{id} {'---' if wire.kind == 'barrier' else '-->'} {wire.id}"
    for id in wire.receivers:
        yield f"{wire.id} --> {id}"
    for id in wire.both:
        yield f"{id} <-.-> {wire.id}"
    if wire.senders_missing:
        yield f"{wire.id}_s({_quoted(wire.senders_missing)}) -.-> {wire.id}"
    if wire.receivers_missing:
        yield f"{wire.id} -.-> {wire.id}_r({_quoted(wire.receivers_missing)})"


def _quoted(*lines: str) -> str:
    """Lines of a label; what means something to Mermaid, Markdown or HTML is written as its number."""
    return f'"{"<br/>".join("".join(map(_letter, line)) for line in lines)}"'


def _letter(letter: str) -> str:
    if not letter.isprintable():
        return "\ufffd"
    return f"#{ord(letter)};" if letter in '"#&<>`\\.' else letter
