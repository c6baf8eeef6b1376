from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("loss", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("text", ["", "x", "aabbaa", "the quick brown fox"])
def test_the_text_arrives_once_and_in_order(run: Run, text: str, loss: float, seed: int) -> None:
    assert run("alternating_bit", text=text, loss=loss, seed=seed) == text


def test_without_the_bit_letters_arrive_more_than_once(run: Run) -> None:
    text = "the quick brown fox"
    heard = run("alternating_bit", text=text, bit=False)
    assert len(heard) > len(text)
    assert "".join(letter for letter, _ in itertools.groupby(heard)) == text
