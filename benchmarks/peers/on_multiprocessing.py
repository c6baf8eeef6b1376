"""multiprocessing: two queues behind a manager's server, and its `Pool`.

The first is the usual program for work on several machines: a master puts requests into one queue
and gets results from another one, each worker gets from the first and puts into the second.
"""

from __future__ import annotations

import functools
import multiprocessing
import queue
import secrets
import time
from multiprocessing.managers import BaseManager
from typing import Any

START = multiprocessing.get_context("spawn")  # the same everywhere
READY, OVER = -1, -2


@functools.cache
def requests() -> queue.Queue[int]:
    """The one queue of requests, in the server's program."""
    return queue.Queue()


@functools.cache
def results() -> queue.Queue[int]:
    """The one queue of results, in the server's program."""
    return queue.Queue()


class Queues(BaseManager):
    """A server of the two queues, or somebody's way to it."""


Queues.register("requests", requests)
Queues.register("results", results)


def _both(master: Any) -> tuple[Any, Any]:
    return master.requests(), master.results()


def square(number: int) -> int:
    """The work."""
    return number * number


def work(address: Any, key: bytes) -> None:
    """A worker."""
    master = Queues(address=address, authkey=key)
    master.connect()
    asked, done = _both(master)
    done.put(READY)
    while (number := asked.get()) != OVER:
        done.put(square(number))


def managers(workers: int, rounds: int) -> float:
    """The seconds of a request and its result, through queues of a manager."""
    key = secrets.token_bytes()
    with Queues(address=("127.0.0.1", 0), authkey=key, ctx=START) as master:
        others = [START.Process(target=work, args=(master.address, key)) for _ in range(workers)]
        for other in others:
            other.start()
        asked, done = _both(master)
        for _ in others:
            done.get()
        started = time.perf_counter()
        for number in range(rounds):
            asked.put(number)
        for _ in range(rounds):
            done.get()
        seconds = time.perf_counter() - started
        for _ in others:
            asked.put(OVER)
        for other in others:
            other.join()
    return seconds / rounds


def pool(workers: int, rounds: int) -> float:
    """The seconds of a request and its result with `Pool.imap_unordered(chunksize=1)`."""
    with START.Pool(workers) as workers_of:
        workers_of.map(square, range(workers * 50), chunksize=1)
        started = time.perf_counter()
        for _ in workers_of.imap_unordered(square, range(rounds), chunksize=1):
            pass
        return (time.perf_counter() - started) / rounds
