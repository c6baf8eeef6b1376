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
