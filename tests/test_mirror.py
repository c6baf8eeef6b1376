"""`tests/csp/` mirrors `csp/`: a test file for each source file, a source file for each test file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TESTED_ELSEWHERE = {
    "abc": "abstract classes only: tests/typing/ and tests/csp/test_guards.py",
    "conformance": "it is a suite itself: tests/conformance/",
    "from_thread": "two functions of _bridge.py: tests/csp/test_bridge.py",
}
ABOUT_SEVERAL = {
    "hostile": "promises that were broken once, whichever file broke them",
    "work": "leases, calls and extended rendezvous side by side",
}


def name_of(file: Path) -> str:
    """What a source file is called in its test: `_x.py` is x, and so is `x/__init__.py`."""
    return (file.parent.name if file.name == "__init__.py" else file.stem).removeprefix("_")


SOURCES = {
    name_of(file): file
    for file in sorted((ROOT / "csp").rglob("*.py"))
    if file.parent.name != "csp" or not file.name.startswith("__")
}
TESTS = {
    file.stem.removeprefix("test_"): file
    for file in sorted((ROOT / "tests" / "csp").glob("test_*.py"))
}


def test_every_source_file_has_its_test_file() -> None:
    assert SOURCES.keys() - TESTS.keys() == TESTED_ELSEWHERE.keys()


def test_every_test_file_has_its_source_file() -> None:
    assert TESTS.keys() - SOURCES.keys() == ABOUT_SEVERAL.keys()


@pytest.mark.parametrize("name", list(TESTS))
def test_a_test_file_holds_tests_and_no_name_twice(name: str) -> None:
    tree = ast.parse(TESTS[name].read_text(encoding="utf-8"))
    functions = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    tests = [function.name for function in functions if function.name.startswith("test_")]
    assert tests
    assert len(tests) == len(set(tests))  # the second would hide the first
