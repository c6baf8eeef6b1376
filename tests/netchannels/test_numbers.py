"""Numbers that users give."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from netchannels._numbers import as_number

TIME = "a time is 0 or more seconds"


@pytest.mark.parametrize("value", [0, 0.0, 3, 2.5, True, Fraction(1, 2), math.inf])
def test_what_is_a_number_becomes_a_float(value: float) -> None:
    found = as_number(value, TIME, least=0)
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", ["1", None, [], 1j])
def test_what_is_none_is_a_type_error_in_the_words_of_the_promise(value: object) -> None:
    with pytest.raises(TypeError, match=r"a time is 0 or more seconds, not "):
        as_number(value, TIME, least=0)


@pytest.mark.parametrize("value", [-0.1, -1, -math.inf, math.nan, 10**400, -(10**400)])
def test_what_is_out_of_range_is_a_value_error(value: float) -> None:
    with pytest.raises(ValueError, match=r"a time is 0 or more seconds, not "):
        as_number(value, TIME, least=0)


def test_above_leaves_the_bound_itself_out() -> None:
    assert as_number(0.1, "more than 0", above=0) == 0.1
    with pytest.raises(ValueError, match="more than 0, not 0"):
        as_number(0, "more than 0", above=0)


def test_without_a_bound_any_number_will_do_but_nan() -> None:
    assert as_number(-math.inf, "a number") == -math.inf
    with pytest.raises(ValueError, match="a number, not nan"):
        as_number(math.nan, "a number")
