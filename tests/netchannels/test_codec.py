"""Values to bytes and back: what travels, what is refused, and that nothing else comes in."""

from __future__ import annotations

import datetime
import decimal
import enum
import sys
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import csp
import csp.abc
from netchannels._codec import DecodeFailed, EncodeFailed, call_codecs, codec
from netchannels._nesting import LIMIT
from netchannels._shape import TypeRefused, described

T = TypeVar("T")
UserId = NewType("UserId", int)
UTC = datetime.timezone.utc  # noqa: UP017


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Word(enum.Enum):
    YES = "yes"
    NO = "no"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Job:
    n: int
    name: str = "x"
    sizes: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Key:
    x: int
    y: int


class Pair(NamedTuple):
    left: int
    right: str = ""


class Options(TypedDict):
    depth: int
    name: NotRequired[str]


class Add(msgspec.Struct, tag=True):
    left: int | Add | Neg
    right: int | Add | Neg


class Neg(msgspec.Struct, tag="minus"):
    of: int | Add | Neg


class Row(msgspec.Struct, array_like=True, frozen=True):
    a: int
    b: str | None = None


@dataclass
class Box(Generic[T]):
    item: T


class Crate(msgspec.Struct, Generic[T]):
    item: T
    more: list[T]


class Tree(msgspec.Struct):
    kids: list[Tree] = []


@dataclass
class Chain:
    next: Chain | None = None


INTS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False)
EXPR: st.SearchStrategy[Any] = st.recursive(
    INTS, lambda e: st.builds(Add, e, e) | st.builds(Neg, e), max_leaves=8
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.builds(Tree), lambda t: st.builds(Tree, st.lists(t)), max_leaves=8
)
SMALL = Annotated[int, msgspec.Meta(ge=0, lt=10)]
NAME = Annotated[str, msgspec.Meta(min_length=1, max_length=5, pattern="^[a-z]*$")]
TIMES = st.datetimes(timezones=st.just(UTC) | st.none())

TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, INTS),
    (float, FLOATS),
    (str, st.text()),
    (bytes, st.binary()),
    (bytearray, st.binary().map(bytearray)),
    (UserId, INTS),
    (list[int], st.lists(INTS)),
    (tuple[int, ...], st.lists(INTS).map(tuple)),
    (tuple[int, str, None], st.tuples(INTS, st.text(), st.none())),
    (tuple[()], st.just(())),
    (set[str], st.sets(st.text())),
    (frozenset[int], st.frozensets(INTS)),
    (dict[str, float], st.dictionaries(st.text(), FLOATS)),
    (dict[int, list[bool]], st.dictionaries(INTS, st.lists(st.booleans()))),
    (dict[tuple[int, str], int], st.dictionaries(st.tuples(INTS, st.text()), INTS)),
    (dict[Key, int], st.dictionaries(st.builds(Key, INTS, INTS), INTS)),
    (set[Row], st.sets(st.builds(Row, INTS, st.none() | st.text()))),
    (Literal["a", 1, None], st.sampled_from(["a", 1, None])),
    (Color, st.sampled_from(Color)),
    (Word, st.sampled_from(Word)),
    (Level, st.sampled_from(Level)),
    (int | str | None, INTS | st.text() | st.none()),
    (int | float | bool, INTS | FLOATS | st.booleans()),
    (bytes | list[int], st.binary() | st.lists(INTS)),
    (Job, st.builds(Job, INTS, st.text(), st.lists(FLOATS))),
    (Pair, st.builds(Pair, INTS, st.text())),
    (Options, st.fixed_dictionaries({"depth": INTS}, optional={"name": st.text()})),
    (Add | Neg | int, EXPR),
    (Row, st.builds(Row, INTS, st.none() | st.text())),
    (Box[int], st.builds(Box, INTS)),
    (Box[list[Job]], st.builds(Box, st.lists(st.builds(Job, INTS)))),
    (Crate[str], st.builds(Crate, st.text(), st.lists(st.text()))),
    (Tree, TREES),
    (datetime.datetime, TIMES),
    (datetime.date, st.dates()),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas(datetime.timedelta(-9999), datetime.timedelta(9999))),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, st.decimals(allow_nan=False)),
    (SMALL, st.integers(0, 9)),
    (NAME, st.text("abc", min_size=1, max_size=5)),
]
KINDS = [kind for kind, _ in TYPES]
IDS = [described(kind) for kind in KINDS]


