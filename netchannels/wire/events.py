"""What a connection tells the program: one record for each thing that happened."""

from __future__ import annotations

from typing import NamedTuple


class Opening(NamedTuple):
    """The other side asks for a port to `name`; answer with `opened` or `refuse`."""

    port: int
    name: str
    receives: bool  # the other side shall receive
    fingerprint: bytes
    described: str  # its type, for a message


class Opened(NamedTuple):
    """A port that we asked for is open."""

    port: int
    buffered: bool


class Refused(NamedTuple):
    """A port that we asked for was refused."""

    port: int
    reason: int
    text: str


class Wanted(NamedTuple):
    """Values may be delivered on the port again: look at `may_deliver`."""

    port: int


class Delivered(NamedTuple):
    """A value has arrived; answer it with `accept`, `hold` or `release`."""

    port: int
    id: int
    value: bytes
    attempt: int
    last: bool


class Asked(NamedTuple):
    """Its sender wants the value back: `release` it, unless it was answered."""

    port: int
    id: int


class Cancelled(NamedTuple):
    """The sender of a held value was cancelled: end the block that works on it."""

    port: int
    id: int


class Answered(NamedTuple):
    """The other side has answered a value: `kind` is that of the frame."""

    port: int
    id: int
    kind: int
    body: bytes


class Retired(NamedTuple):
    """The last end of the other side has retired, with these causes."""

    port: int
    causes: tuple[str, ...]


class Poisoned(NamedTuple):
    """The other side has poisoned the channel."""

    port: int
    reason: str
    who: str


class Suspected(NamedTuple):
    """The other side has been silent for longer than `suspect`."""


class Recovered(NamedTuple):
    """A suspected other side has spoken again."""


class Measured(NamedTuple):
    """A round trip took `seconds`."""

    seconds: float


class Left(NamedTuple):
    """The other side said goodbye."""

    text: str


class Lost(NamedTuple):
    """The link is lost: nothing will follow."""

    why: str


Event = (
    Opening
    | Opened
    | Refused
    | Wanted
    | Delivered
    | Asked
    | Cancelled
    | Answered
    | Retired
    | Poisoned
    | Suspected
    | Recovered
    | Measured
    | Left
    | Lost
)
