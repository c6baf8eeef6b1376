from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


@pytest.mark.parametrize("cups", [0, 1, 8])
def test_who_may_choose_gets_tea(run: Run, cups: int) -> None:
    assert run("vending", cups=cups) == ["tea"] * cups


@pytest.mark.parametrize("whim", [False, True])
def test_an_easy_customer_is_served_by_both(run: Run, whim: bool) -> None:
    drunk = run("vending", whim=whim, easy=True, cups=50)
    assert len(drunk) == 50
    assert set(drunk) == {"tea", "coffee"}


def test_a_machine_with_a_whim_and_a_tea_drinker_wait_for_each_other(run: Run) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        run("vending", whim=True)
    assert "`machine_by_whim` waits to send to `coffee`" in str(caught.value)
    assert "`tea_drinker` waits to receive from `tea`" in str(caught.value)
