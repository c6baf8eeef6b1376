"""Places in the user's code, for names and messages."""

from __future__ import annotations

import os
import sys


def place_of_caller() -> str:
    """`file.py:12` of the first frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "csp":
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
