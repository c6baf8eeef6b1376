"""Fingerprints: the same for the same shape, whoever defined it; different for any other."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import msgspec
import pytest

import csp
from netchannels._fingerprint import SIZE, fingerprint
from netchannels._shape import Shape

T = TypeVar("T")

HEAD = """
from __future__ import annotations
import datetime, decimal, enum, uuid
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
import csp, msgspec
T = TypeVar("T")
"""

SOURCES = {
    "dataclass": "@dataclass\nclass Root:\n    n: int\n    name: str = 'x'",
    "struct": "class Root(msgspec.Struct):\n    n: int\n    name: str = 'x'",
    "named tuple": "class Root(NamedTuple):\n    n: int\n    name: str = 'x'",
    "typed dict": "class Root(TypedDict):\n    n: int\n    name: NotRequired[str]",
    "enum": "class Root(enum.Enum):\n    ONE = 1\n    TWO = 2",
    "str enum": "class Root(enum.Enum):\n    ONE = 'one'\n    TWO = 'two'",
    "recursive": "class Root(msgspec.Struct):\n    next: Root | None\n    kids: list[Root]",
    "generic": "@dataclass\nclass Box(Generic[T]):\n    item: T\nRoot = Box[Box[int]]",
    "tagged": "class A(msgspec.Struct, tag='a'):\n    x: int\n"
    "class B(msgspec.Struct, tag='b'):\n    x: int\n    left: Root\nRoot = A | B",
    "inside": "@dataclass\nclass In:\n    at: datetime.datetime\n    id: uuid.UUID\n"
    "@dataclass\nclass Root:\n    one: In\n    many: dict[str, In]",
    "constrained": "Small = Annotated[int, msgspec.Meta(ge=0, lt=10)]\n"
    "class Root(msgspec.Struct):\n    n: Small",
    "ends": "class Root(msgspec.Struct):\n    to: csp.Sender[Root]\n    jobs: csp.Receiver[int]",
    "calls": "@dataclass\nclass Root:\n    calls: csp.Sender[csp.Call[int, str]]",
}  # fmt: skip

_numbers = itertools.count()


@pytest.fixture
def defined() -> Iterator[Any]:
    """Runs source in a module of its own and returns its `Root`."""
    names: list[str] = []

    def define(source: str) -> Any:
        module = ModuleType(f"made_up_{next(_numbers)}")
        names.append(module.__name__)
        sys.modules[module.__name__] = module
        exec(HEAD + source, vars(module))
        return module.Root

    yield define
    for name in names:
        del sys.modules[name]


def print_of(kind: Any) -> bytes:
    return fingerprint(Shape(kind))


@pytest.mark.parametrize("name", SOURCES)
def test_two_modules_that_define_the_same_agree(defined: Any, name: str) -> None:
    one, other = defined(SOURCES[name]), defined(SOURCES[name])
    assert one is not other
    assert print_of(one) == print_of(other)


@pytest.mark.parametrize(
    "name", ["dataclass", "struct", "named tuple", "typed dict", "recursive", "inside", "ends"]
)
def test_names_of_classes_do_not_count(defined: Any, name: str) -> None:
    renamed = SOURCES[name].replace("Root", "Other").replace("In", "Inner") + "\nRoot = Other"
    assert print_of(defined(SOURCES[name])) == print_of(defined(renamed))


def test_all_these_shapes_differ(defined: Any) -> None:
    assert len({print_of(defined(source)) for source in SOURCES.values()}) == len(SOURCES)


CHANGES = [
    ("dataclass", "n: int", "m: int", "a field is renamed"),
    ("dataclass", "n: int", "n: float", "a field is retyped"),
    ("dataclass", "n: int", "n: int | None", "a field may be None"),
    ("dataclass", "str = 'x'", "str", "a default is gone"),
    ("dataclass", "n: int", "n: int\n    more: int", "a field is added"),
    ("dataclass", "n: int\n    name: str = 'x'", "name: str\n    n: int = 0", "they are reordered"),
    ("struct", "n: int", "m: int", "a field is renamed"),
    ("struct", "Struct)", "Struct, array_like=True)", "it travels as an array"),
    ("struct", "Struct)", "Struct, rename='upper')", "its fields travel under other names"),
    ("struct", "Struct)", "Struct, tag=True)", "it has a tag"),
    ("struct", "Struct)", "Struct, forbid_unknown_fields=True)", "it is strict"),
    ("struct", "Struct)", "Struct, omit_defaults=True)", "it omits defaults"),
    ("named tuple", "n: int", "m: int", "a field is renamed"),
    ("typed dict", "NotRequired[str]", "str", "a key is required"),
    ("enum", "TWO = 2", "TWO = 3", "a member has another value"),
    ("enum", "TWO", "TOO", "a member has another name"),
    ("enum", "ONE = 1", "ONE = 1\n    NULL = 0", "a member is added"),
    ("recursive", "list[Root]", "tuple[Root, ...]", "a list is a tuple"),
    ("recursive", "next: Root | None", "next: None", "a branch is gone"),
    ("generic", "Box[Box[int]]", "Box[int]", "it is nested less"),
    ("generic", "Box[Box[int]]", "Box[Box[str]]", "it holds something else"),
    ("tagged", "tag='b'", "tag='c'", "a tag is another"),
    ("tagged", "A | B", "A", "a member of the union is gone"),
    ("constrained", "lt=10", "lt=11", "a bound is another"),
    ("constrained", "lt=10", "le=10", "a bound is inclusive"),
    ("ends", "csp.Receiver[int]", "csp.Sender[int]", "an end has the other direction"),
    ("ends", "csp.Receiver[int]", "csp.Receiver[str]", "an end carries something else"),
    ("ends", "csp.Sender[Root]", "csp.Sender[list[Root]]", "an end carries more of its own"),
    ("calls", "Call[int, str]", "Call[int, int]", "a reply is another"),
    ("calls", "Call[int, str]", "Call[str, str]", "a request is another"),
    ("calls", "csp.Call[int, str]", "tuple[int, str]", "a call is a pair"),
]


@pytest.mark.parametrize(
    ("name", "old", "new"), [c[:3] for c in CHANGES], ids=[f"{c[0]}: {c[3]}" for c in CHANGES]
)
def test_it_differs_when(defined: Any, name: str, old: str, new: str) -> None:
    source = SOURCES[name]
    assert old in source
    assert print_of(defined(source)) != print_of(defined(source.replace(old, new, 1)))


def test_docs_and_defaults_do_not_count(defined: Any) -> None:
    plain = defined(SOURCES["struct"])
    other = defined(
        "class Root(msgspec.Struct):\n    'Documented.'\n"
        "    n: Annotated[int, msgspec.Meta(title='t', description='d', examples=[1])]\n"
        "    name: str = 'another'"
    )
    assert print_of(plain) == print_of(other)


def test_a_default_counts_where_it_is_left_out(defined: Any) -> None:
    source = "class Root(msgspec.Struct, omit_defaults=True):\n    n: int = 1"
    assert print_of(defined(source)) == print_of(defined(source))
    assert print_of(defined(source)) != print_of(defined(source.replace("= 1", "= 2")))


def test_the_order_of_enum_members_and_of_a_union_does_not_count(defined: Any) -> None:
    turned = "class Root(enum.Enum):\n    TWO = 2\n    ONE = 1"
    assert print_of(defined(SOURCES["enum"])) == print_of(defined(turned))
    assert print_of(Union[int, str, None]) == print_of(Union[None, str, int])  # noqa: UP007
    assert print_of(Optional[int]) == print_of(None | int)  # noqa: UP045
    tagged = SOURCES["tagged"]
    assert print_of(defined(tagged)) == print_of(defined(tagged.replace("A | B", "B | A")))


def test_one_class_used_twice_looks_like_two_of_one_shape(defined: Any) -> None:
    twice = "@dataclass\nclass P:\n    x: int\nRoot = tuple[P, P]"
    apart = "@dataclass\nclass P:\n    x: int\n@dataclass\nclass Q:\n    x: int\nRoot = tuple[P, Q]"
    assert print_of(defined(twice)) == print_of(defined(apart))


def test_a_recursive_type_looks_like_itself_unrolled_once(defined: Any) -> None:
    rolled = "class Root(msgspec.Struct):\n    next: Root | None"
    unrolled = (
        "class Root(msgspec.Struct):\n    next: Second | None\n"
        "class Second(msgspec.Struct):\n    next: Root | None"
    )
    different = unrolled.replace("next: Root", "next: Root | int")
    assert print_of(defined(rolled)) == print_of(defined(unrolled))
    assert print_of(defined(rolled)) != print_of(defined(different))


def test_it_counts_to_which_type_a_recursive_one_goes_back(defined: Any) -> None:
    source = (
        "class Root(msgspec.Struct):\n    inner: In\n"
        "class In(msgspec.Struct):\n    inner: Root | None"
    )
    inner = source.replace("inner: Root | None", "inner: In | None")
    assert print_of(defined(source)) != print_of(defined(inner))


def test_the_field_of_a_tag_counts(defined: Any) -> None:
    source = "class Root(msgspec.Struct, tag='b', tag_field='type'):\n    x: int"
    assert print_of(defined(source)) != print_of(defined(source.replace("'type'", "'kind'")))


def test_a_hundred_classes_that_all_know_each_other_are_no_trouble(defined: Any) -> None:
    body = "\n".join(f"class C{i}(msgspec.Struct, tag=True):\n    left: U" for i in range(100))
    union = f"U = {' | '.join(f'C{i}' for i in range(100))}\nRoot = C0"
    assert print_of(defined(f"{body}\n{union}")) == print_of(defined(f"{body}\n{union}"))


class Box(msgspec.Struct, Generic[T]):
    item: T
    back: csp.Sender[T]


class Special(Box[list[T]], Generic[T]):
    more: csp.Receiver[T]


class Filled(msgspec.Struct):
    item: list[int]
    back: csp.Sender[list[int]]
    more: csp.Receiver[int]


def test_type_variables_in_ends_are_filled_in_through_generic_bases() -> None:
    assert print_of(Special[int]) == print_of(Filled)
    assert print_of(Special[str]) != print_of(Filled)
    assert print_of(Box[int]) != print_of(Box[str])


@pytest.mark.parametrize("old", ["Sender[int]", "Sender[str]", "Sender[bytes]"])
def test_the_element_type_of_an_optional_end_counts(defined: Any, old: str) -> None:
    source = (
        "@dataclass\nclass Root:\n    maybe: csp.Sender[int] | None\n"
        "    later: csp.Sender[str] | msgspec.UnsetType = msgspec.UNSET\n"
        "    both: msgspec.UnsetType | csp.Sender[bytes] | None = msgspec.UNSET"
    )
    assert print_of(defined(source)) != print_of(defined(source.replace(old, "Sender[float]")))


PAIRS: list[tuple[Any, Any]] = [
    (int, float), (str, bytes), (bytes, bytearray), (list[int], set[int]), (int, bool),
    (list[int], tuple[int, ...]), (tuple[int, ...], tuple[int]), (tuple[int], tuple[int, int]),
    (dict[str, int], dict[int, str]), (Literal[1], Literal[True]), (Literal["a"], Literal["a", "b"]),
    (Literal["1"], Literal[1]), (int, Annotated[int, msgspec.Meta(ge=0)]), (int, int | None),
    (set[int], frozenset[int]), (csp.Sender[int], csp.Receiver[int]), (csp.Sender[int], int),
    (Annotated[str, msgspec.Meta(pattern="a")], Annotated[str, msgspec.Meta(pattern="b")]),
    (Annotated[str, msgspec.Meta(pattern="ä")], Annotated[str, msgspec.Meta(pattern="\\xe4")]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_these_two_differ(one: Any, other: Any) -> None:
    assert print_of(one) != print_of(other)


def test_a_fingerprint_is_the_same_in_another_program() -> None:
    code = (
        "from typing import *\nimport csp\nfrom netchannels._codec import codec\n"
        "class P(NamedTuple):\n    x: int\n    y: 'list[csp.Sender[P]]'\n"
        "print(codec(dict[str, P | None]).fingerprint.hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        ).stdout.strip()
        for env in (os.environ | {"PYTHONHASHSEED": seed} for seed in "12")
    }
    assert seen == {print_of(dict[str, P | None]).hex()}


class P(NamedTuple):
    x: int
    y: list[csp.Sender[P]]


def test_it_has_sixteen_bytes_that_do_not_change_between_versions() -> None:
    assert len(print_of(int)) == SIZE == 16
    assert print_of(dict[str, P | None]).hex() == "6fbf6cc2b63a02ebf38d5e7c33b53a1a"
    assert print_of(dict[str, list[int]]).hex() == "f37aa724926d24858742bc1cb6c14307"
