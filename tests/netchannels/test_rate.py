"""So many a second, and no more."""

from __future__ import annotations

import math

import pytest

from netchannels._rate import Rate


@pytest.mark.parametrize("rate", [0.5, 3, 10, 1000])
def test_over_any_time_no_more_begin_than_the_rate_allows(rate: float) -> None:
    limit, begun, now = Rate(rate), 0, 0.0
    for _ in range(1000):
        while not limit.pause(now):
            limit.spend(1)
            begun += 1
        now += max(limit.pause(now), 0.001)
    assert rate * now * 0.9 - 1 <= begun <= rate * now + max(rate / 10, 1)


def test_after_a_rest_a_tenth_of_a_second_may_begin_at_once() -> None:
    limit = Rate(100)
    assert limit.left(0.0) == 10
    limit.spend(10)
    assert limit.left(1000.0) == 10


def test_a_burst_of_ones_own_is_saved_up() -> None:
    limit = Rate(2, burst=50)
    limit.spend(60)
    assert limit.left(0.0) == -10
    assert limit.left(10.0) == 10
    assert limit.left(1000.0) == 50


def test_the_pause_is_until_the_next_may_begin() -> None:
    limit = Rate(4)
    limit.spend(limit.left(0.0))
    assert limit.pause(0.0) == pytest.approx(0.25)
    assert limit.pause(0.25) == 0
    limit.spend(3)
    assert limit.pause(0.25) == pytest.approx(0.75)


@pytest.mark.parametrize("now", [0.0, 0.1, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("rate", [0.3, 100, 1e6])
def test_whenever_it_is_who_waits_for_the_pause_gets_on(now: float, rate: float) -> None:
    limit = Rate(rate)
    for _ in range(100):
        limit.spend(limit.left(now))
        for _ in range(3):
            now += limit.pause(now)
        assert limit.pause(now) == 0


def test_what_is_given_back_may_be_spent_again_but_no_more_than_the_burst() -> None:
    limit = Rate(2, burst=4)
    limit.spend(4)
    limit.give_back(2)
    assert limit.left(0.0) == 2
    limit.give_back(50)
    assert limit.left(0.0) == 4


def test_without_a_limit_all_may_begin() -> None:
    limit = Rate(math.inf)
    limit.spend(1000)
    assert limit.left(0.0) == limit.left(1.0) == math.inf
    assert limit.pause(2.0) == 0


def test_no_rate_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="rate is more than 0"):
        Rate(-1)
