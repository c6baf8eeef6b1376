"""Programs that run as `python ARGUMENTS` runs them, a few milliseconds each where there is `os.fork`.

    with Launcher() as launcher:
        done = launcher.run(["program.py"], cwd=directory)

The launcher starts one Python, which has imported what the programs import; each program is a fork
of it that becomes `__main__`.  Without `os.fork` each program is a Python of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

LIMIT = 100  # seconds until a program that does not end is killed
IMPORTED = ["csp.cli", "csp.from_thread", "csp.patterns", "csp.testing", "netchannels.cli"]


class Done(NamedTuple):
    returncode: int  # -14 if it was killed by LIMIT
    stdout: str
    stderr: str


class Launcher:
    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], cwd: Path) -> Done:
        """Run `python ARGUMENTS` in `cwd` to its end, without standard input."""
        if not hasattr(os, "fork"):
            return by_itself(arguments, cwd)
        with tempfile.TemporaryDirectory() as directory:
            out, err = Path(directory, "out"), Path(directory, "err")
            request = {"arguments": arguments, "cwd": str(cwd), "out": str(out), "err": str(err)}
            code = self._ask(json.dumps(request))
            return Done(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def _ask(self, request: str) -> int:
        if self._server is None or self._server.poll() is not None:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
                text=True,
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(request, file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            with self._server:
                self._server.kill()


def by_itself(arguments: list[str], cwd: Path) -> Done:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def environment() -> dict[str, str]:
    """This Python's commands come first; the same text on each system; Dask's goodbyes are not told."""
    commands = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUTF8": "1",
        "DASK_LOGGING__DISTRIBUTED": "critical",
    }


# --- the Python that forks -----------------------------------------------------------------------


def serve() -> None:
    """Read requests, one a line; fork for each; write the exit code of each."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(**json.loads(line))
            return  # and end as any program ends
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(arguments: list[str], cwd: str, out: str, err: str) -> None:
    os.setsid()
    signal.alarm(LIMIT)
    os.chdir(cwd)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (path, mode) in enumerate([(os.devnull, os.O_RDONLY), (out, write), (err, write)]):
        os.dup2(os.open(path, mode, 0o600), number)
    del sys.path[0]  # where this file is
    run_as_main(arguments)


def run_as_main(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        program = os.path.abspath(arguments[0])
        sys.path.insert(0, os.path.dirname(program))
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    serve()
