"""concurrent.futures: a ProcessPoolExecutor."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from .turn import Answers, take
from .work import WORKERS

START = multiprocessing.get_context("spawn")  # the same everywhere


@contextmanager
def executor() -> Iterator[Answers]:
    """Two workers; `map` hands out one request at a time."""
    with ProcessPoolExecutor(WORKERS, mp_context=START) as workers:
        yield workers.map


if __name__ == "__main__":
    take(executor, sys.argv[1:])
