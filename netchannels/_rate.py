"""A limit of requests a second: a bucket of tokens that fills with time (token bucket: J. Turner,
"New directions in communications", IEEE Communications Magazine 24(10), 1986).
"""

from __future__ import annotations

import math


class Rate:
    """At most `rate` a second, and those of a tenth of a second at once; times come from outside.

    Raises ValueError for 0 or less.

    >>> rate = Rate(10)
    >>> rate.allowed(0.0)
    1
    >>> rate.spend(1)
    >>> rate.allowed(0.05), rate.allowed(0.1)
    (0, 1)
    """

    def __init__(self, rate: float) -> None:
        if not rate > 0:
            raise ValueError(f"rate is more than 0 requests a second, not {rate!r}")
        self._rate: float = rate
        self._most: float = max(rate / 10, 1.0)
        self._tokens: float = self._most
        self._at: float | None = None

    def allowed(self, now: float) -> int:
        """How many may begin."""
        if self._rate == math.inf:
            return 1 << 40
        if self._at is not None:
            self._tokens = min(self._tokens + (now - self._at) * self._rate, self._most)
        self._at = now
        return int(self._tokens + 1e-9)  # a sum of many small times is a little short

    def spend(self, requests: int) -> None:
        """So many have begun."""
        self._tokens -= requests

    def pause(self) -> float:
        """Seconds until one more may begin, if none may now."""
        return max(1.0 - self._tokens, 0.0) / self._rate
