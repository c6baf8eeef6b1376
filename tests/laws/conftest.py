"""Each law holds on both scheduling paths."""

from __future__ import annotations

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lend" in metafunc.fixturenames:
        metafunc.parametrize("lend", [True, False], ids=["lending", "fallback"])
