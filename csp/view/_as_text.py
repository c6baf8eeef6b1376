"""A picture as text: the processes as a tree, then a line a channel."""

from __future__ import annotations

from collections.abc import Iterator

from ._picture import Box, Node, Picture, Wire


def as_text(picture: Picture, /) -> str:
    """The picture for a terminal.

    >>> from csp.view import Box, Node, Wire
    >>> pair = Box("par", "Par", (Node("p1", "source"), Node("p2", "drain")))
    >>> wire = Wire("c1", "channel", "jobs", "int", "3", ("p1",), ("p2",))
    >>> print(as_text(Picture("main", (pair,), (wire,))))
    main
    └ Par
      ├ source
      └ drain
    <BLANKLINE>
    jobs: int, buffer 3   source -> drain
    """
    note = f" ({picture.note})" if picture.note else ""
    lines = [f"{_line(picture.title)}{note}", *_tree(picture.parts)]
    names = {node.id: _line(node.title) for node in picture.nodes().values()}
    titles = [_line(wire.title) for wire in picture.wires]
    width = max(map(len, titles), default=0)
    if titles:
        lines.append("")
    for title, wire in zip(titles, picture.wires, strict=True):
        lines.append(f"{title:<{width}}   {_ends(wire, names)}")
    return "\n".join(lines)


def _tree(parts: tuple[Node | Box, ...], indent: str = "") -> Iterator[str]:
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        yield f"{indent}{'└' if last else '├'} {_line(part.title)}"
        if isinstance(part, Box):
            yield from _tree(part.parts, indent + ("  " if last else "│ "))


def _ends(wire: Wire, names: dict[str, str]) -> str:
    both = [f"{names[id]} (may make ends)" for id in wire.both]
    senders = _list([names[id] for id in wire.senders], wire.unseen_senders)
    receivers = _list([names[id] for id in wire.receivers], wire.unseen_receivers)
    if wire.kind == "barrier":
        return _list([*filter(None, [senders]), *both], 0)
    arrow = f"{senders or wire.senders_missing} -> {receivers or wire.receivers_missing}"
    if both and arrow == " -> ":
        return _list(both, 0)
    return "; ".join([arrow.strip(), *both])


def _list(names: list[str], unseen: int) -> str:
    counted = [
        f"{names.count(name)} * {name}" if names.count(name) > 1 else name
        for name in dict.fromkeys(names)
    ]
    if names and unseen:
        counted.append("somebody unseen")
    return ", ".join(counted)


def _line(text: str) -> str:
    """In one line, whatever a name holds."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
