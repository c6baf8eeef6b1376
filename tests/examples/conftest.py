"""Load an example as `csp run` does: from its file."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from trio.testing import MockClock

import csp

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    def load_one(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look there
        spec.loader.exec_module(module)
        return module

    return load_one


@pytest.fixture
def run(load: Callable[[str], ModuleType]) -> Callable[..., Any]:
    """`run("lift", impatient=True)`: what its main returns, in virtual time."""

    def run_one(name: str, /, **arguments: Any) -> Any:
        main = functools.partial(load(name).main, **arguments)
        return csp.run(main, clock=MockClock(autojump_threshold=0))

    return run_one
