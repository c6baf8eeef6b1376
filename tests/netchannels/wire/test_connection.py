"""A link: what each side may do, what becomes of it on the other, and what ends it."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netchannels.wire import Connection, Event, Kind
from netchannels.wire.connection import IDLE_FRAMES, NAME, OPENING, PORTS, WANTS
from netchannels.wire.events import (
    Answered,
    Asked,
    Cancelled,
    Delivered,
    Left,
    Lost,
    Measured,
    Opened,
    Opening,
    Poisoned,
    Recovered,
    Refused,
    Retired,
    Suspected,
    Wanted,
)
from netchannels.wire.frames import CHUNK, FAILURE, HEADER, MORE, TEXT, TOTAL, Parser, frame

sys.path.insert(0, str(Path(__file__).parent))
from conversation import more, opened, shake, why_lost, written

BROKE = "the other side broke the protocol: "
MIB = 1024 * 1024


def dialled() -> tuple[Connection, Connection]:
    return Connection(dialled=True), Connection(dialled=False)


def of(kind: type, connection: Connection) -> list[Any]:
    return [event for event in connection.events() if isinstance(event, kind)]


# --- ports ---------------------------------------------------------------------------------------


def test_a_port_is_asked_for_agreed_to_and_open_on_both_sides() -> None:
    a, b = dialled()
    port = a.open("jobs", receives=True, fingerprint=b"\x00\xff", described="int | None")
    shake(a, b)
    assert b.events() == [Opening(port, "jobs", True, b"\x00\xff", "int | None")]
    b.opened(port, buffered=True)
    shake(a, b)
    assert a.events() == [Opened(port, True)]
    assert (a.ports[port].sends, b.ports[port].sends) == (False, True)


def test_both_sides_open_ports_and_the_numbers_never_meet() -> None:
    a, b = dialled()
    assert [a.open("x", receives=True) for _ in range(3)] == [1, 3, 5]
    assert [b.open("x", receives=False) for _ in range(3)] == [2, 4, 6]
    shake(a, b)
    assert [event.port for event in of(Opening, a)] == [2, 4, 6]
    assert [event.port for event in of(Opening, b)] == [1, 3, 5]


def test_what_crosses_a_refusal_is_ignored() -> None:
    a, b = dialled()
    port = a.open("jbos", receives=True)
    shake(a, b)
    b.refuse(port, 1, "no such name")
    a.want(port, 3)
    a.unwant(port)
    a.retire(port)
    shake(a, b)
    assert a.events() == [Refused(port, 1, "no such name")]
    assert (a.ports, b.ports, b.over) == ({}, {}, False)


def test_wants_before_the_answer_are_told_when_the_port_is_open() -> None:
    a, b = dialled()
    port = a.open("jobs", receives=True)
    a.want(port, 2)
    shake(a, b)
    assert [type(event) for event in b.events()] == [Opening]
    assert not b.may_deliver(port)
    b.opened(port)
    assert b.events() == [Wanted(port)]
    assert b.may_deliver(port)


def test_wants_may_be_taken_back_before_the_answer() -> None:
    a, b = dialled()
    port = a.open("jobs", receives=True)
    a.want(port, 5)
    a.unwant(port)
    shake(a, b)
    assert a.ports[port].wants == 0
    b.opened(port)
    shake(a, b)
    assert of(Opened, a) == [Opened(port, False)]


def test_a_port_that_was_retired_before_the_answer_opens_and_ends() -> None:
    a, b = dialled()
    port = a.open("jobs", receives=True)
    a.want(port, 2)
    a.retire(port, ("KeyError",))
    shake(a, b)
    b.opened(port)
    assert b.events()[1:] == [Retired(port, ("KeyError",))]
    assert not b.may_deliver(port)
    b.retire(port)
    shake(a, b)
    assert (a.ports, b.ports) == ({}, {})
    assert not a.over
    assert not b.over


def test_a_port_must_be_answered_before_it_is_used() -> None:
    a, b = dialled()
    port = a.open("jobs", receives=False)
    shake(a, b)
    for use in (b.want, b.unwant, b.retire, lambda port: b.poison(port, "", "")):
        with pytest.raises(AssertionError, match="answer it first"):
            use(port)


@pytest.mark.parametrize(
    "described", ["x" * 5000, "\0" * 5000, "\U0001f600" * 5000, "\udcff" * 5000]
)
def test_a_type_that_takes_too_long_to_describe_is_shortened(described: str) -> None:
    a, b = dialled()
    name = "\x01" * NAME
    a.open(name, receives=True, fingerprint=b"\xff" * 64, described=described)
    shake(a, b)
    [asked] = of(Opening, b)
    assert (asked.name, asked.fingerprint) == (name, b"\xff" * 64)
    assert len(asked.described) >= 200


def test_names_and_fingerprints_have_a_limit() -> None:
    a, _ = dialled()
    a.open("é" * (NAME // 2), receives=True)
    with pytest.raises(ValueError, match="at most 128 bytes"):
        a.open("é" * (NAME // 2) + "x", receives=True)
    with pytest.raises(ValueError, match="at most 64 bytes"):
        a.open("x", receives=True, fingerprint=bytes(65))


def test_a_link_has_a_limited_number_of_ports_on_each_side() -> None:
    a, b = dialled()
    for _ in range(PORTS):
        a.open("a", receives=True)
        b.open("b", receives=True)
    for side in (a, b):
        with pytest.raises(ValueError, match="1024 ports already"):
            side.open("one more", receives=True)
    shake(a, b)
    assert not a.over
    assert not b.over
    assert len(a.ports) == len(b.ports) == 2 * PORTS


def test_a_port_that_is_over_counts_until_its_last_bytes_are_written() -> None:
    """An OPEN overtakes them, and the other side counts too."""
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"work")
    sender.retire(1)
    shake(sender, receiver)
    receiver.hold(1, 1)
    receiver.done(1, 1, bytes(MIB))
    receiver.retire(1)
    assert receiver.ports == {}
    for _ in range(PORTS - 1):
        receiver.open("more", receives=True)
    with pytest.raises(ValueError, match="1024 ports already"):
        receiver.open("one more", receives=True)
    written(receiver)
    receiver.open("one more", receives=True)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, MIB])
def test_a_value_of_any_size_arrives_as_it_was(size: int) -> None:
    sender, receiver = opened(wants=1)
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert sender.deliver(1, value, attempt=300, last=True) == 1
    shake(sender, receiver)
    assert receiver.events() == [Delivered(1, 1, value, 255, True)]
    assert sender._sent == receiver._kept == size
    receiver.hold(1, 1)
    assert receiver._kept == 0
    shake(sender, receiver)
    assert sender._sent == 0
    receiver.done(1, 1, value)
    shake(sender, receiver)
    assert sender.events() == [Answered(1, 1, Kind.HOLD, b""), Answered(1, 1, Kind.DONE, value)]


def test_a_value_that_cannot_be_read_fails_without_being_taken() -> None:
    sender, receiver = opened(wants=2)
    for value in (b"a", b"b"):
        sender.deliver(1, value)
    sender.withdraw(1, 2)
    shake(sender, receiver)
    receiver.fail(1, 1, b"no")
    receiver.fail(1, 2, b"no")
    shake(sender, receiver)
    assert sender.events() == [Answered(1, id, Kind.FAIL, b"no") for id in (1, 2)]
    assert sender._sent == receiver._kept == 0
    assert sender.ports[1].values == receiver.ports[1].values == {}


def test_who_takes_a_value_for_work_may_say_that_its_sender_waits() -> None:
    sender, receiver = opened(wants=2)
    for value in (b"a", b"b"):
        sender.deliver(1, value)
    shake(sender, receiver)
    receiver.hold(1, 1, extended=True)
    receiver.hold(1, 2)
    shake(sender, receiver)
    assert sender.events() == [Answered(1, 1, Kind.HOLD, b"\1"), Answered(1, 2, Kind.HOLD, b"")]


def test_a_value_that_is_asked_back_is_released_or_was_taken() -> None:
    sender, receiver = opened(wants=2)
    for value in (b"a", b"b"):
        sender.deliver(1, value)
    shake(sender, receiver)
    receiver.accept(1, 1)
    sender.withdraw(1, 1)
    sender.withdraw(1, 2)
    sender.withdraw(1, 2)
    shake(sender, receiver)
    assert of(Asked, receiver) == [Asked(1, 2)]
    receiver.release(1, 2)
    shake(sender, receiver)
    assert sender.events() == [Answered(1, 1, Kind.ACCEPT, b""), Answered(1, 2, Kind.RELEASE, b"")]
    sender.withdraw(1, 2)  # it is too late, and does nothing
    sender.withdraw(99, 1)
    sender.cancel(99, 1)
    assert written(sender) == b""


def test_only_a_held_value_is_cancelled() -> None:
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"work")
    sender.cancel(1, 1)
    assert Kind.CANCEL not in {read.kind for read in Parser().feed(written(sender))}
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"work")
    shake(sender, receiver)
    receiver.hold(1, 1)
    shake(sender, receiver)
    sender.cancel(1, 1)
    shake(sender, receiver)
    assert of(Cancelled, receiver) == [Cancelled(1, 1)]
    receiver.done(1, 1)
    sender.cancel(1, 1)  # it crosses the answer
    shake(sender, receiver)
    assert not receiver.over


def test_what_is_too_large_is_refused_here_and_changes_nothing() -> None:
    sender, receiver = opened(wants=1, largest=1000)
    with pytest.raises(ValueError, match="1,001 bytes, 1,000 at most: send it in parts"):
        sender.deliver(1, bytes(1001))
    assert sender.may_deliver(1)
    sender.deliver(1, bytes(1000))
    shake(sender, receiver)
    receiver.hold(1, 1)
    with pytest.raises(ValueError, match="a reply of 1,001 bytes"):
        receiver.done(1, 1, bytes(1001))
    with pytest.raises(ValueError, match=r"a failure of 65,537 bytes, 65,536 at most"):
        receiver.fail(1, 1, bytes(FAILURE + 1))
    receiver.fail(1, 1, bytes(FAILURE))
    shake(sender, receiver)
    assert of(Answered, sender)[-1] == Answered(1, 1, Kind.FAIL, bytes(FAILURE))


def test_values_that_nobody_wants_cannot_be_delivered() -> None:
    sender, _ = opened(wants=1)
    sender.deliver(1, b"a")
    assert not sender.may_deliver(1)
    with pytest.raises(AssertionError):
        sender.deliver(1, b"b")


def test_wants_that_are_left_come_back() -> None:
    sender, receiver = opened(wants=5)
    sender.deliver(1, b"a")
    receiver.unwant(1)
    assert receiver.ports[1].wants == 5
    shake(sender, receiver)
    assert receiver.ports[1].wants == sender.ports[1].wants == 0
    receiver.want(1)
    shake(sender, receiver)
    assert of(Wanted, sender) == [Wanted(1)]
    assert sender.may_deliver(1)


def test_a_port_has_a_limited_number_of_wants() -> None:
    sender, receiver = opened(wants=WANTS)
    with pytest.raises(AssertionError):
        receiver.want(1)
    shake(sender, receiver)
    assert sender.ports[1].wants == WANTS
    receiver.unwant(1)
    shake(sender, receiver)
    for count in (0, -1, WANTS + 1):
        with pytest.raises(AssertionError):
            receiver.want(1, count)


def test_the_ids_of_a_port_are_not_used_up() -> None:
    sender, receiver = opened(wants=2)
    for side in (sender, receiver):
        side.ports[1].latest = 2**32 - 1
    sender.deliver(1, b"a")
    shake(sender, receiver)
    receiver.accept(1, 2**32)
    shake(sender, receiver)
    assert of(Answered, sender) == [Answered(1, 2**32, Kind.ACCEPT, b"")]


# --- credit --------------------------------------------------------------------------------------


def fill(sender: Connection, port: int) -> int:
    """Deliver until the credit is used up; how many were delivered."""
    count = 0
    while sender.may_deliver(port):
        sender.deliver(port, bytes(500))
        count += 1
    return count


def test_the_credit_of_the_link_stops_a_port_until_something_is_answered() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    assert sender.credit_left() == 1000
    sender.deliver(1, bytes(500))
    assert sender.credit_left() == 500
    assert fill(sender, 1) == 1
    assert sender.credit_left() == 0
    shake(sender, receiver)
    assert of(Wanted, sender) == []
    receiver.hold(1, 1)
    shake(sender, receiver)
    assert of(Wanted, sender) == [Wanted(1)]
    assert fill(sender, 1) == 1
    shake(sender, receiver)
    assert not receiver.over


def test_each_port_has_one_value_outside_the_credit() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    other = more(sender, receiver, wants=100)
    assert fill(sender, 1) == 2
    assert fill(sender, other) == 1
    shake(sender, receiver)
    sender.events()
    receiver.accept(other, 1)  # nothing of port 1 is answered
    shake(sender, receiver)
    assert of(Wanted, sender) == [Wanted(other)]
    assert fill(sender, other) == 1
    shake(sender, receiver)
    assert not receiver.over


def test_a_value_in_work_does_not_stop_the_next_one_of_its_port() -> None:
    """Or ports would wait for each other: what is held may take long."""
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    other = more(sender, receiver, wants=100)
    sender.deliver(other, bytes(500))
    shake(sender, receiver)
    receiver.hold(other, 1)
    shake(sender, receiver)
    assert fill(sender, 1) == 2
    assert sender.may_deliver(other)
    sender.deliver(other, bytes(500))
    assert not sender.may_deliver(other)
    shake(sender, receiver)
    assert not receiver.over


def test_ports_are_told_of_credit_in_the_order_in_which_they_starved() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    others = [more(sender, receiver, wants=100) for _ in range(20)]
    assert fill(sender, 1) == 2
    for port in others:
        assert fill(sender, port) == 1
    shake(sender, receiver)
    sender.events()
    receiver.hold(1, 1)
    receiver.hold(1, 2)
    for port in others[:18]:
        receiver.hold(port, 1)
    shake(sender, receiver)  # these have nothing tentative any more; the link has no credit yet
    assert of(Wanted, sender) == [Wanted(port) for port in [1, *others[:18]]]
    receiver.hold(others[19], 1)
    shake(sender, receiver)
    assert of(Wanted, sender) == [Wanted(port) for port in others[18:]]


def test_a_value_that_overtakes_others_does_not_use_up_their_credit() -> None:
    """The credit was counted in the order of `deliver`, not in the one of arrival."""
    sender, receiver = opened(wants=9, credit=4 * CHUNK, grants=4 * CHUNK)
    other = more(sender, receiver, wants=9)
    sender.deliver(1, bytes(3 * CHUNK))
    sender.deliver(1, bytes(CHUNK))  # waits behind the chunks
    sender.deliver(other, bytes(CHUNK))  # overtakes both
    assert not sender.may_deliver(1)
    assert not sender.may_deliver(other)
    shake(sender, receiver)
    assert [event.port for event in of(Delivered, receiver)] == [other, 1, 1]


def test_more_than_the_credit_is_a_breach() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000, largest=500)
    sender.credit = 10_000
    fill(sender, 1)
    shake(sender, receiver)
    assert receiver._kept == 1000
    assert why_lost(receiver) == f"{BROKE}more bytes than the credit of the link, 1,000"


# --- ends ----------------------------------------------------------------------------------------


def test_a_receiver_that_retires_releases_what_stands_and_finishes_what_it_holds() -> None:
    sender, receiver = opened(wants=3)
    for value in (b"held", b"standing", bytes(3 * CHUNK)):
        sender.deliver(1, value)
    first, rest = sender._outbox.take(1), written(sender)
    receiver.receive_data(first + rest[: 2 * CHUNK], 0.0)
    receiver.hold(1, 1)
    receiver.retire(1, ("ValueError",))
    receiver.receive_data(rest[2 * CHUNK :], 0.0)
    assert [event.id for event in of(Delivered, receiver)] == [1, 2]
    shake(sender, receiver)
    assert sender.events() == [
        Answered(1, 1, Kind.HOLD, b""),
        Retired(1, ("ValueError",)),
        Answered(1, 2, Kind.RELEASE, b""),
        Answered(1, 3, Kind.RELEASE, b""),
    ]
    sender.retire(1)
    receiver.done(1, 1, b"reply")
    shake(sender, receiver)
    assert sender.events() == [Answered(1, 1, Kind.DONE, b"reply")]
    assert (sender.ports, receiver.ports) == ({}, {})
    assert sender._sent == receiver._kept == 0


def test_a_port_is_over_on_both_sides_with_its_last_answer() -> None:
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"work")
    shake(sender, receiver)
    receiver.hold(1, 1)
    receiver.retire(1)
    sender.retire(1)
    shake(sender, receiver)
    assert list(sender.ports) == list(receiver.ports) == [1]
    receiver.done(1, 1)
    assert receiver.ports == {}
    shake(sender, receiver)
    assert sender.ports == {}


def test_a_port_that_ends_is_not_told_of_credit() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    other = more(sender, receiver, wants=100)
    assert fill(sender, other) == 2
    assert fill(sender, 1) == 1
    assert not sender.may_deliver(other)
    sender.retire(other)
    shake(sender, receiver)
    receiver.retire(1)
    receiver.accept(other, 1)
    receiver.accept(other, 2)
    shake(sender, receiver)
    assert of(Wanted, sender) == []
    sender.retire(1)
    receiver.retire(other)
    shake(sender, receiver)
    assert (sender.ports, sender._starved) == ({}, {})


def test_a_starved_port_that_is_over_is_forgotten_at_once() -> None:
    sender, receiver = opened(wants=100, credit=1000, grants=1000)
    other = more(sender, receiver, wants=100)
    assert fill(sender, 1) == 2
    assert fill(sender, other) == 1
    sender.credit = 0  # nothing is set free
    for side in (sender, receiver):
        side.retire(other)
    shake(sender, receiver)
    assert list(sender.ports) == [1]
    assert [port.number for port in sender._starved] == [1]


def test_poison_says_who_and_why() -> None:
    sender, receiver = opened()
    sender.poison(1, "broken\udcff", "worker")
    sender.retire(1)  # it has said its last word
    shake(sender, receiver)
    assert receiver.events() == [Poisoned(1, "broken\\udcff", "worker")]


@pytest.mark.parametrize(
    "text", ["x" * 9999, "\0" * 9999, "\U0001f600" * 9999, '"\\' * 9999, "\udcff"]
)
def test_texts_of_any_length_and_kind_are_shortened_until_they_fit(text: str) -> None:
    for say in (
        lambda c: c.retire(1, (text,) * 30),
        lambda c: c.poison(1, text, text),
        lambda c: c.goodbye(text),
    ):
        sender, receiver = opened()
        say(sender)
        shake(sender, receiver)
        [event] = receiver.events()
        assert not isinstance(event, Lost)
    a, b = dialled()
    port = a.open("x", receives=True)
    shake(a, b)
    b.refuse(port, 1, text)
    shake(a, b)
    assert 6 <= len(a.events()[-1].text) <= TEXT  # type: ignore[union-attr]


def test_a_text_that_fits_is_not_shortened() -> None:
    sender, receiver = opened()
    sender.poison(1, "r" * 1900, "w" * 1900)
    shake(sender, receiver)
    assert receiver.events() == [Poisoned(1, "r" * 1900, "w" * 1900)]


# --- the end of the link -------------------------------------------------------------------------


def test_nothing_is_written_or_heard_after_a_loss() -> None:
    sender, _receiver = opened(wants=2)
    sender.deliver(1, b"a")
    sender.receive_eof()
    sender.lose("again")
    sender.receive_data(b"\xff" * 100, 0.0)
    sender.handle_time(100.0)
    sender.goodbye()
    sender.busy(1.0)
    assert sender.data_to_send() == b""
    assert sender.events() == [Lost("closed by the other side without a goodbye")]
    assert sender.events() == []


def test_frames_before_a_breach_count_and_those_behind_it_do_not() -> None:
    _sender, receiver = opened(wants=2)
    good = frame(Kind.DELIVER, 1, 1, b"\0a")
    receiver.receive_data(good + frame(Kind.OPENED, 1) + frame(Kind.DELIVER, 1, 2, b"\0b"), 0.0)
    assert [type(event) for event in receiver.events()] == [Delivered, Lost]


def test_after_the_goodbye_of_the_other_side_nothing_is_written() -> None:
    sender, receiver = opened(wants=2)
    sender.deliver(1, b"a")
    receiver.goodbye("done")
    sender.receive_data(written(receiver) + b"\xff" * 100, 0.0)
    sender.receive_eof()
    assert sender.events() == [Left("done")]
    assert sender.data_to_send() == b""


def test_a_goodbye_that_is_no_text_is_a_breach() -> None:
    connection = Connection(dialled=True)
    connection.receive_data(frame(Kind.GOODBYE, body=b"\xff"), 0.0)
    assert why_lost(connection) == f"{BROKE}text that is not UTF-8"


# --- time ----------------------------------------------------------------------------------------


def test_heartbeats_are_written_answered_and_measured() -> None:
    a, b = dialled()
    a.handle_time(1.0)
    assert a.data_to_send() == b""
    a.handle_time(2.0)
    b.receive_data(a.data_to_send(), 2.1)
    a.receive_data(b.data_to_send(), 2.25)
    assert a.events() == [Measured(0.25)]
    assert a.next_deadline() == 3.0


def test_a_round_trip_never_took_less_than_nothing() -> None:
    a, b = dialled()
    a.handle_time(2.0)
    b.receive_data(a.data_to_send(), 0.0)
    a.receive_data(b.data_to_send(), 1.0)
    assert a.events() == [Measured(0.0)]


def test_silence_is_suspected_recovered_from_and_lost() -> None:
    a, b = dialled()
    events: list[Event] = []
    for second in range(1, 31):
        a.handle_time(float(second))
        if second == 7:
            b.busy(0)
            a.receive_data(b.data_to_send(), 7.0)
        events += a.events()
    assert events == [Suspected(), Recovered(), Suspected(), Lost("silent for 10 s")]
    assert a.data_to_send() == b""


def test_a_busy_side_is_neither_suspected_nor_lost() -> None:
    a, b = dialled()
    b.busy(100)
    a.receive_data(b.data_to_send(), 0.0)
    for second in range(1, 101):
        a.handle_time(float(second))
    assert a.events() == []
    for second in range(101, 111):
        a.handle_time(float(second))
    assert a.events() == [Suspected(), Lost("silent for 10 s")]


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.5, 1e30, float("inf")])
def test_any_time_may_be_announced(seconds: float) -> None:
    a, b = dialled()
    a.busy(seconds)
    b.receive_data(a.data_to_send(), 0.0)
    assert not b.over


def test_nothing_received_is_no_sign_of_life() -> None:
    a, _ = dialled()
    for second in range(1, 11):
        a.receive_data(b"", float(second))
        a.handle_time(float(second))
    assert a.over


def test_pings_without_an_answer_are_not_kept_for_ever() -> None:
    a, b = dialled()
    for beat in range(1, 3000):
        a.handle_time(2.0 * beat)
        a.data_to_send()
        b.busy(1)
        a.receive_data(b.data_to_send(), 2.0 * beat)
    assert len(a._pings) <= 1000
    a.receive_data(b"".join(frame(Kind.PONG, id=ping) for ping in range(1, 3000)), 6000.0)
    assert not a.over
    assert a._pings == {}


# --- breaches ------------------------------------------------------------------------------------


def deliver(id: int, size: int, total: int) -> bytes:
    return frame(Kind.DELIVER, 1, id, b"\0" + TOTAL.pack(total) + bytes(size), MORE)


def data(id: int, size: int, flags: int = 0) -> bytes:
    return frame(Kind.DATA, 1, id, bytes(size), flags)


def open_frame(number: int, body: bytes = b'["x", "", ""]') -> bytes:
    return frame(Kind.OPEN, number, 1, body)


UNWANT = b"after an UNWANT of ours: "
AT_RECEIVER: list[tuple[str, bytes]] = [
    ("4,294,967,295 bytes, 262,149 at most", HEADER.pack(2**32 - 1, Kind.DELIVER, 0, 1, 1)),
    ("a value of 4,294,967,295 bytes", deliver(1, CHUNK, 2**32 - 1)),
    ("a value of 1,114,113 bytes, 1,114,112 at most", deliver(1, CHUNK, MIB + 65_537)),
    ("DELIVER without its head", frame(Kind.DELIVER, 1, 1)),
    ("DELIVER without its head", frame(Kind.DELIVER, 1, 1, b"\0\0\0\0", MORE)),
    ("value 2 behind value 0", frame(Kind.DELIVER, 1, 2, b"\0")),
    ("value 0 behind value 0", frame(Kind.DELIVER, 1, 0, b"\0")),
    ("nobody wants", b"".join(frame(Kind.DELIVER, 1, id, b"\0") for id in range(1, 5))),
    ("exceed the length", deliver(1, CHUNK, CHUNK)),
    ("exceed the length", deliver(1, CHUNK + 1, CHUNK)),
    ("a chunk of 1 bytes, 16,384 at least", deliver(1, CHUNK, 2 * CHUNK) + data(1, 1, MORE)),
    ("a chunk of 0 bytes, 16,384 at least", deliver(1, 0, 2 * CHUNK)),
    ("do not add up", deliver(1, CHUNK, 2 * CHUNK) + data(1, 1)),
    ("do not add up", deliver(1, CHUNK, 2 * CHUNK) + data(1, CHUNK + 1)),
    ("DATA of no value", deliver(1, CHUNK, 2 * CHUNK) + data(2, CHUNK)),
    ("RETIRE between the chunks", deliver(1, CHUNK, 2 * CHUNK) + frame(Kind.RETIRE, 1)),
    ("WITHDRAW of value 1, which was never sent", frame(Kind.WITHDRAW, 1, 1)),
    ("CANCEL of value 1, which was never sent", frame(Kind.CANCEL, 1, 1)),
    ("not held", frame(Kind.DELIVER, 1, 1, b"\0") + frame(Kind.CANCEL, 1, 1)),
    ("UNWANTED without an UNWANT", frame(Kind.UNWANTED, 1, 1)),
    ("more wants given back than", UNWANT + frame(Kind.UNWANTED, 1, 4)),
    ("UNWANTED without an UNWANT", UNWANT + frame(Kind.UNWANTED, 1, 1) * 2),
    ("a list of texts that is none", frame(Kind.RETIRE, 1, 0, b"{}")),
    ("a list of texts that is none", frame(Kind.RETIRE, 1, 0, b"[" * TEXT)),
    ("a list of texts that is none", frame(Kind.RETIRE, 1, 0, b'["\\ud800"]')),
    ("a list of texts that is none", frame(Kind.POISON, 1, 0, b'["why"]')),
    ("text that is not UTF-8", frame(Kind.POISON, 1, 0, '["é","b"]'.encode("utf-16"))),
    ("OPEN of port 4; the next one is 2", open_frame(4)),
    ("OPEN of port 3; the next one is 2", open_frame(3)),
    ("OPEN of port 0; the next one is 2", open_frame(0)),
    ("OPEN on port 1, open", open_frame(1)),
    ("OPEN on port 2, asked for", open_frame(2) + open_frame(2)),
    ("a name of more than 128 bytes", open_frame(2, b'["' + b"x" * 129 + b'", "", ""]')),
    ("a list of texts that is none", open_frame(2, b'["\\ud800", "", ""]')),
    ("not hexadecimal", open_frame(2, b'["x", "0g", ""]')),
    ("ACCEPT on port 7, which is not open", frame(Kind.ACCEPT, 7, 1)),
    ("WITHDRAW on port 7, which is not open", frame(Kind.WITHDRAW, 7, 1)),
    ("a PONG without its PING", frame(Kind.PONG, id=1)),
    ("PING on port 1", frame(Kind.PING, 1)),
    ("PING on port 9: it is a frame of the link", frame(Kind.PING, 9)),
]

AT_SENDER: list[tuple[str, bytes]] = [
    ("wants for more than 1,048,576 values", frame(Kind.WANT, 1, WANTS)),
    ("wants for more than 1,048,576 values", frame(Kind.WANT, 1, 2**64 - 1)),
    ("ACCEPT of value 2, which is settled or never sent", frame(Kind.ACCEPT, 1, 2)),
    ("DONE of value 1, which is delivered, tentatively", frame(Kind.DONE, 1, 1)),
    ("HOLD of value 1, which is taken for work", frame(Kind.HOLD, 1, 1) * 2),
    ("ACCEPT of value 1, which is settled", frame(Kind.ACCEPT, 1, 1) * 2),
    ("DONE without its head", frame(Kind.HOLD, 1, 1) + frame(Kind.DONE, 1, 1, b"", MORE)),
    (
        "a reply of 4,294,967,295 bytes",
        frame(Kind.HOLD, 1, 1) + frame(Kind.DONE, 1, 1, b"\xff" * 4, MORE),
    ),
    ("65,537 bytes, 65,536 at most", HEADER.pack(FAILURE + 1, Kind.FAIL, 0, 1, 1)),
]


@pytest.mark.parametrize(("why", "said"), AT_RECEIVER)
def test_a_breach_at_the_receiver_is_named(why: str, said: bytes) -> None:
    _, receiver = opened(wants=3)
    if said.startswith(UNWANT):
        said = said.removeprefix(UNWANT)
        receiver.unwant(1)
    receiver.receive_data(said, 0.0)
    lost = why_lost(receiver)
    assert lost.startswith(BROKE)
    assert why in lost


@pytest.mark.parametrize(("why", "said"), AT_SENDER)
def test_a_breach_at_the_sender_is_named(why: str, said: bytes) -> None:
    sender, _receiver = opened(wants=3)
    sender.deliver(1, b"a")
    sender.receive_data(said, 0.0)
    lost = why_lost(sender)
    assert lost.startswith(BROKE)
    assert why in lost


def test_a_reply_that_is_too_large_in_one_frame_is_a_breach() -> None:
    sender, _receiver = opened(wants=1, largest=100)
    sender.deliver(1, b"a")
    sender.receive_data(frame(Kind.HOLD, 1, 1) + frame(Kind.DONE, 1, 1, bytes(101)), 0.0)
    assert why_lost(sender) == f"{BROKE}a reply of 101 bytes, 100 at most"


def test_the_opener_that_shall_send_cannot_make_up_wants_of_its_own() -> None:
    a, b = dialled()
    a.open("results", receives=False)
    shake(a, b)
    b.receive_data(frame(Kind.WANT, 1, 5), 0.0)
    assert "WANT on port 1, asked for by the other side, which shall send" in why_lost(b)


# --- floods --------------------------------------------------------------------------------------


FEW = IDLE_FRAMES


def peak(connection: Connection, data: bytes, times: int) -> int:
    """Bytes of memory that it took to receive the same data again and again."""
    tracemalloc.start()
    try:
        for _ in range(times):
            connection.receive_data(data, 0.0)
            connection.events()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


FLOODS: dict[str, tuple[Callable[[], Connection], bytes]] = {
    "PING": (lambda: opened()[0], frame(Kind.PING, id=1)),
    "BUSY": (lambda: opened()[0], frame(Kind.BUSY, id=1)),
    "WANT": (lambda: opened()[0], frame(Kind.WANT, 1, 1)),
    "WANT of nothing": (lambda: opened()[0], frame(Kind.WANT, 1, 0)),
    "UNWANT": (lambda: opened()[0], frame(Kind.UNWANT, 1)),
    "WANT, UNWANT": (lambda: opened()[0], frame(Kind.WANT, 1, 1) + frame(Kind.UNWANT, 1)),
    "late WITHDRAW": (lambda: settled(), frame(Kind.WITHDRAW, 1, 1)),
    "late CANCEL": (lambda: settled(), frame(Kind.CANCEL, 1, 1)),
    "CANCEL": (lambda: at_work(), frame(Kind.CANCEL, 1, 1)),
    "late WANT": (lambda: closed(), frame(Kind.WANT, 1, 1)),
    "late RETIRE": (lambda: closed(), frame(Kind.RETIRE, 1)),
}


def settled() -> Connection:
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"a")
    shake(sender, receiver)
    receiver.accept(1, 1)
    return receiver


def at_work() -> Connection:
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"a")
    shake(sender, receiver)
    receiver.hold(1, 1)
    return receiver


def closed() -> Connection:
    sender, receiver = opened()
    sender.retire(1)
    receiver.retire(1)
    shake(sender, receiver)
    assert sender.ports == {}
    return sender


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_link_and_takes_little_memory(flood: str) -> None:
    make, data = FLOODS[flood]
    connection = make()
    assert peak(connection, data * 100, 2 * FEW // 100) < 2 * MIB
    assert connection.over
    assert connection._idle > FEW


@pytest.mark.parametrize("flood", ["PING", "UNWANT"])
def test_a_slow_flood_of_one_that_does_not_read_is_stopped_too(flood: str) -> None:
    make, data = FLOODS[flood]
    connection = make()
    connection.data_to_send()
    for second in range(1, 100):
        connection.handle_time(float(second))
        connection.receive_data(data * (FEW // 75), float(second))
    assert connection.over
    assert connection._idle == FEW + 1


def test_frames_that_bring_nothing_are_forgiven_to_one_that_reads() -> None:
    connection = opened()[0]
    for second in range(1, 10):
        connection.handle_time(float(second))
        connection.receive_data(frame(Kind.PING, id=1) * (FEW - 10), float(second))
        connection.data_to_send()
    assert not connection.over


def test_looking_at_the_clock_often_does_not_forgive_more() -> None:
    connection = opened()[0]
    for step in range(1, 30):
        connection.handle_time(step / 100)
        connection.receive_data(frame(Kind.PING, id=1) * (FEW // 10), step / 100)
        connection.data_to_send()
    assert connection.over


def test_one_that_reads_slowly_is_forgiven_a_little() -> None:
    """A long value is never written to the end here, so not all is read at any time."""
    sender, _receiver = opened(wants=2, largest=64 * MIB)
    sender.deliver(1, bytes(64 * MIB))
    for second in range(1, 200):
        sender.handle_time(float(second))
        sender.receive_data(frame(Kind.WANT, 1, 1) * 90, float(second))
        sender.data_to_send()
    assert sender._outbox
    assert not sender.over


def test_each_value_pays_for_its_want() -> None:
    sender, receiver = opened()
    for _ in range(FEW + 100):  # all within a tick
        receiver.want(1)
        sender.receive_data(receiver.data_to_send(), 0.0)
        id = sender.deliver(1, b"")
        receiver.receive_data(sender.data_to_send(), 0.0)
        receiver.accept(1, id)
        sender.events()
        receiver.events()
    assert not sender.over
    assert sender._idle < 100


def test_ports_that_are_refused_again_and_again_end_the_link() -> None:
    connection = Connection(dialled=False)
    for number in range(1, 10_000, 2):
        connection.receive_data(open_frame(number), 0.0)
        if connection.over:
            break
        connection.refuse(number, 1, "no such name" * 1000)
    assert connection.over
    assert number // 2 == FEW // OPENING


def test_ports_that_are_agreed_to_may_come_and_go() -> None:
    sender, receiver = opened()
    for _ in range(FEW // OPENING + 100):
        port = more(sender, receiver)
        sender.retire(port)
        receiver.retire(port)
        shake(sender, receiver)
    assert len(sender.ports) == len(receiver.ports) == 1
    assert not sender.over


def test_too_many_ports_are_a_breach() -> None:
    connection = Connection(dialled=False)
    for number in range(1, 2 * 2 * PORTS, 2):
        connection.receive_data(open_frame(number), 0.0)
        connection._idle = 0
    assert not connection.over
    connection.receive_data(open_frame(4 * PORTS + 1), 0.0)
    assert why_lost(connection) == f"{BROKE}more than 1,024 ports"


def test_a_value_that_was_announced_takes_no_memory_before_it_comes() -> None:
    receiver = opened(wants=1, largest=64 * MIB)[1]
    assert peak(receiver, deliver(1, CHUNK, 64 * MIB)[:-1], 1) < 4 * CHUNK + 4096
    assert not receiver.over


def test_values_in_crumbs_are_refused() -> None:
    receiver = opened(wants=1)[1]
    assert peak(receiver, deliver(1, CHUNK, MIB) + data(1, 2, MORE) * 1000, 1) < 8 * CHUNK
    assert receiver.over


def test_a_frame_that_is_never_finished_is_kept_once() -> None:
    receiver = opened(wants=1)[1]
    piece = bytes(1000)
    receiver.receive_data(HEADER.pack(262_149, Kind.DELIVER, 0, 1, 1), 0.0)
    assert peak(receiver, piece, 262) < 2 * 262_149
    assert not receiver.over
