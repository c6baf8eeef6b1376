"""csp run FILE[:NAME]: run a process network, and write a trace of it."""

from __future__ import annotations

import argparse
import inspect
import sys
import typing
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial, update_wrapper
from typing import Any

import csp
from csp.lowlevel import on_event
from csp.view import TraceFile

from ._arguments import add_function, arguments_of
from ._target import UsageError, load, program_name

EXAMPLES = """\
  csp run examples/wordcount.py
  csp run examples/wordcount.py --arg path=/usr/share/doc --arg workers=2
  csp run examples/sieve.py:main --arg count=20 --trace sieve.jsonl
"""


def describe(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_function(parser)
    parser.add_argument(
        "--trace", metavar="FILE", help="write every event as a line of JSON, for `csp trace FILE`"
    )


def run(options: argparse.Namespace) -> Any:
    """Run the function, and return what it returns."""
    function = load(options.target)
    arguments = arguments_of(function, options.arg)
    with ExitStack() as stack:
        stack.enter_context(program_name(options.target))
        trace = None if options.trace is None else stack.enter_context(_opened(options.trace))
        start = partial(_start, function, arguments, stack, trace)
        return csp.run(update_wrapper(start, function))  # which keeps its name in reports


def _start(
    function: Callable[..., Any],
    arguments: inspect.BoundArguments,
    stack: ExitStack,
    trace: TraceFile | None,
) -> Awaitable[Any]:
    """Inside of the run: the call that gives `csp.run` what to await."""
    if trace is not None:
        stack.enter_context(on_event(trace.write))
    what: Any = function(*arguments.args, **arguments.kwargs)
    if not hasattr(what, "__await__"):
        name = getattr(function, "__name__", "main")
        raise UsageError(f"{name} is no async function: write `async def {name}`")
    return typing.cast(Awaitable[Any], what)


@contextmanager
def _opened(path: str) -> Generator[TraceFile]:
    """The file of the trace; says at the end if something is missing."""
    try:
        file = TraceFile(path)
    except OSError as error:
        raise UsageError(f"cannot write the trace {path}: {error.strerror}") from None
    try:
        with file:
            yield file
    finally:
        if file.problem:
            print(f"csp: the trace {path} is incomplete: {file.problem}", file=sys.stderr)
