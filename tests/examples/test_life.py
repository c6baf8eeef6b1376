from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

BEFORE = [".#......", "..#.....", "###....."] + ["........"] * 5


def moved(board: list[str], by: int) -> list[str]:
    """Down and to the right, on a torus."""
    rows = [row[-by:] + row[:-by] for row in board]
    return rows[-by:] + rows[:-by]


def test_nothing_happens_in_no_generation(run: Run) -> None:
    assert run("life", generations=0).splitlines() == BEFORE


@pytest.mark.parametrize("times", [1, 3])
def test_a_glider_moves_by_one_cell_in_four_generations(run: Run, times: int) -> None:
    assert run("life", generations=4 * times).splitlines() == moved(BEFORE, times)


def test_it_comes_back_around_the_torus(run: Run) -> None:
    assert run("life", generations=32).splitlines() == BEFORE
