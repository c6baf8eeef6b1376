"""The two hello frames that open a link, and what the two nodes agree on.

A frame, in network byte order; `length` counts what stands behind it:

    magic "CSPN" | lowest version u8 | highest version u8 | length u16
    node id 16 | nonce 32 | value limit u32 | credit u32
    heartbeat u32 | suspect u32 | lost u32 | length of the label u8 | label, UTF-8

The layout is the same in every version of the protocol, so that two of any age can name their
versions to each other; a later one may append fields, which an earlier one reads over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ._errors import HandshakeError

MAGIC = b"CSPN"
LOWEST, HIGHEST = 1, 1  # the versions of the protocol that this code speaks
LARGEST_HELLO = 480  # bytes; with a proof behind it, 512
LARGEST_LABEL = 64  # bytes of UTF-8
LARGEST_VALUE = 64 * 2**20  # bytes
SHORTEST_HEARTBEAT = 100  # ms: no peer makes this node send more than ten pings a second
LONGEST_LOST = 60_000  # ms: no peer keeps its leases longer than that after it died

HTTP_CAME = "an HTTP request came: a browser, a proxy or a health check has the wrong port"

_HEAD = struct.Struct("!4sBBH")
_BODY = struct.Struct("!16s32s5IB")
_HTTP = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH ")


@dataclass(frozen=True)
class Hello:
    """What a node says of itself when a link opens; whatever instance there is, is valid.

    `node_id` is 16 bytes, new for each node; `nonce` 32 bytes, which each handshake draws anew;
    `lowest` and `highest` the versions it speaks (1 to 255); `value_limit` the size of the largest
    value it takes, in bytes, at most 64 MiB; `credit` how many bytes it lets the peer send ahead
    on this link; `heartbeat`, `suspect` and `lost` in milliseconds, in rising order; `label` names
    the program for people, at most 64 bytes of printable UTF-8.  Raises ValueError otherwise.

    >>> Hello(bytes(16), label="farm.py@ant:17").value_limit
    1114112
    """

    node_id: bytes
    nonce: bytes = bytes(32)
    lowest: int = LOWEST
    highest: int = HIGHEST
    value_limit: int = 2**20 + 2**16
    credit: int = 8 * 2**20
    heartbeat: int = 2_000
    suspect: int = 5_000
    lost: int = 10_000
    label: str = ""

    def __post_init__(self) -> None:
        if len(self.node_id) != 16 or len(self.nonce) != 32:
            raise ValueError("a node id has 16 bytes, a nonce 32")
        if not 1 <= self.lowest <= self.highest <= 255:
            raise ValueError("versions go from 1 to 255, the lowest first")
        if not 1 <= self.value_limit <= LARGEST_VALUE:
            raise ValueError(f"the value limit is 1 to {LARGEST_VALUE} bytes (64 MiB)")
        if not 1 <= self.credit < 2**32:
            raise ValueError("the credit of a link is 1 byte to 4 GiB")
        if not SHORTEST_HEARTBEAT <= self.heartbeat < self.suspect < self.lost < 2**32:
            raise ValueError(
                f"{SHORTEST_HEARTBEAT} ms <= heartbeat < suspect < lost, in milliseconds"
            )
        if not self.label.isprintable() or len(self.label.encode()) > LARGEST_LABEL:
            raise ValueError(f"a label has at most {LARGEST_LABEL} bytes, all of them printable")

    def encode(self) -> bytes:
        """The frame, 77 to 141 bytes.

        >>> Hello.decode(Hello(bytes(16), label="farm.py@ant:17").encode()).label
        'farm.py@ant:17'
        """
        label = self.label.encode()
        body = _BODY.pack(
            self.node_id,
            self.nonce,
            self.value_limit,
            self.credit,
            self.heartbeat,
            self.suspect,
            self.lost,
            len(label),
        )
        head = _HEAD.pack(MAGIC, self.lowest, self.highest, len(body) + len(label))
        return head + body + label

    @classmethod
    def decode(cls, frame: bytes) -> Hello:
        """The hello in a whole frame; raises `HandshakeError` for anything else, and only that.

        >>> try:
        ...     Hello.decode(b"SSH-2.0-OpenSSH_9.6")
        ... except HandshakeError as error:
        ...     print(error)
        an SSH server or client is there: check the address and the port
        """
        if missing(frame) != 0:
            raise HandshakeError("a malformed hello came: it is cut off")
        _, lowest, highest, length = _HEAD.unpack_from(frame)
        node_id, nonce, value, credit, heartbeat, suspect, lost, size = _BODY.unpack_from(
            frame, _HEAD.size
        )
        end = _HEAD.size + _BODY.size + size
        appended = _HEAD.size + length - end
        if len(frame) != _HEAD.size + length or appended < 0 or (appended and highest <= HIGHEST):
            raise HandshakeError("a malformed hello came: its lengths do not fit")
        try:
            label = str(frame[end - size : end], "utf-8")
            return cls(
                node_id, nonce, lowest, highest, value, credit, heartbeat, suspect, lost, label
            )
        except ValueError as error:
            raise HandshakeError(f"a malformed hello came: {error}") from error


def missing(data: bytes) -> int:
    """How many bytes are known to be missing in a frame that begins with `data`; 0: it is whole.

    Raises `HandshakeError` as soon as no frame begins so; says what else it is, if it knows.

    >>> frame = Hello(bytes(16)).encode()
    >>> missing(b""), missing(frame[:10]), missing(frame + b"more")
    (8, 67, 0)
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise HandshakeError(_what_else(data))
    if len(data) < _HEAD.size:
        return _HEAD.size - len(data)
    length: int = _HEAD.unpack_from(data)[3]
    if not _BODY.size <= length <= LARGEST_HELLO - _HEAD.size:
        raise HandshakeError(f"a malformed hello came: it says that it has {length} bytes")
    return max(_HEAD.size + length - len(data), 0)


