from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


def test_each_smokes_when_he_can(run: Run, load: Callable[[str], ModuleType]) -> None:
    things = load("smokers").THINGS
    dice = random.Random(1)
    able = Counter(({*things} - {*dice.sample(things, 2)}).pop() for _ in range(30))
    assert run("smokers") == able


def test_without_a_table_they_wait_for_each_other(run: Run) -> None:
    with pytest.raises(csp.Deadlock, match="`smoker with tobacco` waits to receive from"):
        run("smokers", table=False)
