"""The word count whose workers are programs of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csp

Load = Callable[[str], ModuleType]
Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
EMAIL = Path(sysconfig.get_path("stdlib"), "email")

with_ps = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("ps"), reason="looks for processes with ps"
)


@pytest.fixture
def programs(load: Load, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `csp run` does
    return load("wordcount_programs")


def run(start: Start, directory: Path, workers: int = 2) -> Any:
    example = "examples/wordcount_programs.py"
    return start(
        "-m", "csp", "run", example, "--arg", f"path={directory}", "--arg", f"workers={workers}"
    )


def workers_of(parent: int) -> list[int]:
    """The worker programs that a process has started, and that have not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.split(None, 3) for line in listed.stdout.splitlines()]
    return [
        int(pid)
        for pid, ppid, state, args in found
        if int(ppid) == parent and "wordcount_programs.py:worker" in args and state[0] != "Z"
    ]


def wait_for_workers(program: Any, count: int) -> list[int]:
    deadline = time.monotonic() + 60
    while len(pids := workers_of(program.process.pid)) < count:
        assert time.monotonic() < deadline, str(program)
    return pids


def runs(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip()[:1] not in ("", "Z")


def test_it_counts_what_the_local_one_counts_and_says_who_did_what(
    load: Load, programs: ModuleType
) -> None:
    report, shares = csp.run(programs.count_words, EMAIL, 2)
    local = csp.run(load("wordcount").count_words, EMAIL, 2)
    assert report.words == local.words
    assert (report.files, report.size, report.skipped) == (local.files, local.size, [])
    assert list(shares) == [1, 2]
    assert sum(share.files for share in shares.values()) == report.files
    assert sum(share.size for share in shares.values()) == report.size
    assert all(share.seconds > 0 for share in shares.values() if share.files)


@with_ps
def test_a_killed_worker_changes_nothing_in_the_result(
    load: Load, programs: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    class Killing(programs.Report):  # type: ignore[name-defined, misc]
        def add(self, counted: Any) -> None:
            super().add(counted)
            if self.files == 5:  # both workers are at work, or one is still starting
                os.kill(workers_of(os.getpid())[0], signal.SIGKILL)

    monkeypatch.setattr(programs, "Report", Killing)
    report, _ = csp.run(programs.count_words, EMAIL, 2)
    assert report.words == csp.run(load("wordcount").count_words, EMAIL, 2).words
    assert re.search(r"^worker [12] has ended with -9$", capfd.readouterr().err, re.MULTILINE)


@with_ps
def test_the_last_worker_killed_is_an_error(
    programs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killing(programs.Report):  # type: ignore[name-defined, misc]
        def add(self, counted: Any) -> None:
            super().add(counted)
            for pid in workers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)

    monkeypatch.setattr(programs, "Report", Killing)
    with pytest.raises(ExceptionGroup) as caught:
        csp.run(programs.count_words, EMAIL, 1)
    assert caught.group_contains(RuntimeError, match="no worker is left")


def test_files_that_cannot_be_counted_are_listed_as_by_the_local_one(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "good.txt").write_text("the cat The dog\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"ab\xff\xfe")
    program = run(start, tmp_path)
    assert program.ends() == 0, str(program)
    program.says(r"^1 files, 16 bytes, \d+\.\d s, 2 worker programs$")
    program.says(r"^  worker 1: \d files, \d+ bytes, \d\.\d s$")
    program.says(rf"{re.escape(str(tmp_path / 'bad.txt'))}: not UTF-8 \(byte 0xff at 2\)$")
    assert program.err == []


@with_ps
def test_ctrl_c_leaves_no_orphan(start: Start) -> None:
    program = run(start, EMAIL.parent)
    pids = wait_for_workers(program, 2)
    program.send(signal.SIGINT)
    assert program.ends() == 130
    assert (program.out, program.err) == ([], ["csp: interrupted"])
    assert not any(map(runs, pids))


@with_ps
def test_workers_end_when_the_program_that_started_them_was_killed(start: Start) -> None:
    program = run(start, EMAIL.parent)
    pids = wait_for_workers(program, 2)
    program.send(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(runs, pids)):
        assert time.monotonic() < deadline, "there are orphans"
    program.ends()
    assert all(line.startswith("worker ") for line in program.err), str(program)


@with_ps
def test_the_secret_is_in_no_command_line_and_no_environment(start: Start) -> None:
    program = run(start, EMAIL.parent)
    (pid, *_) = wait_for_workers(program, 2)
    shown = subprocess.run(
        ["ps", "-E" if sys.platform == "darwin" else "e", "-ww", "-p", str(pid)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "wordcount_programs.py:worker" in shown
    assert not re.search(r"(?<![\w/-])[\w-]{43}(?![\w/-])", shown)  # what token_urlsafe(32) gives
    program.send(signal.SIGINT)
    program.ends()
