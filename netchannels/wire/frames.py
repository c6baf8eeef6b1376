"""Bytes and frames of protocol version 1: one header, a table of kinds, nothing else.

A frame is a header (`HEADER`: length of the body, kind, flags, port, id; network byte order) and a
body.  `FRAMES` says what each kind means, what its id is, how long its body may be and which flags
it may carry; anything else is refused as soon as the header is there.  An id has 64 bits: 32 would
be used up after half a day of a busy port.

Values and replies longer than a chunk are cut: the first frame carries the flag MORE and the total
length, the others are DATA frames of the same port.  A chunk that others follow has `CHUNK` bytes
at least, so that nobody can make crumbs of a value.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct(">IBBIQ")
TOTAL = struct.Struct(">I")  # before the first chunk of a long value
CHUNK, LONGEST_CHUNK = 16 * 1024, 256 * 1024
TEXT = 4096  # the longest reason, name with type, or list of causes
FAILURE = 64 * 1024  # the longest error with its traceback
MORE, LAST = 1, 2  # flags: chunks follow; the last attempt, and nobody takes what failed


class WireError(Exception):
    """The other side broke the protocol; the link cannot be used any more.

    >>> str(WireError("a frame of kind 99"))
    'a frame of kind 99'
    """


class Kind(IntEnum):
    """What a frame says."""

    PING = 1
    PONG = 2
    BUSY = 3
    GOODBYE = 4
    OPEN = 10
    OPENED = 11
    REFUSED = 12
    RETIRE = 13
    POISON = 14
    WANT = 20
    UNWANT = 21
    UNWANTED = 22
    DELIVER = 30
    DATA = 31
    WITHDRAW = 32
    CANCEL = 33
    ACCEPT = 40
    HOLD = 41
    RELEASE = 42
    DONE = 43
    FAIL = 44
    RETURN = 45


class Meaning(NamedTuple):
    """A line of the protocol: what the id is, how long the body may be, what it says.

    >>> FRAMES[Kind.WANT].id
    'how many'
    """

    id: str
    longest: int
    says: str
    flags: int = 0


FRAMES: dict[int, Meaning] = {
    Kind.PING: Meaning("counter", 0, "are you there?"),
    Kind.PONG: Meaning("counter of the ping", 0, "I am"),
    Kind.BUSY: Meaning("milliseconds", 0, "I may be silent for so long"),
    Kind.GOODBYE: Meaning("", TEXT, "nothing follows; the body says why"),
    Kind.OPEN: Meaning("1: I shall receive, 0: I shall send", TEXT, "open a port to a shared name"),
    Kind.OPENED: Meaning("1: the channel has a buffer", 0, "the port is open"),
    Kind.REFUSED: Meaning("number of the reason", TEXT, "it is not, and why"),
    Kind.RETIRE: Meaning("", TEXT, "my last end has retired; the body lists the causes"),
    Kind.POISON: Meaning("", TEXT, "the channel is poisoned: who, why"),
    Kind.WANT: Meaning("how many", 0, "so many more values may be delivered"),
    Kind.UNWANT: Meaning("", 0, "take back what is left of my wants"),
    Kind.UNWANTED: Meaning("how many", 0, "so many were left"),
    Kind.DELIVER: Meaning(
        "value", LONGEST_CHUNK + 5, "a value, tentatively; first byte: attempt", MORE | LAST
    ),
    Kind.DATA: Meaning("value", LONGEST_CHUNK, "the next chunk of the value or reply", MORE),
    Kind.WITHDRAW: Meaning("value", 0, "give it back, unless somebody has taken it"),
    Kind.CANCEL: Meaning("value", 0, "its sender is cancelled: end the block that works on it"),
    Kind.ACCEPT: Meaning("value", 0, "taken, for good"),
    Kind.HOLD: Meaning("value", 1, "taken for work, an answer follows; body 1: its sender waits"),
    Kind.RELEASE: Meaning("value", 0, "not taken"),
    Kind.DONE: Meaning("value", LONGEST_CHUNK + 4, "the work is done; the body is the reply", MORE),
    Kind.FAIL: Meaning("value", FAILURE, "the work has failed; the body says how"),
    Kind.RETURN: Meaning(
        "value", 1, "given back: a cancel or an orderly end; body 1: it counts as an attempt"
    ),
}

OF_LINK = frozenset({Kind.PING, Kind.PONG, Kind.BUSY, Kind.GOODBYE})  # the others have a port


class Frame(NamedTuple):
    """One frame as it was read.

    >>> [read] = Parser().feed(frame(Kind.WANT, port=3, id=7))
    >>> read
    Frame(kind=20, flags=0, port=3, id=7, body=b'')
    """

    kind: int
    flags: int
    port: int
    id: int
    body: bytes


def frame(kind: int, port: int = 0, id: int = 0, body: bytes = b"", flags: int = 0) -> bytes:
    """The bytes of one frame.

    >>> frame(Kind.WANT, port=3, id=7).hex(" ")
    '00 00 00 00 14 00 00 00 00 03 00 00 00 00 00 00 00 07'
    """
    return HEADER.pack(len(body), kind, flags, port, id) + body


class Parser:
    """Cuts a stream of bytes into frames.

    Invariant: `_pending` is the beginning of one frame; what is complete is never kept.

    >>> parser, data = Parser(), frame(Kind.BUSY, id=500)
    >>> list(parser.feed(data[:10])), list(parser.feed(data[10:]))
    ([], [Frame(kind=3, flags=0, port=0, id=500, body=b'')])
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._needed = HEADER.size  # so long must `_pending` be before it is worth a look

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Frame]:
        """The frames that are complete now; raises WireError at the first that is none."""
        pending = self._pending
        if pending:
            pending += data
            if len(pending) < self._needed:
                return
        if pending or not isinstance(data, bytes):
            data = bytes(pending or data)
            pending.clear()
        unpack, make, size = HEADER.unpack_from, Frame._make, HEADER.size
        at, end, self._needed = 0, len(data), size
        while end - at >= size:
            length, kind, flags, port, id = unpack(data, at)
            meaning = FRAMES.get(kind)
            if meaning is None or length > meaning.longest or flags & ~meaning.flags:
                raise WireError(_objection(length, kind, flags))
            start = at + size
            if end - start < length:
                self._needed = size + length
                break
            at = start + length
            yield make((kind, flags, port, id, data[start:at]))
        pending += data[at:]


def _objection(length: int, kind: int, flags: int) -> str:
    """What is wrong with a header."""
    if kind not in FRAMES:
        return f"a frame of the unknown kind {kind}"
    name, longest = Kind(kind).name, FRAMES[kind].longest
    if length > longest:
        return f"a {name} frame of {length:,} bytes, {longest:,} at most"
    return f"a {name} frame with the flags {flags}"
