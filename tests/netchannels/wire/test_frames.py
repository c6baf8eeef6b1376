"""Bytes of protocol version 1, and that it does not matter in which pieces they come."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels.wire import FRAMES, Kind, WireError
from netchannels.wire.frames import CHUNK, HEADER, LAST, LONGEST_CHUNK, MORE, Frame, Parser, frame

sys.path.insert(0, str(Path(__file__).parent))
from conversation import LONG, hold, opened, script, written

GOLDEN = Path(__file__).parent / "protocol_1.txt"


def whole(data: bytes) -> list[bytes]:
    return [data]


def kinds_in(data: bytes) -> set[int]:
    return {read.kind for read in Parser().feed(data)}


@pytest.fixture
def crumbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of eight bytes, so that a conversation with long values stays short."""
    for module in ("connection", "outbox"):
        monkeypatch.setattr(f"netchannels.wire.{module}.CHUNK", 8)
    monkeypatch.setattr("netchannels.wire.outbox.LONGEST_CHUNK", 16)


# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("crumbs")
def test_the_conversation_uses_every_kind_of_frame() -> None:
    events, said = hold(whole)
    assert kinds_in(said[0]) | kinds_in(said[1]) == set(Kind)
    assert not any(type(event).__name__ == "Lost" for step in events for event in step)
    assert {type(event).__name__ for step in events for event in step} == {
        "Opening", "Opened", "Refused", "Wanted", "Delivered", "Asked", "Cancelled", "Answered",
        "Retired", "Poisoned", "Measured", "Left",
    }  # fmt: skip


@pytest.mark.usefixtures("crumbs")
def test_one_byte_at_a_time_gives_the_same_events() -> None:
    assert hold(lambda data: [data[i : i + 1] for i in range(len(data))]) == hold(whole)


@pytest.mark.usefixtures("crumbs")
def test_a_cut_at_any_position_gives_the_same_events() -> None:
    expected = hold(whole)
    longest = 0

    def cut(data: bytes) -> list[bytes]:
        nonlocal longest
        longest = max(longest, len(data))
        return [data[:position], data[position:]]

    position = 0
    while position <= longest:  # every step of the conversation is cut there
        assert hold(cut) == expected
        position += 1
    assert longest > 90


@pytest.mark.usefixtures("crumbs")
def test_all_at_once_is_cut_at_any_position() -> None:
    """What one side has said in all, to a parser that has no say in it."""
    for said in hold(whole)[1]:
        frames = list(Parser().feed(said))
        for position in range(len(said) + 1):
            parser = Parser()
            read = [*parser.feed(said[:position]), *parser.feed(said[position:])]
            assert read == frames


@given(st.data())
def test_random_pieces_give_the_same_events(data: st.DataObject) -> None:
    def cut(said: bytes) -> list[bytes]:
        ends = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=4)))
        return [said[a:b] for a, b in zip([0, *ends], [*ends, len(said)], strict=True)]

    assert hold(cut) == hold(whole)


@given(
    st.lists(st.integers(1, 40_000), max_size=30), st.sampled_from([bytes, bytearray, memoryview])
)
def test_random_pieces_give_the_same_frames(sizes: list[int], kind: type) -> None:
    sender, _ = opened(wants=3)
    sender.deliver(1, b"short")
    sender.deliver(1, LONG * 1000)
    sender.deliver(1, b"behind")
    data = written(sender)
    parser, read, at = Parser(), list[Frame](), 0
    for size in [*sizes, len(data)]:
        piece = bytearray(data[at : at + size])
        read += parser.feed(kind(piece))
        piece[:] = bytes(len(piece))  # the caller may use its buffer again
        at += size
    assert read == list(Parser().feed(data))


def test_a_parser_keeps_the_beginning_of_one_frame_and_no_more() -> None:
    parser = Parser()
    data = frame(Kind.PING, id=1) + frame(Kind.GOODBYE, body=b"x" * 100)
    assert len(list(parser.feed(data * 50 + data[:-1]))) == 101
    assert len(parser._pending) == HEADER.size + 99


# --- refused as soon as the header is there ------------------------------------------------------


def refused(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        list(Parser().feed(data))
    return str(caught.value)


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(Kind)))
def test_an_unknown_kind_is_refused(kind: int) -> None:
    assert refused(HEADER.pack(0, kind, 0, 0, 0)) == f"a frame of the unknown kind {kind}"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_body_that_is_too_long_is_refused_before_it_arrives(kind: Kind) -> None:
    longest = FRAMES[kind].longest
    assert f"{longest:,} at most" in refused(HEADER.pack(longest + 1, kind, 0, 0, 0))
    assert "4,294,967,295 bytes" in refused(HEADER.pack(2**32 - 1, kind, 0, 0, 0))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_flag_without_a_meaning_is_refused(kind: Kind) -> None:
    for flags in range(256):
        data = HEADER.pack(0, kind, flags, 0, 0)
        if flags & ~FRAMES[kind].flags:
            assert refused(data) == f"a {kind.name} frame with the flags {flags}"
        else:
            assert next(Parser().feed(data)).flags == flags


