"""Count words: a producer of paths, a pool of workers, a collector.

csp run examples/wordcount.py [--arg path=DIR] [--arg workers=4]

What it teaches: the shape of most programs, a producer, some workers and a collector; nobody says when to
stop.  wordcount_programs.py does the same with workers that are programs of their own.
"""

import os
import re
import sysconfig
import time
from collections import Counter
from dataclasses import dataclass, field
from os.path import exists, isfile
from pathlib import Path

import trio
from rich.console import Console
from rich.progress import Progress

from csp import Channel, Par, Receiver, Sender, process

WORD = re.compile(r"[^\W\d_]+")
INSTALLED = {"site-packages", "dist-packages"}
SHOWN = 20


@dataclass(frozen=True)
class Counted:
    """What a worker found in one file; `problem` says why it was skipped."""

    path: Path
    words: Counter[str]
    size: int
    problem: str = ""


@dataclass
class Report:
    """The whole collection."""

    words: Counter[str] = field(default_factory=Counter)
    files: int = 0
    size: int = 0
    skipped: list[str] = field(default_factory=list)

    def add(self, counted: Counted) -> None:
        """One more file."""
        if counted.problem:
            self.skipped.append(counted.problem)
            return
        self.words.update(counted.words)
        self.files += 1
        self.size += counted.size


def why(error: OSError | UnicodeDecodeError) -> str:
    """The reason alone: the path stands before it."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 (byte 0x{error.object[error.start]:02x} at {error.start:,})"
    return error.strerror or str(error)


def find(directory: Path) -> tuple[list[Path], list[str]]:
    """All .py and .txt files below a directory, and what could not be looked into.

    Installed packages below it are left out.
    """
    found: list[Path] = []
    problems: list[str] = []

    def note(error: OSError) -> None:
        problems.append(f"{error.filename}: {why(error)}")

    for folder, subfolders, names in os.walk(directory, onerror=note):
        subfolders[:] = sorted(set(subfolders) - INSTALLED)
        for name in sorted(names):
            path = Path(folder, name)
            # what cannot be looked at is tried, and listed as skipped; a pipe is no file
            if path.suffix in (".py", ".txt") and (isfile(path) or not exists(path)):
                found.append(path)
    return found, problems


def count(path: Path) -> Counted:
    """Count the words of one file."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Counted(path, Counter(), 0, f"{path}: {why(error)}")
    return Counted(path, Counter(WORD.findall(text.lower())), len(data))


@process
async def producer(paths: list[Path], jobs: Sender[Path]) -> None:
    for path in paths:
        await jobs.send(path)


@process
async def worker(jobs: Receiver[Path], results: Sender[Counted]) -> None:
    async for path in jobs:
        await results.send(await trio.to_thread.run_sync(count, path))


@process
async def collector(results: Receiver[Counted], total: int) -> Report:
    report = Report()
    console = Console(stderr=True)  # the result alone goes to stdout
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("counting", total=total)
        async for counted in results:
            progress.advance(bar)
            report.add(counted)
    return report


async def count_words(path: Path, workers: int) -> Report:
    """The process network."""
    paths, problems = find(path)
    jobs = Channel(Path, name="jobs")
    results = Channel(Counted, name="results")
    values = await Par(
        producer(paths, jobs.sender()),
        workers * worker(jobs.receiver(), results.sender()),
        collector(results.receiver(), len(paths)),
    )
    report = values[2]
    report.skipped = sorted(problems + report.skipped)
    return report


def directory_of(path: Path | None, workers: int) -> Path | None:
    """Where to count, Python's standard library unless told; None if that is nowhere."""
    directory = path if path is not None else Path(sysconfig.get_path("stdlib"))
    if workers < 1:
        raise SystemExit(f"workers={workers}: at least one is needed")
    if not directory.is_dir():
        print(f"there is no directory {directory}; nothing was counted")
        return None
    return directory


def show(report: Report, seconds: float, workers: str) -> None:
    """The words that there are most of, and the totals."""
    for word, number in report.words.most_common(10):
        print(f"{number:>9,}  {word}")
    print(f"{report.files:,} files, {report.size:,} bytes, {seconds:.1f} s, {workers}")


def show_skipped(report: Report) -> None:
    if report.skipped:
        print(f"skipped {len(report.skipped)}:")
        for problem in report.skipped[:SHOWN]:
            print(f"  {problem}")
        if len(report.skipped) > SHOWN:
            print(f"  and {len(report.skipped) - SHOWN} more")


async def main(path: Path | None = None, workers: int = 4) -> None:
    directory = directory_of(path, workers)
    if directory is None:
        return
    started = time.perf_counter()
    report = await count_words(directory, workers)
    show(report, time.perf_counter() - started, f"{workers} workers")
    show_skipped(report)
