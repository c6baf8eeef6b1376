"""What all tests share: the header says on which scheduling path they run.

`CSP_LEND=0 pytest` takes the one that rests on trio alone.  The fixture `start` runs real programs.
The block of a lease absorbs every Exception: one that says that the test is wrong fails it all the same.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import hypothesis
import pytest

from csp import Lease

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # a slow machine breaks no test

PATIENCE = 60  # seconds until a program that does not do what it should fails its test
ROOT = Path(__file__).parent.parent


def pytest_report_header() -> str:
    return f"csp: turns are {'not ' if os.environ.get('CSP_LEND') == '0' else ''}lent"


@pytest.fixture(scope="module")
def swept() -> None:
    """What other files have left speaks up now.  Amid `ast.parse` its traceback would be parsed as
    well, and CPython 3.11 then raises SystemError: AST constructor recursion depth mismatch.
    """
    gc.collect()


class Program:
    """A program that runs; what it says is read all the time."""

    def __init__(self, *command: str, fds: Sequence[int] = (), **environment: str) -> None:
        self.lines: list[str] = []  # of both streams, as they came
        self.out: list[str] = []
        self.err: list[str] = []
        self._heard = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=ROOT,
            env=os.environ | environment,
            start_new_session=True,
            pass_fds=fds,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream, heard), daemon=True)
            for stream, heard in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str], heard: list[str]) -> None:
        with stream:
            for line in stream:
                with self._heard:
                    heard.append(line.rstrip("\n"))
                    self.lines.append(line.rstrip("\n"))
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def says(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait for so many lines that match; the last of them."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        def over() -> bool:
            return not any(reader.is_alive() for reader in self._readers)

        with self._heard:
            self._heard.wait_for(lambda: len(found()) >= times or over(), PATIENCE)
            if len(found()) < times:
                raise AssertionError(f"it never said {pattern!r} {times} times:\n{self}")
            return found()[times - 1]

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end:\n{self}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def __str__(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture(autouse=True)
def absorbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test asserts in the block of a lease is not lost."""
    seen: list[BaseException] = []
    leave: Any = Lease.__aexit__

    async def told(self: Any, kind: Any, error: Any, tb: Any) -> bool:
        if isinstance(error, (AssertionError, AttributeError, NameError)):
            seen.append(error)
        return bool(await leave(self, kind, error, tb))

    monkeypatch.setattr(Lease, "__aexit__", told)
    yield
    for error in seen:
        raise error


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """`start("-m", "csp", "run", ..., NAME="value")`: programs that end with the test."""
    started: list[Program] = []

    def start_one(*command: str, fds: Sequence[int] = (), **environment: str) -> Program:
        started.append(Program(*command, fds=fds, **environment))
        return started[-1]

    yield start_one
    for program in started:
        if program.process.poll() is None:
            program.send(signal.SIGCONT if hasattr(signal, "SIGCONT") else signal.SIGTERM)
            program.process.kill()
        program.ends()
