"""What is asked of a pool: three functions that every library finds by their names."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

WORKERS = 2
CPU = 0.010  # seconds
PAYLOAD = bytes(range(256)) * 4096  # a mebibyte


def square(number: int) -> int:
    """Next to nothing."""
    return number * number


def burn(number: int) -> int:
    """10 ms of one processor, whoever else wants it."""
    until = time.thread_time() + CPU
    while time.thread_time() < until:
        pass
    return number


def echo(data: bytes) -> bytes:
    """The same again."""
    return data


Work = Callable[[Any], Any]
FUNCTIONS: dict[str, Work] = {work.__name__: work for work in (square, burn, echo)}


def requests(work: Work, count: int) -> Iterable[Any]:
    """So many requests for one of the functions."""
    return itertools.repeat(PAYLOAD, count) if work is echo else range(count)
