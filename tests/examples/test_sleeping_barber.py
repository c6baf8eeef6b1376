from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("chairs", "served"),
    [(0, [0, 3, 6, 9]), (2, [0, 1, 2, 3, 6, 9]), (10, list(range(10)))],
)
def test_who_finds_a_chair_is_served(run: Run, chairs: int, served: list[int]) -> None:
    assert run("sleeping_barber", chairs=chairs) == served
