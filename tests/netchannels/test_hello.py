"""The hello frame: what is malformed is refused, what is not survives; what two nodes agree on."""

import dataclasses
import itertools
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels._errors import HandshakeError
from netchannels._hello import (
    HIGHEST,
    LARGEST_HELLO,
    Hello,
    agree,
    label_of,
    missing,
    name,
    size,
)

HELLO = Hello(b"n" * 16, b"x" * 32, label="task_worker.py@ant:17")
FRAME = HELLO.encode()
HEAD, BODY = 8, 69


def decoded(frame: bytes) -> Hello | None:
    """None if it was refused; anything else that is raised fails the test."""
    try:
        return Hello.decode(frame)
    except HandshakeError:
        return None


texts = st.text(max_size=16).filter(lambda s: s.isprintable())  # 16 characters: at most 64 bytes
times = st.lists(st.integers(100, 2**32 - 1), min_size=3, max_size=3, unique=True).map(sorted)


@st.composite
def hellos(draw: st.DrawFn) -> Hello:
    lowest, highest = sorted((draw(st.integers(1, 255)), draw(st.integers(1, 255))))
    heartbeat, suspect, lost = draw(times)
    return Hello(
        draw(st.binary(min_size=16, max_size=16)),
        draw(st.binary(min_size=32, max_size=32)),
        lowest,
        highest,
        draw(st.integers(1, 2**26)),
        draw(st.integers(1, 2**32 - 1)),
        heartbeat,
        suspect,
        lost,
        draw(texts),
    )


# --- the frame -----------------------------------------------------------------------------------


@given(hellos())
def test_what_was_encoded_is_decoded(hello: Hello) -> None:
    frame = hello.encode()
    assert Hello.decode(frame) == hello
    assert size(frame) == len(frame)


def test_the_frame_is_laid_out_as_written() -> None:
    hello = Hello(bytes(range(16)), bytes(range(32)), 1, 2, 1000, 2000, 300, 400, 500, "é")
    assert hello.encode() == b"".join(
        [
            b"CSPN\x01\x02",
            struct.pack("!H", 71),
            bytes(range(16)),
            bytes(range(32)),
            struct.pack("!IIIII", 1000, 2000, 300, 400, 500),
            b"\x02\xc3\xa9",
        ]
    )


def test_the_largest_hello_and_a_proof_fit_in_512_bytes() -> None:
    assert len(Hello(bytes(16), label="x" * 64).encode()) == 141
    assert LARGEST_HELLO + 32 == 512


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_cut_anywhere_is_refused(length: int) -> None:
    assert decoded(FRAME[:length]) is None


@pytest.mark.parametrize("extra", [b"\0", b"x" * 100])
def test_bytes_behind_a_frame_are_refused(extra: bytes) -> None:
    assert decoded(FRAME + extra) is None


@pytest.mark.parametrize("at", range(len(FRAME)))
def test_a_flipped_byte_is_refused_or_seen(at: int) -> None:
    for bits in range(1, 256):
        changed = bytearray(FRAME)
        changed[at] ^= bits
        hello = decoded(bytes(changed))
        assert hello != HELLO
        assert hello is None or hello.encode() == changed  # nothing of it was ignored


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_or_read_in_full(data: bytes) -> None:
    for frame in (data, FRAME[:8] + data, FRAME[:60] + data):
        hello = decoded(frame)
        assert hello is None or hello.highest > HIGHEST or hello.encode() == frame


@given(st.binary(min_size=BODY, max_size=BODY + 64), st.integers(1, 255), st.integers(1, 255))
def test_a_body_of_chance_is_refused_or_valid(body: bytes, lowest: int, highest: int) -> None:
    hello = decoded(struct.pack("!4sBBH", b"CSPN", lowest, highest, len(body)) + body)
    if hello is not None:
        assert Hello.decode(hello.encode()) == hello


def test_fields_that_a_later_version_appends_are_read_over() -> None:
    later = bytearray(Hello(b"n" * 16, highest=HIGHEST + 1).encode() + b"new field")
    later[6:8] = struct.pack("!H", len(later) - HEAD)
    assert Hello.decode(bytes(later)) == Hello(b"n" * 16, highest=HIGHEST + 1)
    later[5] = HIGHEST
    assert decoded(bytes(later)) is None


