from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_all_comes_through_in_order(run: Run, count: int, size: int) -> None:
    assert run("bounded_buffer", count=count, size=size) == list(range(count))


def test_without_conditions_it_gives_what_it_has_not(run: Run) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run("bounded_buffer", conditions=False)
    (error,) = caught.value.exceptions
    assert isinstance(error, IndexError)
    assert "in process `careless_buffer`" in error.__notes__[0]
