"""The course is a program of its own, beside its pages: docs/course/check.py."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

COURSE = Path(__file__).parent.parent.parent / "docs" / "course"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`docs/course/check.py`, imported as Python does when it is run."""
    monkeypatch.syspath_prepend(str(COURSE))
    return importlib.import_module("check")
