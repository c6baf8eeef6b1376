"""What a program says: its lines are written here with its label, its log records are logged here."""

from __future__ import annotations

import json
import logging
import socket
import sys

RECORD = "\x1e"  # before a log record as JSON (RFC 7464, JSON text sequences)


def hear(label: str, stream: str, line: str) -> None:
    """A line that the program `label` has written to `stream`, "stdout" or "stderr".

    >>> hear("worker 1", "stdout", "hello")
    worker 1: hello
    """
    if line.startswith(RECORD):
        try:
            name, level, text = json.loads(line[1:])
            logging.getLogger(str(name)).log(int(level), "%s: %s", label, text)
        except (ValueError, TypeError):  # no record, just a line that looks like one
            pass
        else:
            return
    print(f"{label}: {line}", file=sys.stdout if stream == "stdout" else sys.stderr)


def named(label: str, host: str, /) -> str:
    """The label of a program, with the host where it runs if that is another one.

    >>> named("worker 1", "ant"), named("worker 1", "")
    ('worker 1 on ant', 'worker 1')
    """
    return f"{label} on {host}" if host and host != socket.gethostname() else label


def record(name: str, level: int, text: str) -> str:
    """A log record as a line.

    >>> record("app", 30, "hot")
    '\\x1e["app", 30, "hot"]'
    """
    return RECORD + json.dumps([name, level, text])
