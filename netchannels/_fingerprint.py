"""Fingerprints: 16 bytes that are the same for types which look the same to the wire.

Two programs compare them when a port opens, so that no value can arrive that means something else.
Names of classes and modules do not count, so each program may have its own definitions; recursive
types are compared by shape, as finite automata are: equal parts are merged (Moore, *Gedanken-
experiments on Sequential Machines*, 1956), and what is left is numbered in reading order.
"""

from __future__ import annotations

import hashlib
from typing import Any

from ._shape import Node, Shape

SIZE = 16  # bytes
_FORM = "netchannels type 1"  # changes with the canonical form


def fingerprint(shape: Shape) -> bytes:
    """The first 16 bytes of the SHA-256 of the canonical form of a type.

    >>> from typing import NamedTuple
    >>> class Here(NamedTuple):
    ...     x: int
    >>> class There(NamedTuple):
    ...     x: int
    >>> fingerprint(Shape(Here)) == fingerprint(Shape(There)) != fingerprint(Shape(tuple[int]))
    True
    """
    form = ascii([_FORM, *_canonical(shape)])
    return hashlib.sha256(form.encode()).digest()[:SIZE]


def _canonical(shape: Shape) -> list[Any]:
    """The graph as a flat list: each new type its label and its parts, each known one its number."""
    classes = _classes(shape.nodes)
    order: dict[int, int] = {}  # class -> when it was first met
    form: list[Any] = []
    pending = [shape.root]
    while pending:
        at = pending.pop()
        if classes[at] in order:
            form.append(order[classes[at]])
            continue
        order[classes[at]] = len(order)
        node = shape.nodes[at]
        form.append([node.label, len(node.parts)])
        pending.extend(reversed(node.parts))
    return form


def _classes(nodes: list[Node]) -> list[int]:
    """For each node the number of its class; nodes of one class look the same all the way down."""
    classes = _numbered([ascii(node.label) for node in nodes])
    while True:
        finer = _numbered(
            [(classes[i], *(classes[part] for part in node.parts)) for i, node in enumerate(nodes)]
        )
        if max(finer) == max(classes):
            return classes
        classes = finer


def _numbered(keys: list[Any]) -> list[int]:
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]