# --- what travels --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=IDS)
@given(data=st.data())
def test_a_value_arrives_as_it_was(
    kind: Any, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    bytes_of_it = codec(kind).encode(value)
    for arrived in (bytes_of_it, memoryview(bytes_of_it)):
        got = codec(kind).decode(arrived)
        assert got == value
        assert type(got) is type(value)


@given(st.datetimes(timezones=st.timezones(), min_value=datetime.datetime(1900, 1, 1)))
def test_a_time_with_an_offset_arrives_as_the_same_moment(moment: datetime.datetime) -> None:
    got = codec(datetime.datetime).decode(codec(datetime.datetime).encode(moment))
    assert got.astimezone(UTC) == moment.astimezone(UTC)


def test_floats_that_are_no_numbers_travel() -> None:
    got = codec(list[float]).decode(codec(list[float]).encode([float("inf"), float("nan")]))
    assert got[0] == float("inf")
    assert got[1] != got[1]


def test_an_int_may_stand_for_a_float() -> None:
    got = codec(float).decode(codec(float).encode(3))
    assert (got, type(got)) == (3.0, float)


def test_values_do_not_keep_the_bytes_they_came_from() -> None:
    data = bytearray(codec(list[bytes]).encode([b"abc" * 100]))
    got = codec(list[bytes]).decode(memoryview(data))
    data[:] = bytes(len(data))
    assert got == [b"abc" * 100]


def test_a_type_has_one_codec() -> None:
    assert codec(list[int]) is codec(list[int])
    assert codec(Literal[1]) is not codec(Literal[True])
    assert codec(int | str).fingerprint == codec(str | int).fingerprint


def test_a_type_that_cannot_be_hashed_has_a_codec_too() -> None:
    kind = Annotated[int, [], msgspec.Meta(ge=0)]
    with pytest.raises(TypeError, match="unhashable"):
        hash(kind)
    assert codec(kind).decode(codec(kind).encode(5)) == 5
    with pytest.raises(DecodeFailed):
        codec(kind).decode(codec(int).encode(-1))


def test_a_codec_names_its_type() -> None:
    assert codec(dict[str, Job]).described == "dict[str, Job]"
    assert repr(codec(int)) == "codec(int)"


# --- calls ----------------------------------------------------------------------------------------


def test_a_call_has_a_codec_for_each_way() -> None:
    request, reply = call_codecs(csp.Call[Job, list[str]])
    assert request is codec(Job)
    assert reply is codec(list[str])


@pytest.mark.parametrize("kind", [int, csp.Call, csp.Sender[csp.Call[int, int]]], ids=str)
def test_what_is_no_call_has_no_call_codecs(kind: Any) -> None:
    with pytest.raises(TypeRefused, match=r"is no call: write `Call\[Request, Reply\]`"):
        call_codecs(kind)


def test_a_call_of_what_cannot_travel_is_refused() -> None:
    with pytest.raises(TypeRefused, match="`object` cannot travel"):
        call_codecs(csp.Call[int, object])


# --- what cannot be sent --------------------------------------------------------------------------


class Plain: ...


@dataclass
class Loop:
    me: Any = None


LOOP = Loop()
LOOP.me = [LOOP]


def deep(levels: int) -> Tree:
    tree = Tree()
    for _ in range(levels):
        tree = Tree([tree])
    return tree


UNSENDABLE: list[tuple[Any, Any, str]] = [
    (int, 2**64, r"a `int` cannot travel, at `\$`: an int of 65 bits .* send it as `str`"),
    (int, -(2**63) - 1, "an int of 64 bits is beyond"),
    (int, 10**5000, "an int of 16610 bits"),
    (dict[str, int], {"a": 1, "big": 2**70}, r"at `\$\['big'\]`: an int of 71 bits"),
    (dict[int, int], {2**70: 1}, r"at `\$\[\.\.\.\] \(the key\)`: an int of 71 bits"),
    (list[Job], [Job(1), Job(2**64)], r"a `list\[Job\]` cannot travel, at `\$\[1\]\.n`: "),
    (Crate[int], Crate(1, [1, 2**64]), r"at `\$\.more\[1\]`: an int"),
    (Pair, Pair(2**64), r"at `\$\.left`: an int"),
    (set[int], {2**64}, r"at `\$\[0\]`: an int"),
    (list[str], ["fine", "\ud800"], r"at `\$\[1\]`: .* lone surrogate"),
    (Job, Job(Plain()), r"at `\$\.n`: a `Plain` is no value: make it a dataclass"),  # type: ignore[arg-type]
    (list[int], [len], r"at `\$\[0\]`: code does not travel"),
    (list[int], [int], r"at `\$\[0\]`: code does not travel"),
    (list[int], [3j], r"at `\$\[0\]`: a `complex` is no value"),
    (Job, LOOP, r"at `\$`: it nests deeper than 64 arrays and maps, or holds itself"),
    (Tree, deep(32), r"at `\$`: it nests deeper than 64"),
]


@pytest.mark.parametrize(
    ("kind", "value", "said"), UNSENDABLE, ids=[said[-30:] for _, _, said in UNSENDABLE]
)
def test_a_value_that_cannot_travel_is_named_with_its_place(
    kind: Any, value: Any, said: str
) -> None:
    with pytest.raises(EncodeFailed, match=said):
        codec(kind).encode(value)


def test_what_can_be_sent_arrives_up_to_the_limit_of_depth() -> None:
    tree = Tree()
    assert LIMIT == 64
    for _ in range(31):  # a map and an array each; the innermost has both as well
        tree = Tree([tree])
    assert codec(Tree).decode(codec(Tree).encode(tree)) == tree
    with pytest.raises(EncodeFailed):
        codec(Tree).encode(Tree([tree]))
    with pytest.raises(DecodeFailed, match="nests deeper than 64"):
        codec(Tree).decode(msgspec.msgpack.encode(Tree([tree])))


# --- what does not come in ------------------------------------------------------------------------

BOMBS = {
    "arrays": b"\x91" * 100_000,
    "long arrays": b"\xdd\x00\x00\x00\x01" * 100_000,
    "maps": b"\x81\x01" * 100_000,
    "kids": b"\x81\xa4kids\x91" * 100_000,
    "next": b"\x81\xa4next" * 100_000,
    "an unknown field": b"\x81\xa1?" + b"\x91" * 100_000 + b"\xc0",
    "in place of a tag": b"\x82\xa1?" + b"\x91" * 100_000 + b"\xc0\xa4type\xa3Add",
    "just above the limit": b"\x91" * (LIMIT + 1) + b"\xc0",
}


@dataclass
class Ended:
    to: csp.Sender[int] | None
    n: int


GUARDED = [*KINDS, Chain, Ended]


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("kind", GUARDED, ids=[described(kind) for kind in GUARDED])
def test_a_nesting_bomb_is_refused(kind: Any, bomb: bytes) -> None:
    with pytest.raises(DecodeFailed):
        codec(kind).decode(bomb)


@pytest.mark.parametrize("kind", [Tree, Chain], ids=described)
def test_depth_is_refused_before_anything_is_built(kind: Any) -> None:
    data = BOMBS["kids" if kind is Tree else "next"]
    with pytest.raises(DecodeFailed, match="nests deeper than 64 arrays and maps") as caught:
        codec(kind).decode(data)
    assert not isinstance(caught.value.__cause__, RecursionError)


@pytest.fixture
def any_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**7)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.usefixtures("any_recursion")
@pytest.mark.parametrize("kind", [Job, Options, list[Job], Add | Neg, Ended, Tree], ids=described)
def test_a_bomb_is_refused_where_the_user_has_lifted_the_recursion_limit(kind: Any) -> None:
    inside = b"\x81\xa1?" + b"\x91" * 2_000_000 + b"\xc0"
    with pytest.raises(DecodeFailed, match="nests deeper than 64|Expected"):
        codec(kind).decode(inside if kind != list[Job] else b"\x91" + inside)


