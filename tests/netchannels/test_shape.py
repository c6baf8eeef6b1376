"""Which types can travel, how deep their values nest, and what is said of those that cannot."""

from __future__ import annotations

import enum
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    TypedDict,
    TypeVar,
    cast,
)

import msgspec
import pytest

import csp
import csp.abc
from netchannels._nesting import LIMIT
from netchannels._shape import Shape, TypeRefused, described

T = TypeVar("T")
UserId = NewType("UserId", int)


class Plain: ...


class Speaks(Protocol):
    def speak(self) -> None: ...


@dataclass
class Job:
    n: int
    meta: Any = None


@dataclass
class Holder:
    plain: list[Plain]


class Untagged(msgspec.Struct):
    x: int


class AlsoUntagged(msgspec.Struct):
    x: int


class Box(msgspec.Struct, Generic[T]):
    item: T


class Endless(msgspec.Struct, Generic[T]):
    more: Endless[list[T]] | None


@dataclass
class Unknown:
    x: NotDefinedAnywhere  # type: ignore[name-defined]  # noqa: F821


@dataclass
class UnknownEnd:
    x: list[csp.Sender[Any]]


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Bits(enum.Flag):
    ONE = 1
    TWO = 2


@dataclass(frozen=True)
class Key:
    x: int


class Tree(msgspec.Struct):
    kids: list[Tree]


class Reply(msgspec.Struct):
    to: csp.Sender[Reply]


class Row(NamedTuple):
    cells: list[int]


class Typed(TypedDict):
    ends: dict[str, csp.Receiver[int]]


def nested(depth: int) -> Any:
    kind: Any = int
    for _ in range(depth):
        kind = list[kind]
    return kind


class Omits(msgspec.Struct, omit_defaults=True):
    n: int = cast(int, len)


