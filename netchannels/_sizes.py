"""How many requests go together: so many that the way there and back is short beside the work.

As joblib does (auto-batching of `joblib.Parallel`): the size follows the measured time of a request.

Invariant: a batch never has more than the share of its program in what waits, so all of them have work.
"""

from __future__ import annotations

SHORT = 0.1  # seconds that a batch should take
MOST = 500  # requests in it


class Sizes:
    """Learns from what was measured.

    >>> sizes = Sizes()
    >>> sizes.most(1000, 2)
    1
    >>> for _ in range(20):
    ...     sizes.measured(1, 0.001)
    >>> sizes.most(1000, 2), sizes.most(4, 2)
    (100, 1)
    """

    def __init__(self) -> None:
        self._seconds: float = 0.0  # that a request takes
        self.size: int = 1  # of a batch

    def measured(self, requests: int, seconds: float) -> None:
        """So many have taken so long together."""
        each = seconds / requests
        self._seconds += (each - self._seconds) * (0.3 if self._seconds else 1.0)
        fits = int(SHORT / self._seconds) if self._seconds > SHORT / MOST else MOST
        self.size = max(1, min(fits, self.size * 2, MOST))

    @property
    def are_short(self) -> bool:
        """True if a request takes so little time that it may wait for the one before it."""
        return 0 < self._seconds < SHORT

    def most(self, waiting: int, programs: int) -> int:
        """How many of those that wait go together now."""
        return max(1, min(self.size, -(-waiting // max(2 * programs, 1))))
