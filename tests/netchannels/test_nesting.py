"""The depth of MessagePack messages, against msgspec's own encoder and a plain recursion."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels._nesting import LIMIT, nests_too_deep

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=20))
)
BIG = st.sampled_from(["x" * 300, "x" * 70_000, b"x" * 300, b"x" * 70_000, [0] * 20, [0] * 70_000])
VALUES = st.recursive(
    LEAVES | BIG,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=9,
)


def wrapped(value: Any, times: int, in_maps: bool) -> Any:
    for _ in range(times):
        value = {"k": value, "z": 1} if in_maps else [7, value]
    return value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES, st.integers(LIMIT - 4, LIMIT + 1), st.booleans())
def test_a_message_is_too_deep_if_its_value_is(value: Any, times: int, in_maps: bool) -> None:
    value = wrapped(value, times, in_maps)
    assert nests_too_deep(msgspec.msgpack.encode(value)) == (depth(value) > LIMIT)


@pytest.mark.parametrize(
    "filler",
    [
        *(-(2**63), -(2**31), -(2**15), -128, -32, 0, 127, 255, 2**16 - 1, 2**32 - 1, 2**64 - 1),
        *(None, True, False, 1.5, "", "x" * 31, "x" * 32, "x" * 256, "x" * 65_536),
        *(b"", b"x" * 255, b"x" * 256, b"x" * 65_536, [], {}, [0] * 16, [0] * 65_536),
        *(dict.fromkeys(range(size), 0) for size in (15, 16, 65_536)),
        *(msgspec.msgpack.Ext(5, b"x" * size) for size in (0, 1, 2, 4, 8, 16, 17, 256, 65_536)),
    ],
    ids=lambda filler: f"{type(filler).__name__} {str(filler)[:5]}",
)
def test_every_kind_of_item_is_stepped_over(filler: Any) -> None:
    assert nests_too_deep(msgspec.msgpack.encode([filler, wrapped(0, LIMIT, False)]))
    assert not nests_too_deep(msgspec.msgpack.encode([filler, wrapped(0, LIMIT - 1, False)]))


def test_many_containers_beside_each_other_are_not_deep() -> None:
    assert not nests_too_deep(msgspec.msgpack.encode([[[]] * 1000, {"a": [{}] * 1000}]))
    assert not nests_too_deep(msgspec.msgpack.encode([[[0], {"a": [0]}, [[]]]] * 100))


def test_a_single_precision_float_is_stepped_over() -> None:
    assert nests_too_deep(b"\x92\xca\x00\x00\x00\x00" + b"\x91" * LIMIT + b"\xc0")


@given(st.binary(max_size=400))
def test_random_bytes_are_judged_and_nothing_is_raised(data: bytes) -> None:
    assert nests_too_deep(data) in (True, False)


@given(VALUES, st.data())
def test_a_message_cut_short_is_no_deeper_than_the_whole(value: Any, data: st.DataObject) -> None:
    whole = msgspec.msgpack.encode(wrapped(value, LIMIT, False))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    assert nests_too_deep(cut) <= nests_too_deep(whole)


@pytest.mark.parametrize(
    "opening", [b"\x91", b"\xdc\x00\x01", b"\xdd\xff\xff\xff\xff", b"\x81\xa1k"]
)
def test_a_bomb_of_a_hundred_thousand_is_seen_without_memory(opening: bytes) -> None:
    bomb = opening * 100_000
    tracemalloc.start()
    try:
        assert nests_too_deep(bomb)
        assert tracemalloc.get_traced_memory()[1] < len(bomb) + 100_000
    finally:
        tracemalloc.stop()
