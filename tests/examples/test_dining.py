from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import csp


def test_the_deadlock_is_reported_with_everybody_in_it(load: Callable[[str], ModuleType]) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        csp.run(load("dining").main)
    for i in range(5):
        assert re.search(rf"`philosopher {i}` waits to send to", str(caught.value))
        assert re.search(rf"`fork {i}` waits to receive from", str(caught.value))


@pytest.mark.parametrize("cure", ["footman", "left-handed"])
@pytest.mark.parametrize("meals", [1, 5])
def test_with_a_cure_everybody_eats(run: Callable[..., Any], cure: str, meals: int) -> None:
    assert run("dining", cure=cure, meals=meals) == 5 * meals


def test_an_unknown_cure_is_told_with_those_that_there_are(run: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="cure is one of none, footman, left-handed, not yes"):
        run("dining", cure="yes")
