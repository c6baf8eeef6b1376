"""What stands at the top of each example."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
IMPORTED = {"primes"}  # by others: it is not run by itself
NAMES = sorted(file.stem for file in EXAMPLES.glob("*.py") if file.stem not in IMPORTED)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_how_it_is_run_and_what_it_teaches(name: str) -> None:
    top = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or ""
    assert f"csp run examples/{name}.py" in top
    assert "What it teaches: " in top
