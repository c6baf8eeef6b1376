"""multiprocessing: two queues behind a manager's server, and its `Pool`.

The first is the usual program for work on several machines: a master puts requests into one queue
and gets results from another one, each worker gets from the first and puts into the second.
"""

from __future__ import annotations

import functools
import multiprocessing
import queue
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.managers import BaseManager
from typing import Any

from .turn import WARM, Answers, each, take
from .work import FUNCTIONS, WORKERS, Work, burn, square

START = multiprocessing.get_context("spawn")  # the same everywhere


@functools.cache
def requests() -> queue.Queue[Any]:
    """The one queue of requests, in the server's program."""
    return queue.Queue()


@functools.cache
def results() -> queue.Queue[Any]:
    """The one queue of results, in the server's program."""
    return queue.Queue()


class Queues(BaseManager):
    """A server of the two queues, or somebody's way to it."""


Queues.register("requests", requests)
Queues.register("results", results)


def _both(master: Any) -> tuple[Any, Any]:
    return master.requests(), master.results()


def work(address: Any, key: bytes) -> None:
    """A worker."""
    master = Queues(address=address, authkey=key)
    master.connect()
    asked, done = _both(master)
    while (request := asked.get()) is not None:
        name, value = request
        done.put(FUNCTIONS[name](value))


@contextmanager
def queues(workers: int) -> Iterator[Answers]:
    """So many workers at the queues of a manager."""
    key = secrets.token_bytes()
    with Queues(address=("127.0.0.1", 0), authkey=key, ctx=START) as master:
        others = [START.Process(target=work, args=(master.address, key)) for _ in range(workers)]
        for other in others:
            other.start()
        asked, done = _both(master)

        def answers(work: Work, values: Iterable[Any]) -> Iterator[Any]:
            sent = 0
            for value in values:
                asked.put((work.__name__, value))
                sent += 1
            for _ in range(sent):
                yield done.get()

        yield answers
        for _ in others:
            asked.put(None)
        for other in others:
            other.join()


@contextmanager
def workers_of_pool(workers: int) -> Iterator[Answers]:
    """So many workers of a Pool, which hands out one request at a time."""
    with START.Pool(workers) as of:
        yield partial(of.imap_unordered, chunksize=1)


def managers(workers: int, rounds: int) -> float:
    """The seconds of a request and its result, through queues of a manager."""
    with queues(workers) as answers:
        each(answers, burn, WARM)
        return each(answers, square, rounds)


def pool(workers: int, rounds: int) -> float:
    """The seconds of a request and its result with `Pool.imap_unordered(chunksize=1)`."""
    with workers_of_pool(workers) as answers:
        each(answers, burn, WARM)
        return each(answers, square, rounds)


if __name__ == "__main__":
    start = {"managers": queues, "pool": workers_of_pool}[sys.argv[1]]
    take(partial(start, WORKERS), sys.argv[2:])
