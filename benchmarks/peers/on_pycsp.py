"""PyCSP's greenlets: `pycsp.greenlets` of pycsp 0.9, with the C switches of greenlet.

No selection: its `Alternation` needs `collections.Callable`, which Python 3.10 has removed.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import time
from typing import Any

from pycsp.greenlets import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    Channel,
    Parallel,
    poison,
    process,
)

WARM = 50

End = Any


@process
def prefix(first: int, feed: End, out: End) -> None:
    """Send `first`, then pass on what comes."""
    out(first)
    while True:
        out(feed())


@process
def delta(feed: End, left: End, right: End) -> None:
    """Send what comes to both."""
    while True:
        number = feed()
        left(number)
        right(number)


@process
def successor(feed: End, out: End) -> None:
    """Send the successor of what comes."""
    while True:
        out(feed() + 1)


@process
def consumer(feed: End, rounds: int) -> float:
    """Take the numbers, then end the network by poison."""
    for _ in range(WARM):
        feed()
    started = time.perf_counter()
    for _ in range(rounds):
        feed()
    seconds = time.perf_counter() - started
    poison(feed)
    return seconds / rounds / 4


def commstime(rounds: int) -> float:
    """The seconds of one communication."""
    a, b, c, d = Channel("a"), Channel("b"), Channel("c"), Channel("d")
    results: list[float] = Parallel(
        prefix(0, c.reader(), a.writer()),
        delta(a.reader(), d.writer(), b.writer()),
        successor(b.reader(), c.writer()),
        consumer(d.reader(), rounds),
    )
    return results[-1]
