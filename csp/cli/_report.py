"""What the user is told about warnings and errors of the program."""

from __future__ import annotations

import os
import re
import sys
import traceback
import typing
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

# the page of any error of a process: its cause stands in the traceback.  Of errors with a page of
# their own, what to change stands in the message, and a traceback would only hide it.
LONG = "(csp explain failed-process)"
OURS = ("csp", "netchannels")
# what Python says by itself, and the page about it
PYTHONS = {
    r"coroutine '.*' was never awaited": "(csp explain forgotten-await)",
    r".*'coroutine'": "(csp explain forgotten-await)",
    r"no running event loop": "(csp explain other-loop)",
    r"'async for' requires .* got Channel": "(csp explain not-an-end)",
}


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning in one line, without a place inside of csp."""
    place = "" if _internal(filename) else f" ({Path(filename).name}:{lineno})"
    print(
        _with_page(f"{category.__name__}: {message}{place}", _of_python(message)), file=sys.stderr
    )


def failed(error: BaseException) -> int:
    """Tell each error of the program, and return the exit code."""
    errors = _leaves(error)
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in errors):
        print("csp: interrupted", file=sys.stderr)
        return 130
    for text, times in Counter(_told(leaf) for leaf in errors).items():  # copies fail alike
        print(text + (f" (x {times})" if times > 1 else ""), file=sys.stderr)
    return 1


def _told(error: BaseException) -> str:
    page = _page_of(error)
    if (page and page != LONG) or _is_of_network(error):
        return _with_page(f"{type(error).__name__}: {error}{_place(error)}", page)
    report = traceback.TracebackException.from_exception(error)
    _leave_out_internals(report)
    return "".join(report.format()).rstrip("\n")


def _page_of(error: BaseException) -> str:
    """The note that names the page about it, or ""."""
    notes = [n for n in getattr(error, "__notes__", ()) if n.startswith("(csp explain ")]
    return _of_python(error) or (notes[0] if notes else "")


def _of_python(said: object) -> str:
    return next((page for words, page in PYTHONS.items() if re.match(words, str(said))), "")


def _with_page(text: str, page: str) -> str:
    """In the same line, or in the last of several."""
    return text + (page and ("\n" if "\n" in text else " ") + page)


def _is_of_network(error: BaseException) -> bool:
    """Is it a NetworkError, which says what to do?  Who raises one has imported `netchannels`."""
    network: Any = sys.modules.get("netchannels")
    return network is not None and isinstance(error, network.NetworkError)


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    parts: tuple[BaseException, ...] = typing.cast(Any, error).exceptions
    return [leaf for part in parts for leaf in _leaves(part)]


def _internal(filename: str) -> bool:
    """Is it a file of csp, of netchannels, or of what they run on?"""
    ours = {Path(m.__file__).parent for name in OURS if (m := sys.modules.get(name)) and m.__file__}
    path = Path(filename)
    return (
        filename.startswith("<frozen ")
        or not ours.isdisjoint(path.parents)
        or bool({"trio", "outcome"} & set(path.parts) and "site-packages" in path.parts)
    )


def _from_here(filename: str) -> str:
    """The path from the current directory, of a file in it."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


def _of_stdlib(filename: str) -> bool:
    return Path(os.__file__).parent in Path(filename).parents and "site-packages" not in filename


def _place(error: BaseException) -> str:
    """Where in the user's files it was raised, unless the message says a place already."""
    all_frames = traceback.extract_tb(error.__traceback__)
    frames = [f for f in all_frames if not _internal(f.filename) and not _of_stdlib(f.filename)]
    if not frames or f"{Path(frames[-1].filename).name}:" in str(error):
        return ""
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _leave_out_internals(report: traceback.TracebackException) -> None:
    report.stack = traceback.StackSummary.from_list(
        frame for frame in report.stack if not _internal(frame.filename)
    )
    for frame in report.stack:
        frame.filename = _from_here(frame.filename)
    for part in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if part is not None:
            _leave_out_internals(part)
