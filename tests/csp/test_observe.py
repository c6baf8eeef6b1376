"""The records that observers get, and the stream that counts what it drops."""

import math
from typing import Any, get_args

import msgspec
import pytest

from csp import Dropped, Event
from csp._observe import LONGEST, Kind, Stream, shown


def stream(size: float, count: int) -> Stream:
    filled = Stream(size)
    for number in range(count):
        filled.put(number)
    return filled


def drained(filled: Stream) -> list[Any]:
    return [filled.get() for _ in range(len(filled))]


def test_an_event_is_frozen() -> None:
    event = Event("committed", "main.worker", "main.jobs", "receive", "", 1.5)
    for field in msgspec.structs.fields(event):
        with pytest.raises(AttributeError):
            setattr(event, field.name, "other")
    with pytest.raises((AttributeError, TypeError)):
        event.more = 1  # type: ignore[attr-defined]


def test_dropped_is_frozen() -> None:
    dropped: Any = Dropped(3)
    with pytest.raises(AttributeError):
        dropped.count = 4


def test_records_are_equal_by_value_and_may_be_keys() -> None:
    one, same = (Event("started", "main", "", "", "f.py:1", 0.0) for _ in range(2))
    assert one == same
    assert len({one, same}) == 1
    assert Dropped(2) == Dropped(2) != Dropped(3)


def test_the_fields_of_an_event_have_a_settled_order() -> None:
    names = [field.name for field in msgspec.structs.fields(Event)]
    assert names == ["kind", "process", "channel", "side", "detail", "time", "number", "met"]


def test_there_are_eight_kinds_of_events() -> None:
    kinds = "started offered committed parked resumed retired poisoned ended"
    assert get_args(Kind) == tuple(kinds.split())


def test_a_stream_with_room_keeps_everything_in_order() -> None:
    assert drained(stream(5, 5)) == [0, 1, 2, 3, 4]


def test_a_full_stream_keeps_the_newest_and_says_how_many_are_missing() -> None:
    assert drained(stream(3, 10)) == [Dropped(7), 7, 8, 9]


def test_what_is_dropped_while_it_is_read_is_told_before_what_follows() -> None:
    filled = stream(2, 2)
    assert filled.get() == 0
    for number in (2, 3):
        filled.put(number)
    assert drained(filled) == [Dropped(1), 2, 3]


def test_what_was_told_is_not_told_again() -> None:
    filled = stream(1, 3)
    assert filled.get() == Dropped(2)
    assert filled.get() == 2
    filled.put(3)
    assert drained(filled) == [3]


def test_a_stream_without_a_limit_drops_nothing() -> None:
    filled = stream(math.inf, 5000)
    assert filled.get() == 0
    assert len(filled) == 4999
    assert not filled.dropped


def test_a_stream_never_makes_anybody_wait() -> None:
    filled = stream(1, 10)
    assert not filled.full


@pytest.mark.parametrize("value", [3, -1.5, True, None, "it's", b"bytes", 2j])
def test_a_plain_value_is_shown_as_it_is(value: object) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize("value", ["x" * 1000, b"x" * 1000, "\x00" * 30, 10**1000])
def test_a_long_value_is_cut(value: object) -> None:
    assert len(shown(value)) <= LONGEST


def test_no_code_of_a_class_runs_to_show_a_value() -> None:
    class Loud:
        def __repr__(self) -> str:
            raise AssertionError

    class Number(int):
        def __repr__(self) -> str:
            raise AssertionError

    assert [shown(Loud()), shown(Number(3)), shown([Loud()])] == ["Loud", "Number", "list"]
