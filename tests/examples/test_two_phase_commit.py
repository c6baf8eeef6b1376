from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]
ALL = ("coordinator", "Ann", "Bob", "Eve")


def test_when_all_say_yes_all_commit(run: Run) -> None:
    assert run("two_phase_commit") == dict.fromkeys(ALL, "commit")


@pytest.mark.parametrize("name", ["Ann", "Bob", "Eve"])
def test_when_one_says_no_all_abort(run: Run, name: str) -> None:
    assert run("two_phase_commit", against=name) == dict.fromkeys(ALL, "abort")


@pytest.mark.parametrize("name", ["Ann", "Bob", "Eve"])
def test_when_one_crashes_the_others_abort(run: Run, name: str) -> None:
    assert run("two_phase_commit", crash=name) == dict.fromkeys(ALL, "abort") | {name: "crashed"}


def test_when_the_coordinator_crashes_all_are_in_doubt(run: Run) -> None:
    others = dict.fromkeys(ALL[1:], "in doubt")
    assert run("two_phase_commit", crash="coordinator") == {"coordinator": "crashed"} | others


def test_who_has_said_no_is_not_in_doubt(run: Run) -> None:
    knows = run("two_phase_commit", crash="coordinator", against="Bob")
    assert (knows["Ann"], knows["Bob"]) == ("in doubt", "abort")
