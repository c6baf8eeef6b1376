"""Count words as wordcount.py does, on all cores: a pool of programs, a file a request.

csp run examples/wordcount_pool.py [--arg path=DIR] [--arg workers=4]

What it teaches: a killed worker changes nothing in the result.  With `--arg kill=true` it counts twice; the second time one worker is killed in the middle, and the
results are compared.
"""

import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from wordcount import Counted, Report, count, directory_of, find, show, show_skipped

import csp
import netchannels
from netchannels import Cores, WorkerStatus

KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


@dataclass(frozen=True)
class Found:
    """A Counted that can travel."""

    words: dict[str, int]
    size: int
    problem: str


def count_file(file: bytes) -> Found:  # bytes, as not every path is text
    """Runs in the workers."""
    counted = count(Path(os.fsdecode(file)))
    problem = counted.problem.encode("utf-8", "replace").decode()
    return Found(dict(counted.words), counted.size, problem)


async def count_words(
    path: Path, workers: Cores, *, kill: bool = False
) -> tuple[Report, list[WorkerStatus]]:
    """The words of all files below `path`, and what each worker has done of it."""
    paths, problems = find(path)
    report = Report()
    async with netchannels.pool(count_file, workers=workers) as pool:
        files = [os.fsencode(path) for path in paths]
        async for done in pool.outcomes(files, progress=True):
            found = done.reply
            file = Path(os.fsdecode(done.request))
            report.add(Counted(file, Counter(found.words), found.size, found.problem))
            if kill and report.files >= len(files) // 2:
                kill = False
                victim = next(worker for worker in pool.statistics() if worker.pid)
                print(f"killing {victim.label}, process {victim.pid}, after {report.files} files")
                os.kill(victim.pid, KILL)
        statistics = pool.statistics()
    report.skipped = sorted(problems + report.skipped)
    return report, statistics


async def main(path: Path | None = None, workers: int = 0, kill: bool = False) -> None:
    cores = Cores(workers) if workers else Cores()
    directory = directory_of(path, cores.size)
    if directory is None:
        return
    started = time.perf_counter()
    report, statistics = await count_words(directory, cores)
    show(report, time.perf_counter() - started, f"{cores.size} worker programs")
    for worker in statistics:
        print(f"  {worker.label}: {worker.requests:,} files, {worker.busy:.1f} s")
    show_skipped(report)
    if kill:
        again, _ = await count_words(directory, cores, kill=True)
        if again != report:
            raise SystemExit("the result is another one: something was lost, or counted twice")
        print("a worker was killed in the middle: the result is the same")


if __name__ == "__main__":
    csp.run(main)
