"""csp draw FILE[:NAME]: a picture of a process network that does not run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from csp.view import DrawError, Picture, as_mermaid, as_svg, as_text, picture_of_main

from ._arguments import add_function, arguments_of
from ._target import UsageError, load, program_name

EXAMPLES = """\
  csp draw examples/dining.py
  csp draw examples/santa.py --format mermaid
  csp draw examples/sieve.py --format svg --output sieve.svg
"""

FORMATS: dict[str, Callable[[Picture], str]] = {
    "text": as_text,
    "mermaid": as_mermaid,
    "svg": as_svg,
}


def describe(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_function(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="text unless given")
    parser.add_argument("--output", metavar="FILE", help="write the picture there")


def draw(options: argparse.Namespace) -> str | None:
    """The picture, or None if it was written to a file."""
    with redirect_stdout(sys.stderr), program_name(options.target):  # stdout is the picture's
        function = load(options.target)
        arguments = arguments_of(function, options.arg)
        try:
            picture = picture_of_main(function, *arguments.args, **arguments.kwargs)
        except DrawError as error:
            raise UsageError(str(error)) from None
    drawn = FORMATS[options.format](picture)
    if options.output is None:
        return drawn
    try:
        Path(options.output).write_text(f"{drawn}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {options.output}: {error.strerror}") from None
    return None
