"""Orders for a program, and how it has ended."""

from __future__ import annotations

import signal
import sys

import pytest

from netchannels.placement._site import Orders, Program, how_it_ended

ORDERS = Orders(
    target="module:name",
    file="/tmp/a file.py",
    name="worker 1 #1",
    label="worker 1 #1",
    secret="nobody shall see this",
    largest=1000,
    types="00ff",
    path=("", "/somewhere/täglich"),
)


def test_orders_travel_as_one_line() -> None:
    line = ORDERS.line()
    assert "\n" not in line
    assert Orders.parse(line) == ORDERS


def test_the_secret_is_not_shown() -> None:
    assert "nobody" not in repr(ORDERS)
    assert "nobody" not in str(ORDERS)


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"secret": "nobody"}', '{"path": 3}'])
def test_what_are_no_orders_is_refused_without_being_shown(line: str) -> None:
    with pytest.raises(ValueError, match="started by a pool") as caught:
        Orders.parse(line)
    assert "nobody" not in str(caught.value)


def test_exit_codes_in_words() -> None:
    assert how_it_ended(0) == ""
    assert how_it_ended(7) == "exit code 7"
    if sys.platform != "win32":
        assert how_it_ended(-signal.SIGKILL) == "killed by SIGKILL"
        assert how_it_ended(-99) == "killed by signal 99"


def test_a_program_that_could_not_be_started_can_be_killed() -> None:
    program = Program.none()
    program.kill()
    assert program.pid == 0
