"""csp explain, and the pages that it shows: each is named by a message, and each name has a page.

That the pages show what is really said: tests/test_docs.py.
"""

from __future__ import annotations

import gc
import re
import sys
import traceback
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import csp
from csp._errors import Page, explained, see
from csp.cli import main

DIRECTORY = Path(csp.__file__).parent / "mistakes"
NAMES = sorted(file.stem for file in DIRECTORY.glob("*.md"))
BY_PYTHON = {"forgotten-await", "other-loop"}  # said by Python itself; `csp run` names the page


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command changes for its program is changed back."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "warnoptions", [])
    with warnings.catch_warnings():
        warnings.resetwarnings()
        yield


def broken_programs(name: str) -> Iterator[str]:
    text = (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")
    yield from re.findall(r"^<!-- fails -->\n```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def told(source: str) -> str:
    """All that plain Python says while the program runs."""
    program = types.ModuleType("program")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(source, "program.py", "exec"), vars(program))
            csp.run(program.main)
        except Exception as error:
            said = "".join(traceback.format_exception(error))
        else:
            said = ""
        vars(program).clear()
        gc.collect()
    return said + "".join(f"\n{each.message}" for each in caught)


@pytest.mark.parametrize("name", sorted(BY_PYTHON))
def test_csp_run_names_the_page_about_what_python_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, program in enumerate(broken_programs(name)):
        file = tmp_path / f"{name}_{number}.py"
        file.write_text(program, encoding="utf-8")
        main(["run", str(file)])
        sys.modules.pop(file.stem)
        assert capsys.readouterr().err.endswith(f" (csp explain {name})\n")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_PYTHON])
def test_whoever_makes_the_mistake_of_a_page_is_told_its_name(name: str) -> None:
    for program in broken_programs(name):
        assert f"(csp explain {name})" in told(program)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_a_broken_program_and_how_to_mend_it(name: str) -> None:
    text = (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")
    assert list(broken_programs(name))
    assert f"(csp explain {name})" in text
    assert "\n## Why\n" in text
    assert "\n## How to mend it\n" in text
    assert "\nNext: " in text


def test_there_is_a_page_for_each_name_in_a_message() -> None:
    in_sources = {
        name
        for file in DIRECTORY.parent.rglob("*.py")
        for name in re.findall(r"\(csp explain ([\w-]+)\)", file.read_text(encoding="utf-8"))
    }
    assert in_sources | set(get_args(Page)) == set(NAMES)


def test_an_error_names_one_page_the_first() -> None:
    error = explained(explained(ValueError("no"), "never-given"), "failed-process")
    assert error.__notes__ == [see("never-given")]


# --- the command ------------------------------------------------------------------------------


def test_without_a_name_it_lists_the_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert "never-run         A process that was called, but never run" in lines


def test_piped_it_gives_the_page_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "never-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# A process that was called, but never run\n\n```python\n")
    assert "<!--" not in out


def test_on_a_terminal_it_renders_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["explain", "never-run"]) == 0
    out = capsys.readouterr().out
    assert "A process that was called, but never run" in out
    assert "```" not in out


def test_an_unknown_name_is_told_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "nothing"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("csp: there is no page nothing; there are:\nabandoned ")
    assert len(err.splitlines()) == 1 + len(NAMES)
