"""The README's first program and the two classic mistakes, taken literally."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAM = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
# the messages, as they stand in the README
MESSAGES = re.findall(r"^    (\w+(?:Warning|Error): .*)$", README, re.MULTILINE)

BY_CSP = [sys.executable, "-m", "csp", "run", "program.py"]
BY_PYTHON = [sys.executable, "program.py"]

MISTAKES = {
    "a forgotten await of Par": ("await Par(", "Par("),
    "a forgotten await of send": ("await jobs.send", "jobs.send"),
    "two ends the wrong way round": ("producer(jobs.sender())", "producer(jobs.receiver())"),
}


def run(command: list[str], source: str, where: Path) -> subprocess.CompletedProcess[str]:
    (where / "program.py").write_text(source, encoding="utf-8")
    return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60)


def with_mistake(name: str) -> str:
    right, wrong = MISTAKES[name]
    assert PROGRAM.count(right) == 1
    return PROGRAM.replace(right, wrong)


@pytest.mark.parametrize("command", [BY_PYTHON, BY_CSP], ids=["python", "csp run"])
def test_the_first_program_runs_as_it_stands(command: list[str], tmp_path: Path) -> None:
    done = run(command, PROGRAM, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "285\n", "")


@pytest.mark.parametrize(("mistake", "message"), list(zip(MISTAKES, MESSAGES, strict=True)))
def test_csp_run_says_the_message_of_the_readme(mistake: str, message: str, tmp_path: Path) -> None:
    assert message in run(BY_CSP, with_mistake(mistake), tmp_path).stderr.splitlines()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_csp_run_says_one_line(mistake: str, tmp_path: Path) -> None:
    done = run(BY_CSP, with_mistake(mistake), tmp_path)
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(("mistake", "message"), list(zip(MISTAKES, MESSAGES, strict=True)))
def test_plain_python_says_it_too(mistake: str, message: str, tmp_path: Path) -> None:
    text, _, page = message.partition(": ")[2].partition(" (csp explain ")
    said = run(BY_PYTHON, with_mistake(mistake), tmp_path).stderr
    assert text.removesuffix(" (program.py:8)") in said
    assert f"(csp explain {page}" in said or page == "forgotten-await)"  # that one is Python's


# --- two terminals ---------------------------------------------------------------------------

TERMINALS = re.findall(
    r"^(?<!-->\n)```sh\n(.*?)^```",
    README.partition("### Two terminals")[2],
    re.DOTALL | re.MULTILINE,
)


def typed(line: str, address: str, key: Path) -> list[str]:
    """The arguments for Python that do what a line of the README does."""
    command, *words = line.replace("127.0.0.1:5000", address).replace("farm.key", str(key)).split()
    return ["-m", command, *words]


def test_the_master_and_the_worker_of_the_readme_do_their_tasks(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    (keygen, master), (worker,), (status,) = [block.splitlines() for block in TERMINALS]
    key = tmp_path / "farm.key"
    assert start(*typed(keygen, "", key)).ends() == 0
    first = start(*typed(master, "127.0.0.1:0", key), "--arg", "tasks=20")
    address = first.says(r"address=(\S+)")[1]
    looking = start(*typed(status, address, key), "--interval", "0.05")
    looking.says("^shares tasks: Call")
    second = start(*typed(worker, address, key))
    assert (first.ends(), second.ends()) == (0, 0), f"{first}\n{second}"
    first.says("^20 tasks, 20 results, 33,860 primes$")
