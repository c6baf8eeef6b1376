"""Go: `channels.go`, compiled once a run when there is a `go`."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..measure import Unavailable

SOURCE = Path(__file__).parent / "channels.go"


@functools.cache
def version() -> str:
    """What `go version` says; raises Unavailable without go."""
    if shutil.which("go") is None:
        raise Unavailable("there is no `go` (Debian, Ubuntu: apt-get install golang-go)")
    said = subprocess.run(["go", "version"], capture_output=True, text=True)
    return said.stdout.strip()


@functools.cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="benchmarks-go-")


@functools.cache
def program() -> Path:
    """The compiled program; raises Unavailable without go, or if it does not compile."""
    version()
    path = Path(_directory().name) / "channels"
    built = subprocess.run(
        ["go", "build", "-o", str(path), str(SOURCE)], capture_output=True, text=True
    )
    if built.returncode:
        raise Unavailable(f"go build failed: {built.stderr.strip()[-200:]}")
    return path


def _run(*arguments: object, cores: int | None = None) -> float:
    environment = dict(os.environ)
    if cores is not None:
        environment["GOMAXPROCS"] = str(cores)
    said = subprocess.run(
        [str(program()), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return float(said.stdout) * 1e-9


def commstime(cores: int | None = None) -> Callable[[int], float]:
    """CommsTime on so many cores; None: as Go likes it."""
    return lambda rounds: _run("commstime", rounds, cores=cores)


def selection(program: str, guards: int) -> Callable[[int], float]:
    """`selection` or `writers` over so many guards."""
    return lambda rounds: _run(program, guards, rounds)
