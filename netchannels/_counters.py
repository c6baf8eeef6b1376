"""What is counted on a link."""

from __future__ import annotations

from collections import deque

import msgspec


class Counters(msgspec.Struct):
    """Values of one link since it stands, or of a node since it was made.

    `sent` were delivered to the other side.  Of these `taken` were taken there, of `unknown` nobody
    knows, and all others stand there still or have come back untaken.  `retried` of them were the
    second or a later attempt at a value: what came back untried does not count.  `received` came
    from the other side.

    >>> Counters().sent
    0
    """

    sent: int = 0
    taken: int = 0
    received: int = 0
    retried: int = 0
    unknown: int = 0

    def add(self, other: Counters) -> None:
        """Count those of another link as well."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class RoundTrips:
    """The latest round trips of a link, in seconds.

    >>> trips = RoundTrips()
    >>> trips.add(0.5)
    >>> trips.percentile(50)
    0.5
    """

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=100)

    def add(self, seconds: float) -> None:
        """One more."""
        self._latest.append(seconds)

    def percentile(self, percent: float) -> float | None:
        """The time within which so many percent came back; None without a measurement."""
        if not self._latest:
            return None
        ordered = sorted(self._latest)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
