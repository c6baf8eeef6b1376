"""What a pool is put through in its turn: it is started, and answers the three kinds of requests.

The program of a peer prints the four figures: the seconds until a new pool has given its first
answer; of a trivial request; of a request of 10 ms CPU, by the clock on the wall; of a request of a
mebibyte and its answer of a mebibyte.  Except for the first the pool is warm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from .work import Work, burn, echo, requests, square

FIRST = 100  # trivial requests of the run that finds out how many there shall be
FEW, MOST = 4, 100  # payloads of the same, and at most: some libraries keep them all
WARM = 40  # requests of 10 ms

Answers = Callable[[Work, Iterable[Any]], Iterable[Any]]  # in any order
Pool = Callable[[], AbstractContextManager[Answers]]


def each(answers: Answers, work: Work, count: int) -> float:
    """The seconds of one of so many requests.

    Raises RuntimeError if an answer is missing.
    """
    started = time.perf_counter()
    came = sum(1 for _ in answers(work, requests(work, count)))
    seconds = time.perf_counter() - started
    check(came, count)
    return seconds / count


def check(came: int, count: int) -> None:
    """Raise RuntimeError if there were not as many answers as requests."""
    if came != count:
        raise RuntimeError(f"{count} requests had {came} answers")


def many(seconds: float, once: float) -> int:
    """How many trivial requests take so many seconds, if one takes `once`."""
    return max(FIRST, int(seconds / once))


def some(seconds: float, once: float) -> int:
    """How many payloads take so many seconds, within bounds."""
    return min(MOST, max(FEW, int(seconds / once)))


def take(pool: Pool, words: list[str], began: float | None = None) -> None:
    """Put a pool through it and print the figures.

    `words` are how many seconds the trivial requests and the payloads shall take, and the number of
    requests of 10 ms; `began` is when the start of the pool began, by `time.time`, if it was before
    this program.
    """
    seconds, count = float(words[0]), int(words[1])
    started = time.time() if began is None else began
    with pool() as answers:
        assert list(answers(square, [7])) == [49]
        start = time.time() - started
        each(answers, burn, WARM)  # long enough for the second worker to be there
        trivial = each(answers, square, many(seconds, each(answers, square, FIRST)))
        burned = each(answers, burn, count)
        payload = each(answers, echo, some(seconds, each(answers, echo, FEW)))
    print(start, trivial, burned, payload, flush=True)
