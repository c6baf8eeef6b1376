"""Pools of two workers: requests a second, how busy they are kept, payloads, how soon they start.

Each pool is started by a program of its own, anew for each turn (`peers.turn`); the turns of all
are interleaved.  A mebibyte goes there and back; a start lasts to the first answer.  What is in a
start differs: Redis is there before, SCOOP starts the asking program too, and what imports the
library into that is not counted.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from .measure import Effort, Skipped, Unavailable
from .peers.elsewhere import elsewhere
from .peers.work import CPU, WORKERS
from .report import Goal, Group, Row

Tell = Callable[[str], object]

MANAGERS, POOL = Goal(10, 10), Goal(1, 2)  # how many trivial requests of ours in the time of one
EFFICIENCY = Goal(0.95, 0.98)
PATIENCE = 60.0  # seconds that a program may take besides its requests


@dataclass
class Contender:
    """A pool, and its figures: seconds of each kind of request, a sample a turn.

    `program` is its module in `peers`, and words for it; `needs` are libraries, `tools` commands
    with the way to get them.
    """

    what: str
    program: tuple[str, ...]
    needs: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    start: list[float] = field(default_factory=list)
    trivial: list[float] = field(default_factory=list)
    burn: list[float] = field(default_factory=list)
    payload: list[float] = field(default_factory=list)

    def check(self) -> None:
        """Raise Unavailable if something that it needs is not there."""
        for name in self.needs:
            if importlib.util.find_spec(name) is None:
                raise Unavailable(
                    f"there is no {name}; pip install -e '.[bench]' installs the peers"
                )
        for name, way in self.tools.items():
            if shutil.which(name) is None:
                raise Unavailable(f"there is no `{name}`: {way}")

    def take_turn(self, effort: Effort) -> None:
        """Measure once; RuntimeError if the program fails or hangs."""
        module, *words = self.program
        patience = PATIENCE + 2 * effort.requests * CPU
        with elsewhere(module, *words, effort.seconds, effort.requests) as other:
            figures = other.said(patience)
        for samples, figure in zip(
            (self.start, self.trivial, self.burn, self.payload), figures, strict=True
        ):
            samples.append(figure)


def contenders() -> list[Contender]:
    """Ours first."""
    return [
        Contender("netchannels.pool", ("on_pool",)),
        Contender("managers", ("on_multiprocessing", "managers")),
        Contender("Pool.imap_unordered", ("on_multiprocessing", "pool")),
        Contender("ProcessPoolExecutor", ("on_futures",)),
        Contender("Dask", ("on_dask",), ("distributed",)),
        Contender(
            "Celery with Redis",
            ("on_celery",),
            ("celery", "redis", "msgpack"),
            {"redis-server": "install Redis (Debian, Ubuntu: apt install redis-server)"},
        ),
        Contender("SCOOP", ("on_scoop",), ("scoop",)),
    ]


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of pools."""
    group = Group("pools", f"Pools of {WORKERS} workers, a request", "ratio or efficiency")
    ours, *peers = contenders()
    present = [ours, *_present(peers, group)]
    for number in range(effort.pool_repeats):
        for each in list(present):
            tell(f"{each.what} ({number + 1} of {effort.pool_repeats})")
            try:
                each.take_turn(effort)
            except RuntimeError as error:
                if each is ours:
                    raise
                present.remove(each)
                group.skipped.append(Skipped(each.what, str(error)))
    _tell(present, group)
    return group


def _present(peers: Iterable[Contender], group: Group) -> Iterable[Contender]:
    for each in peers:
        try:
            each.check()
        except Unavailable as error:
            group.skipped.append(Skipped(each.what, str(error)))
        else:
            yield each


def _tell(present: list[Contender], group: Group) -> None:
    ours, *_ = present
    goals = {"managers": MANAGERS, "Pool.imap_unordered": POOL}

    def against(kind: str, title: str, unit: str, goals: dict[str, Goal]) -> None:
        samples = attrgetter(kind)
        for each in present:
            ratio = min(samples(each)) / min(samples(ours))
            what = title if each is ours else f"{title}: {each.what} / ours"
            shown = None if each is ours else ratio
            group.rows.append(Row(what, unit, samples(each), shown, goals.get(each.what)))

    against("trivial", "trivial", "us", goals)
    for each in present:
        efficiency = CPU / (WORKERS * min(each.burn))
        goal = EFFICIENCY if each is ours else None
        what = "10 ms CPU" if each is ours else f"10 ms CPU: {each.what}"
        group.rows.append(Row(what, "ms", each.burn, efficiency, goal))
    against("payload", "1 MiB", "ms", {})
    against("start", "start", "s", {})
