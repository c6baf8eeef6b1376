"""docs/network/tutorial.md, taken literally: its files are saved, its commands typed in order."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "network" / "tutorial.md").read_text("utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = [
    line
    for skipped, block in re.findall(
        r"^(<!-- skip: [^>]+ -->\n)?```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE
    )
    if not skipped
    for line in block.splitlines()
]
PRINTED = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a Unix shell")


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def tutorial(tmp_path: Path) -> tuple[Path, list[str]]:
    """A directory with the files of the page, and its commands, on a port that is free."""
    port = free_port()
    for name, source in FILES.items():
        (tmp_path / name).write_text(source.replace("5000", port), encoding="utf-8")
    return tmp_path, [command.replace("5000", port) for command in COMMANDS]


def typed(command: str, where: Path) -> subprocess.Popen[str]:
    """A command of the page, run with this Python."""
    binaries = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.Popen(
        command.removesuffix("&").split(),
        cwd=where,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_programs_do_what_the_page_says(tutorial: tuple[Path, list[str]]) -> None:
    where, commands = tutorial
    keygen, home, worker, _, _ = commands
    assert typed(keygen, where).wait(30) == 0
    first = typed(home, where)
    try:
        second = typed(worker, where)
        said, _ = second.communicate(timeout=60)
        out, err = first.communicate(timeout=60)
    finally:
        first.kill()
    assert (out, err, first.returncode) == (PRINTED[0], "", 0)
    assert (said, second.returncode) == ("no more calls\n", 0)


def test_looking_from_outside_shows_what_is_shared(tutorial: tuple[Path, list[str]]) -> None:
    where, commands = tutorial
    keygen, home, _, ls, status = commands
    assert typed(keygen, where).wait(30) == 0
    first = typed(home, where)
    try:
        for command in (ls, status):
            out, err = looked(command, where)
            assert "square" in out, err
    finally:
        first.kill()
        first.wait()
        assert first.stdout is not None
        assert first.stderr is not None
        first.stdout.close()
        first.stderr.close()


def looked(command: str, where: Path) -> tuple[str, str]:
    """What a command prints once the home listens."""
    for _ in range(50):
        look = typed(command, where)
        out, err = look.communicate(timeout=60)
        if look.returncode == 0:
            break
    return out, err


def test_the_page_has_what_is_looked_for() -> None:
    assert list(FILES) == ["home.py", "worker.py"]
    assert len(COMMANDS) == 5
    assert len(PRINTED) == 1