def test_frames_before_the_breach_are_read() -> None:
    reading = Parser().feed(frame(Kind.PING, id=1) + b"\xff" * HEADER.size)
    assert next(reading).kind == Kind.PING
    with pytest.raises(WireError):
        next(reading)


@given(st.binary(max_size=200))
def test_random_bytes_are_frames_or_a_breach(data: bytes) -> None:
    try:
        read = list(Parser().feed(data))
    except WireError:
        return
    assert all(len(each.body) <= FRAMES[each.kind].longest for each in read)


# --- golden bytes --------------------------------------------------------------------------------

BODIES = {
    Kind.GOODBYE: b"bye",
    Kind.OPEN: b'["jobs", "0102", "int"]',
    Kind.REFUSED: b"no such name",
    Kind.RETIRE: b'["ValueError: x"]',
    Kind.POISON: b'["broken", "worker"]',
    Kind.DELIVER: b"\x02value",
    Kind.DATA: b"chunk",
    Kind.HOLD: b"\x01",
    Kind.DONE: b"reply",
    Kind.FAIL: b"how",
    Kind.RETURN: b"\x01",
}


def described() -> str:
    """The text of the golden file: every kind, a value and a reply in chunks, a conversation."""
    lines = ["# Protocol version 1: length, kind, flags, port, id; body.", "", "# every kind"]
    for kind, meaning in FRAMES.items():
        port = 0 if kind < Kind.OPEN else 3
        data = frame(kind, port, 7, BODIES.get(Kind(kind), b""), meaning.flags)
        lines.append(f"{Kind(kind).name:8} {spaced(data)}")
    sender, receiver = opened(wants=1)
    sender.deliver(1, bytes(CHUNK) + b"\x05\x06", attempt=1, last=True)
    lines += ["", f"# a value of {CHUNK + 2} bytes: its first chunk (of which a part), the last"]
    value = written(sender)
    lines += frames_of(value)
    receiver.receive_data(value, 0.0)
    receiver.hold(1, 1)
    receiver.done(1, 1, bytes(CHUNK) + b"\x07")
    lines += ["", f"# hold, and a reply of {CHUNK + 1} bytes"]
    lines += frames_of(written(receiver))
    for side, said in enumerate(hold(whole)[1]):
        lines += ["", f"# the conversation: what side {side} says"]
        lines += frames_of(said)
    return "\n".join(lines) + "\n"


def frames_of(data: bytes) -> list[str]:
    return [
        f"{Kind(read.kind).name:8} {spaced(frame(read.kind, read.port, read.id, read.body, read.flags))}"
        for read in Parser().feed(data)
    ]


def spaced(data: bytes) -> str:
    length, kind, flags, port, id, body = *HEADER.unpack_from(data), data[HEADER.size :]
    head = f"{length:08x} {kind:02x} {flags:02x} {port:08x} {id:016x}"
    return f"{head}  {body[:48].hex(' ')}{' ...' if len(body) > 48 else ''}".rstrip()


def test_the_bytes_of_protocol_version_1_are_what_they_were() -> None:
    assert described() == GOLDEN.read_text(encoding="utf-8")


def test_the_golden_file_is_bytes_that_are_read_as_it_says() -> None:
    """Read back by hand, not by what has written it."""
    lines = re.findall(r"^([A-Z]+) +(.+)$", GOLDEN.read_text(encoding="utf-8"), re.MULTILINE)
    complete = [(name, text) for name, text in lines if not text.endswith("...")]
    assert {name for name, _ in complete} == {kind.name for kind in Kind}
    for name, text in complete:
        [read] = Parser().feed(bytes.fromhex(text))
        assert Kind(read.kind).name == name


def test_lengths_and_flags_are_part_of_the_protocol() -> None:
    assert (HEADER.size, HEADER.format, MORE, LAST) == (18, ">IBBIQ", 1, 2)
    assert (CHUNK, LONGEST_CHUNK) == (16_384, 262_144)
    assert {Kind(kind).name: meaning.longest for kind, meaning in FRAMES.items() if meaning.longest} == {
        "GOODBYE": 4096, "OPEN": 4096, "REFUSED": 4096, "RETIRE": 4096, "POISON": 4096,
        "DELIVER": 262_149, "DATA": 262_144, "DONE": 262_148, "FAIL": 65_536, "HOLD": 1, "RETURN": 1,
    }  # fmt: skip


def test_the_script_can_be_held_again() -> None:
    assert len(list(script())) == len(hold(whole)[0])
