"""What a run tells those who watch it: frozen records, one an event.

Invariant: a stream that had to drop records says how many, in the place where they would stand.
Records are Structs: they are made twenty times as fast as frozen dataclasses, and are decoded by
their annotations, which therefore stand here as they are, and not as texts.
"""

from collections import deque
from typing import Any, Literal, cast

import msgspec

from ._buffers import Buffer

Kind = Literal[
    "started", "offered", "committed", "parked", "resumed", "retired", "poisoned", "ended"
]

# Shown as they are; of everything else the name of its class, as a `__repr__` is user's code.
PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None)})
LONGEST = 40  # characters of a value
LARGE = 10 ** (LONGEST - 2)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened.

    `kind` is one of started, offered, committed, parked, resumed, retired, poisoned, ended;
    `process` and `channel` are names ("" where none is concerned), `side` is "send", "receive" or
    "", `time` is in seconds of trio's clock.  `detail` is a text: the place of a started process,
    the value of a send that committed (a plain one, at most 40 characters; of others the class),
    what a process waits for that parks without a channel, the cause or reason of an end.
    `number` says of a committed communication which one of its channel it was, counted from 1:
    the send and the receive of one value have one number, and so have all members of a barrier
    that met.  0: nobody gets the value, or it was on its way before anybody observed.  `met` is
    true if sender and receiver were two processes that went on together, and the value was not
    kept for a while by a buffer, a lease or an extended rendezvous.

    >>> Event("committed", "main.worker", "main.jobs", "receive", "", 0.0).kind
    'committed'
    """

    kind: Kind
    process: str
    channel: str
    side: str
    detail: str
    time: float
    number: int = 0
    met: bool = False


class Dropped(msgspec.Struct, frozen=True, gc=False):
    """In an observer's stream: `count` events are missing here.

    >>> Dropped(3).count
    3
    """

    count: int


def shown(value: object) -> str:
    """A value as a trace shows it, in at most `LONGEST` characters; no code of its class runs.

    >>> shown(3), shown("a" * 50), shown([1, 2])
    ('3', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...", 'list')
    """
    kind = type(value)
    if kind is int:
        return repr(value) if -LARGE < cast(int, value) < LARGE else "int"
    if kind not in PLAIN:
        return kind.__name__
    text = repr(value[:LONGEST] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


class Stream(Buffer):
    """Keeps the newest or the first records, and counts what it drops, where they would stand."""

    __slots__ = ("dropped", "newest")

    def __init__(self, size: float, /, *, newest: bool = True) -> None:
        super().__init__(size)
        self.dropped: int = 0
        self.newest = newest
        self.values: deque[Any] = deque()

    @property
    def full(self) -> bool:
        """A stream takes every record."""
        return False

    def put(self, value: Any) -> Any:
        """Store a record; returns the one that was dropped for it, or None."""
        if len(self.values) < self.size:
            self.values.append(value)
            return None
        self.dropped += 1
        if not self.newest:
            return value
        self.values.append(value)
        return self.values.popleft()

    def get(self) -> Any:
        """The oldest record; a `Dropped` before the newest ones, behind the first ones."""
        if self.dropped and (self.newest or not self.values):
            count, self.dropped = self.dropped, 0
            return Dropped(count)
        return self.values.popleft()

    def __len__(self) -> int:
        return len(self.values) + bool(self.dropped)
