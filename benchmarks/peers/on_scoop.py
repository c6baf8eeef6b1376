"""SCOOP: its launcher, a broker and two workers, of which the one that asks is the first."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from scoop import futures

from benchmarks.peers.turn import Answers, take
from benchmarks.peers.work import WORKERS


@contextmanager
def launched() -> Iterator[Answers]:
    """The workers are there already; `map_as_completed` hands out one request at a time."""
    yield futures.map_as_completed


def launch(words: list[str]) -> int:
    """Start the workers, which run this file; the exit status."""
    command = [sys.executable, "-m", "scoop", "-q", "-n", WORKERS, __file__, *words, time.time()]
    return subprocess.run([str(word) for word in command]).returncode


if __name__ == "__main__":
    if len(sys.argv) == 3:
        sys.exit(launch(sys.argv[1:]))
    take(launched, sys.argv[1:], began=float(sys.argv[3]))
