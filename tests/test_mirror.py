"""`tests/csp/` mirrors `csp/`, and `tests/netchannels/` the network: each source file has a test
file, each test file a source file.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TESTED_ELSEWHERE = {
    "csp": {
        "abc": "abstract classes only: tests/typing/ and tests/csp/test_guards.py",
        "arguments": "tests/csp/test_cli.py",
        "command_run": "tests/csp/test_cli.py",
        "conformance": "it is a suite itself: tests/conformance/",
        "from_thread": "two functions of _bridge.py: tests/csp/test_bridge.py",
        "report": "tests/csp/test_cli.py",
        "target": "tests/csp/test_cli.py",
    },
    "netchannels": {
        "faults": "tests/netchannels/test_testing.py",
        "linked": "tests/netchannels/test_testing.py",
        "wire": "a door: its files have a test each",
        "events": "records only",
        "ping": "tests/netchannels/test_cli.py",
        "batches": "records only",
        "asking": "what is asked of a pool: tests/netchannels/test_pool.py",
        "members": "the programs of a pool: tests/netchannels/test_pool.py",
        "progress": "tests/netchannels/test_pool.py",
        "placement": "a door: its files have a test each",
        "program": "abstract classes: tests/netchannels/placement/test_placed.py, test_cores.py",
        "text": "tests/netchannels/test_cli.py",
    },
}
ABOUT_SEVERAL = {
    "csp": {
        "hostile": "promises that were broken once, whichever file broke them",
        "work": "leases, calls and extended rendezvous side by side",
    },
    "netchannels": {
        "cancels": "operations over a link, cancelled at every step",
        "every_placement": "one suite over all placements",
        "cuts": "a link cut after every byte",
        "frozen": "programs that stand still, and those that are busy",
        "hostile": "peers that break every rule",
        "kill": "programs that are killed at work",
        "namespaces": "cables that are pulled",
        "pool_kill": "programs of pools that are killed or hang, and parents that are killed",
        "slow": "slow readers, and what they cost",
    },
}


def name_of(file: Path) -> str:
    """What a source file is called in its test: `_x.py` is x, and so is `x/__init__.py`."""
    return (file.parent.name if file.name == "__init__.py" else file.stem).removeprefix("_")


def sources(package: str) -> dict[str, Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    top = [file for file in files if file.parent.name == package and file.name.startswith("__")]
    return {name_of(file): file for file in files if file not in top}


def mirrors(package: str) -> dict[str, Path]:
    found = sorted((ROOT / "tests" / package).rglob("test_*.py"))
    return {file.stem.removeprefix("test_"): file for file in found}


PACKAGES = list(TESTED_ELSEWHERE)
TESTS = {
    f"{package}/{name}": file for package in PACKAGES for name, file in mirrors(package).items()
}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_source_file_has_its_test_file(package: str) -> None:
    untested = sources(package).keys() - mirrors(package).keys()
    assert untested == TESTED_ELSEWHERE[package].keys()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_has_its_source_file(package: str) -> None:
    without = mirrors(package).keys() - sources(package).keys()
    assert without == ABOUT_SEVERAL[package].keys()


@pytest.mark.parametrize("name", list(TESTS))
def test_a_test_file_holds_tests_and_no_name_twice(name: str) -> None:
    tree = ast.parse(TESTS[name].read_text(encoding="utf-8"))
    functions = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    tests = [function.name for function in functions if function.name.startswith("test_")]
    assert tests
    assert len(tests) == len(set(tests))  # the second would hide the first