REFUSED: list[tuple[Any, str]] = [
    (object, r"`object` cannot travel: name the type; .* `dict\[str, int\]`"),
    (Any, r"`Any` cannot travel: name the type"),
    (dict[str, Any], r"at `dict\[str, Any\]\[\.\.\.\]`\): name the type"),
    (Job, r"`Any` cannot travel \(at `Job.meta`\)"),
    (Plain, "make `Plain` a dataclass or a msgspec.Struct"),
    (Holder, r"`Plain` cannot travel \(at `Holder.plain\[\.\.\.\]`\): make `Plain`"),
    (Speaks, "make `Speaks` a dataclass"),
    (list, r"`list` cannot travel: say what is in it, as in `list\[int\]`"),
    (dict, r"as in `dict\[str, int\]`"),
    (tuple, r"as in `tuple\[int\]`"),
    (set, r"as in `set\[int\]`"),
    (list[list], r"`list` cannot travel \(at `list\[list\]\[\.\.\.\]`\): say what is in it"),
    (Box, r"`T` cannot travel \(at `Box.item`\): .* `Box\[int\]`"),
    (T, "`T` cannot travel: say what it stands for"),
    (Untagged | AlsoUntagged, "look alike: .* tag=True"),
    (Job | Key, "look alike: .* tag=True"),
    (list[int] | tuple[str, str], "look alike: use one list, set or tuple"),
    (Plain | int, "in a union with None only"),
    (csp.Sender[int] | int, "in a union with None only"),
    (Endless[int], "no end of different types"),
    (Unknown, "cannot be evaluated: write the type, not a string"),
    ("int", "cannot be evaluated: write the type, not a string"),
    (5, "type '5' is not supported"),
    (Mixed, "all str or all int"),
    (Bits, "send its `.value`"),
    (complex, r"use `tuple\[float, float\]`"),
    (memoryview, "use `bytes`"),
    (msgspec.Raw, "use `bytes`"),
    (msgspec.msgpack.Ext, "use `bytes`"),
    (pathlib.Path, "use `str`"),
    (Callable[[int], int], "code does not travel"),
    (type[int], "code does not travel"),
    (Iterable[int], r"use `list\[\.\.\.\]`"),
    (ModuleType, "make `module` a dataclass"),
    (set[list[int]], r"a `list` cannot stand in a set \(at `set\[list\[int\]\]\[\.\.\.\]`\)"),
    (frozenset[bytearray], "a `bytearray` cannot stand in a set"),
    (set[Untagged], "a `Untagged` cannot stand in a set"),
    (dict[Job, int], "a `Job` cannot stand as the key of a dict"),
    (dict[tuple[int, list[int]], int], "a `tuple` cannot stand as the key of a dict"),
    (csp.Call[int, int], "a call has two values"),
    (csp.Call, "a call has two values"),
    (list[csp.Call[int, int]], r"`Sender\[Call\[\.\.\.\]\]`"),
    (csp.Sender, r"say what it carries, as in `Sender\[int\]`"),
    (list[csp.Receiver], r"say what it carries, as in `Receiver\[int\]`"),
    (csp.Sender[object], r"`object` cannot travel \(at `Sender\[object\] of Sender\[object\]`\)"),
    (csp.Sender[csp.Call[int, Any]], "`Any` cannot travel"),
    (UnknownEnd, r"`Any` cannot travel \(at `UnknownEnd.x\[\.\.\.\] of Sender\[Any\]`\)"),
    (csp.Channel, "make `Channel` a dataclass"),
    (Omits, r"at `Omits.n`\): it is a default that is left out"),
    (set[int | tuple[list[int], ...]], "a `union` cannot stand in a set"),
    (nested(LIMIT + 1), "nest 65 deep, and 64 is the limit"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said"), REFUSED, ids=[described(k)[:40] for k, _ in REFUSED])
def test_a_type_that_cannot_travel_is_refused_with_advice(kind: Any, said: str) -> None:
    with pytest.raises(TypeRefused, match=said):
        Shape(kind)


DEPTHS: list[tuple[Any, int | None]] = [
    (int, 0), (None, 0), (UserId, 0), (Annotated[int, "said"], 0), (Literal["a"], 0),
    (list[int], 1), (tuple[()], 1), (Sequence[int], 1), (dict[str, list[set[int]]], 3),
    (list[int] | None, 1), (int | dict[str, list[int]], 2), (Key, 1), (Row, 2), (Box[Row], 3),
    (dict[tuple[int, int], int], 2), (frozenset[Key], 2),
    (Tree, None), (list[Tree], None), (Box[Tree], None),
    (dict[Annotated[int, msgspec.Meta(title="key")], int], 1), (set[int | tuple[str, ...]], 2),
    (Reply, 1), (Typed, 2), (csp.Sender[Tree], 0),
    (nested(LIMIT), LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "depth"), DEPTHS, ids=[described(k)[:40] for k, _ in DEPTHS])
def test_the_depth_of_a_type_is_that_of_its_deepest_value(kind: Any, depth: int | None) -> None:
    assert Shape(kind).depth == depth


@pytest.mark.parametrize(
    ("kind", "carries"),
    [
        (int, False), (Tree, False), (Reply, True), (Typed, True), (csp.Sender[int], True),
        (csp.abc.Receiver[int], True), (csp.Sender[csp.Call[int, str]] | None, True),
        (Box[list[csp.Sender[int]]], True), (Box[int], False),
    ],
    ids=str,
)  # fmt: skip
def test_a_type_that_holds_ends_carries_them(kind: Any, carries: bool) -> None:
    assert Shape(kind).carries_ends is carries


@pytest.mark.parametrize(
    ("kind", "has"), [(int, False), (list[int], False), (Key, True), (list[Row | None], True)]
)
def test_records_are_known(kind: Any, has: bool) -> None:
    assert Shape(kind).has_records is has


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (None, "None"), (int, "int"), (int | None, "int | None"), (UserId, "UserId"),
        (tuple[int, ...], "tuple[int, ...]"), (tuple[()], "tuple[()]"), (Box[int], "Box[int]"),
        (Annotated[int, 5], "int"), (Literal["a", 1], "Literal['a', 1]"), (T, "T"),
        (Callable[[int, str], None], "Callable[[int, str], None]"), (Any, "Any"),
        (csp.Sender[list[int]], "Sender[list[int]]"), (5, "5"),
    ],
    ids=str,
)  # fmt: skip
def test_a_type_is_named_as_it_is_written(kind: Any, name: str) -> None:
    assert described(kind) == name


def test_an_end_that_may_be_unset_is_an_end_of_its_element_type() -> None:
    class Later(msgspec.Struct):
        to: csp.Sender[str] | msgspec.UnsetType = msgspec.UNSET

    assert sorted(node.label[0] for node in Shape(Later).nodes) == ["sender", "str", "struct"]


def test_an_end_whose_annotation_is_out_of_reach_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise NameError("not here")

    monkeypatch.setattr("typing.get_type_hints", fail)
    assert Shape(Key).depth == 1
    with pytest.raises(TypeRefused, match=r"at `Reply.to`\): the annotation .* be evaluated"):
        Shape(Reply)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement came with Python 3.12")
def test_type_aliases_are_looked_through() -> None:
    names: dict[str, Any] = {"csp": csp}
    exec("type Ends[T] = list[csp.Sender[T]]\ntype Two = tuple[Ends[int], Ends[str]]", names)
    assert Shape(names["Two"]).carries_ends
    assert Shape(names["Two"]).depth == 2
