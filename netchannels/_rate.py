"""How often something may happen: a bucket of tokens that fills with time.

(Token bucket: J. Turner, "New directions in communications", IEEE Communications Magazine 24(10),
1986.)  What happens spends a token.
"""

from __future__ import annotations

from ._numbers import as_number


class Rate:
    """`rate` tokens come back in a second, `burst` are saved up (default: those of a tenth of a second).

    Times are seconds, and come from outside.  Raises ValueError for a rate of 0 or less, TypeError for what is no number.

    >>> rate = Rate(10)
    >>> rate.pause(now=0.0)
    0.0
    >>> rate.spend(1)
    >>> rate.pause(now=0.05), rate.left(now=0.15)
    (0.05, 1.0)
    """

    def __init__(self, rate: float, *, burst: float | None = None) -> None:
        self._rate = rate = as_number(rate, "rate is more than 0 a second", above=0)
        self._burst = max(rate / 10, 1.0) if burst is None else burst
        self._left = self._burst
        self._seen: float | None = None  # when `_left` was right

    def left(self, now: float) -> float:
        """How many tokens there are; below 0 that is a debt."""
        if self._seen is not None and now > self._seen:
            self._left = min(self._left + (now - self._seen) * self._rate, self._burst)
        self._seen = now
        return self._left

    def pause(self, now: float) -> float:
        """Seconds until there is a token, 0 if there is one; `now` plus that is always later."""
        seconds = (1.0 - self.left(now)) / self._rate
        # the sum of a large time and a small one is a little short: who waits would wait for ever
        return seconds if now + seconds > now else 0.0

    def spend(self, tokens: float) -> None:
        """So much has happened."""
        self._left -= tokens

    def give_back(self, tokens: float) -> None:
        """It did not count."""
        self._left = min(self._left + tokens, self._burst)
