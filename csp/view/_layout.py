"""Where things stand in a picture: layers, their order, coordinates.

After K. Sugiyama, S. Tagawa, M. Toda, Methods for visual understanding of hierarchical system
structures (1981): turn edges round until there is no cycle, put everything in columns so that all
edges go from left to right, let long edges pass each column as a `Thing` of their own, order the
columns by the mean of their neighbours.  Boxes are kept together as G. Sander, Layout of compound
directed graphs (1996), asks: siblings have one order in all columns, so that the rectangles of two
boxes never overlap and nothing lies in a box that is no part of it.

Along is the direction in which the columns follow each other, across the other one: the same
layout drawn from left to right or from top to bottom.

Invariants:
* nodes stand in even columns, what is written on edges in odd ones: no edge passes over words.
* in each column the things and boxes of one box follow each other in the order of `parts`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, sqrt
from typing import Literal

from ._picture import Box, Node, Picture, Wire

PAD = 12.0  # between a box and what is in it
GAP, BEND_GAP = 14.0, 5.0  # across, between neighbours
GUTTER, SLOPE = 34.0, 0.12  # along, between columns: at least; for an edge that goes far across
PORT = 9.0  # across, between the ends of two edges on one thing
SWEEPS, SETTLING = 20, 12  # that order the columns; that only straighten the edges

Size = tuple[float, float]  # along, across


@dataclass(eq=False)
class Thing:
    """What stands in one column: a node, the words of a wire, or an edge that passes."""

    kind: Literal["node", "wire", "missing", "bend"]
    id: str
    column: int
    along: float = 0.0  # size
    across: float = 0.0
    at: float = 0.0  # across, its upper edge
    start: float = 0.0  # along
    wanted: float = 0.0  # across, the centre
    before: list[Thing] = field(default_factory=list["Thing"])  # neighbours, one column back
    after: list[Thing] = field(default_factory=list["Thing"])
    node: Node | None = None
    wire: Wire | None = None

    @property
    def centre(self) -> float:
        return self.at + self.across / 2


@dataclass(eq=False)
class Area:
    """A box, or all of the picture."""

    box: Box | None
    parts: list[Area | Thing] = field(default_factory=list["Area | Thing"])
    header: float = 0.0  # across, above its parts
    least: float = 0.0  # across, its size
    first: int = 0  # column
    last: int = 0
    at: float = 0.0
    end: float = 0.0
    start: float = 0.0
    stop: float = 0.0
    wanted: float = 0.0

    def things(self) -> Iterator[Thing]:
        for part in self.parts:
            if isinstance(part, Thing):
                yield part
            else:
                yield from part.things()

    def areas(self) -> Iterator[Area]:
        """Itself and all in it, outermost first."""
        yield self
        for part in self.parts:
            if isinstance(part, Area):
                yield from part.areas()


@dataclass(eq=False)
class Edge:
    """From a node to a wire, or on from there; `through` are things in neighbouring columns.

    `backward`: what flows on it goes from the last of `through` to the first.
    """

    through: list[Thing]
    backward: bool
    kind: Literal["send", "receive", "both", "member"]


@dataclass
class Layout:
    """All of a picture, in its place."""

    root: Area
    edges: list[Edge]
    along: float
    across: float


@dataclass(frozen=True)
class Measures:
    """Sizes along and across; `header` of a box are the sizes of its title."""

    thing: Callable[[Thing], Size]
    header: Callable[[Box], Size]
    headers_lie_along: bool  # the titles of boxes take room along, not across


def lay_out(picture: Picture, measures: Measures) -> Layout:
    """Give everything in the picture its place; the same picture gets the same layout."""
    graph = _Graph(picture)
    root, edges = graph.root, graph.edges
    for edge in edges:
        for one, other in pairwise(edge.through):
            one.after.append(other)
            other.before.append(one)
    for thing in root.things():
        along, across = measures.thing(thing)
        ports = max(len(thing.before), len(thing.after))
        thing.along, thing.across = along, max(across, PORT * (ports + 1) * (thing.kind != "bend"))
    for area in root.areas():
        if area.box is not None:
            _, wide = measures.header(area.box)
            area.header = PAD if measures.headers_lie_along else wide + PAD / 2
            area.least = wide + 2 * PAD if measures.headers_lie_along else 0.0
    _order(root)
    along = _along(root, measures)
    across = max((_end(part) for part in root.parts), default=0.0)
    return Layout(root, edges, along, across)


# --- columns -------------------------------------------------------------------------------


@dataclass(eq=False)
class _Link:
    """An edge between vertices: a wire with one end on each side, or a half of another wire."""

    source: str
    target: str
    span: int
    wire: Wire
    kind: Literal["direct", "send", "receive", "both", "member"]
    backward: bool = False

    @property
    def low(self) -> str:
        return self.target if self.backward else self.source

    @property
    def high(self) -> str:
        return self.source if self.backward else self.target


class _Graph:
    """The things of a picture in their columns, and the edges between them."""

    def __init__(self, picture: Picture) -> None:
        self.root = Area(None)
        self.home: dict[str, list[Area]] = {}  # of each vertex, outermost first
        self.things: dict[str, Thing] = {}
        self.edges: list[Edge] = []
        self._fill(self.root, picture.parts, [self.root])
        drawn = [wire for wire in picture.wires if wire not in picture.crowded()]
        self.links = [link for wire in drawn for link in self._links(wire)]
        column = _layers(list(self.things), self.links)
        self._spread_the_lonely(column)
        for id, thing in self.things.items():
            thing.column = column[id]
        self._place_wires()
        _span(self.root)
        for link in sorted(self.links, key=self._length):
            self._draw(link)
        _span(self.root)

    def _fill(self, area: Area, parts: Iterable[Node | Box], path: list[Area]) -> None:
        for part in parts:
            if isinstance(part, Node):
                self._put(Thing("node", part.id, 0, node=part), path)
            else:
                inner = Area(part)
                area.parts.append(inner)
                self._fill(inner, part.parts, [*path, inner])

    def _put(self, thing: Thing, path: list[Area]) -> None:
        path[-1].parts.append(thing)
        if thing.kind != "bend":
            self.things[thing.id] = thing
            self.home[thing.id] = path

    def _links(self, wire: Wire) -> Iterator[_Link]:
        plain = len(wire.senders) == len(wire.receivers) == 1 and not wire.both
        if plain and wire.senders != wire.receivers and not _unseen(wire):
            yield _Link(wire.senders[0], wire.receivers[0], 2, wire, "direct")
            return
        holders = [*wire.senders, *wire.receivers, *wire.both]
        path = _common([self.home[id] for id in holders]) if holders else [self.root]
        self._put(Thing("wire", wire.id, 1, wire=wire), path)
        for side, words in (("send", wire.senders_missing), ("receive", wire.receivers_missing)):
            if words:
                self._put(Thing("missing", f"{wire.id} {side}", 0, wire=wire), path)
        if wire.senders_missing:
            yield _Link(f"{wire.id} send", wire.id, 1, wire, "send")
        for id in wire.senders:
            yield _Link(id, wire.id, 1, wire, "member" if wire.kind == "barrier" else "send")
        for id in wire.both:
            yield _Link(id, wire.id, 1, wire, "both")
        for id in wire.receivers:
            yield _Link(wire.id, id, 1, wire, "receive")
        if wire.receivers_missing:
            yield _Link(wire.id, f"{wire.id} receive", 1, wire, "receive")

    def _spread_the_lonely(self, column: dict[str, int]) -> None:
        """Nodes without a wire have no order: those of a box stand in a square."""
        linked = {id for link in self.links for id in (link.source, link.target)}
        lonely: dict[Area, list[str]] = {}
        for id in self.things:
            if id not in linked:
                lonely.setdefault(self.home[id][-1], []).append(id)
        for ids in lonely.values():
            side = ceil(sqrt(len(ids)))
            for number, id in enumerate(ids):
                column[id] = 2 * (number % side)

    def _place_wires(self) -> None:
        """The words of each wire with one end on each side: between its nodes.

        Those of short ones come first, so that long ones begin the ordering beside them.
        """
        _span(self.root)
        for link in sorted(self.links, key=self._length):
            if link.kind == "direct":
                middle = (self.things[link.low].column + self.things[link.high].column) // 2
                column = middle if middle % 2 else middle - 1
                thing = Thing("wire", link.wire.id, column, wire=link.wire)
                self._put(thing, self._path(link, column))

    def _length(self, link: _Link) -> int:
        return self.things[link.high].column - self.things[link.low].column

    def _path(self, link: _Link, column: int) -> list[Area]:
        """The boxes around a place on an edge: those of its nodes, as far as they reach."""
        one, other = self.home[link.low], self.home[link.high]
        path = _common([one, other])
        for home in (one, other):
            deeper = list(path)
            for area in home[len(path) :]:
                if not area.first <= column <= area.last:
                    break
                deeper.append(area)
            if len(deeper) > len(path):
                return deeper
        return path

    def _draw(self, link: _Link) -> None:
        low, high = self.things[link.low], self.things[link.high]
        if link.kind != "direct":
            self.edges.append(Edge(self._chain(link, low, high), link.backward, link.kind))
            return
        words = self.things[link.wire.id]
        first, second = self._chain(link, low, words), self._chain(link, words, high)
        sends, receives = (second, first) if link.backward else (first, second)
        self.edges.append(Edge(sends, link.backward, "send"))
        self.edges.append(Edge(receives, link.backward, "receive"))

    def _chain(self, link: _Link, low: Thing, high: Thing) -> list[Thing]:
        chain = [low]
        for column in range(low.column + 1, high.column):
            bend = Thing("bend", link.wire.id, column)
            self._put(bend, self._path(link, column))
            chain.append(bend)
        return [*chain, high]


def _unseen(wire: Wire) -> bool:
    return bool(wire.senders_missing or wire.receivers_missing)


def _common(paths: list[list[Area]]) -> list[Area]:
    """The boxes around all of them."""
    common: list[Area] = []
    for level in zip(*paths, strict=False):
        if any(area is not level[0] for area in level):
            break
        common.append(level[0])
    return common


def _span(area: Area) -> tuple[int, int]:
    """Say from which column to which each box reaches; (0, 0) for an empty one."""
    ranges = [
        (part.column, part.column) if isinstance(part, Thing) else _span(part)
        for part in area.parts
    ]
    area.first = min((first for first, _ in ranges), default=0)
    area.last = max((last for _, last in ranges), default=0)
    return area.first, area.last


def _layers(vertices: list[str], links: list[_Link]) -> dict[str, int]:
    """Turn links round until there is no cycle, and give each vertex its column.

    Of two ways the one that turns fewer round, then the one with fewer columns.
    """
    found: list[tuple[tuple[int, int], set[_Link], dict[str, int]]] = []
    for backward in (_by_depth(vertices, links), _by_breadth(vertices, links)):
        for link in links:
            link.backward = link in backward
        column = _columns(vertices, links)
        found.append(((len(backward), max(column.values(), default=0)), backward, column))
    _, backward, column = min(found, key=lambda each: each[0])
    for link in links:
        link.backward = link in backward
    return column


def _outs(vertices: list[str], links: list[_Link]) -> dict[str, list[_Link]]:
    outs: dict[str, list[_Link]] = {id: [] for id in vertices}
    for link in links:
        outs[link.source].append(link)
    return outs


def _starts(vertices: list[str], links: list[_Link]) -> list[str]:
    """Where searches begin: at what nobody feeds, then at the other nodes."""
    fed = {link.target for link in links}
    first = [id for id in vertices if id not in fed]
    return first + [id for id in vertices if id in fed and not id.startswith("c")]


def _by_breadth(vertices: list[str], links: list[_Link]) -> set[_Link]:
    """The links on cycles that lead to where a search in breadth was before."""
    outs = _outs(vertices, links)
    order: dict[str, int] = {}
    for start in _starts(vertices, links):
        line = [start]
        for at in line:  # which grows
            if at not in order:
                order[at] = len(order)
                line += [link.target for link in outs[at]]
    reached = {id: _reached(id, outs) for id in vertices}
    return {
        link
        for link in links
        if order[link.target] < order[link.source] and link.source in reached[link.target]
    }


def _reached(start: str, outs: dict[str, list[_Link]]) -> set[str]:
    seen, line = {start}, [start]
    for at in line:  # which grows
        for link in outs[at]:
            if link.target not in seen:
                seen.add(link.target)
                line.append(link.target)
    return seen


def _by_depth(vertices: list[str], links: list[_Link]) -> set[_Link]:
    """The links that lead back to where a search in depth came from."""
    outs = _outs(vertices, links)
    backward: set[_Link] = set()
    done: set[str] = set()
    for start in _starts(vertices, links):
        if start in done:
            continue
        trail = {start}
        stack = [(start, iter(outs[start]))]
        while stack:
            at, rest = stack[-1]
            onward = next(rest, None)
            if onward is None:
                stack.pop()
                trail.remove(at)
                done.add(at)
            elif onward.target in trail:
                backward.add(onward)
            elif onward.target not in done:
                trail.add(onward.target)
                stack.append((onward.target, iter(outs[onward.target])))
    return backward


def _columns(vertices: list[str], links: list[_Link]) -> dict[str, int]:
    """Each as far to the left as its links allow, but what only feeds others close to these."""
    ins: dict[str, list[_Link]] = {id: [] for id in vertices}
    outs: dict[str, list[_Link]] = {id: [] for id in vertices}
    for link in links:
        ins[link.high].append(link)
        outs[link.low].append(link)
    column = dict.fromkeys(vertices, 0)
    waits = {id: len(ins[id]) for id in vertices}
    ready = [id for id in vertices if not waits[id]]
    for id in ready:  # which grows
        for link in outs[id]:
            column[link.high] = max(column[link.high], column[id] + link.span)
            waits[link.high] -= 1
            if not waits[link.high]:
                ready.append(link.high)
    for id in reversed(ready):
        if not ins[id] and outs[id]:
            column[id] = min(column[link.high] - link.span for link in outs[id])
    return column


# --- across --------------------------------------------------------------------------------


def _order(root: Area) -> None:
    """Order all boxes so that few edges cross, then pull the edges straight."""
    for number, thing in enumerate(root.things()):
        thing.wanted = float(number)
    _sort(root)
    _pack(root)
    best, places = _cost(root), _remembered(root)
    for sweep in range(SWEEPS):
        for thing in root.things():
            towards = [thing.before, thing.after, thing.before + thing.after][
                2 if sweep > SWEEPS // 2 else sweep % 2
            ]
            thing.wanted = _mean(towards, thing.centre)
        _sort(root)
        _pack(root)
        cost = _cost(root)
        if cost < best:
            best, places = cost, _remembered(root)
    for area, parts in places:
        area.parts = parts
    for thing in root.things():
        thing.wanted = 0.0
    _pack(root)
    for _ in range(SETTLING):
        for thing in root.things():
            thing.wanted = _mean(thing.before + thing.after, thing.centre)
        _pack(root)
    highest = min((part.at for part in root.parts), default=0.0)
    for area in root.areas():
        area.at, area.end = area.at - highest, area.end - highest
    for thing in root.things():
        thing.at -= highest


def _mean(things: list[Thing], otherwise: float) -> float:
    return sum(thing.centre for thing in things) / len(things) if things else otherwise


def _remembered(root: Area) -> list[tuple[Area, list[Area | Thing]]]:
    return [(area, list(area.parts)) for area in root.areas()]


def _sort(area: Area) -> None:
    for part in area.parts:
        if isinstance(part, Area):
            _sort(part)
    area.parts.sort(key=lambda part: part.wanted)
    wanted = [part.wanted for part in area.parts]
    area.wanted = sum(wanted) / len(wanted) if wanted else area.wanted


def _pack(root: Area) -> None:
    """Place all in their order, each near to where it wants to be.

    Packed downwards nothing stands higher than it wants to, upwards nothing lower; the mean of both
    keeps all distances.
    """
    _pack_down(root, {}, 1.0)
    down = [(part.at, _end(part)) for part in _all(root)]
    _pack_down(root, {}, -1.0)
    for part, (at, end) in zip(_all(root), down, strict=True):
        mirrored_end = -part.at
        mirrored_at = -_end(part)
        if isinstance(part, Area):
            part.at, part.end = (at + mirrored_at) / 2, (end + mirrored_end) / 2
        else:
            part.at = (at + mirrored_at) / 2
    _tighten(root)


def _tighten(area: Area) -> None:
    """Let no box be larger than its parts and its title ask for; it stays where it has room."""
    for part in area.parts:
        if isinstance(part, Area):
            _tighten(part)
    if area.parts and area.box is not None:
        at = min(part.at for part in area.parts) - area.header
        end = max(_end(part) for part in area.parts) + PAD
        lack = max(0.0, area.least - (end - at))
        above = min(at - area.at, max(lack / 2, lack - (area.end - end)))
        area.at, area.end = at - above, end + lack - above


def _all(area: Area) -> Iterator[Area | Thing]:
    yield area
    for part in area.parts:
        if isinstance(part, Area):
            yield from _all(part)
        else:
            yield part


def _end(part: Area | Thing) -> float:
    return part.end if isinstance(part, Area) else part.at + part.across


def _pack_down(area: Area, floor: dict[int, float], sign: float) -> None:
    """Place the parts of `area` below `floor`, which says how far each column is full.

    `sign` -1: upside down.
    """
    above, below = (area.header, PAD) if sign > 0 else (PAD, area.header)
    if area.box is None:
        above = below = 0.0
    columns = range(area.first, area.last + 1)
    none = float("-inf")
    top = max((floor.get(column, none) for column in columns), default=none)
    inner = dict.fromkeys(columns, top + GAP + above) if top > none else {}
    for part in area.parts if sign > 0 else reversed(area.parts):
        if isinstance(part, Area):
            _pack_down(part, inner, sign)
        else:
            gap = BEND_GAP if part.kind == "bend" else GAP
            high = inner.get(part.column, none)
            part.at = max(high + gap, sign * part.wanted - part.across / 2)
            inner[part.column] = part.at + part.across + (gap - GAP) / 2
    if area.parts:
        area.at = min(part.at for part in area.parts) - above
        area.end = max(_end(part) for part in area.parts) + below
    else:
        area.at = max(top + GAP, sign * area.wanted)
        area.end = area.at + above + below
    area.end = max(area.end, area.at + area.least)
    for column in columns:
        floor[column] = area.end


def _cost(root: Area) -> tuple[int, float]:
    """How many edges cross, and how far they go across."""
    gaps: dict[int, list[tuple[float, float]]] = {}
    length = 0.0
    for thing in root.things():
        for other in thing.after:
            gaps.setdefault(thing.column, []).append((thing.centre, other.centre))
            length += abs(thing.centre - other.centre)
    return sum(_crossings(pairs) for pairs in gaps.values()), round(length, 3)


def _crossings(pairs: list[tuple[float, float]]) -> int:
    count, seen = 0, list[float]()
    for _, end in sorted(pairs):
        count += len(seen) - bisect_left(seen, end + 1e-9)
        insort(seen, end)
    return count


# --- along ---------------------------------------------------------------------------------


def _along(root: Area, measures: Measures) -> float:
    """Give the columns their places, and return how long the picture is."""
    columns = range(root.first, root.last + 1)
    width = dict.fromkeys(columns, 0.0)
    for thing in root.things():
        width[thing.column] = max(width[thing.column], thing.along)
    gutter = _gutters(root)
    areas = [area for area in root.areas() if area.box is not None]
    before = {area: _inset(area, "first", measures) for area in areas}
    behind = {area: _inset(area, "last", measures) for area in areas}
    if not measures.headers_lie_along:
        _widen(areas, width, measures)
    start: dict[int, float] = {}
    at = max((before[area] for area in areas if area.first == root.first), default=0.0)
    for column in columns:
        start[column] = at
        room = max((behind[area] for area in areas if area.last == column), default=0.0)
        room += max((before[area] for area in areas if area.first == column + 1), default=0.0)
        at += width[column] + (gutter[column] + room if column < root.last else room)
    for area in areas:
        area.start = start[area.first] - before[area]
        area.stop = start[area.last] + width[area.last] + behind[area]
    for thing in root.things():
        if thing.kind == "bend":
            thing.along = width[thing.column]
        thing.start = start[thing.column] + (width[thing.column] - thing.along) / 2
    root.stop = at
    return at


def _gutters(root: Area) -> dict[int, float]:
    """The room behind each column: steep edges side by side would look like one."""
    gutter = dict.fromkeys(range(root.first, root.last + 1), GUTTER)
    for thing in root.things():
        for other in thing.after:
            steep = min(SLOPE * abs(thing.centre - other.centre), 2 * GUTTER)
            gutter[thing.column] = max(gutter[thing.column], GUTTER + steep)
    return gutter


def _inset(area: Area, side: Literal["first", "last"], measures: Measures) -> float:
    """The room for the border of a box, and of the boxes in it that begin (or end) there too."""
    assert area.box is not None
    own = PAD
    if side == "first" and measures.headers_lie_along:
        own += measures.header(area.box)[0]
    inner = [
        _inset(part, side, measures)
        for part in area.parts
        if isinstance(part, Area) and getattr(part, side) == getattr(area, side)
    ]
    return own + max(inner, default=0.0)


def _widen(areas: list[Area], width: dict[int, float], measures: Measures) -> None:
    """Let the title of each box fit into it."""
    for area in reversed(areas):
        assert area.box is not None
        columns = range(area.first, area.last + 1)
        room = sum(width[column] for column in columns) + GUTTER * (len(columns) - 1)
        width[area.last] += max(0.0, measures.header(area.box)[0] - room)
