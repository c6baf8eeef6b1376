"""The program `python -m netchannels.worker`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from netchannels import NetworkError, worker
from netchannels.placement._site import Orders

COMMAND = [sys.executable, "-m", "netchannels.worker"]


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_orders_it_says_who_starts_it() -> None:
    ended = run("jobs:square", "--connect", "unix:/nowhere")
    assert ended.returncode == 1
    assert ended.stderr == (
        "netchannels.worker: no orders came: this program is started by a pool\n"
    )
    assert run("--help").returncode == 0


def test_it_ends_when_its_standard_input_does() -> None:
    orders = Orders("time:sleep", "", "n", "w", "a secret for this test", 1000, "", False, ())
    ended = run("time:sleep", "--connect", "127.0.0.1:1", stdin=orders.line() + "\n")
    assert ended.returncode == 1


def test_it_gives_up_where_nobody_lets_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "START", 0.2)
    orders = Orders("time:sleep", "", "n", "w", "a secret for this test", 1000)
    with pytest.raises(NetworkError, match="nobody has let this program in"):
        worker.run(orders, "127.0.0.1:1")
