"""Who writes next: others overtake a long value, a port never overtakes itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels.wire import Kind
from netchannels.wire.events import Delivered, Left, Retired
from netchannels.wire.frames import CHUNK, LONGEST_CHUNK, Frame, Parser, frame
from netchannels.wire.outbox import Outbox
from netchannels.wire.port import Port, State

sys.path.insert(0, str(Path(__file__).parent))
from conversation import more, opened, shake, written

MIB = 1024 * 1024


def port(number: int) -> Port:
    return Port(number, f"port {number}", sends=True, state=State.SENDS)


def small(number: int, id: int) -> bytes:
    return frame(Kind.DELIVER, number, id, b"\0small")


def long(outbox: Outbox, port: Port, id: int, size: int) -> None:
    outbox.put_long(port, Kind.DELIVER, id, b"\0", bytes(size), 0)


def read(data: bytes) -> list[Frame]:
    return list(Parser().feed(data))


def takes(outbox: Outbox, least: int = 64 * 1024) -> list[list[Frame]]:
    """The frames of each take, until there are none."""
    return [read(data) for data in iter(lambda: outbox.take(least), b"")]


def chunks(frames: list[Frame], number: int) -> list[int]:
    return [len(each.body) for each in frames if each.port == number and each.kind == Kind.DATA]


def test_small_frames_leave_together() -> None:
    outbox = Outbox()
    assert not outbox
    for id in range(1000):
        outbox.put(small(1, id), port(1))
    assert outbox
    assert [each.id for each in read(outbox.take())] == list(range(1000))
    assert not outbox
    assert outbox.take() == b""


def test_small_frames_of_another_port_overtake_a_long_value() -> None:
    outbox, a, b = Outbox(), port(1), port(3)
    long(outbox, a, 1, MIB)
    first = read(outbox.take())
    assert {each.port for each in first} == {1}
    outbox.put(small(3, 1), b)
    assert read(outbox.take())[0].port == 3
    rest = [each for frames in takes(outbox) for each in frames]
    assert rest
    assert {each.port for each in rest} == {1}


def test_small_frames_of_the_same_port_wait_for_the_long_value() -> None:
    outbox, a = Outbox(), port(1)
    long(outbox, a, 1, MIB)
    outbox.put(small(1, 2), a)
    outbox.put(frame(Kind.RETIRE, 1), a)
    frames = [each for frames in takes(outbox) for each in frames]
    assert [each.kind for each in frames[-2:]] == [Kind.DELIVER, Kind.RETIRE]
    assert {each.kind for each in frames[1:-2]} == {Kind.DATA}
    assert not a.queue


def test_a_take_is_about_as_long_as_it_is_asked_to_be() -> None:
    outbox, a = Outbox(), port(1)
    long(outbox, a, 1, 8 * MIB)
    for id in range(2, 2000):
        outbox.put(small(1, id), a)
    sizes = [len(data) for data in iter(outbox.take, b"")]
    assert max(sizes) < 64 * 1024 + 2 * LONGEST_CHUNK


def test_small_frames_that_wait_in_great_number_do_not_leave_in_one_turn() -> None:
    outbox, a, b = Outbox(), port(1), port(3)
    long(outbox, a, 1, CHUNK + 1)
    for id in range(2, 1000):
        outbox.put(frame(Kind.DELIVER, 1, id, bytes(CHUNK)), a)
    outbox.take()
    long(outbox, b, 1, 2 * CHUNK)
    frames = [each for _ in range(4) for each in read(outbox.take())]
    assert 3 in {each.port for each in frames}
    assert outbox.waiting() == (a,)


def test_chunks_grow_while_one_port_alone_has_data() -> None:
    outbox, a = Outbox(), port(1)
    long(outbox, a, 1, 2 * MIB)
    sizes = [size for frames in takes(outbox) for size in chunks(frames, 1)]
    assert sizes[:-1] == sorted(sizes[:-1])
    assert sizes[0] <= 4 * CHUNK
    assert max(sizes) == LONGEST_CHUNK
    assert sum(sizes) == 2 * MIB - CHUNK


def test_chunks_are_short_again_while_two_ports_have_data() -> None:
    outbox, a, b = Outbox(), port(1), port(3)
    long(outbox, a, 1, 4 * MIB)
    while max(chunks(read(outbox.take()), 1)) < LONGEST_CHUNK:
        pass
    long(outbox, b, 1, MIB)
    both = [read(outbox.take()) for _ in range(4)]
    assert {size for frames in both for each in (1, 3) for size in chunks(frames, each)} == {CHUNK}
    frames = [each for frames in both for each in frames]
    turns = [each.port for each in frames]
    assert max(abs(turns[:at].count(1) - turns[:at].count(3)) for at in range(len(turns))) <= 2
    rest = list(takes(outbox))
    assert max(size for frames in rest for size in chunks(frames, 1)) == LONGEST_CHUNK


@pytest.mark.parametrize("size", [CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 3 * CHUNK, MIB + 7])
def test_a_chunk_that_others_follow_is_never_short(size: int) -> None:
    outbox, a, b = Outbox(), port(1), port(3)
    long(outbox, a, 1, size)
    long(outbox, b, 1, size)
    frames = [each for frames in takes(outbox) for each in frames]
    for number in (1, 3):
        mine = [each for each in frames if each.port == number]
        assert [each.flags for each in mine] == [1] * (len(mine) - 1) + [0]
        assert all(len(each.body) >= CHUNK for each in mine[:-1])
        assert sum(len(each.body) for each in mine) == size + 5


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("small"), st.integers(1, 4)),
            st.tuples(st.just("long"), st.integers(1, 4)),
            st.tuples(st.just("take"), st.integers(1, 200_000)),
        ),
        max_size=40,
    )
)
def test_the_order_within_a_port_never_changes(moves: list[tuple[str, int]]) -> None:
    outbox, ports = Outbox(), {number: port(number) for number in range(1, 5)}
    given: dict[int, list[int]] = {number: [] for number in ports}
    written: list[Frame] = []
    for id, (move, argument) in enumerate(moves):
        if move == "take":
            written += read(outbox.take(argument))
            continue
        given[argument].append(id)
        if move == "small":
            outbox.put(small(argument, id), ports[argument])
        else:
            long(outbox, ports[argument], id, CHUNK + 1 + 37_000 * (id % 5))
        waiting = outbox.waiting()
        assert len(set(map(id_of, waiting))) == len(waiting)
    written += [each for frames in takes(outbox) for each in frames]
    for number, ids in given.items():
        seen = [each.id for each in written if each.port == number]
        assert list(dict.fromkeys(seen)) == ids
        assert seen == sorted(seen)  # so the chunks of a value are together
    assert not outbox


def id_of(port: Port) -> int:
    return port.number


# --- through two connections ---------------------------------------------------------------------


def test_a_small_value_arrives_while_a_long_one_is_under_way() -> None:
    sender, receiver = opened(wants=2)
    other = more(sender, receiver, wants=100)
    sender.deliver(1, bytes(MIB))
    receiver.receive_data(sender.data_to_send(), 0.0)
    for value in range(100):
        sender.deliver(other, bytes([value]))
    receiver.receive_data(sender.data_to_send(), 0.0)
    assert [event.value for event in receiver.events() if isinstance(event, Delivered)] == [
        bytes([value]) for value in range(100)
    ]
    shake(sender, receiver)
    assert [len(event.value) for event in receiver.events() if isinstance(event, Delivered)] == [
        MIB
    ]


def test_a_retire_comes_behind_the_data_of_its_port_and_a_goodbye_behind_all() -> None:
    sender, receiver = opened(wants=3)
    other = more(sender, receiver, wants=1)
    sender.deliver(1, bytes(MIB))
    sender.deliver(other, bytes(MIB))
    sender.deliver(1, b"behind")
    sender.retire(1, ("because",))
    sender.goodbye("the work is done")
    sender.busy(1.0)
    frames = read(written(sender))
    assert frames[-1].kind == Kind.GOODBYE
    mine = [each.kind for each in frames if each.port == 1]
    assert mine[-2:] == [Kind.DELIVER, Kind.RETIRE]
    sender.busy(1.0)
    assert sender.data_to_send() == b""
    for each in frames:
        receiver.receive_data(frame(each.kind, each.port, each.id, each.body, each.flags), 0.0)
    *_, last_value, retired, left = [
        event for event in receiver.events() if getattr(event, "port", 1) == 1
    ]
    assert isinstance(last_value, Delivered)
    assert last_value.value == b"behind"
    assert retired == Retired(1, ("because",))
    assert left == Left("the work is done")
