"""Places in the user's code, for names and messages."""

from __future__ import annotations

import functools
import os
import sys
from types import FrameType

# the frame that got the last error about a mistake, by its id, and the instruction that it was at
_refused_at: tuple[int, int] = (0, 0)


def place_of_caller() -> str:
    """`file.py:12` of the first frame outside of this toolkit and trio."""
    frame = _caller(sys._getframe(1))
    return place(frame.f_code.co_filename, frame.f_lineno)


def _caller(frame: FrameType) -> FrameType:
    while _is_inside(frame.f_globals.get("__name__")) and (outer := frame.f_back) is not None:
        frame = outer  # trio: a nursery that calls a process
    return frame


def refuse_caller() -> None:
    """The caller is about to get an error: what it has just made is lost by that."""
    global _refused_at
    frame = _caller(sys._getframe(1))
    _refused_at = id(frame), frame.f_lasti


def is_lost_by_error() -> bool:
    """Asked in `__del__`: true if it was an argument beside one that was refused.

    Python does not say that an error passes, but a frame that it passes stands where it was raised.
    """
    frame = sys._getframe(1).f_back
    return frame is not None and _refused_at == (id(frame), frame.f_lasti)


@functools.lru_cache(1000)
def _is_inside(module: object) -> bool:
    return str(module).partition(".")[0] in ("csp", "netchannels", "trio")


def place(path: str, line: int) -> str:
    """`file.py:12`; in a cell of a notebook `In[3]:12`, as it stands beside the cell."""
    return _place(_cell(path) or path, line)


@functools.lru_cache(1000)  # a loop that starts processes names one place many times
def _place(path: str, line: int) -> str:
    return f"{os.path.basename(path)}:{line}"


def _cell(path: str) -> str | None:
    """The number of the cell; its code is kept under the name of a file that nobody has seen."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    named = shell and shell.compile.format_code_name(path)
    return named[1] if named else None


def say_where_they_are_found(names: dict[str, object], door: str) -> None:
    """Let tracebacks name the module from which users import: `csp.Poisoned`."""
    for name, value in names.items():
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("csp."):
            value.__module__ = door
