"""Processes with one input and one output."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csp.patterns import (
    batch,
    drop,
    filter,
    flatten,
    identity,
    map,
    pipeline,
    prefix,
    scan,
    successor,
    take,
)

Through = Callable[[Any, Any], list[Any]]

law = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `through` keeps nothing
)
numbers = st.lists(st.integers(), max_size=8)
counts = st.integers(0, 10)


@law
@given(values=st.lists(st.none() | st.integers(), max_size=8))
def test_identity_changes_nothing(through: Through, values: list[Any]) -> None:
    assert through(identity, values) == values


@law
@given(values=numbers)
def test_prefix_sends_its_value_first(through: Through, values: list[int]) -> None:
    assert through(partial(prefix, 0), values) == [0, *values]


@law
@given(values=numbers)
def test_successor_adds_one(through: Through, values: list[int]) -> None:
    assert through(successor, values) == [n + 1 for n in values]


@law
@given(values=numbers)
def test_map_is_pythons_map(through: Through, values: list[int]) -> None:
    assert through(partial(map, str), values) == [str(n) for n in values]


@law
@given(values=numbers)
def test_filter_is_pythons_filter(through: Through, values: list[int]) -> None:
    assert through(partial(filter, lambda n: n % 2), values) == [n for n in values if n % 2]


@law
@given(values=numbers)
def test_scan_is_accumulate(through: Through, values: list[int]) -> None:
    totals = through(partial(scan, lambda a, b: a + b, 5), values)
    assert totals == list(accumulate(values, initial=5))[1:]


@law
@given(values=numbers, count=counts)
def test_take_and_drop_part_the_values(through: Through, values: list[int], count: int) -> None:
    taken = through(partial(take, count), values)
    assert taken == values[:count]
    assert taken + through(partial(drop, count), values) == values


@law
@given(values=numbers, size=st.integers(1, 4))
def test_flatten_undoes_batch(through: Through, values: list[int], size: int) -> None:
    batches = through(partial(batch, size), values)
    assert [len(each) for each in batches[:-1]] == [size] * (len(batches) - 1)
    assert all(0 < len(each) <= size for each in batches)
    assert through(pipeline(partial(batch, size), flatten), values) == values


@law
@given(values=numbers)
def test_map_of_two_functions_is_a_pipeline_of_two_maps(
    through: Through, values: list[int]
) -> None:
    two = pipeline(partial(map, abs), partial(map, str))
    assert through(two, values) == through(partial(map, lambda n: str(abs(n))), values)


def test_take_leaves_the_next_value_to_others(through: Through) -> None:
    """It ends without a look at what comes behind its last value."""
    sent: list[int] = []
    assert through(partial(take, 2), (sent.append(n) or n for n in range(9))) == [0, 1]
    assert sent == [0, 1, 2]  # that one was offered, and found nobody


def test_take_of_none_takes_nothing(through: Through) -> None:
    assert through(partial(take, 0), [1, 2]) == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(through: Through, size: int) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        through(partial(batch, size), [1])
    assert caught.group_contains(ValueError, match="1 or more")


@pytest.mark.parametrize("stage", [partial(map, int), partial(filter, int)])
def test_an_error_of_the_function_is_the_error_of_the_process(through: Through, stage: Any) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        through(stage, ["1", "x"])
    assert caught.group_contains(ValueError, match="invalid literal")
