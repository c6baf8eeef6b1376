"""Element types: which values fit, which types fit which, how they are named."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict, TypeVar, runtime_checkable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csp._types import assignable, describe, value_check

UserId = NewType("UserId", int)
T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
OneOf = TypeVar("OneOf", int, str)


class Base: ...


class Derived(Base): ...


class Spoken(Protocol):
    def speak(self) -> None: ...


@runtime_checkable
class Sized(Protocol):
    def __len__(self) -> int: ...


class Point(TypedDict):
    x: int


@dataclasses.dataclass
class Pair:
    left: int
    right: list[str]


class Record(msgspec.Struct):
    name: str
    sizes: tuple[int, ...] = ()


@dataclasses.dataclass
class Odd:
    what: NotDefinedAnywhere  # type: ignore[name-defined]  # noqa: F821


def fits(kind: Any, value: Any, deep: bool = False) -> bool:
    check = value_check(kind, deep)
    return check is None or check(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 1),
        (float, 1),
        (float, 1.5),
        (complex, 1),
        (bool, True),
        (str, "x"),
        (None, None),
        (type(None), None),
        (int | str, "x"),
        (int | None, None),
        (Base, Derived()),
        (list[int], ["not looked at"]),
        (Literal[1, "a"], "a"),
        (UserId, 3),
        (Annotated[int, "positive"], 3),
        (Point, {"x": 1}),
        (Spoken, 7),
        (Sized, "has a length"),
        (Any, object()),
        (object, 3),
        (T, 3),
        ("not evaluated", 3),
        (int | Spoken, "who knows"),
    ],
    ids=str,
)
def test_a_value_fits(kind: Any, value: Any) -> None:
    assert fits(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, "1"),
        (int, True),
        (int, 1.0),
        (float, "1"),
        (None, 0),
        (int | str, 1.5),
        (Derived, Base()),
        (list[int], (1,)),
        (Literal[1], True),
        (Literal[1], 2),
        (UserId, "3"),
        (Annotated[int, "positive"], "3"),
        (Point, [1]),
        (Sized, 3),
    ],
    ids=str,
)
def test_a_value_does_not_fit(kind: Any, value: Any) -> None:
    assert not fits(kind, value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (list[int], [1, 2], [1, "2"]),
        (list[Any], [1, "2"], (1,)),
        (tuple[int, str], (1, "a"), (1, 2)),
        (tuple[int, str], (1, "a"), (1,)),
        (tuple[int, ...], (1, 2, 3), (1, "2")),
        (dict[str, int], {"a": 1}, {"a": "1"}),
        (Mapping[str, int], {"a": 1}, {1: 1}),
        (set[int], {1}, {"1"}),
        (frozenset[int], frozenset({1}), frozenset({"1"})),
        (list[list[int]], [[1]], [["1"]]),
        (list[int] | None, None, ["1"]),
        (Pair, Pair(1, ["a"]), Pair(1, [2])),  # type: ignore[list-item]
        (Pair, Pair(1, []), Pair("1", [])),  # type: ignore[arg-type]
        (Record, Record("a", (1,)), Record("a", ("1",))),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_deep_looks_inside(kind: Any, good: Any, bad: Any) -> None:
    assert fits(kind, good, deep=True)
    assert not fits(kind, bad, deep=True)


def test_deep_leaves_out_what_cannot_be_evaluated() -> None:
    assert fits(Odd, Odd(3), deep=True)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (int, int),
        (int, float),
        (float, complex),
        (bool, int),
        (Derived, Base),
        (int, int | str),
        (int | str, str | int),
        (Literal[1, 2], int),
        (None, int | None),
        (int, object),
        (Any, int),
        (int, Any),
        (UserId, int),
        (Annotated[int, 1], int),
        (list[Derived], list[Base]),
        (list[int], list),
        (list[int], Sequence[int]),
        (list[bool], Iterable[float]),
        (list[int], Collection[int | str]),
        (list[int], Sequence),
        (dict[str, int], Mapping[str, int]),
        (dict[str, int], Iterable[str]),
        (frozenset[int], Set[int]),
        (tuple[int, str], Sequence[str]),  # not decided
        (int, Spoken),
        (int, "unknown"),
        (Point, dict),
    ],
    ids=str,
)
def test_a_type_may_stand_where_another_is_wanted(source: Any, target: Any) -> None:
    assert assignable(source, target, {})


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (int, str),
        (float, int),
        (Base, Derived),
        (int | str, int),
        (Literal["a"], int),
        (None, int),
        (int, None),
        (list[int], list[str]),
        (list[int], dict),
        (list[int], Sequence[str]),
        (list[int], Iterable[str]),
        (list[int], Iterator[int]),
        (dict[str, int], Mapping[str, str]),
        (dict[str, int], Iterable[int]),
        (set[int], Set[str]),
    ],
    ids=str,
)
def test_a_type_may_not_stand_where_another_is_wanted(source: Any, target: Any) -> None:
    assert not assignable(source, target, {})


def test_a_type_variable_must_lie_between_what_goes_in_and_what_comes_out() -> None:
    bounds: Any = {}
    assert assignable(int, T, bounds)
    assert assignable(str, T, bounds)  # both go in: their union
    assert assignable(T, object, bounds)
    assert not assignable(T, int, bounds)  # a str would come out


def test_a_bound_and_constraints_are_kept() -> None:
    assert assignable(bool, Bound, {})
    assert not assignable(str, Bound, {})
    assert assignable(int, OneOf, {})
    assert not assignable(bytes, OneOf, {})
    bounds: Any = {}
    assert assignable(int, OneOf, bounds)
    assert not assignable(str, OneOf, bounds)  # one of them, not both


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (int, "int"),
        (None, "None"),
        (int | None, "int | None"),
        (list[int], "list[int]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (Any, "Any"),
        (UserId, "UserId"),
    ],
)
def test_a_type_has_a_short_name(kind: Any, name: str) -> None:
    assert describe(kind) == name


KINDS = st.sampled_from([int, str, None, Any, object, Base, Derived, T, Bound, OneOf, "x", Spoken])
TYPES = st.recursive(
    KINDS,
    lambda inner: st.one_of(
        inner.map(lambda k: list[k]),  # type: ignore[valid-type]
        st.tuples(inner, inner).map(lambda ab: dict[ab[0], ab[1]]),  # type: ignore[valid-type]
        inner.filter(lambda k: not isinstance(k, int)).map(lambda k: Annotated[k, "note"]),
        st.just(3),
    ),
    max_leaves=4,
)


@given(source=TYPES, target=TYPES, value=st.one_of(st.integers(), st.text(), st.none()))
def test_nothing_is_ever_raised(source: Any, target: Any, value: Any) -> None:
    assert assignable(source, target, {}) in (True, False)
    for deep in (False, True):
        assert fits(target, value, deep) in (True, False)
    assert isinstance(describe(source), str)
