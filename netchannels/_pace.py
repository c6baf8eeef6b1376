"""How much strangers may cost: a bucket of tokens that refills with time.

(The token bucket: Turner, "New directions in communications", IEEE Communications Magazine 24(10),
1986.)  Whoever comes waits for room and spends a token; whoever turns out to be welcome gets back
what it has spent, so that many programs may join at once, and strangers all the time may not
try faster than `rate`.
"""

from __future__ import annotations

import trio


class Pace:
    """At most `burst` tokens are saved up, `rate` come back in a second of trio's clock.

    >>> import trio.testing
    >>> async def main() -> None:
    ...     pace = Pace(burst=2, rate=0.5)
    ...     began = trio.current_time()
    ...     for _ in range(3):
    ...         await pace.room()
    ...         print(trio.current_time() - began)
    >>> trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    0.0
    0.0
    2.0
    """

    def __init__(self, *, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left = burst
        self._seen = 0.0  # when `_left` was right

    async def room(self) -> None:
        """Wait for a token and spend it."""
        while (lacking := 1 - self.left()) > 0:
            await trio.sleep(lacking / self._rate)
        self.spend(1)

    def spend(self, tokens: float) -> None:
        """It has cost so much more: whoever comes next waits for that, too."""
        self._left = self.left() - tokens

    def give_back(self, tokens: float) -> None:
        """It was no stranger."""
        self._left = min(self.left() + tokens, self._burst)

    def left(self) -> float:
        """How many tokens there are now; below 0 that is a debt."""
        now = trio.current_time()
        self._left = min(self._left + (now - self._seen) * self._rate, self._burst)
        self._seen = now
        return self._left
