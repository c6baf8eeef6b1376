"""What ssh starts on a host, with pipes instead of ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netchannels.placement._greeting import Greeting, version
from netchannels.placement._site import Orders
from netchannels.placement._there import main

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ssh forwards no sockets there")

ORDERS = Orders("math:sqrt", "", "name", "label", "a secret for this test", 1000)
HANGS = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\ndef f(n: int) -> int: ...\n"
STARTS = (
    "import os, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('child', child.pid, flush=True)\n"
    "os._exit(7)\n"
)


class There:
    """One that runs."""

    def __init__(self, target: str, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", main.__module__, target, "--connect", "127.0.0.1:1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(directory)},
        )
        greeting = Greeting.parse(self.line())
        assert greeting is not None
        self.greeting = greeting

    def line(self) -> str:
        """The next one that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def tell(self, line: str) -> None:
        """Tell it something."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ends(self) -> int:
        """Close what it reads, and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@pytest.fixture
def hangs(tmp_path: Path) -> Iterator[There]:
    """One whose program stands still, as it was told what to do."""
    (tmp_path / "hangs.py").write_text(HANGS)
    there = There("hangs:f", tmp_path)
    there.tell(Orders(**{**vars(ORDERS), "target": "hangs:f"}).line())
    state = ""
    while "T" not in state:
        listed = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(there.greeting.pid)], capture_output=True, text=True
        )
        state = listed.stdout
        assert state
    yield there
    there.process.kill()
    there.process.wait()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_says_who_it_is(tmp_path: Path) -> None:
    there = There("math:sqrt", tmp_path)
    assert there.greeting.version == version()
    assert is_there(there.greeting.pid)
    assert there.greeting.pid != there.process.pid
    assert there.ends() == 128 + signal.SIGTERM
    assert not is_there(there.greeting.pid)


def test_the_end_of_the_connection_ends_a_program_that_stands_still(hangs: There) -> None:
    assert hangs.ends() == 128 + signal.SIGKILL
    assert not is_there(hangs.greeting.pid)


def test_it_kills_when_it_is_told(hangs: There) -> None:
    hangs.tell("kill")
    assert hangs.process.wait(30) == 128 + signal.SIGKILL
    assert not is_there(hangs.greeting.pid)


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS)
    there = There("starts:f", tmp_path)
    there.tell(Orders(**{**vars(ORDERS), "target": "starts:f"}).line())
    child = int(there.line().partition(" ")[2])
    assert there.process.wait(30) == 7
    assert there.line() == ""  # nobody has the pipe any more
    assert there.ends() == 7
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True)
    assert state.stdout.strip() in ("", "Z")
