"""How many requests go together."""

from __future__ import annotations

from netchannels._sizes import MOST, SHORT, Sizes


def learnt(seconds: float) -> Sizes:
    sizes = Sizes()
    for _ in range(30):
        sizes.measured(1, seconds)
    return sizes


def test_a_batch_takes_about_as_long_as_it_should_and_a_long_request_goes_alone() -> None:
    assert learnt(SHORT / 5).most(10_000, 2) in (4, 5)
    assert learnt(SHORT * 2).most(10_000, 2) == 1
    assert learnt(0.0).most(10_000, 2) == MOST


def test_it_grows_no_faster_than_double() -> None:
    sizes = Sizes()
    grown = []
    for _ in range(4):
        sizes.measured(1, 1e-6)
        grown.append(sizes.size)
    assert grown == [2, 4, 8, 16]


def test_a_batch_leaves_enough_for_the_others() -> None:
    sizes = learnt(1e-6)
    assert sizes.most(12, 3) == 2
    assert sizes.most(1, 3) == 1


def test_only_what_is_known_to_be_short_waits_behind_another() -> None:
    assert not Sizes().are_short
    assert learnt(SHORT / 2).are_short
    assert not learnt(SHORT * 2).are_short
