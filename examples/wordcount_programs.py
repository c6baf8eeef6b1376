"""Count words as wordcount.py does, with workers that are programs of their own.

csp run examples/wordcount_programs.py [--arg path=DIR] [--arg workers=4]

What it teaches: the same channels between programs.  The workers connect over TCP, on the loopback; the secret, a new one each time, reaches them through
their standard input.  A file is a call: kill a worker, and another one counts its file.  A worker
that has lost this program ends.
"""

import math
import os
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import trio
from rich.console import Console
from rich.progress import Progress
from wordcount import Counted, Report, count, directory_of, find, show, show_skipped

import netchannels
from csp import Call, Channel, LinkLost, Sender, Spawn, process

LARGEST = 64 * 1024 * 1024  # bytes of the words of one file
CONSOLE = Console(stderr=True)  # the result alone goes to stdout


@dataclass(frozen=True)
class Found:
    """What a worker found in one file: a Counted that can travel, and whose work it was."""

    worker: int
    seconds: float
    words: dict[str, int]
    size: int
    problem: str


@dataclass
class Share:
    """What one worker has done."""

    files: int = 0
    size: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.files:,} files, {self.size:,} bytes, {self.seconds:.1f} s"


# --- the worker programs ---------------------------------------------------------------------


async def worker(address: str, number: int) -> None:
    """The main of a worker program: count files until there are no more."""

    async def look(file: bytes) -> Found:  # bytes, as not every path is text
        started = time.perf_counter()
        counted = await trio.to_thread.run_sync(count, Path(os.fsdecode(file)))
        problem = counted.problem.encode("utf-8", "replace").decode()
        seconds = time.perf_counter() - started
        return Found(number, seconds, dict(counted.words), counted.size, problem)

    secret = netchannels.secret(sys.stdin.readline)
    try:
        async with netchannels.connect(address, secret=secret, largest=LARGEST) as node:
            with await node.receiver("files", Call[bytes, Found], wait=10) as files:
                await files.serve(look)
    except LinkLost:  # whoever started it is gone, and says so himself
        raise SystemExit(1) from None
    except netchannels.NetworkError as error:
        raise SystemExit(f"worker {number}: {error}") from None


# --- the program that starts them ------------------------------------------------------------


class Programs:
    """The worker programs."""

    def __init__(self, count: int, address: str, secret: str) -> None:
        self.count, self.address, self.secret = count, address, secret
        self.failed: list[int] = []  # those that ended before the work did

    @process
    async def run(self, number: int) -> None:
        """Run one; whatever cancels this process ends the program.

        Raises RuntimeError if none is left that could do the work.
        """
        done = await trio.run_process(
            [
                *(sys.executable, "-m", "csp", "run", f"{Path(__file__).resolve()}:worker"),
                *("--arg", f"address={self.address}", "--arg", f"number={number}"),
            ],
            stdin=self.secret.encode(),
            check=False,
            start_new_session=True,  # Ctrl-C is for this program, which ends the others
        )
        if done.returncode:
            self.failed.append(number)
            CONSOLE.print(f"worker {number} has ended with {done.returncode}", highlight=False)
        if len(self.failed) == self.count:
            raise RuntimeError("no worker is left")


@process
async def collector(
    calls: Sender[Call[bytes, Found]], paths: list[Path], shares: dict[int, Share]
) -> Report:
    report = Report()
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as progress:
        bar = progress.add_task("counting", total=len(paths))
        async for done in calls.outcomes(os.fsencode(path) for path in paths):
            progress.advance(bar)
            found = done.reply
            path = Path(os.fsdecode(done.request))
            report.add(Counted(path, Counter(found.words), found.size, found.problem))
            if not found.problem:
                share = shares[found.worker]
                share.files += 1
                share.size += found.size
                share.seconds += found.seconds
    return report


async def count_words(path: Path, workers: int) -> tuple[Report, dict[int, Share]]:
    """The process network, and what each worker has done of it."""
    paths, problems = find(path)
    shares = {number: Share() for number in range(1, workers + 1)}
    secret = secrets.token_urlsafe(32)
    files = Channel(Call[bytes, Found], name="files", max_attempts=math.inf)
    async with netchannels.serve("127.0.0.1:0", secret=secret, largest=LARGEST) as node:
        node.share("files", files.receiver())
        programs = Programs(workers, node.address, secret)
        async with Spawn() as spawn:
            for number in shares:
                spawn(programs.run(number))
            counting = spawn(collector(files.sender(), paths, shares))
    report = counting.result()
    report.skipped = sorted(problems + report.skipped)
    return report, shares


async def main(path: Path | None = None, workers: int = 4) -> None:
    directory = directory_of(path, workers)
    if directory is None:
        return
    started = time.perf_counter()
    report, shares = await count_words(directory, workers)
    show(report, time.perf_counter() - started, f"{workers} worker programs")
    for number, share in shares.items():
        print(f"  worker {number}: {share}")
    show_skipped(report)
