"""How a figure comes about: rounds of all candidates interleaved, and the best of each counts.

The machine's other work only ever adds time, and it comes and goes: so every candidate has its
turn in every pass, and what is compared are the minima.  The medians are shown beside them.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    `seconds` is what one measurement shall take, `repeats` how many passes there are, `parked`
    how many processes are parked in how many `parked_repeats`, `counted` the rounds of CommsTime
    whose instructions are counted, `requests` of 10 ms how many a pool gets in each of its
    `pool_repeats` turns.
    """

    seconds: float
    repeats: int
    parked: int
    parked_repeats: int
    counted: int
    requests: int
    pool_repeats: int


SMOKE = Effort(
    seconds=0.04,
    repeats=2,
    parked=2_000,
    parked_repeats=1,
    counted=300,
    requests=40,
    pool_repeats=1,
)
NORMAL = Effort(
    seconds=0.3,
    repeats=7,
    parked=100_000,
    parked_repeats=2,
    counted=1_000,
    requests=2_000,
    pool_repeats=2,
)
FULL = Effort(
    seconds=0.5,
    repeats=15,
    parked=100_000,
    parked_repeats=4,
    counted=4_000,
    requests=2_000,
    pool_repeats=5,
)


@dataclass(frozen=True)
class Skipped:
    """What was not measured, and why."""

    what: str
    why: str


class Unavailable(Exception):
    """A peer or a tool is not there; the text says why, and how to get it."""


@dataclass
class Candidate:
    """One program to be measured: `run(rounds)` returns the seconds of one operation.

    `per_round` is how many operations are in a round, `first` how many rounds the run has that
    finds out how many there shall be.
    """

    what: str
    run: Callable[[int], float]
    per_round: int = 1
    first: int = 200
    samples: list[float] = field(default_factory=list)
    rounds: int = 0

    @property
    def best(self) -> float:
        """The least of the samples."""
        return min(self.samples)


def interleave(
    candidates: Iterable[Candidate], effort: Effort, tell: Callable[[str], object]
) -> None:
    """Fill the samples of all candidates, pass by pass; `tell` hears what is measured now."""
    candidates = list(candidates)
    for candidate in candidates:
        tell(f"{candidate.what}: how long does it take?")
        once = candidate.run(candidate.first) * candidate.per_round
        candidate.rounds = max(candidate.first, int(effort.seconds / max(once, 1e-9)))
    for number in range(effort.repeats):
        for candidate in candidates:
            tell(f"{candidate.what} ({number + 1} of {effort.repeats})")
            gc.collect()
            candidate.samples.append(candidate.run(candidate.rounds))


def peer(name: str) -> Any:
    """The module of a peer; raises Unavailable if its library is not installed."""
    try:
        return importlib.import_module(f"benchmarks.peers.{name}")
    except ImportError as error:
        raise Unavailable(f"{error}; pip install -e '.[bench]' installs the peers") from error
