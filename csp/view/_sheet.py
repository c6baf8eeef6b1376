"""A layout on paper: from left to right, or from top to bottom, or in rows like a meander.

Invariant: a row is cut between two columns where few edges pass; each second row runs backwards, so
that these edges only turn round.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise

from ._layout import GUTTER, Layout, Size

VIEW = 1200.0, 900.0  # what a reader sees at once
CLEARLY = 1.1  # so many times larger must another way show the picture, to be taken
FEW = 3  # edges that may pass where a row is cut
BETWEEN_ROWS, TURN = 24.0, 30.0  # down, between rows; along, for an edge that turns round
MOST_ROWS = 20


class Sheet:
    """Where the places of a layout are on paper: `x` to the right, `y` down."""

    def __init__(self, layout: Layout, *, down: bool = False, cuts: tuple[float, ...] = ()) -> None:
        self.layout, self.down = layout, down
        self.starts = (0.0, *cuts)  # of the rows
        self.stops = (*cuts, layout.along)
        self.row_height = layout.across + BETWEEN_ROWS
        self.row_width = max(b - a for a, b in zip(self.starts, self.stops, strict=True))
        self.beside = TURN if cuts else 0.0
        width = self.row_width + 2 * self.beside
        height = layout.across + self.row_height * len(cuts)
        self.width, self.height = (height, width) if down else (width, height)

    def row(self, along: float) -> int:
        """In which row a place is."""
        return bisect_right(self.starts, along) - 1

    def point(self, along: float, across: float, row: int | None = None) -> tuple[float, float]:
        """Where it is on paper; `row` if it is on the border of one."""
        if self.down:
            return across, along
        if row is None:
            row = self.row(along)
        x = along - self.starts[row]
        if row % 2:
            x = self.row_width - x
        return x + self.beside, across + row * self.row_height

    def rectangles(self, start: Size, size: Size) -> Iterator[tuple[float, float, float, float]]:
        """x, y, width and height of a rectangle; several if it goes through several rows."""
        stop = start[0] + size[0]
        for row, (first, last) in enumerate(zip(self.starts, self.stops, strict=True)):
            low, high = max(start[0], first), min(stop, last)
            if low < high or (low == high and len(self.starts) == 1):
                x, y = self.point(low, start[1], row)
                to_x, to_y = self.point(high, start[1] + size[1], row)
                yield min(x, to_x), y, abs(to_x - x), to_y - y

    def curve(self, one: Size, other: Size) -> list[tuple[float, float]]:
        """The three points of a cubic curve that goes on from `one` to `other`."""
        row, to_row = self.row(one[0]), self.row(other[0])
        if row == to_row:
            middle = (one[0] + other[0]) / 2
            return [self.point(middle, one[1], row), self.point(middle, other[1], row),
                    self.point(*other)]  # fmt: skip
        right = min(row, to_row) % 2 == 0
        x = self.row_width + 2 * self.beside + TURN if right else -TURN
        return [(x, self.point(*one)[1]), (x, self.point(*other)[1]), self.point(*other)]

    def scale(self) -> float:
        """How small it gets where all of it is seen at once; 1 if it need not."""
        return min(VIEW[0] / max(self.width, 1.0), VIEW[1] / max(self.height, 1.0), 1.0)


def best_sheet(lay_out: Callable[[bool], Layout]) -> Sheet:
    """The way that shows the picture largest; `lay_out(down)` gives the layout for a direction."""
    across = lay_out(False)
    ways = [Sheet(across), Sheet(lay_out(True), down=True)]
    ways += [Sheet(across, cuts=cuts) for cuts in _all_cuts(across)]
    best = ways[0]
    for way in ways[1:]:
        if way.scale() > CLEARLY * best.scale():
            best = way
    return best


def _all_cuts(layout: Layout) -> Iterator[tuple[float, ...]]:
    """Where to cut for two rows, for three, ..."""
    places = _places(layout)
    for rows in range(2, MOST_ROWS + 1):
        long = layout.along / rows
        cuts: list[float] = []
        for place, after in pairwise([*places, layout.along]):
            begun = cuts[-1] if cuts else 0.0
            if after - begun > long + GUTTER and place > begun:
                cuts.append(place)
        if cuts:
            yield tuple(cuts)


def _places(layout: Layout) -> list[float]:
    """The places between two columns where few edges pass."""
    ends: dict[int, float] = {}
    starts: dict[int, float] = {}
    passing: dict[int, int] = {}
    for thing in layout.root.things():
        column = thing.column
        ends[column] = max(ends.get(column, 0.0), thing.start + thing.along)
        starts[column] = min(starts.get(column, layout.along), thing.start)
        passing[column] = passing.get(column, 0) + len(thing.after)
    return [
        (ends[column] + starts[column + 1]) / 2
        for column in sorted(ends)
        if column + 1 in starts and passing[column] <= FEW
    ]