def test_a_label_that_is_longer_than_the_frame_is_refused() -> None:
    frame = bytearray(FRAME)
    frame[HEAD + BODY - 1] = 255
    assert decoded(bytes(frame)) is None


@pytest.mark.parametrize("label", [b"\xff\xfe", b"a\nb", b"\x1b[31m", "\u202eevil".encode(), b"\0"])
def test_a_label_that_would_spoil_a_log_is_refused(label: bytes) -> None:
    frame = bytearray(Hello(bytes(16), label="x" * len(label)).encode())
    frame[HEAD + BODY :] = label
    with pytest.raises(HandshakeError, match="malformed hello"):
        Hello.decode(bytes(frame))


BAD: list[dict[str, Any]] = [
    {"node_id": b"short"},
    {"node_id": bytes(17)},
    {"nonce": b""},
    {"lowest": 0},
    {"lowest": 2, "highest": 1},
    {"highest": 256},
    {"value_limit": 0},
    {"value_limit": 2**26 + 1},
    {"credit": 0},
    {"credit": 2**32},
    {"heartbeat": 99},
    {"heartbeat": 5000},
    {"suspect": 10_000},
    {"lost": 2**32},
    {"label": "x" * 65},
    {"label": "é" * 33},
    {"label": "a\nb"},
    {"label": "\ud800"},
]


@pytest.mark.parametrize("fields", BAD, ids=str)
def test_a_hello_that_would_be_malformed_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:
        Hello(**{"node_id": bytes(16), **fields})
    assert type(caught.value) is ValueError  # of UnicodeError too: what is wrong is said


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (HEAD + 48, 0),  # the value limit
        (HEAD + 48, 2**26 + 1),
        (HEAD + 52, 0),  # the credit
        (HEAD + 56, 99),  # the heartbeat
        (HEAD + 56, 5000),
        (HEAD + 60, 10_000),  # suspect
        (HEAD + 64, 5000),  # lost
    ],
)
def test_what_cannot_be_made_is_not_taken_either(at: int, value: int) -> None:
    frame = bytearray(FRAME)
    frame[at : at + 4] = struct.pack("!I", value)
    with pytest.raises(HandshakeError, match="malformed hello"):
        Hello.decode(bytes(frame))


# --- while it comes in ---------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_frame_that_is_not_complete_never_waits_for_more_than_it_needs(length: int) -> None:
    wanted = missing(FRAME[:length])
    assert 0 < wanted <= len(FRAME) - length
    assert wanted == (HEAD if length < HEAD else len(FRAME)) - length


def test_what_comes_behind_a_frame_is_not_missed() -> None:
    assert missing(FRAME) == missing(FRAME + b"proof") == 0
    assert size(FRAME + b"proof") == len(FRAME)


@pytest.mark.parametrize("length", [0, 1, BODY - 1, LARGEST_HELLO - HEAD + 1, 65535])
def test_a_length_that_cannot_be_is_refused_before_the_rest_came(length: int) -> None:
    with pytest.raises(HandshakeError, match=f"{length} bytes"):
        missing(b"CSPN\x01\x01" + struct.pack("!H", length))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\n", "an HTTP request"),
        (b"POST /x HTTP/1.0\r\n", "an HTTP request"),
        (b"HTTP/1.1 400 Bad Request\r\n", "an HTTP server"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "an SSH server"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS came, but `plain=True` is set here"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "wants TLS"),
        (b"hello\n", r"b'hello\\n'"),
        (b"G", "b'G'"),
        (b"CSPX", "b'CSPX'"),
        (b"cspn", "b'cspn'"),
        (b"\x1b[31mred", r"b'\\x1b\[31mred'"),
    ],
)
def test_what_else_came_is_named(data: bytes, said: str) -> None:
    with pytest.raises(HandshakeError, match=said):
        missing(data)
    with pytest.raises(HandshakeError, match=said):
        Hello.decode(data)


# --- what two nodes agree on ---------------------------------------------------------------------


def mine(**fields: Any) -> Hello:
    return Hello(**{"node_id": b"m" * 16, **fields})


def theirs(**fields: Any) -> Hello:
    return Hello(**{"node_id": b"t" * 16, "label": "them.py@ant:1", **fields})


def test_the_smaller_value_limit_holds() -> None:
    assert agree(mine(value_limit=1000), theirs(value_limit=2000)).value_limit == 1000
    assert agree(mine(value_limit=3000), theirs(value_limit=2000)).value_limit == 2000


