"""Layouts on paper."""

from __future__ import annotations

import pytest

from csp.view._layout import Area, Layout, Thing
from csp.view._sheet import VIEW, Sheet, best_sheet


def layout(along: float, across: float, columns: int = 1, edges: int = 1) -> Layout:
    """Columns of things 10 wide, with so many edges between neighbours."""
    root, before = Area(None), list[Thing]()
    step = along / columns
    for column in range(columns):
        start = column * step
        things = [
            Thing("node", f"p{column}", column, along=10, across=10, start=start)
            for _ in range(edges)
        ]
        for one, other in zip(before, things, strict=False):
            one.after.append(other)
        root.parts += things
        before = things
    return Layout(root, [], along, across)


def test_from_left_to_right_is_as_it_is() -> None:
    sheet = Sheet(layout(400, 100))
    assert (sheet.width, sheet.height) == (400, 100)
    assert sheet.point(30, 70) == (30, 70)
    assert list(sheet.rectangles((30, 70), (50, 20))) == [(30, 70, 50, 20)]


def test_from_top_to_bottom_is_turned() -> None:
    sheet = Sheet(layout(400, 100), down=True)
    assert (sheet.width, sheet.height) == (100, 400)
    assert sheet.point(30, 70) == (70, 30)
    assert list(sheet.rectangles((30, 70), (50, 20))) == [(70, 30, 20, 50)]


def test_each_second_row_runs_backwards() -> None:
    sheet = Sheet(layout(300, 100), cuts=(100.0, 200.0))
    xs = [sheet.point(along, 0)[0] - sheet.beside for along in (0, 99, 100, 199, 200, 299)]
    assert xs == [0, 99, 100, 1, 0, 99]
    ys = [sheet.point(along, 10)[1] for along in (0, 100, 200)]
    assert ys == [10, 10 + sheet.row_height, 10 + 2 * sheet.row_height]


def test_a_rectangle_that_goes_through_rows_is_cut() -> None:
    sheet = Sheet(layout(300, 100), cuts=(100.0, 200.0))
    b, high = sheet.beside, sheet.row_height
    assert list(sheet.rectangles((50, 10), (200, 20))) == [
        (b + 50, 10, 50, 20),
        (b + 0, 10 + high, 100, 20),
        (b + 0, 10 + 2 * high, 50, 20),
    ]


def test_an_edge_that_changes_rows_turns_round_beside_them() -> None:
    sheet = Sheet(layout(300, 100), cuts=(100.0, 200.0))
    first, second, end = sheet.curve((95, 10), (105, 20))
    assert first[0] == second[0] > sheet.width - sheet.beside
    assert (first[1], end) == (10, sheet.point(105, 20))
    first, second, _ = sheet.curve((195, 10), (205, 20))
    assert first[0] == second[0] < sheet.beside


def test_an_edge_within_a_row_is_a_curve_between_its_ends() -> None:
    assert Sheet(layout(300, 100)).curve((10, 10), (30, 50)) == [(20, 10), (20, 50), (30, 50)]


@pytest.mark.parametrize(
    ("along", "across", "down"),
    [(VIEW[0], 100, False), (VIEW[1], VIEW[0], True), (500, 500, False)],
)
def test_the_direction_is_the_one_that_shows_the_picture_larger(
    along: float, across: float, down: bool
) -> None:
    assert best_sheet(lambda _: layout(along, across)).down is down


def test_a_long_chain_is_cut_into_rows() -> None:
    sheet = best_sheet(lambda _: layout(8000, 80, columns=80))
    assert not sheet.down
    assert len(sheet.starts) > 4
    assert sheet.scale() > 0.8


def test_no_row_is_cut_where_many_edges_pass() -> None:
    assert best_sheet(lambda _: layout(8000, 80, columns=80, edges=4)).starts == (0.0,)


def test_the_scale_is_one_for_what_fits() -> None:
    assert Sheet(layout(100, 100)).scale() == 1.0
    assert Sheet(layout(2 * VIEW[0], 100)).scale() == 0.5
