"""--arg name=value: the arguments of the function that a command calls."""

from __future__ import annotations

import argparse
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union

from ._target import UsageError

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def add_function(parser: argparse.ArgumentParser) -> None:
    """Let a command name a function and its arguments: `options.target`, `options.arg`."""
    parser.add_argument("target", metavar="FILE[:NAME]", help="NAME is main unless given")
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="name=value",
        help="an argument, converted to the parameter's annotation (int, float, bool, str, "
        "Path, or one of these | None); may be repeated",
    )


def arguments_of(function: Callable[..., Any], given: list[str]) -> inspect.BoundArguments:
    """The call of `function`: the defaults, and what is given as `name=value`."""
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