def test_each_side_says_how_much_it_takes_ahead() -> None:
    terms = agree(mine(credit=1000), theirs(credit=2000))
    assert (terms.send_credit, terms.receive_credit) == (2000, 1000)


def test_the_peer_is_known_by_its_id_and_label() -> None:
    terms = agree(mine(), theirs())
    assert (terms.peer_id, terms.peer_label) == (b"t" * 16, "them.py@ant:1")


def test_the_shorter_heartbeat_and_the_longer_patience_hold() -> None:
    terms = agree(
        mine(heartbeat=500, suspect=2000, lost=20_000),
        theirs(heartbeat=1000, suspect=3000, lost=9000),
    )
    assert (terms.heartbeat, terms.suspect, terms.lost) == (500, 3000, 20_000)


def test_nobody_waits_longer_than_a_minute_for_a_lost_peer() -> None:
    assert agree(mine(), theirs(lost=60_001)).lost == 60_000
    terms = agree(mine(), theirs(suspect=80_000, lost=90_000))
    assert (terms.suspect, terms.lost) == (30_000, 60_000)
    patient = {"heartbeat": 70_000, "suspect": 80_000, "lost": 90_000}
    terms = agree(mine(**patient), theirs(**patient))
    assert (terms.heartbeat, terms.suspect, terms.lost) == (15_000, 30_000, 60_000)


@given(hellos(), hellos())
def test_both_sides_agree_on_the_same_terms(one: Hello, other: Hello) -> None:
    one = dataclasses.replace(one, node_id=b"1" * 16)
    other = dataclasses.replace(other, node_id=b"2" * 16)
    try:
        here = agree(one, other)
    except HandshakeError:
        with pytest.raises(HandshakeError):
            agree(other, one)
        return
    there = agree(other, one)
    shared = ("version", "value_limit", "heartbeat", "suspect", "lost")
    for field in shared:
        assert getattr(here, field) == getattr(there, field)
    assert (here.send_credit, here.receive_credit) == (there.receive_credit, there.send_credit)
    assert 0 < here.heartbeat < here.suspect < here.lost <= 60_000


RANGES = [(a, b) for a in range(1, 5) for b in range(a, 5)]


@pytest.mark.parametrize(("a", "b"), [*itertools.product(RANGES, RANGES)])
def test_the_highest_common_version_is_spoken(a: tuple[int, int], b: tuple[int, int]) -> None:
    one, other = mine(lowest=a[0], highest=a[1]), theirs(lowest=b[0], highest=b[1])
    common = set(range(a[0], a[1] + 1)) & set(range(b[0], b[1] + 1))
    if common:
        assert agree(one, other).version == max(common)
    else:
        with pytest.raises(HandshakeError, match="install the same netchannels"):
            agree(one, other)


def test_versions_that_do_not_meet_are_named_on_both_sides() -> None:
    with pytest.raises(HandshakeError) as caught:
        agree(mine(lowest=1, highest=1), theirs(lowest=2, highest=3))
    assert "`them.py@ant:1` speaks versions 2 to 3" in str(caught.value)
    assert "this side version 1" in str(caught.value)


def test_who_dials_himself_is_told_so() -> None:
    with pytest.raises(HandshakeError, match="you dialled yourself"):
        agree(mine(), mine(label="x"))


# --- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "host", "label"),
    [
        ("/srv/farm/worker.py", "ant.example.org", "worker.py@ant:17"),
        ("C:\\farm\\worker.py", "ANT", "worker.py@ANT:17"),
        ("", "ant", "python@ant:17"),
        ("worker.py", "", "worker.py:17"),
        ("work\ner\x1b.py", "ant", "work?er?.py@ant:17"),
        ("\udcff.py", "ant", "?.py@ant:17"),
    ],
)
def test_a_label_names_program_host_and_process(program: str, host: str, label: str) -> None:
    assert label_of(program, host, 17) == label


@given(st.text(), st.text(), st.integers(0, 2**32))
def test_whatever_a_label_is_made_of_it_fits_in_a_hello(program: str, host: str, pid: int) -> None:
    label = label_of(program, host, pid)
    assert Hello(bytes(16), label=label).label.endswith(f":{pid}")


def test_who_has_no_label_is_the_other_side() -> None:
    assert name(mine()) == "the other side"
    assert name(theirs()) == "`them.py@ant:1`"
