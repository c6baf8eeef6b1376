"""Celery: a worker of two processes, with Redis as the broker and for the results.

Redis listens on a socket in a new directory and keeps nothing on disk.  Messages are MessagePack,
as bytes shall travel as they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery

from . import work
from .turn import Answers, take
from .work import WORKERS, Work

SOCKET = "BENCHMARKS_REDIS"  # the variable with the address of its socket
PATIENCE = 10.0  # seconds until Redis listens

app = Celery()
app.conf.update(
    task_serializer="msgpack", result_serializer="msgpack", accept_content=["msgpack", "json"]
)
if SOCKET in os.environ:  # in the worker
    app.conf.broker_url = app.conf.result_backend = os.environ[SOCKET]
TASKS = {name: app.task(function, name=name) for name, function in work.FUNCTIONS.items()}


@contextmanager
def redis() -> Iterator[str]:
    """A server of its own; the path of its socket."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "redis.sock"
        words = ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", place]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + PATIENCE
            while not path.exists():
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("redis-server does not listen")
                time.sleep(0.01)
            yield str(path)
        finally:
            server.terminate()
            server.wait()


@contextmanager
def worker() -> Iterator[Answers]:
    """A worker of two processes, which looks for no others."""
    words = ["-A", __spec__.name, "worker", "--concurrency", str(WORKERS), "--loglevel", "error"]
    words += ["--without-mingle", "--without-gossip"]
    command = [sys.executable, "-W", "ignore", "-m", "celery", *words]  # it warns whoever is root
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def answers(work: Work, requests: Iterable[Any]) -> Iterator[Any]:
        task = TASKS[work.__name__]
        for result in [task.delay(request) for request in requests]:
            yield result.get()  # one by one is faster than a `group`, and than `iter_native`

    try:
        yield answers
    finally:
        running.terminate()
        running.wait()


if __name__ == "__main__":
    with redis() as path:
        os.environ[SOCKET] = app.conf.broker_url = app.conf.result_backend = (
            f"redis+socket://{path}"
        )
        take(worker, sys.argv[1:])
