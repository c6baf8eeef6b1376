"""The line by which a program on a host says who it is."""

from __future__ import annotations

import pytest

from netchannels.placement._greeting import MARK, Greeting


def test_a_greeting_is_read_as_it_was_written() -> None:
    greeting = Greeting("1.2.3", "ant", 7)
    assert Greeting.parse(greeting.line()) == greeting


@pytest.mark.parametrize(
    "line",
    ["", "Welcome to ant", f"{MARK}", f"{MARK}[]", f'{MARK}{{"pid": 1}}', f"x{MARK}{{}}"],
)
def test_any_other_line_is_none(line: str) -> None:
    assert Greeting.parse(line) is None
