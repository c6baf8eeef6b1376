"""The command `csp`: run a process network from a file, and trace it.

Exit codes: 0 it ran; 1 the program failed; 2 the command line is wrong; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import sys
import traceback
import types
import typing
import warnings
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial, update_wrapper
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO, Union

import csp
from csp import Event
from csp.lowlevel import on_event

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}

# said by one line: what to change stands in the message, a traceback would only hide it
SHORT = (csp.Deadlock, csp.WiringError, csp.ChannelTypeError, csp.EndClosed)

EPILOG = """\
examples:
  csp run examples/wordcount.py
  csp run examples/wordcount.py --arg path=/usr/share/doc --arg workers=2
  csp run examples/sieve.py:main --arg count=20 --trace sieve.jsonl

exit codes: 0 it ran, 1 the program failed, 2 the command line is wrong, 130 Ctrl-C
"""


class UsageError(Exception):
    """What the user should change, in one line."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: `sys.argv[1:]`) and return the exit code.

    >>> main(["run", "nowhere.py"])  # and on stderr: csp: there is no file nowhere.py
    2
    """
    options = _parser().parse_args(argv)
    if not sys.warnoptions:  # -W and PYTHONWARNINGS have the last word
        warnings.simplefilter("default", ResourceWarning)
        warnings.simplefilter("default", RuntimeWarning)
    warnings.showwarning = _show_warning
    try:
        result = _run(options)
    except UsageError as error:
        print(f"csp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("csp: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        return _failed(error)
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
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="run a function of a Python file",
        description="Run a @process or async function of a Python file with csp.run, "
        "and print what it returns.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("target", metavar="FILE[:NAME]", help="NAME is main unless given")
    run.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="name=value",
        help="an argument, converted to the parameter's annotation (int, float, bool, str, "
        "Path, or one of these | None); may be repeated",
    )
    run.add_argument("--trace", metavar="FILE", help="write every event as a line of JSON")
    return parser


def _version() -> str:
    try:
        which = f"netchannels {version('netchannels')}"
    except PackageNotFoundError:  # run from a checkout
        which = "netchannels, not installed"
    return f"csp of {which} ({Path(csp.__file__).parent})"


# --- what the user is told -----------------------------------------------------------------


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    place = "" if _internal(filename) else f" ({Path(filename).name}:{lineno})"
    print(f"{category.__name__}: {message}{place}", file=sys.stderr)


def _failed(error: BaseException) -> int:
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


# --- running -------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> Any:
    function = _load(options.target)
    arguments = _arguments(function, options.arg)
    with ExitStack() as stack:
        stack.enter_context(_program_name(options.target))
        trace = None if options.trace is None else stack.enter_context(_Trace(options.trace))
        start = partial(_start, function, arguments, stack, trace)
        return csp.run(update_wrapper(start, function))  # which keeps its name in reports


@contextmanager
def _program_name(target: str) -> Generator[None]:
    """The program is called what its file is called: nodes of a network show `sys.argv[0]`."""
    argv, sys.argv = sys.argv, [_split(target)[0]]
    try:
        yield
    finally:
        sys.argv = argv


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


def _split(target: str) -> tuple[str, str]:
    """The file and the name of its function."""
    if not Path(target).exists() and ":" in target:
        file, _, name = target.rpartition(":")
        return file, name
    return target, "main"


def _load(target: str) -> Callable[..., Any]:
    target, name = _split(target)
    path = Path(target)
    if path.is_dir():
        raise UsageError(f"{target} is a directory")
    if not path.is_file():
        raise UsageError(f"there is no file {target}")
    # under its own name, so that it can be imported elsewhere, unless that name is in use
    module_name = path.stem if path.stem not in sys.modules else f"{path.stem} (run by csp)"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{target} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if function is None:
        found = [
            n
            for n, v in vars(module).items()
            if callable(v)
            and inspect.iscoroutinefunction(inspect.unwrap(v))
            and inspect.unwrap(v).__module__ == module_name
        ]
        known = f"it has {', '.join(found)}" if found else "it has no async functions"
        raise UsageError(f"{target} has no {name}; {known}")
    if not callable(function) or isinstance(function, type):
        raise UsageError(f"{name} in {target} is no function")
    return typing.cast(Callable[..., Any], function)


# --- arguments -----------------------------------------------------------------------------


def _arguments(function: Callable[..., Any], given: list[str]) -> inspect.BoundArguments:
    signature = inspect.signature(function)
    parameters = {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    arguments: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--arg {text}: write name=value")
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise UsageError(f"--arg {name}: there is no such parameter (there are: {known})")
        if name in arguments:
            raise UsageError(f"--arg {name} is given twice")
        arguments[name] = _convert(name, value, _annotation(function, parameters[name]))
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in arguments]
    if missing:
        raise UsageError(f"missing: {' '.join(f'--arg {name}=...' for name in missing)}")
    bound = signature.bind_partial()
    bound.arguments.update(arguments)
    bound.apply_defaults()
    return bound


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The annotation, evaluated; a str without one, and as it stands if it cannot be."""
    kind = parameter.annotation
    if kind is parameter.empty:
        return str
    if isinstance(kind, str):
        try:
            return eval(kind, getattr(inspect.unwrap(function), "__globals__", {}))
        except Exception:  # a name under TYPE_CHECKING: matters only for this argument
            return kind
    return kind


def _convert(name: str, value: str, kind: Any) -> Any:
    shown = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    members: tuple[Any, ...] = (kind,)
    if typing.get_origin(kind) in (Union, types.UnionType):
        members = typing.get_args(kind)
    if type(None) in members and value in ("", "None"):
        return None
    wanted = [member for member in members if member in (bool, int, float, Path, str)]
    if not wanted:
        raise UsageError(f"--arg {name}: a {shown} cannot be given on the command line")
    for member in sorted(wanted, key=lambda member: member in (Path, str)):  # which take all
        try:
            return _boolean(value) if member is bool else member(value)
        except ValueError:
            continue
    raise UsageError(f"--arg {name}={value}: {value!r} is no {shown}")


def _boolean(value: str) -> bool:
    if value.lower() not in TRUE | FALSE:
        raise ValueError(value)
    return value.lower() in TRUE
