from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def test_nobody_comes_in_to_read_while_the_writer_waits(run: Run) -> None:
    assert run("readers_writers") == 0


def test_in_the_starving_variant_all_others_come_first(run: Run) -> None:
    assert run("readers_writers", starving=True) == 17
