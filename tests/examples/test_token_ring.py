from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


@pytest.mark.parametrize(("stations", "rounds"), [(1, 1), (2, 1), (3, 2), (10, 5)])
def test_everybody_has_the_token_in_turn(run: Run, stations: int, rounds: int) -> None:
    assert run("token_ring", stations=stations, rounds=rounds) == [*range(stations)] * rounds


def test_without_a_token_the_ring_is_named_as_a_deadlock(run: Run) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        run("token_ring", token=False)
    for number in range(3):
        assert f"`station {number}` waits to receive from `to {number}`" in str(caught.value)
