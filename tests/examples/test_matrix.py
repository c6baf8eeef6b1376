from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csp

sizes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))


def matrices(rows: int, columns: int) -> st.SearchStrategy[list[list[int]]]:
    row = st.lists(st.integers(-9, 9), min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


pairs = sizes.flatmap(lambda s: st.tuples(matrices(s[0], s[1]), matrices(s[1], s[2])))


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `load` keeps nothing
)
@given(pair=pairs)
def test_the_grid_multiplies(load: Callable[[str], ModuleType], pair: Any) -> None:
    a, b = pair
    product = [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)]
        for row in a
    ]
    assert csp.run(load("matrix").multiply, a, b) == product


@pytest.mark.parametrize(("size", "product"), [(1, [[0]]), (2, [[1, 0], [3, -2]])])
def test_main(load: Callable[[str], ModuleType], size: int, product: list[list[int]]) -> None:
    assert csp.run(load("matrix").main, size) == product
