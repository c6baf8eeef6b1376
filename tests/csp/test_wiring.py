"""Wiring: each end is held against its annotation before anything runs."""

from __future__ import annotations

import dataclasses
import gc
import warnings
from collections.abc import AsyncIterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import pytest
import trio

import csp
from csp import (
    Barrier,
    Broadcast,
    Channel,
    EndClosed,
    Member,
    Receiver,
    Sender,
    WiringError,
    process,
)

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]

T = TypeVar("T")


@process
async def receives(feed: Receiver[float]) -> None: ...


@process
async def sends(out: Sender[int]) -> None: ...


@process
async def unites(feed: Receiver[int | str]) -> None: ...


@process
async def copies(feed: Receiver[T], out: Sender[T]) -> None: ...


@process
async def many(*feeds: Receiver[int], **outs: Sender[str]) -> None: ...


@process
async def lists(feeds: list[Receiver[int]], named: dict[str, Sender[str]]) -> None: ...


@process
async def pairs(both: tuple[Receiver[int], Sender[str]]) -> None: ...


@process
async def trios(feed: trio.abc.ReceiveChannel[int]) -> None: ...


@process
async def maybe(feed: Receiver[int] | None = None) -> None: ...


@process
async def noted(feed: Annotated[Receiver[int], "the jobs"]) -> None: ...


@process
async def bare(feed: Receiver) -> None: ...  # type: ignore[type-arg]


@process
async def free(anything, feed: Unknown = None) -> None: ...  # type: ignore[no-untyped-def]


@process
async def counts(number: int) -> None: ...


@process
async def either(number: int | str) -> None: ...


@process
async def anything(
    what: object, any_: Any, guard: csp.abc.Guard[Any, Any], feed: AsyncIterable[int]
) -> None: ...


@process
async def members(start: Member) -> None: ...


