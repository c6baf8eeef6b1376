"""The other end of `Hosts`: what ssh starts on a host; it starts the program there, and ends it.

`python -m netchannels.placement._there MODULE:NAME --connect unix:PATH` says first who it is, a line
of JSON.  Then it is told what to do, a line each: the orders of the program, and perhaps "kill".  The end
of its standard input, which the death of the parent brings as well, asks the program to leave,
and kills it soon after.

Invariants:
* the program ends with this one, and with the connection, also if it stands still or holds the GIL.
* what the program has started itself ends with it: it would keep the connection.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time

from .. import worker
from ._greeting import ENDS, Greeting, version
from ._site import GRACE


def main(argv: list[str]) -> int:
    """Start the program and wait for its end; the exit code is that of the program."""
    theirs, ours = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.dup2(theirs, 0)
        os.close(theirs)
        os.close(ours)
        return worker.main(argv)
    os.close(theirs)
    greeting = Greeting(version(), socket.gethostname(), pid)
    os.write(1, f"{greeting.line()}\n".encode())
    threading.Thread(target=_obey, args=(pid, ours), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _signal(-pid, signal.SIGKILL)
    os._exit(code if code >= 0 else ENDS - code)  # a thread still reads


def _obey(pid: int, orders: int) -> None:
    """Do what comes in; `orders` stays open, for its end would end the program at once."""
    with contextlib.suppress(BrokenPipeError):  # it has ended already
        _write(orders, sys.stdin.buffer.readline())
    if not sys.stdin.buffer.readline():
        _signal(pid, signal.SIGTERM)
        time.sleep(GRACE / 2)
    _signal(pid, signal.SIGKILL)


def _write(to: int, data: bytes) -> None:
    while data:
        data = data[os.write(to, data) :]


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(-pid, number) if pid < 0 else os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