def size(frame: bytes) -> int:
    """The size in bytes of the frame at the start of `frame`, of which nothing is missing.

    >>> size(Hello(bytes(16)).encode() + b"more")
    77
    """
    return _HEAD.size + int(_HEAD.unpack_from(frame)[3])


def _what_else(data: bytes) -> str:
    if data.startswith(_HTTP):
        return HTTP_CAME
    if data.startswith(b"HTTP/"):
        return "an HTTP server is there: check the address and the port"
    if data.startswith(b"SSH-"):
        return "an SSH server or client is there: check the address and the port"
    if data.startswith(b"\x16\x03"):
        return "TLS came, but `plain=True` is set here: set it on both sides or on neither"
    if data.startswith(b"\x15\x03"):
        return "the other side wants TLS, but `plain=True` is set here: leave it out"
    return f"something else than netchannels came, {data[:16]!r}: check the address and the port"


@dataclass(frozen=True)
class Terms:
    """What two nodes have agreed on for their link; times in milliseconds, sizes in bytes.

    Invariant: heartbeat < suspect < lost <= 60,000; the same on both sides, but for the last four:
    `send_credit` is what the peer lets this side send ahead, `receive_credit` what it may send.

    >>> agree(Hello(b"a" * 16), Hello(b"b" * 16, credit=4096)).send_credit
    4096
    """

    version: int
    value_limit: int
    heartbeat: int
    suspect: int
    lost: int
    send_credit: int
    receive_credit: int
    peer_id: bytes
    peer_label: str


def agree(mine: Hello, theirs: Hello) -> Terms:
    """What follows from two hellos: the highest common version, the smaller value limit, the
    shorter heartbeat, the longer patience (but never more than 60 s).

    Raises `HandshakeError` when there is no common version, naming the versions of both, and when
    both hellos are of one node.

    >>> agree(Hello(b"a" * 16), Hello(b"b" * 16, heartbeat=500, lost=90_000)).lost
    60000
    """
    if mine.node_id == theirs.node_id:
        raise HandshakeError("you dialled yourself: give the address of another node")
    version = min(mine.highest, theirs.highest)
    if version < max(mine.lowest, theirs.lowest):
        raise HandshakeError(
            f"{name(theirs)} speaks {_versions(theirs)} of the protocol, this side "
            f"{_versions(mine)}: install the same netchannels on both sides"
        )
    lost = min(max(mine.lost, theirs.lost), LONGEST_LOST)
    suspect = _below(max(mine.suspect, theirs.suspect), lost)
    return Terms(
        version=version,
        value_limit=min(mine.value_limit, theirs.value_limit),
        heartbeat=_below(min(mine.heartbeat, theirs.heartbeat), suspect),
        suspect=suspect,
        lost=lost,
        send_credit=theirs.credit,
        receive_credit=mine.credit,
        peer_id=theirs.node_id,
        peer_label=theirs.label,
    )


def _below(time: int, limit: int) -> int:
    """`time`, or half of the limit where the cap on `lost` has overtaken it."""
    return time if time < limit else limit // 2


def _versions(hello: Hello) -> str:
    if hello.lowest == hello.highest:
        return f"version {hello.lowest}"
    return f"versions {hello.lowest} to {hello.highest}"


def name(hello: Hello) -> str:
    """How messages name whoever sent a hello.

    >>> name(Hello(bytes(16), label="farm.py@ant:17")), name(Hello(bytes(16)))
    ('`farm.py@ant:17`', 'the other side')
    """
    return f"`{hello.label}`" if hello.label else "the other side"


def label_of(program: str, host: str, pid: int) -> str:
    """A label for a hello, `program@host:pid`; cut and cleaned, so that it always is one.

    `program` is a path (`sys.argv[0]`), of which the last part counts, `host` a name, of which
    the first part does.

    >>> label_of("/srv/farm/task_worker.py", "ant.example.org", 17)
    'task_worker.py@ant:17'
    """
    program = program.replace("\\", "/").rpartition("/")[2] or "python"
    tail = f":{pid}"
    host = _cut(_clean(host.partition(".")[0]), 24)
    end = f"@{host}{tail}" if host else tail
    return _cut(_clean(program), LARGEST_LABEL - len(end.encode())) + end


def _clean(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else "?" for c in text)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")
