"""Wiring: each end that a process is given is held against its annotation, before anything runs.

Invariant: what a static checker accepts passes; nothing but WiringError is ever raised.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from typing import Any, NamedTuple, Union, cast, get_args, get_origin

import trio

from ._errors import Page, WiringError, explained
from ._types import Bounds, assignable, describe
from .abc import Receiver, Sender

REMEMBERED = 1000
_fitting: set[tuple[Any, Any, Any]] = set()  # kinds of ends, and the annotations that they fit


def _annotations_of(function: Any) -> dict[str, Any]:
    """The evaluated annotations of a function; those that cannot be evaluated are left out."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # a name that exists for the type checker only: one by one, then
        found: dict[str, Any] = {}
        for name, hint in getattr(function, "__annotations__", {}).items():
            try:
                found[name] = eval(hint, function.__globals__) if isinstance(hint, str) else hint
            except Exception:
                continue
        return found


class Wiring:
    """What the annotations of a process function ask of the ends that it is given."""

    def __init__(self, function: Any, signature: inspect.Signature) -> None:
        self._function, self._signature = function, signature

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        """Evaluated at the first call, when the names in them are known."""
        return _annotations_of(self._function)

    def check(self, arguments: dict[str, Any], place: str) -> None:
        """Raise WiringError if an end among `arguments` does not fit its annotation.

        The message names the process, the parameter, the channel and both types.
        """
        bounds: Bounds = {}
        for name, hint in self._hints.items():
            if name in arguments:
                self._check_one(name, hint, arguments[name], bounds, place)

    def _check_one(self, name: str, hint: Any, value: Any, bounds: Bounds, place: str) -> None:
        kind = self._signature.parameters[name].kind
        values = [value]
        if kind is inspect.Parameter.VAR_POSITIONAL:
            values = list(value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            values = list(value.values())
        for each in values:
            known = _key(each, hint)
            if known in _fitting:
                continue
            problem = _problem(each, hint, bounds)
            if problem is None and known is not None and len(_fitting) < REMEMBERED:
                _fitting.add(known)
            if problem is not None:
                wants = f"{self._function.__name__}({name}=...) at {place} wants {_show(hint)}"
                raise explained(WiringError(f"{wants}, {problem.text}"), problem.page)


def _key(value: Any, hint: Any) -> tuple[Any, Any, Any] | None:
    """What decides whether an end fits, if nothing else does: no type variable, no other value."""
    if not isinstance(value, (Sender, Receiver)):
        return None
    end: Any = cast(Any, value)
    key = cast(Any, type(end)), end.type, hint
    for each in key[1:]:
        if isinstance(each, typing.TypeVar) or getattr(each, "__parameters__", None):
            return None
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _show(hint: Any) -> str:
    return str(hint).replace("csp._channel.", "") if get_origin(hint) is None else describe(hint)


class _Problem(NamedTuple):
    text: str
    page: Page


def _problem(value: Any, hint: Any, bounds: Bounds) -> _Problem | None:
    """Why `value` does not fit, or None."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        return _problem(value, args[0], bounds)
    if origin in (Union, types.UnionType):
        parts = [part for part in args if part not in (None, type(None))]  # an end is not None
        problems = [_problem(value, part, _copy(bounds)) for part in parts]
        return None if None in problems or not problems else problems[0]
    if isinstance(value, (list, tuple, dict)):
        return _problem_inside(cast(Any, value), args, bounds)
    outer = origin if origin is not None else hint
    if not isinstance(outer, type):
        return None
    wants_sender = issubclass(outer, (trio.abc.SendChannel))
    wants_receiver = issubclass(outer, (trio.abc.ReceiveChannel))
    made = getattr(value, "__csp_channel__", ())
    if made and (wants_sender or wants_receiver):
        end = made[-1] if len(made) == 1 or wants_receiver else made[0]
        text = f"not a {type(value).__name__}: write `{value.name}.{end}()`"
        return _Problem(text, "not-an-end")
    if made == ("member",) and hasattr(outer, "sync"):
        return _Problem(f"not a Barrier: write `{value.name}.member()`", "not-an-end")
    is_member = hasattr(value, "sync") and hasattr(value, "channel_name")
    if is_member and (wants_sender or wants_receiver):
        return _Problem(f"but was given the member of barrier `{value.channel_name}`", "wrong-end")
    if not isinstance(value, (Sender, Receiver)):
        return None
    what = "Sender" if isinstance(value, Sender) else "Receiver"
    given = f"but was given the {what}[{describe(value.type)}] of channel `{value.channel_name}`"
    if wants_sender != wants_receiver and not isinstance(value, outer):
        return _Problem(given, "wrong-end")
    if not (wants_sender or wants_receiver) and _is_no(cast(Any, value), cast(Any, outer)):
        return _Problem(given, "wrong-end")
    if not args or wants_sender == wants_receiver:
        return None
    if wants_receiver:
        fits = assignable(value.type, args[0], bounds)
    else:
        fits = assignable(args[0], value.type, bounds)
    return None if fits else _Problem(given, "wrong-type")


def _is_no(value: object, cls: Any) -> bool:
    """True if an end is certainly no `cls`; protocols are not looked into."""
    if cls is Any or getattr(cls, "_is_protocol", False):
        return False
    try:
        return not isinstance(value, cls)
    except TypeError:  # a class that cannot be asked
        return False


def _problem_inside(value: Any, args: tuple[Any, ...], bounds: Bounds) -> _Problem | None:
    if not args:
        return None
    pairs: list[tuple[Any, Any]]
    kind: type = cast(Any, type(value))
    if issubclass(kind, dict):
        pairs = [(item, args[-1]) for item in value.values()]
    elif issubclass(kind, tuple) and len(args) == len(value) and args[-1] is not Ellipsis:
        pairs = list(zip(value, args, strict=True))
    else:
        pairs = [(item, args[0]) for item in value]
    for item, hint in pairs:
        problem = _problem(item, hint, bounds)
        if problem is not None:
            return problem
    return None


def _copy(bounds: Bounds) -> Bounds:
    return {variable: (list(a), list(b)) for variable, (a, b) in bounds.items()}
