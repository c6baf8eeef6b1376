from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("years", [1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_he_is_woken_by_nine_reindeer_or_three_elves(run: Run, years: int, seed: int) -> None:
    diary = run("santa", years=years, seed=seed)
    what = [entry.split()[0] for entry in diary]
    who = [entry.split()[1:] for entry in diary]
    assert what.count("toys:") == years
    assert what[-1] == "toys:"
    for entry, names in zip(what, who, strict=True):
        assert len(set(names)) == (9 if entry == "toys:" else 3)
        kind = "reindeer" if entry == "toys:" else "elf"
        assert all(name.startswith(kind) for name in names)
