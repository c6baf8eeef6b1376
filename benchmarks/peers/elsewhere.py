"""A second program: `python -m benchmarks.peers.MODULE WORD ...` beside this one, and what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 30.0  # seconds that a program may take to end once its work is done


class Elsewhere:
    """A program that runs beside this one."""

    def __init__(self, module: str, words: tuple[object, ...], environment: dict[str, str]) -> None:
        known = dict(os.environ, **environment)
        # what is compiled at its installation shall have no start over what is not
        known.pop("PYTHONDONTWRITEBYTECODE", None)
        known["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.peers.{module}", *map(str, words)],
            env=known,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # it and what it starts end together
        )

    def said(self, patience: float = PATIENCE) -> list[float]:
        """The numbers that it has printed, once it has ended.

        Raises RuntimeError if it has failed, or does not end within `patience` seconds; what went
        wrong stands on its standard error.
        """
        try:
            out, _ = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self._process.args!r} has not ended in {patience:g} s") from None
        if self._process.returncode:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}")
        return [float(word) for word in out.split()]

    def wait_ready(self) -> None:
        """Wait until it has printed a line; RuntimeError if it ends instead."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError(f"{self._process.args!r} has ended")

    def freeze(self) -> None:
        """Let it stand still; only where there is a SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        """End it and what it has started, if it still runs."""
        if self._process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
            self._process.communicate()


@contextmanager
def elsewhere(module: str, *words: object, **environment: str) -> Iterator[Elsewhere]:
    """Run the program during a block; what is left of it then is killed."""
    program = Elsewhere(module, words, environment)
    try:
        yield program
    finally:
        program.end()
