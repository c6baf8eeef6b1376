"""A picture as text: the processes as a tree, then a line a channel."""

from __future__ import annotations

from collections.abc import Iterator

from ._picture import Box, Node, Picture, Wire

MANY = 8  # names in one line


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
    lines = [f"{_line(picture.title)}{note}", *_tree(picture.parts, _names(picture))]
    names = _names(picture)
    titles = [_line(wire.title) for wire in picture.wires]
    width = max(map(len, titles), default=0)
    if titles:
        lines.append("")
    for title, wire in zip(titles, picture.wires, strict=True):
        lines.append(f"{title:<{width}}   {_ends(wire, names)}")
    return "\n".join(lines)


def _names(picture: Picture) -> dict[str, str]:
    """What each node is called in the lines of channels; of one name but wired differently: `#2`."""
    nodes = picture.nodes()
    wiring: dict[str, list[str]] = {id: [] for id in nodes}
    for wire in picture.wires:
        for side, ids in (("s", wire.senders), ("r", wire.receivers), ("b", wire.both)):
            for id in ids:
                wiring[id].append(f"{wire.id}{side}")
    of_one_name: dict[str, list[str]] = {}
    for id, node in nodes.items():
        of_one_name.setdefault(_line(node.label), []).append(id)
    names: dict[str, str] = {}
    for name, alike in of_one_name.items():
        differ = any(wiring[id] != wiring[alike[0]] for id in alike)
        for number, id in enumerate(alike, 1):
            names[id] = f"{name} #{number}" if differ else name
    return names


def _tree(parts: tuple[Node | Box, ...], names: dict[str, str], indent: str = "") -> Iterator[str]:
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        title = _line(part.title)
        if isinstance(part, Node):
            title = title.replace(_line(part.label), names[part.id], 1)
        yield f"{indent}{'└' if last else '├'} {title}"
        if isinstance(part, Box):
            yield from _tree(part.parts, names, indent + ("  " if last else "│ "))


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
    if len(counted) > MANY:
        counted[MANY // 2 :] = [f"... ({len(names)} in all)"]
    return ", ".join(counted)


def _line(text: str) -> str:
    """In one line, whatever a name holds."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
