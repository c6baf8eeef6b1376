"""What a parent leaves when it dies, and who clears it away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netchannels.placement import _cleaner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no sessions")
SLEEPS = "import time; print(flush=True); time.sleep(1000)"


def started() -> subprocess.Popen[bytes]:
    """A program in a session of its own, which runs."""
    program = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SLEEPS], stdout=subprocess.PIPE, start_new_session=True
    )
    assert program.stdout is not None
    program.stdout.readline()
    return program


def test_it_kills_those_that_are_not_over_and_removes_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    (directory / "node").touch()
    with started() as staying, started() as over:
        cleaner = subprocess.Popen(
            [sys.executable, "-I", "-S", _cleaner.__file__, str(directory)], stdin=subprocess.PIPE
        )
        cleaner.communicate(f"{staying.pid}\n{over.pid}\n-{over.pid}\n".encode(), timeout=60)
        assert staying.wait(timeout=60) == -9
        assert over.poll() is None
        over.kill()
    assert not directory.exists()
    assert cleaner.returncode == 0


def test_it_minds_neither_the_dead_nor_a_directory_that_is_gone(tmp_path: Path) -> None:
    with started() as dead:
        dead.kill()
    cleaner = subprocess.Popen(
        [sys.executable, "-I", "-S", _cleaner.__file__, str(tmp_path / "gone")],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, said = cleaner.communicate(f"{dead.pid}\n".encode(), timeout=60)
    assert (cleaner.returncode, said) == (0, b"")


def test_it_waits_while_its_parent_lives(tmp_path: Path) -> None:
    with started() as program:
        cleaner = subprocess.Popen(
            [sys.executable, "-I", "-S", _cleaner.__file__, str(tmp_path)], stdin=subprocess.PIPE
        )
        assert cleaner.stdin is not None
        cleaner.stdin.write(f"{program.pid}\n".encode())
        cleaner.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            cleaner.wait(_cleaner.MOMENT + 0.2)
        assert program.poll() is None
        cleaner.kill()
        program.kill()
        cleaner.communicate()
    assert tmp_path.exists()