def wild(kind: Any, data: bytes) -> None:
    """Decodes it, whatever it is: a value, or DecodeFailed that names the type."""
    failed = ""
    value: Any = None
    try:
        value = codec(kind).decode(data)
    except DecodeFailed as error:
        failed = str(error)
    if failed:
        assert f"no `{described(kind)}` arrived: " in failed
    else:
        codec(kind).encode(value)


@pytest.mark.parametrize("kind", GUARDED, ids=[described(kind) for kind in GUARDED])
@given(data=st.binary(max_size=300))
def test_random_bytes_give_a_value_or_decode_failed(kind: Any, data: bytes) -> None:
    wild(kind, data)


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=IDS)
@given(data=st.data())
def test_bytes_cut_short_give_decode_failed(
    kind: Any, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    whole = codec(kind).encode(data.draw(values))
    with pytest.raises(DecodeFailed):
        codec(kind).decode(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DecodeFailed):
        codec(kind).decode(whole + b"\xc0")


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=IDS)
@given(data=st.data())
def test_a_changed_byte_gives_a_value_or_decode_failed(
    kind: Any, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    whole = bytearray(codec(kind).encode(data.draw(values)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    wild(kind, bytes(whole))


@pytest.mark.parametrize("kind", GUARDED, ids=[described(kind) for kind in GUARDED])
def test_a_value_of_another_type_gives_a_value_or_decode_failed(kind: Any) -> None:
    for other in (5, -1, 2.5, True, None, "x", b"x", Job(1), [1], [], {}, Tree([Tree()]), Row(1)):
        wild(kind, msgspec.msgpack.encode(other))


CLAIMS = {
    "bytes": b"\xc6", "str": b"\xdb", "array": b"\xdd", "map": b"\xdf", "extension": b"\xc9",
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("kind", GUARDED, ids=[described(kind) for kind in GUARDED])
def test_a_claim_of_four_gibibytes_costs_no_memory(kind: Any, claim: bytes) -> None:
    opened = claim + b"\xff\xff\xff\xff" + b"\x01" * 100
    for data in (opened, b"\x91" + opened, b"\x81\xa4kids" + opened, b"\x81\xa1n" + opened):
        coder = codec(kind)
        tracemalloc.start()
        try:
            with pytest.raises(DecodeFailed):
                coder.decode(data)
            assert tracemalloc.get_traced_memory()[1] < 200_000
        finally:
            tracemalloc.stop()


def test_each_of_many_claims_costs_no_more() -> None:
    data = b"\xdd\x00\x00\x27\x10" + b"\xdd\xff\xff\xff\xff" * 10_000
    coder = codec(list[list[int]])
    tracemalloc.start()
    try:
        with pytest.raises(DecodeFailed):
            coder.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (int, b"\xa1x", "no `int` arrived: Expected `int`, got `str`"),
        (int, b"", "no `int` arrived: Input data was truncated"),
        (int, b"\x01\x01", "trailing"),
        (bool, b"\x01", "Expected `bool`, got `int`"),
        (int, b"\xc3", "Expected `int`, got `bool`"),
        (str, b"\xa1\xff", "invalid start byte|utf-8"),
        (Job, b"\x81\xa1n\xa1x", r"no `Job` arrived: Expected `int`, got `str` - at `\$.n`"),
        (Job, b"\x80", "missing required field `n`"),
        (Color, b"\x07", "Invalid enum value 7"),
        (SMALL, b"\x0a", "no `int` arrived: Expected `int` <= 9"),
        (set[Key], b"\x91\x90", r"Expected `object`, got `array` - at `\$\[0\]`"),
    ],
)
def test_what_is_wrong_is_said(kind: Any, data: bytes, said: str) -> None:
    with pytest.raises(DecodeFailed, match=said):
        codec(kind).decode(data)


@dataclass
class Picky:
    n: int

    def __post_init__(self) -> None:
        if self.n == 1:
            raise ValueError("n is 1")
        if self.n == 2:
            raise KeyError("n is 2")


@pytest.mark.parametrize(("n", "said"), [(1, "n is 1"), (2, "KeyError: 'n is 2'")])
def test_an_error_of_the_class_that_is_made_is_a_decode_failure(n: int, said: str) -> None:
    with pytest.raises(DecodeFailed, match=said):
        codec(Picky).decode(msgspec.msgpack.encode({"n": n}))


# --- ends -----------------------------------------------------------------------------------------


class Order(msgspec.Struct):
    n: int
    reply: csp.Sender[Order]
    spare: list[csp.Receiver[str]] = []
    maybe: csp.Sender[csp.Call[int, str]] | None = None


class Desk:
    """Lends out ends for names, as a link does."""

    def __init__(self) -> None:
        self.names: dict[bytes, Any] = {}
        self.kinds: list[Any] = []

    def lower(self, end: Any) -> bytes:
        name = b"port %d" % len(self.names)
        self.names[name] = end
        return name

    def lift(self, name: bytes, kind: Any) -> Any:
        self.kinds.append(kind)
        return self.names[name]


def with_order(body: Callable[[Order], None]) -> None:
    """Runs `body` with an order that has four ends in it, and retires them."""

    async def main() -> None:
        words = csp.Channel(str, name="words")
        calls = csp.Channel(csp.Call[int, str], name="calls")
        orders = csp.Channel(Order, name="orders")
        with orders.sender() as reply, words.receiver() as one, words.receiver() as two:
            with calls.sender() as maybe:
                body(Order(1, reply, [one, two], maybe))

    csp.run(main)


def test_ends_travel_by_the_names_that_the_link_gives_them() -> None:
    def body(sent: Order) -> None:
        desk = Desk()
        got = codec(Order).decode(codec(Order).encode(sent, desk.lower), desk.lift)
        assert got.reply is sent.reply
        assert got.maybe is sent.maybe
        assert all(a is b for a, b in zip(got.spare, sent.spare, strict=True))
        assert len(desk.names) == 4
        assert set(desk.kinds) == {
            csp.Sender[Order], csp.Receiver[str], csp.Sender[csp.Call[int, str]]
        }  # fmt: skip

    with_order(body)


def test_without_a_link_an_end_is_refused_on_both_sides() -> None:
    def body(sent: Order) -> None:
        with pytest.raises(EncodeFailed, match=r"at `\$\.reply`: an end .* over a link only"):
            codec(Order).encode(sent)
        data = codec(Order).encode(sent, Desk().lower)
        with pytest.raises(DecodeFailed, match=r"over a link only - at `\$\.reply`"):
            codec(Order).decode(data)

    with_order(body)


def test_a_value_whose_end_is_none_needs_no_link() -> None:
    assert codec(Ended).carries_ends
    assert codec(Ended).decode(codec(Ended).encode(Ended(None, 5))) == Ended(None, 5)
    assert not codec(Job).carries_ends


def test_each_end_is_lowered_once_also_when_something_behind_it_cannot_travel() -> None:
    def body(sent: Order) -> None:
        desk = Desk()
        sent.n = 2**64
        with pytest.raises(EncodeFailed, match=r"at `\$\.n`: an int of 65 bits"):
            codec(Order).encode(sent, desk.lower)
        late = [sent.reply, sent.maybe, Plain()]
        with pytest.raises(EncodeFailed, match=r"at `\$\[2\]`: a `Plain` is no value"):
            codec(list[csp.Sender[int]]).encode(late, desk.lower)
        assert len(desk.names) == 2

    with_order(body)


def test_a_link_that_refuses_an_end_is_heard_with_its_reason() -> None:
    asked: list[Any] = []

    def refuse(end: Any) -> bytes:
        asked.append(end)
        raise RuntimeError("an end of a third node is not relayed")

    def body(sent: Order) -> None:
        with pytest.raises(EncodeFailed, match=r"at `\$\.reply`: .* third node") as caught:
            codec(Order).encode(sent, refuse)
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert len(asked) == 1

    with_order(body)


@pytest.mark.parametrize("error", [ValueError, KeyError, RuntimeError])
def test_a_link_that_cannot_lift_an_end_gives_decode_failed(error: type[Exception]) -> None:
    def lift(name: bytes, kind: Any) -> Any:
        raise error(f"no port {name.decode()}")

    data = msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"five"))
    with pytest.raises(DecodeFailed, match="no port five"):
        codec(csp.Sender[int]).decode(data, lift)


