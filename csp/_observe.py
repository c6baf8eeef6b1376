"""What a run tells those who watch it: frozen records, one an event.

Invariant: a stream that had to drop records says how many, in the place where they would stand.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from ._buffers import Buffer

Kind = Literal["started", "offered", "committed", "parked", "retired", "poisoned", "ended"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `kind` is one of started, offered, committed, parked, retired, poisoned, ended; `process` and
    `channel` are names ("" where none is concerned), `side` is "send", "receive" or "", `detail`
    a text (the place of a started process, the cause or reason of an end), `time` is in seconds
    of trio's clock.

    >>> Event("committed", "main.worker", "main.jobs", "receive", "", 0.0).kind
    'committed'
    """

    kind: Kind
    process: str
    channel: str
    side: str
    detail: str
    time: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """In an observer's stream: `count` events are missing here.

    >>> Dropped(3).count
    3
    """

    count: int


class Stream(Buffer):
    """Keeps the newest records of a `kept` buffer's size, and counts what it drops."""

    __slots__ = ("dropped",)

    def __init__(self, size: float, /) -> None:
        super().__init__(size)
        self.dropped = 0
        self.values: deque[Any] = deque()

    @property
    def full(self) -> bool:
        """A stream takes every record."""
        return False

    def put(self, value: Any) -> Any:
        """Store a record, dropping the oldest when there is no room."""
        dropped = None
        if len(self.values) >= self.size:
            dropped = self.values.popleft()
            self.dropped += 1
        self.values.append(value)
        return dropped

    def get(self) -> Any:
        """The oldest record, or first a `Dropped`."""
        if self.dropped:
            count, self.dropped = self.dropped, 0
            return Dropped(count)
        return self.values.popleft()
