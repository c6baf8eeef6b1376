from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


def test_each_gets_what_the_other_has(run: Run) -> None:
    assert run("exchange") == ("bread", "wool")


def test_when_both_give_first_they_wait_for_each_other(run: Run) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        run("exchange", side_by_side=False)
    assert "`shepherd` waits to send to `there`" in str(caught.value)
    assert "`baker` waits to send to `back`" in str(caught.value)
