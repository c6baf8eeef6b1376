"""The command `csp draw`, on its own and on all examples."""

from __future__ import annotations

import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from csp.cli import main

Draw = Callable[..., tuple[int, str, str]]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"

PROGRAM = """
import trio
from csp import Channel, Par, Receiver, Sender, process

@process
async def source(out: Sender[int]) -> None:
    raise AssertionError

@process
async def drain(inp: Receiver[int]) -> None:
    raise AssertionError

def network(drains: int = 1):
    a = Channel(int, name="a")
    return Par(source(a.sender()), drains * drain(a.receiver()))

async def main(drains: int = 1) -> None:
    print("said on the way")
    await network(drains)

async def sleeps() -> None:
    await trio.sleep(1)

async def fails() -> None:
    raise ValueError("its own")
"""

PICTURE = """\
└ Par
  ├ source
  └ drain

a: int   source -> drain
"""


@pytest.fixture
def draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Draw:
    """Run `csp draw FILE...`: the code, stdout, stderr."""
    path = tmp_path / "drawn.py"
    path.write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def run_one(*arguments: str) -> tuple[int, str, str]:
        with warnings.catch_warnings():
            code = main(["draw", *arguments])
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent in (
                tmp_path,
                EXAMPLES,
            ):
                del sys.modules[name]
        return code, *capsys.readouterr()

    return run_one


def test_main_is_drawn_as_text_and_its_own_output_goes_to_stderr(draw: Draw) -> None:
    assert draw("drawn.py") == (0, f"main (up to drawn.py:19)\n{PICTURE}", "said on the way\n")


def test_a_function_that_returns_a_process_is_drawn(draw: Draw) -> None:
    code, out, _ = draw("drawn.py:network", "--arg", "drains=3")
    assert code == 0
    assert "3 * drain" in out


def test_the_other_formats_are_given_by_name(draw: Draw) -> None:
    assert draw("drawn.py", "--format", "mermaid")[1].startswith("flowchart LR\n")
    assert ET.fromstring(draw("drawn.py", "--format", "svg")[1]).tag.endswith("svg")


def test_a_picture_can_be_written_to_a_file(draw: Draw, tmp_path: Path) -> None:
    assert draw("drawn.py:network", "--output", "x.txt") == (0, "", "")
    assert (tmp_path / "x.txt").read_bytes().decode() == f"network\n{PICTURE}"


def test_a_file_that_cannot_be_written_is_told(draw: Draw) -> None:
    code, _, err = draw("drawn.py:network", "--output", "no/x.txt")
    assert code == 2
    assert err == "csp: cannot write no/x.txt: No such file or directory\n"


def test_what_cannot_be_drawn_is_told_in_one_line(draw: Draw) -> None:
    code, out, err = draw("drawn.py:sleeps")
    assert (code, out) == (2, "")
    assert err.startswith("csp: `sleeps` waits in trio at drawn.py:22 before")
    assert len(err.splitlines()) == 1


def test_an_error_of_main_is_told_as_by_run(draw: Draw) -> None:
    code, _, err = draw("drawn.py:fails")
    assert code == 1
    assert "ValueError: its own" in err
    assert "_recording.py" not in err


STARTED_ELSEWHERE = dict.fromkeys(
    (
        "hash_files",
        "mandelbrot",
        "monte_carlo_pi",
        "wordcount_mapreduce",
        "wordcount_pool",
        "wordcount_programs",
    ),
    "waits in trio at ",
)
NOT_DRAWN = STARTED_ELSEWHERE | {
    "primes": "has no main",
    "task_master": "missing: --arg address=",
    "task_master_plain": "missing: --arg address=",
    "task_worker": "missing: --arg address=",
    "task_worker_plain": "missing: --arg address=",
}


@pytest.mark.parametrize("name", sorted(file.stem for file in EXAMPLES.glob("*.py")))
def test_an_example_is_drawn_or_it_is_said_why_not(draw: Draw, name: str) -> None:
    code, out, err = draw(str(EXAMPLES / f"{name}.py"))
    if name in NOT_DRAWN:
        assert (code, out) == (2, "")
        assert NOT_DRAWN[name] in err
        assert len(err.splitlines()) == 1
    else:
        assert (code, err) == (0, "")
        assert out.startswith(f"main (up to {name}.py:")


PICTURES = sorted((EXAMPLES.parent / "docs" / "assets" / "pictures").glob("*.svg"))


@pytest.mark.parametrize("file", PICTURES, ids=[file.stem for file in PICTURES])
def test_a_picture_in_the_docs_is_what_is_drawn_today(draw: Draw, file: Path) -> None:
    drawn = draw(str(EXAMPLES / f"{file.stem}.py"), "--format", "svg")[1]
    assert drawn == file.read_text(encoding="utf-8")


def test_the_mermaid_diagram_in_the_docs_is_what_is_drawn_today(draw: Draw) -> None:
    page = (EXAMPLES.parent / "docs" / "pictures.md").read_text(encoding="utf-8")
    drawn = draw(str(EXAMPLES / "santa.py"), "--format", "mermaid")[1]
    assert f"```mermaid\n{drawn}```" in page


@pytest.mark.parametrize("arguments", [("--arg", "address=127.0.0.1:1", "--arg", "secret=no.key")])
def test_an_example_that_opens_a_link_first_says_where(
    draw: Draw, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    key = tmp_path / "no.key"
    key.touch(0o600)
    key.write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    code, out, err = draw(str(EXAMPLES / "task_master_plain.py"), *arguments)
    assert (code, out) == (2, "")
    assert "`main` waits in trio at task_master_plain.py:" in err
