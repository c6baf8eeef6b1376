"""A program that a launcher runs is like one that Python runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .launcher import Done, Launcher, by_itself

PROGRAM = """
import atexit, os, sys
from __main__ import __file__ as file
print(__name__, sys.argv[1:], sys.stdin.read() == "", file == os.path.join(os.getcwd(), "program.py"))
print("umlaut \\u00e4", file=sys.stderr)
atexit.register(print, "at exit")
import beside
sys.exit(3)
"""

Run = Callable[[list[str], Path], Done]


@pytest.fixture(params=["forked", "a Python of its own"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with Launcher() as launcher:
        yield launcher.run if request.param == "forked" else by_itself


def test_a_program_has_its_arguments_its_directory_and_its_end(run: Run, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "beside.py").write_text("print('imported')", encoding="utf-8")
    code, out, err = run(["program.py", "a b"], tmp_path)
    assert (code, err) == (3, "umlaut \u00e4\n")
    assert out.splitlines() == [
        "__main__ ['a b'] True True",
        "imported",
        "at exit",
    ]


def test_an_error_is_told_and_fails_the_program(run: Run, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("1 / 0", encoding="utf-8")
    code, _, err = run(["program.py"], tmp_path)
    assert code == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_a_module_runs(run: Run, tmp_path: Path) -> None:
    code, out, err = run(["-m", "csp", "--version"], tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith("csp of netchannels")


def test_one_program_leaves_nothing_to_the_next(run: Run, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import csp; csp.left = 1", encoding="utf-8")
    (tmp_path / "next.py").write_text("import csp; print(hasattr(csp, 'left'))", encoding="utf-8")
    run(["program.py"], tmp_path)
    assert run(["next.py"], tmp_path).stdout == "False\n"
