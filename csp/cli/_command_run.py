"""csp run FILE[:NAME]: run a process network, and write a trace of it."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import typing
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial, update_wrapper
from typing import Any

import csp
from csp import Event
from csp.lowlevel import on_event

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
    parser.add_argument("--trace", metavar="FILE", help="write every event as a line of JSON")


def run(options: argparse.Namespace) -> Any:
    """Run the function, and return what it returns."""
    function = load(options.target)
    arguments = arguments_of(function, options.arg)
    with ExitStack() as stack:
        stack.enter_context(program_name(options.target))
        trace = None if options.trace is None else stack.enter_context(_Trace(options.trace))
        start = partial(_start, function, arguments, stack, trace)
        return csp.run(update_wrapper(start, function))  # which keeps its name in reports


def _start(
    function: Callable[..., Any],
    arguments: inspect.BoundArguments,
    stack: ExitStack,
    trace: _Trace | None,
) -> Awaitable[Any]:
    """Inside of the run: the call that gives `csp.run` what to await."""
    if trace is not None:
        stack.enter_context(on_event(trace.write))
    what: Any = function(*arguments.args, **arguments.kwargs)
    if not hasattr(what, "__await__"):
        name = getattr(function, "__name__", "main")
        raise UsageError(f"{name} is no async function: write `async def {name}`")
    return typing.cast(Awaitable[Any], what)


class _Trace:
    """Events as lines of JSON.  A full disk ends the trace, not the program."""

    def __init__(self, path: str) -> None:
        try:
            self.file = open(path, "w", encoding="utf-8", buffering=1 << 16)  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"cannot write the trace {path}: {error.strerror}") from None
        self.path = path
        self.problem: OSError | None = None

    def write(self, event: Event) -> None:
        if self.problem is None:
            try:
                self.file.write(json.dumps(asdict(event)) + "\n")
            except OSError as error:
                self.problem = error

    def __enter__(self) -> _Trace:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.file.close()
        except OSError as error:
            self.problem = self.problem or error
        if self.problem is not None:
            print(
                f"csp: the trace {self.path} is incomplete: {self.problem.strerror}",
                file=sys.stderr,
            )
