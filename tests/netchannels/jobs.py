"""What the programs of the pools in these tests run: they import it by its name."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trio

import csp


def square(number: int) -> int:
    return number * number


def slowly(milliseconds: int) -> int:
    time.sleep(milliseconds / 1000)
    return milliseconds


async def rest(milliseconds: int) -> int:
    await trio.sleep(milliseconds / 1000)
    return milliseconds


@csp.process
async def through_a_channel(number: int) -> int:
    numbers = csp.Channel(int, buffer=1)
    with numbers.sender() as out, numbers.receiver() as into:
        await out.send(number)
        return await into.receive()


def fails_on_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def fails_at_first(file: str) -> str:
    path = Path(file)
    tries = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (tries + 1))
    if tries < 2:
        raise OSError(f"try {tries + 1}")
    return f"try {tries + 1}"


def dies_on_13(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def hangs_on_13(number: int) -> int:
    if number == 13:
        time.sleep(1000)
    return number


def holds_the_interpreter(letters: int) -> str:
    """Backtracks in C, twice as long for each letter; about 1 s for 25."""
    started = time.perf_counter()
    re.match(r"(a+)+$", "a" * letters + "b")
    return f"{time.perf_counter() - started:.2f}"


def notes(file: str) -> str:
    """Its start is a line in the file; runs until somebody ends it."""
    with open(file, "a", encoding="utf-8") as out:
        out.write(f"{os.getpid()}\n")
    time.sleep(1000)
    return file


def runs_on_at_first(file: str) -> str:
    """The first time it makes the file, and runs until somebody ends it."""
    path = Path(file)
    if not path.exists():
        path.touch()
        time.sleep(1000)
    return file


async def rests_at_first(file: str) -> str:
    """As `runs_on_at_first`, in the loop."""
    path = Path(file)
    if not path.exists():
        path.touch()
        await trio.sleep(1000)
    return file


def holds(file: str) -> str:
    """As `notes`, but it holds the interpreter."""
    with open(file, "a", encoding="utf-8") as out:
        out.write(f"{os.getpid()}\n")
    re.match(r"(a+)+$", "a" * 60 + "b")
    return file


def starts_another(file: str) -> str:
    """What it starts writes its number into the file, and would go on for long."""
    code = f"import os, time; open({file!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    child = subprocess.Popen([sys.executable, "-c", code])
    while not (Path(file).exists() and Path(file).read_text()):
        time.sleep(0.01)
    return str(child.pid)


def reads_its_input(number: int) -> str:
    return sys.stdin.read(number)


def closes_its_output(number: int) -> int:
    sys.stdout.close()
    sys.stderr.close()
    return number


def leaves(code: int) -> int:
    os._exit(code)


class Odd(BaseException):
    """No Exception."""


def raises_odd_things(number: int) -> int:
    if number:
        raise (Odd("odd"), KeyboardInterrupt("mine"), OSError("\udcff"))[number - 1]
    return number


async def interrupted(number: int) -> int:
    raise KeyboardInterrupt


def says(text: str) -> int:
    print(text)
    print(text, file=sys.stderr)
    logging.getLogger("jobs").warning("logged %s", text)
    return os.getpid()


def exits(number: int) -> int:
    sys.exit(number)


def big(size: int) -> bytes:
    return bytes(size)


def wrong(number: int) -> int:
    return "a text"  # type: ignore[return-value]


def needs_two(one: int, other: int) -> int:
    return one + other


def unannotated(number):  # type: ignore[no-untyped-def]
    return number


def wrong_words(line: str) -> list[tuple[str, int]]:
    return [(line, "one")]  # type: ignore[list-item]


def words(line: str) -> Iterator[tuple[str, int]]:
    for word in line.split():
        yield word, 1


def total(word: str, numbers: list[int]) -> int:
    return sum(numbers)


def wrong_total(word: str, numbers: list[int]) -> int:
    return word  # type: ignore[return-value]


def how_many(word: str, numbers: list[int]) -> list[int]:
    return numbers


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@csp.process
async def squares(jobs: csp.Receiver[int], results: csp.Sender[Point], dies_on: int = -1) -> int:
    done = 0
    async for number in jobs:
        if number == dies_on:
            os.kill(os.getpid(), signal.SIGKILL)
        await results.send(Point(number, number * number))
        done += 1
    return done


@csp.process
async def leaves_early(jobs: csp.Receiver[int], results: csp.Sender[Point]) -> None:
    async for number in jobs:
        if number == 50:
            os._exit(0)
        await results.send(Point(number, number))


@csp.process
async def breaks_at_first(results: csp.Sender[int]) -> None:
    raise ValueError("broken")


@csp.process
async def breaks(jobs: csp.Receiver[int]) -> None:
    raise ValueError("broken")