@pytest.fixture(autouse=True)
def leave_nothing() -> Iterator[None]:
    """What a refused call has left is collected here, not in another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def rx(kind: Any) -> Any:
    return Channel(kind, name="c").receiver()


def tx(kind: Any) -> Any:
    return Channel(kind, name="c").sender()


GOOD = [
    lambda: receives(rx(float)),
    lambda: receives(rx(int)),
    lambda: receives(rx(bool)),
    lambda: receives(rx(Any)),
    lambda: sends(tx(int)),
    lambda: sends(tx(float)),
    lambda: sends(tx(object)),
    lambda: unites(rx(int)),
    lambda: unites(rx(int | str)),
    lambda: copies(rx(int), tx(int)),
    lambda: copies(rx(int), tx(float)),
    lambda: many(rx(int), rx(bool), a=tx(str)),
    lambda: lists([rx(int)], {"a": tx(str)}),
    lambda: pairs((rx(int), tx(str))),
    lambda: trios(rx(int)),
    lambda: maybe(),
    lambda: maybe(rx(int)),
    lambda: noted(rx(int)),
    lambda: bare(rx(str)),
    lambda: free(rx(str), tx(int)),
    lambda: members(Barrier(name="b").member()),
    lambda: anything(rx(int), tx(int), rx(int), rx(int)),
]


@pytest.mark.parametrize("call", GOOD, ids=range(len(GOOD)))
def test_what_fits_is_accepted(call: Any) -> None:
    call().close()


BAD = [
    (lambda: receives(rx(str)), "Receiver[float]", "Receiver[str]"),
    (lambda: receives(tx(float)), "Receiver[float]", "Sender[float]"),
    (lambda: sends(rx(int)), "Sender[int]", "Receiver[int]"),
    (lambda: sends(tx(bool)), "Sender[int]", "Sender[bool]"),
    (lambda: sends(tx(str)), "Sender[int]", "Sender[str]"),
    (lambda: unites(rx(int | bytes)), "Receiver[int | str]", "Receiver[int | bytes]"),
    (lambda: copies(rx(int), tx(str)), "Sender[T]", "Sender[str]"),
    (lambda: many(rx(int), rx(str)), "Receiver[int]", "Receiver[str]"),
    (lambda: many(a=tx(int)), "Sender[str]", "Sender[int]"),
    (lambda: lists([rx(int), rx(str)], {}), "list", "Receiver[str]"),
    (lambda: lists([], {"a": tx(int)}), "dict", "Sender[int]"),
    (lambda: pairs((rx(int), tx(int))), "tuple", "Sender[int]"),
    (lambda: trios(tx(int)), "ReceiveChannel[int]", "Sender[int]"),
    (lambda: maybe(rx(str)), "Receiver[int] | None", "Receiver[str]"),
    (lambda: noted(rx(str)), "Receiver[int]", "Receiver[str]"),
    (lambda: counts(rx(int)), "int", "Receiver[int]"),
    (lambda: either(rx(int)), "int | str", "Receiver[int]"),
]


@pytest.mark.parametrize(("call", "wanted", "given"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_named_with_both_types(call: Any, wanted: str, given: str) -> None:
    with pytest.raises(WiringError) as caught:
        call()
    message = str(caught.value)
    assert wanted in message
    assert f"{given} of channel `c`" in message
    assert "test_wiring.py:" in message


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: receives(Channel(float, name="c")), "write `c.receiver()`"),
        (lambda: sends(Channel(int, name="c")), "write `c.sender()`"),
        (lambda: sends(Broadcast(int, name="c")), "write `c.sender()`"),
        (lambda: members(Barrier(name="b")), "write `b.member()`"),
        (lambda: receives(Barrier(name="b").member()), "member of barrier `b`"),
    ],
)
def test_who_forgets_to_make_an_end_is_told_how(call: Any, hint: str) -> None:
    with pytest.raises(WiringError) as caught:
        call()
    assert hint in str(caught.value)


def test_a_failed_check_moves_nothing() -> None:
    async def main() -> int:
        numbers = Channel(int, name="numbers", buffer=1)
        with numbers.sender() as out, numbers.receiver() as feed:
            with pytest.raises(WiringError):
                pairs((feed, out))
            await out.send(7)
            return await feed.receive()

    assert csp.run(main) == 7


def test_a_wrong_number_of_arguments_is_a_type_error_with_the_place() -> None:
    with pytest.raises(TypeError, match=r"sends\(\) at test_wiring.py:\d+: missing"):
        sends()  # type: ignore[call-arg]


def test_an_end_that_is_gone_is_refused_before_anything_runs() -> None:
    end = tx(int)
    end.retire()
    with pytest.raises(EndClosed, match="was retired"):
        sends(end)


class Box(Generic[T]): ...


@dataclasses.dataclass
class Ends:
    feed: Receiver[int]


@process
async def boxed(feed: Receiver[Box[int]], ends: Ends) -> None: ...


def test_what_cannot_be_decided_is_accepted() -> None:
    boxed(rx(Box), Ends(rx(str))).close()


def test_what_is_remembered_of_one_call_says_nothing_of_type_variables_in_the_next() -> None:
    @process
    async def both(feed: Receiver[T], out: Sender[T] | None) -> None: ...

    def call(kind: Any, other: Any) -> Any:
        return both(Channel(kind, name="a").receiver(), Channel(other, name="b").sender())

    for _ in range(2):
        call(int, int).close()
        call(str, str).close()
        with pytest.raises(WiringError), Channel(int).receiver() as feed:
            with Channel(str).sender() as out:
                both(feed, out)


def test_what_is_remembered_is_told_apart_by_element_type_and_direction() -> None:
    for _ in range(2):
        receives(Channel(int, name="whole").receiver()).close()
        with pytest.raises(WiringError, match="Receiver\\[str\\]"):
            with Channel(str, name="words").receiver() as words:
                receives(words)
        with pytest.raises(WiringError, match="Sender\\[int\\]"):
            with Channel(int, name="whole").sender() as whole:
                receives(whole)  # type: ignore[arg-type]
