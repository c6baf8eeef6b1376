"""One suite over all placements: the same results, the same failures, the same cleaning up."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

KINDS = ["cores", "hosts", "dask"]
everywhere = pytest.mark.parametrize("wanted", KINDS, indirect=True)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and ps of POSIX")

Run = Callable[[dict[str, Any], str], Any]


def said(program: Any, what: str) -> Any:
    """What the program has found out."""
    return json.loads(program.says(f"^{what}=(.*)")[1])


@everywhere
def test_values_and_errors_come_back(wanted: dict[str, Any], run_places: Run, traces: Any) -> None:
    program = run_places(wanted, "results")
    assert said(program, "ordered") == [n * n for n in range(10)]
    assert said(program, "completed") == [n * n for n in range(10)]
    ((request, error),) = said(program, "failed")
    assert request == 13
    assert "ValueError: 13 brings bad luck" in error
    assert said(program, "fine") == [144, 196]
    assert program.ends() == 0, str(program)
    traces.vanish()


@everywhere
def test_what_a_program_says_is_labelled(wanted: dict[str, Any], run_places: Run) -> None:
    program = run_places(wanted, "results")
    on = r" on (ant|bee)" if wanted["kind"] == "hosts" else ""
    program.says(rf"^worker \d{on}: squaring 12$")
    program.says(rf"^places: worker \d{on}: squared 12$")
    assert program.ends() == 0, str(program)


@everywhere
def test_a_program_that_is_lost_is_replaced(
    wanted: dict[str, Any], run_places: Run, traces: Any
) -> None:
    program = run_places(wanted, "failures")
    assert said(program, "once") == "once"
    (always,) = said(program, "always")
    assert "3 times" in always
    assert "killed by SIGKILL" in always
    assert said(program, "fine") == 10
    assert "longer than 0.3 s" in said(program, "overran")
    assert said(program, "after") == "fine"
    assert program.ends() == 0, str(program)
    traces.vanish()


@everywhere
def test_a_process_is_multiplied(wanted: dict[str, Any], run_places: Run, traces: Any) -> None:
    program = run_places(wanted, "copies")
    assert said(program, "counts") == 10
    assert said(program, "found") == [2 * n for n in range(10)]
    assert program.ends() == 0, str(program)
    traces.vanish()


@everywhere
def test_nothing_is_left_after_an_error(
    wanted: dict[str, Any], run_places: Run, traces: Any
) -> None:
    program = run_places(wanted, "ending")
    said(program, "pids")
    assert program.ends() == 1
    assert "RuntimeError: enough" in str(program)
    assert traces.left() == []


@everywhere
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_nothing_is_left_after_a_signal(
    wanted: dict[str, Any], run_places: Run, traces: Any, number: int
) -> None:
    program = run_places(wanted, "forever")
    pids = said(program, "pids")
    listed = traces.programs()
    assert len(set(pids)) == 2
    assert all(any(line.split()[0] == str(pid) for line in listed) for pid in pids)
    program.send(number)
    program.ends()
    if number == signal.SIGINT:
        assert traces.left() == []
    traces.vanish()
