"""Places in the user's code, for names and messages."""

from __future__ import annotations

import os
import sys


def place_of_caller() -> str:
    """`file.py:12` of the first frame outside of csp and trio."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in ("csp", "trio"):
        frame = frame.f_back  # trio: a nursery that calls a process
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _package(namespace: dict[str, object]) -> str:
    return str(namespace.get("__name__", "")).partition(".")[0]


def say_where_they_are_found(names: dict[str, object], door: str) -> None:
    """Let tracebacks name the module from which users import: `csp.Poisoned`."""
    for name, value in names.items():
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("csp."):
            value.__module__ = door
