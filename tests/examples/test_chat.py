from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def test_each_hears_what_is_said_while_he_is_there(run: Run) -> None:
    heard = run("chat")
    assert heard["Bob"] == ["* Bob has come", "* Eve has come", "Ann: hello", "Bob: bye, Ann"]
    assert heard["Ann"][:2] == ["* Ann has come", "* Bob has come"]
    assert heard["Ann"][2:] == heard["Eve"]


def test_that_somebody_has_gone_is_found_out_with_the_next_line(run: Run) -> None:
    assert run("chat")["Ann"][-3:] == ["Ann: is Bob here?", "* Bob has gone", "Eve: no"]
