"""What the user is told about warnings and errors of the program."""

from __future__ import annotations

import sys
import traceback
import typing
from pathlib import Path
from typing import Any, TextIO

import csp

# said by one line: what to change stands in the message, a traceback would only hide it
SHORT = (csp.Deadlock, csp.WiringError, csp.ChannelTypeError, csp.EndClosed)


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
    print(f"{category.__name__}: {message}{place}", file=sys.stderr)


def failed(error: BaseException) -> int:
    """Tell each error of the program, and return the exit code."""
    errors = _leaves(error)
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in errors):
        print("csp: interrupted", file=sys.stderr)
        return 130
    for leaf in errors:
        if isinstance(leaf, SHORT) or _is_of_network(leaf):
            print(f"{type(leaf).__name__}: {leaf}{_place(leaf)}", file=sys.stderr)
        else:
            report = traceback.TracebackException.from_exception(leaf)
            _leave_out_internals(report)
            print("".join(report.format()), end="", file=sys.stderr)
    return 1


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
    """Is it a file of csp, or of what csp runs on?"""
    own = Path(csp.__file__).parent
    path = Path(filename)
    return (
        filename.startswith("<frozen ")
        or own in path.parents
        or bool({"trio", "outcome"} & set(path.parts) and "site-packages" in path.parts)
    )


def _place(error: BaseException) -> str:
    """Where in the user's files it was raised, unless the message says a place already."""
    frames = traceback.extract_tb(error.__traceback__)
    frames = traceback.StackSummary.from_list(f for f in frames if not _internal(f.filename))
    if not frames or f"{Path(frames[-1].filename).name}:" in str(error):
        return ""
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _leave_out_internals(report: traceback.TracebackException) -> None:
    report.stack = traceback.StackSummary.from_list(
        frame for frame in report.stack if not _internal(frame.filename)
    )
    for part in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if part is not None:
            _leave_out_internals(part)
