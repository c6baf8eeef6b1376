"""Repetitions, folded."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp.view import Repeated
from csp.view._folding import LONGEST, Folding, plain


def folded(text: str) -> Any:
    folding = Folding[str](lambda letter: letter)
    for letter in text:
        folding.add(letter)
    return folding


def shown(items: Any) -> str:
    return "".join(
        f"{item.times}({shown(item.body)})" if isinstance(item, Repeated) else item
        for item in items
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("abc", "abc"),
        ("aaaa", "4(a)"),
        ("ababab", "3(ab)"),
        ("abababa", "3(ab)a"),
        ("aabaab", "2(2(a)b)"),
        ("aabaabaab", "3(2(a)b)"),
        ("abcabcd", "2(abc)d"),
        ("xabab", "x2(ab)"),
    ],
)
def test_what_comes_again_and_again_is_one_body(text: str, result: str) -> None:
    assert shown(folded(text).items) == result


def unfolded(items: Any) -> str:
    return "".join(
        unfolded(item.body) * item.times if isinstance(item, Repeated) else item for item in items
    )


@given(st.text("ab", max_size=60))
def test_nothing_is_lost_and_nothing_is_added(text: str) -> None:
    items = folded(text).items
    assert unfolded(items) == text
    assert folded(text).rows() == len(list(plain(items))) <= len(text)


def test_a_long_repetition_is_kept_small() -> None:
    assert folded("abcd" * 10_000).rows() == 4


def test_a_body_has_a_greatest_length() -> None:
    letters = "".join(chr(97 + i) for i in range(LONGEST + 1))
    assert folded(letters * 2).rows() == 2 * len(letters)
    assert folded(letters[:-1] * 2).rows() == LONGEST


def test_what_is_folded_away_is_told() -> None:
    told: list[tuple[str, str]] = []
    folding = Folding[str](lambda word: word[0], lambda first, later: told.append((first, later)))
    for word in ("a1", "b1", "a2", "b2", "a3"):
        folding.add(word)
    assert told == [("a1", "a2"), ("b1", "b2")]
    assert shown(folding.items) == "2(a1b1)a3"
