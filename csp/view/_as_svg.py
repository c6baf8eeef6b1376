"""A picture as SVG: its own text, no font and no script from elsewhere, readable in light and dark."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from ._layout import PAD, Area, Edge, Measures, Size, Thing, lay_out
from ._picture import Box, Picture
from ._sheet import Sheet, best_sheet

LETTER, LINE = 7.3, 16.0  # of a monospaced font of 12 px
MARGIN, TITLE, SHADOW = 16.0, 26.0, 3.0
TOP = MARGIN + TITLE

STYLE = """
svg { --paper: #ffffff; --ink: #1f2933; --dim: #616e7c; --line: #52606d; --node: #e6f0fa;
  --edge: #2b6cb0; --wire: #fff8e1; --wired: #b7791f; --box: #7b879433; --bad: #c53030; }
@media (prefers-color-scheme: dark) { svg { --paper: #16191d; --ink: #e4e7eb; --dim: #9aa5b1;
  --line: #9aa5b1; --node: #1e3a56; --edge: #63a4e0; --wire: #3a3018; --wired: #d9a441;
  --box: #9aa5b12b; --bad: #fc8181; } }
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: var(--ink); }
.paper { fill: var(--paper); } .title { font-weight: 600; } .middle { text-anchor: middle; } .dim { fill: var(--dim); }
.box { fill: var(--box); fill-opacity: .35; stroke: var(--dim); stroke-opacity: .6; }
.seq { stroke-dasharray: 8 3; } .elsewhere { stroke-dasharray: 2 3; stroke-width: 2; }
.node { fill: var(--node); stroke: var(--edge); stroke-width: 1.3; }
.background { stroke-dasharray: 5 3; } .operation { fill: var(--paper); }
.wire { fill: var(--wire); stroke: var(--wired); } .barrier { stroke-width: 2.5; }
.missing { fill: var(--paper); stroke: var(--bad); stroke-dasharray: 3 3; }
.bad { fill: var(--bad); }
.line { fill: none; stroke: var(--line); stroke-width: 1.3; } .both { stroke-dasharray: 2 3; }
.head { fill: var(--line); }
""".strip()


def as_svg(picture: Picture, /) -> str:
    """The picture as the text of an SVG file, which needs nothing else and is readable in light and dark.

    What flows goes from left to right; down, or in rows that run to and fro, if that shows more.

    >>> from csp.view import Node, Picture
    >>> as_svg(Picture("main", (Node("p1", "idle"),), ())).startswith("<svg xmlns=")
    True
    """
    sheet = best_sheet(lambda down: lay_out(picture, _measures(picture, down)))
    return "\n".join(_Drawing(picture, sheet).lines())


def _turned(size: Size, down: bool) -> Size:
    return (size[1], size[0]) if down else size


def _measures(picture: Picture, down: bool) -> Measures:
    badges = picture.badges()

    def thing(of: Thing) -> Size:
        if of.kind == "bend":
            return 0.0, 2.0
        lines = _words(of, badges)
        width = max(map(_width, lines)) + (18.0 if of.kind != "wire" else 14.0)
        return _turned((width, len(lines) * LINE + (16.0 if of.kind == "node" else 8.0)), down)

    def header(of: Box) -> Size:
        return _turned((_width(of.title) + PAD, LINE + 4.0), down)

    return Measures(thing, header, down)


def _words(thing: Thing, badges: dict[str, list[str]]) -> list[str]:
    if thing.node is not None:
        return [thing.node.title, *badges.get(thing.id, ())]
    assert thing.wire is not None
    if thing.kind == "missing":
        sends = thing.id.endswith("send")
        return [thing.wire.senders_missing if sends else thing.wire.receivers_missing]
    return [text for text in (thing.wire.name, thing.wire.details) if text]


def _width(text: str) -> float:
    """Of a text, where letters of the East are twice as wide."""
    return LETTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _escaped(text: str) -> str:
    """For text and attributes; what XML cannot hold becomes a question mark."""
    safe = "".join(c if c.isprintable() else "\ufffd" for c in text)
    for letter, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot")):
        safe = safe.replace(letter, f"&{name};")
    return safe


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class _Drawing:
    def __init__(self, picture: Picture, sheet: Sheet) -> None:
        self.picture, self.sheet, self.layout = picture, sheet, sheet.layout
        self.badges = picture.badges()

    def lines(self) -> Iterator[str]:
        notes = [self.picture.note, *(wire.title for wire in self.picture.crowded())]
        note = "".join(f" ({text})" for text in notes if text)
        title = f"{self.picture.title}{note}"
        width = _number(max(self.sheet.width, _width(title)) + 2 * MARGIN)
        height = _number(self.sheet.height + 2 * MARGIN + TITLE)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">'
        )
        yield f"<title>{_escaped(title)}</title>"
        yield f"<style>\n{STYLE}\n</style>"
        yield (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto-start-reverse">'
            '<path class="head" d="M0 0.5 8 4 0 7.5z"/></marker></defs>'
        )
        yield f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
        yield (
            f'<text x="{_number(MARGIN)}" y="{_number(MARGIN + 12)}" class="title">'
            f'{_escaped(self.picture.title)}<tspan class="dim">{_escaped(note)}</tspan></text>'
        )
        for area in self.layout.root.areas():
            if area.box is not None:
                yield from self.box(area, area.box)
        for edge in self.layout.edges:
            yield self.edge(edge)
        for thing in self.layout.root.things():
            if thing.kind != "bend":
                yield from self.thing(thing)
        yield "</svg>"

    def rectangles(self, start: Size, size: Size, kind: str, rx: float) -> Iterator[str]:
        for x, y, width, height in self.sheet.rectangles(start, size):
            yield (
                f'<rect class="{kind}" x="{_number(x + MARGIN)}" y="{_number(y + TOP)}" '
                f'width="{_number(width)}" height="{_number(height)}" rx="{_number(rx)}"/>'
            )

    def text(self, x: float, y: float, text: str, kind: str) -> str:
        return (
            f'<text x="{_number(x + MARGIN)}" y="{_number(y + TOP)}" class="{kind}">'
            f"{_escaped(text)}</text>"
        )

    def box(self, area: Area, box: Box) -> Iterator[str]:
        size = area.stop - area.start, area.end - area.at
        yield from self.rectangles((area.start, area.at), size, f"box {box.kind}", 6)
        x, y, *_ = next(self.sheet.rectangles((area.start, area.at), size))
        yield self.text(x + PAD, y + LINE, box.title, "dim")

    def thing(self, thing: Thing) -> Iterator[str]:
        start, size = (thing.start, thing.at), (thing.along, thing.across)
        words = _words(thing, self.badges)
        if thing.node is not None:
            node = thing.node
            kind = f"node {node.kind}{' background' if node.background else ''}"
            if _is_stack(thing):
                for shift in (2 * SHADOW, SHADOW):
                    behind = start[0] + shift, start[1] + shift
                    yield from self.rectangles(behind, size, kind, 5)
            yield from self.rectangles(start, size, kind, 12 if node.kind == "operation" else 5)
            classes = ["title", *(["dim"] * (len(words) - 1))]
        elif thing.kind == "missing":
            yield from self.rectangles(start, size, "missing", 10)
            classes = ["bad"]
        else:
            assert thing.wire is not None
            if len(thing.before) + len(thing.after) > 2 or thing.wire.kind != "channel":
                yield from self.rectangles(start, size, f"wire {thing.wire.kind}", 12)
            classes = ["title", "dim"]
        x, y = self.sheet.point(thing.start + thing.along / 2, thing.centre)
        y += 4 - LINE * (len(words) - 1) / 2
        for text, kind in zip(words, classes, strict=False):
            yield self.text(x, y, text, f"{kind} middle")
            y += LINE

    def edge(self, edge: Edge) -> str:
        points: list[tuple[float, float]] = []
        things = edge.through
        for number, thing in enumerate(things):
            if number > 0:
                points.append((thing.start, _port(thing, thing.before, things[number - 1])))
            if number < len(things) - 1:
                end = thing.start + thing.along + (2 * SHADOW if _is_stack(thing) else 0.0)
                points.append((end, _port(thing, thing.after, things[number + 1])))
        if edge.backward:
            points.reverse()
        path = [f"M{_spot(self.sheet.point(*points[0]))}"]
        for one, other in pairwise(points):
            path.append(f"C{' '.join(map(_spot, self.sheet.curve(one, other)))}")
        head = ' marker-end="url(#head)"' if edge.kind == "receive" else ""
        kind = "line both" if edge.kind == "both" else "line"
        return f'<path class="{kind}" d="{" ".join(path)}"{head}/>'


def _spot(point: tuple[float, float]) -> str:
    return f"{_number(point[0] + MARGIN)} {_number(point[1] + TOP)}"


def _is_stack(thing: Thing) -> bool:
    return thing.node is not None and thing.node.copies > 1


def _port(thing: Thing, side: list[Thing], other: Thing) -> float:
    """Where on its side an edge begins: the edges there have the order of where they lead."""
    ordered = sorted(side, key=lambda each: each.centre)
    if len(ordered) == 1:
        return thing.centre
    step = thing.across / (len(ordered) + 1)
    return thing.at + step * (ordered.index(other) + 1)
