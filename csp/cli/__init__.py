"""The command `csp`: run a process network from a file, and trace it."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import sys
import types
import typing
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO, Union

import csp
from csp.lowlevel import on_event

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}

EPILOG = """\
examples:
  csp run examples/wordcount.py
  csp run examples/wordcount.py --arg path=/usr/share/doc
  csp run examples/sieve.py:main --arg count=20 --trace sieve.jsonl
"""


class UsageError(Exception):
    """What the user should change, in one line."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: `sys.argv[1:]`) and return the exit code.

    0: it ran; 1: the program failed; 2: the command line is wrong; 130: Ctrl-C.
    """
    options = _parser().parse_args(argv)
    warnings.simplefilter("default")
    warnings.showwarning = _show_warning
    try:
        result = _run(options)
    except UsageError as error:
        print(f"csp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("csp: interrupted", file=sys.stderr)
        return 130
    except (csp.Deadlock, csp.WiringError, csp.ChannelTypeError, csp.EndClosed) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if result is not None:
        print(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="csp",
        description="Run process networks (csp of the netchannels distribution).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = Path(csp.__file__).parent
    parser.add_argument(
        "--version",
        action="version",
        version=f"csp of netchannels {version('netchannels')} ({where})",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a function of a Python file")
    run.add_argument("target", metavar="FILE[:NAME]", help="NAME is main unless given")
    run.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="name=value",
        help="an argument, converted to the parameter's annotation; may be repeated",
    )
    run.add_argument("--trace", metavar="FILE", help="write every event as a line of JSON")
    return parser


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print(f"{category.__name__}: {message}", file=sys.stderr)


def _run(options: argparse.Namespace) -> Any:
    function = _load(options.target)
    arguments = _arguments(function, options.arg)
    if options.trace is None:
        return csp.run(partial(function, **arguments))
    try:
        file = open(options.trace, "w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"cannot write the trace: {error}") from None
    with file:
        return csp.run(partial(_traced, function, arguments, file))


async def _traced(
    function: Callable[..., Awaitable[Any]], arguments: dict[str, Any], file: TextIO
) -> Any:
    with on_event(lambda event: print(json.dumps(asdict(event)), file=file)):
        return await function(**arguments)


def _load(target: str) -> Callable[..., Any]:
    name = "main"
    if not Path(target).exists() and ":" in target:
        target, _, name = target.rpartition(":")
    path = Path(target)
    if not path.is_file():
        raise UsageError(f"there is no file {target}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{target} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent.resolve()))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if function is None:
        found = [n for n, v in vars(module).items() if inspect.iscoroutinefunction(v)]
        raise UsageError(f"{target} has no {name}; it has {', '.join(found) or 'no functions'}")
    if not callable(function):
        raise UsageError(f"{name} in {target} is no function")
    return typing.cast(Callable[..., Any], function)


def _arguments(function: Callable[..., Any], given: list[str]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(inspect.unwrap(function))
    arguments = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--arg {text}: write name=value")
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise UsageError(f"--arg {name}: there is no such parameter (there are: {known})")
        arguments[name] = _convert(name, value, hints.get(name, str))
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in arguments]
    if missing:
        raise UsageError(f"missing: {' '.join(f'--arg {name}=...' for name in missing)}")
    return arguments


def _convert(name: str, value: str, kind: Any) -> Any:
    if typing.get_origin(kind) in (Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not type(None)]
        if len(parts) < len(typing.get_args(kind)) and value in ("", "None"):
            return None
        kind = parts[0]
    if kind is bool:
        if value.lower() in TRUE | FALSE:
            return value.lower() in TRUE
    elif kind in (int, float, str, Path):
        try:
            return kind(value)
        except ValueError:
            pass
    else:
        raise UsageError(f"--arg {name}: a {kind!r} cannot be given on the command line")
    raise UsageError(f"--arg {name}={value}: {value!r} is no {kind.__name__}")