def test_a_link_that_lifts_the_wrong_kind_of_end_gives_decode_failed() -> None:
    data = msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b""))
    with pytest.raises(DecodeFailed, match="Expected `Sender`, got `int`"):
        codec(csp.Sender[int]).decode(data, lambda name, kind: 5)


@pytest.mark.parametrize(
    "data",
    [
        b"\x05",
        b"\xa1x",
        b"\xc0",
        b"\x90",
        b"\x81\x01\x01",
        b"\xd4\x02x",
        b"\xd4\xffx",
        b"\xc4\x01x",
    ],
)
def test_what_is_no_end_is_refused_where_one_stands(data: bytes) -> None:
    with pytest.raises(DecodeFailed, match=r"Expected an end, `Sender\[int\]`|truncated|timestamp"):
        codec(csp.Sender[int]).decode(data, lambda name, kind: pytest.fail("asked the link"))


class RemoteSender(csp.abc.Sender[T]):
    """An end of another kind, as a link makes them."""

    type: Any = int
    channel_name = "remote"

    async def send(self, value: T) -> None: ...

    async def aclose(self) -> None: ...


def test_an_end_of_the_network_passes_where_its_abstract_class_is_named() -> None:
    remote = RemoteSender[int]()
    coder = codec(list[csp.abc.Sender[int]])
    data = coder.encode([remote], lambda end: b"name")
    assert coder.decode(data, lambda name, kind: remote) == [remote]
