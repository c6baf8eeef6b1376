"""Count words: a producer of paths, a pool of workers, a collector.

csp run examples/wordcount.py [--arg path=DIR] [--arg workers=4]
"""

import re
import sysconfig
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import trio
from rich.progress import Progress

from csp import Channel, Par, Receiver, Sender, process

WORD = re.compile(r"[^\W\d_]+")


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

    words: Counter[str]
    files: int
    size: int
    skipped: list[str]


def find(directory: Path) -> list[Path]:
    """All .py and .txt files below a directory, installed packages left out."""
    left_out = {"site-packages", "dist-packages"}
    return sorted(
        path
        for path in directory.rglob("*")
        if path.suffix in (".py", ".txt") and not left_out & set(path.parts) and path.is_file()
    )


def count(path: Path) -> Counted:
    """Count the words of one file."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Counted(path, Counter(), 0, f"{path}: {error}")
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
    report = Report(Counter(), 0, 0, [])
    with Progress(transient=True) as progress:
        bar = progress.add_task("counting", total=total)
        async for counted in results:
            progress.advance(bar)
            if counted.problem:
                report.skipped.append(counted.problem)
                continue
            report.words.update(counted.words)
            report.files += 1
            report.size += counted.size
    return report


async def count_words(path: Path, workers: int) -> Report:
    """The process network."""
    paths = find(path)
    jobs = Channel(Path, name="jobs")
    results = Channel(Counted, name="results")
    values = await Par(
        producer(paths, jobs.sender()),
        workers * worker(jobs.receiver(), results.sender()),
        collector(results.receiver(), len(paths)),
    )
    return values[2]


async def main(path: Path | None = None, workers: int = 4) -> None:
    directory = path if path is not None else Path(sysconfig.get_path("stdlib"))
    if not directory.is_dir():
        print(f"there is no directory {directory}; nothing was counted")
        return
    started = time.perf_counter()
    report = await count_words(directory, workers)
    seconds = time.perf_counter() - started
    for word, number in report.words.most_common(10):
        print(f"{number:>9,}  {word}")
    print(f"{report.files:,} files, {report.size:,} bytes, {seconds:.1f} s, {workers} workers")
    if report.skipped:
        print(f"skipped {len(report.skipped)}:")
        for problem in report.skipped[:20]:
            print(f"  {problem}")
        if len(report.skipped) > 20:
            print(f"  and {len(report.skipped) - 20} more")
