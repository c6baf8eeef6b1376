"""What is left to do after the death of a parent: a small program beside the programs of `Cores`.

`python -I -S _cleaner.py DIRECTORY` reads the number of each program that its parent starts, a line
each, and the same number below 0 once that program is over.  At the end of its standard input, which
the death of the parent brings, it gives the programs a moment to leave by themselves, kills
those that have not, with all that they have started, and removes the directory.  A parent that lives kills it.

Invariant: it imports next to nothing and has a session of its own, so it lives when nobody else does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

MOMENT = 1.0  # seconds


def main(directory: str) -> None:
    """Wait for the end of the parent, and clean up behind it."""
    programs: set[int] = set()
    for line in sys.stdin.buffer:
        number = int(line)
        programs.add(number) if number > 0 else programs.discard(-number)
    time.sleep(MOMENT)
    for pid in programs:
        end_group(pid)
    with contextlib.suppress(OSError):  # the parent has removed it already
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)


def end_group(pid: int) -> None:
    """Kill a program that leads a session, and all that it has started there."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says so of the dead
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
