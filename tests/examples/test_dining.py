from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest

import csp


def test_the_deadlock_is_reported_with_everybody_in_it(load: Callable[[str], ModuleType]) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        csp.run(load("dining").main)
    for i in range(5):
        assert re.search(rf"`philosopher {i}` waits to send to", str(caught.value))
        assert re.search(rf"`fork {i}` waits to receive from", str(caught.value))


@pytest.mark.parametrize("meals", [1, 5])
def test_with_a_butler_everybody_eats(load: Callable[[str], ModuleType], meals: int) -> None:
    assert csp.run(load("dining").main, True, meals) == 5 * meals
