"""So many requests a second, and no more."""

from __future__ import annotations

import math

import pytest

from netchannels._rate import Rate


@pytest.mark.parametrize("rate", [0.5, 3, 10, 1000])
def test_over_any_time_no_more_begin_than_the_rate_allows(rate: float) -> None:
    limit, begun, now = Rate(rate), 0, 0.0
    for _ in range(1000):
        allowed = limit.allowed(now)
        limit.spend(allowed)
        begun += allowed
        now += max(limit.pause(), 0.001)
    assert rate * now * 0.9 - 1 <= begun <= rate * now + max(rate / 10, 1)


def test_after_a_rest_a_tenth_of_a_second_may_begin_at_once() -> None:
    limit = Rate(100)
    assert limit.allowed(0.0) == 10
    limit.spend(10)
    assert limit.allowed(1000.0) == 10


def test_the_pause_is_until_the_next_may_begin() -> None:
    limit = Rate(4)
    limit.spend(limit.allowed(0.0))
    assert limit.pause() == pytest.approx(0.25)
    assert limit.allowed(limit.pause()) == 1


def test_without_a_limit_all_may_begin() -> None:
    limit = Rate(math.inf)
    limit.spend(1000)
    assert limit.allowed(0.0) > 1_000_000
    with pytest.raises(ValueError, match="rate"):
        Rate(-1)
