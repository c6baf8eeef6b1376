"""What mypy and pyright say in strict mode about small programs, and what csp says of the same.

In `programs/` a comment `# refused` marks each line that both checkers must refuse; they accept
all others.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import csp

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
Found = dict[tuple[str, int], str]  # (file, line): message


def refused(file: Path) -> set[int]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}


def called(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    return done.stdout


def mypy() -> Found:
    out = called("mypy", "--strict", "--config-file=", "--output=json", *map(str, PROGRAMS))
    found = [json.loads(line) for line in out.splitlines()]
    errors = [error for error in found if error["severity"] == "error"]
    return {(Path(e["file"]).name, e["line"]): e["message"] for e in errors}


def pyright() -> Found:
    directory = str(PROGRAMS[0].parent.parent)  # its pyrightconfig.json says: strict
    out = called("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", directory)
    result = json.loads(out)
    assert result["summary"]["filesAnalyzed"] == len(PROGRAMS)
    errors = [e for e in result["generalDiagnostics"] if e["severity"] == "error"]
    return {(Path(e["file"]).name, e["range"]["start"]["line"] + 1): e["message"] for e in errors}


@pytest.fixture(scope="session", params=["mypy", "pyright"])
def errors(request: pytest.FixtureRequest) -> Found:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: pip install 'netchannels[typing]'")
    return mypy() if request.param == "mypy" else pyright()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_is_accepted_but_for_the_marked_lines(errors: Found, program: Path) -> None:
    marked = refused(program)
    wrong = {
        f"{program.name}:{line}": message
        for (name, line), message in errors.items()
        if name == program.name and line not in marked
    }
    assert not wrong


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_each_marked_line_is_refused(errors: Found, program: Path) -> None:
    lines = program.read_text(encoding="utf-8").splitlines()
    missed = [
        f"{program.name}:{line}: {lines[line - 1].strip()}"
        for line in sorted(refused(program))
        if (program.name, line) not in errors
    ]
    assert not missed


# --- the same at run time --------------------------------------------------------------------


@functools.cache
def wiring() -> ModuleType:
    file = next(program for program in PROGRAMS if program.stem == "wiring")
    spec = importlib.util.spec_from_file_location("wiring", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRONG = [name for name in vars(wiring()) if name.startswith(("the_wrong", "a_"))]


def test_every_refused_line_of_the_wiring_is_tried() -> None:
    assert len(WRONG) == len(refused(Path(wiring().__file__ or "")))


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a failed check has moved no end
@pytest.mark.parametrize("name", WRONG)
def test_wrong_wiring_is_refused_at_run_time_as_well(name: str) -> None:
    with pytest.raises(csp.WiringError, match=r"at wiring.py:\d+ wants "):
        getattr(wiring(), name)()


def test_right_wiring_is_accepted_at_run_time() -> None:
    wiring().accepted()
