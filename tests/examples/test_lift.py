from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("impatient", [False, True])
def test_it_goes_on_in_its_direction_and_nobody_holds_it_up(run: Run, impatient: bool) -> None:
    assert run("lift", impatient=impatient) == [3, 5, 2, 1, 0]
