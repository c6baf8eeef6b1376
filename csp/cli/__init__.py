"""The command `csp`: run a process network from a file, trace it, draw it, explain what went wrong.

    _report  _target  _arguments  _command_run  _command_draw  _command_trace  _command_explain

Exit codes: 0 it ran; 1 the program failed; 2 the command line is wrong; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import csp

from . import _command_draw, _command_explain, _command_run, _command_trace
from ._report import failed, show_warning
from ._target import UsageError

EXIT_CODES = """\
exit codes: 0 it ran, 1 the program failed, 2 the command line is wrong, 130 Ctrl-C
"""


@dataclass(frozen=True)
class Command:
    """One command: `describe` says what it takes, `do` does it and returns what is printed."""

    name: str
    help: str
    description: str
    examples: str
    describe: Callable[[argparse.ArgumentParser], None]
    do: Callable[[argparse.Namespace], Any]


COMMANDS = (
    Command(
        "run",
        "run a function of a Python file",
        "Run a @process or async function of a Python file with csp.run, "
        "and print what it returns.",
        _command_run.EXAMPLES,
        _command_run.describe,
        _command_run.run,
    ),
    Command(
        "draw",
        "draw the process network of a Python file",
        "Draw the process network that a function of a Python file describes, without running it. "
        "A function that returns a Process is called; the body of an async or @process function "
        "runs up to its first wait or Par, and what it has started is drawn.",
        _command_draw.EXAMPLES,
        _command_draw.describe,
        _command_draw.draw,
    ),
    Command(
        "trace",
        "show what happened in a run, from its trace",
        "Show what happened in a run, from the file that `csp run --trace FILE` has written: a "
        "sequence chart, or one of the others.",
        _command_trace.EXAMPLES,
        _command_trace.describe,
        _command_trace.run,
    ),
    Command(
        "explain",
        "show the page about a mistake",
        "Show the page that a message names, or list all pages.",
        _command_explain.EXAMPLES,
        _command_explain.describe,
        _command_explain.explain,
    ),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: `sys.argv[1:]`) and return the exit code.

    >>> main(["run", "nowhere.py"])  # and on stderr: csp: there is no file nowhere.py
    2
    """
    options = _parser().parse_args(argv)
    if not sys.warnoptions:  # -W and PYTHONWARNINGS have the last word
        warnings.simplefilter("default", ResourceWarning)
        warnings.simplefilter("default", RuntimeWarning)
    warnings.showwarning = show_warning
    try:
        result = options.do(options)
    except UsageError as error:
        print(f"csp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("csp: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, csp.WiringError):  # what dies with its traceback could not be run yet
            warnings.simplefilter("ignore")
        return failed(error)
    if result is not None:
        print(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="csp",
        description="Run process networks (csp of the netchannels distribution).",
        epilog=_epilog(*COMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    parsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        its_parser = parsers.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=_epilog(command),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.describe(its_parser)
        its_parser.set_defaults(do=command.do)
    return parser


def _epilog(*commands: Command) -> str:
    examples = "".join(command.examples for command in commands)
    return f"examples:\n{examples}\n{EXIT_CODES}"


def _version() -> str:
    try:
        which = f"netchannels {version('netchannels')}"
    except PackageNotFoundError:  # run from a checkout
        which = "netchannels, not installed"
    return f"csp of {which} ({Path(csp.__file__).parent})"
