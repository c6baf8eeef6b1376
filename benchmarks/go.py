"""Go's side: compiled once, if Go is installed."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from .measure import Missing

SOURCES = Path(__file__).parent / "go_programs"


@functools.cache
def _build(name: str) -> str:
    compiler = shutil.which("go")
    if compiler is None:
        raise Missing("Go is not installed (Debian: apt install golang-go)")
    folder = tempfile.mkdtemp(prefix="netchannels-bench-")
    target = str(Path(folder, name.removesuffix(".go")))
    built = subprocess.run(
        [compiler, "build", "-o", target, str(SOURCES / name)], capture_output=True, text=True
    )
    if built.returncode:
        raise Missing(f"go build failed: {built.stderr.strip()[:200]}")
    return target


def measure(name: str, *arguments: int) -> float:
    """Run a Go program; it prints the seconds of one of what it measures."""
    done = subprocess.run(
        [_build(name), *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def version() -> str:
    """What `go version` says, "" without Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return ""
    return subprocess.run([compiler, "version"], capture_output=True, text=True).stdout.strip()
