"""What is sent to a program can be read there, whatever somebody asks for."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import csp
from netchannels import EncodeFailed
from netchannels._batches import encoded
from netchannels._codec import codec


class Text(str):
    pass


class Color(enum.IntEnum):
    RED = 1


KINDS: list[Any] = [bool, bytes, float, int, str, list[int], dict[str, int], int | None, Color]
VALUES = st.one_of(
    st.booleans(),
    st.binary(),
    st.floats(),
    st.integers(-(2**65), 2**65),
    st.text(st.characters()),
    st.lists(st.integers(0, 9)),
    st.sampled_from([Text("x"), Color.RED, None, bytearray(b"x"), "\ud800", {"a": 1}, {1: 1}]),
)


@given(st.sampled_from(KINDS), VALUES)
@example(str, "\ud800")
@example(int, True)
@example(int, 2**64)
def test_what_is_not_refused_can_be_read(kind: Any, value: Any) -> None:
    try:
        data = encoded(value, codec(kind), "f")
    except (csp.ChannelTypeError, EncodeFailed):
        return
    codec(kind).decode(data)


@pytest.mark.parametrize("value", [True, b"x", 0.5, 7, "x"])
def test_a_value_of_exactly_a_plain_type_is_taken_and_for_another_one_refused(value: Any) -> None:
    known = codec(type(value))
    assert known.decode(encoded(value, known, "f")) == value
    with pytest.raises(csp.ChannelTypeError, match=r"`f` takes `list\[int\]`"):
        encoded(value, codec(list[int]), "f")
