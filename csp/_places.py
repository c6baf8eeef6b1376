"""Places in the user's code, for names and messages."""

from __future__ import annotations

import functools
import os
import sys


def place_of_caller() -> str:
    """`file.py:12` of the first frame outside of csp and trio."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_globals.get("__name__")):
        frame = frame.f_back  # trio: a nursery that calls a process
    return _place(frame.f_code.co_filename, frame.f_lineno)


@functools.lru_cache(1000)
def _is_inside(module: object) -> bool:
    return str(module).partition(".")[0] in ("csp", "trio")


@functools.lru_cache(1000)  # a loop that starts processes names one place many times
def _place(path: str, line: int) -> str:
    return f"{os.path.basename(path)}:{line}"


def say_where_they_are_found(names: dict[str, object], door: str) -> None:
    """Let tracebacks name the module from which users import: `csp.Poisoned`."""
    for name, value in names.items():
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("csp."):
            value.__module__ = door
