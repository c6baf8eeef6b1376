from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

import csp


@pytest.mark.parametrize("rounds", [1, 2, 500])
def test_the_ring_counts_its_rounds(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str], rounds: int
) -> None:
    assert csp.run(load("commstime").main, rounds) == rounds - 1
    assert "microseconds a communication" in capsys.readouterr().out
