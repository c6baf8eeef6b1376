"""Element types: does a value fit one, does one fit another, how is one named.

Invariant: whatever a static checker accepts is accepted here, and what cannot be decided is
accepted too.  The one exception: a bool is no int at run time.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import trio

Check = Callable[[Any], bool]

_ALIKE = (list, set, frozenset, dict)  # their arguments mean what those of their ABCs mean
_WIDER = {float: (int, float), complex: (int, float, complex)}  # the numeric tower of PEP 484


def describe(kind: Any) -> str:
    """A short name of an element type, for messages.

    >>> describe(int), describe(int | str), describe(list[int])
    ('int', 'int | str', 'list[int]')
    """
    if kind is None or kind is type(None):
        return "None"
    origin = get_origin(kind)
    if origin is typing.Annotated:
        return describe(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return " | ".join(describe(part) for part in get_args(kind))
    if origin is not None and isinstance(origin, type):
        return f"{origin.__name__}[{', '.join(describe(part) for part in get_args(kind))}]"
    return getattr(kind, "__name__", None) or str(kind).replace("typing.", "")


def _plain(kind: Any) -> Any:
    """`kind` without NewType, Annotated and type aliases."""
    while True:
        if hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif get_origin(kind) is typing.Annotated:
            kind = get_args(kind)[0]
        elif type(kind).__name__ == "TypeAliasType":
            kind = kind.__value__
        else:
            return kind


def value_check(kind: Any, deep: bool = False) -> Check | None:
    """A test for values of `kind`, or None when every value passes; made once for each type."""
    try:
        return _known_check(kind, cast(Any, type(kind)), deep)
    except TypeError:  # a kind that cannot be hashed
        return _new_check(kind, deep)


@functools.lru_cache(1000)
def _known_check(kind: Any, _: type, deep: bool) -> Check | None:
    return _new_check(kind, deep)


def _new_check(kind: Any, deep: bool) -> Check | None:
    """Shallow: a class, a union of classes, the outer class of a generic.  `deep` looks into
    lists, tuples, dicts, sets and the fields of dataclasses and Structs.
    """
    kind = _plain(kind)
    if kind is None or kind is type(None):
        return lambda value: value is None
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        checks = [value_check(part, deep) for part in get_args(kind)]
        if any(check is None for check in checks):
            return None
        return lambda value: any(check(value) for check in checks if check is not None)
    if origin is typing.Literal:
        allowed: list[Any] = [(type(part), part) for part in get_args(kind)]
        return lambda value: (type(value), value) in allowed
    outer = origin if origin is not None else kind
    if not isinstance(outer, type) or outer in (object, Any):
        return None
    check = _class_check(outer)
    inner = _inner_check(outer, get_args(kind)) if deep else None
    if check is None or inner is None:
        return check or inner
    return lambda value: check(value) and inner(value)


def _class_check(cls: type) -> Check | None:
    if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
        return None
    if typing.is_typeddict(cls):
        return lambda value: isinstance(value, dict)
    if cls is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    wanted: Any = _WIDER.get(cls, cls)
    return lambda value: isinstance(value, wanted)


def _inner_check(cls: Any, args: tuple[Any, ...]) -> Check | None:
    if cls is tuple and args and args[-1] is not Ellipsis:
        parts = [value_check(arg, True) for arg in args]
        return lambda value: (
            len(value) == len(parts)
            and all(check is None or check(item) for check, item in zip(parts, value, strict=True))
        )
    if issubclass(cls, collections.abc.Mapping) and len(args) == 2:
        key, item = (value_check(arg, True) or _anything for arg in args)
        return lambda value: all(key(k) and item(v) for k, v in value.items())
    if issubclass(cls, (list, tuple, set, frozenset)) and args:
        each = value_check(args[0], True)
        return None if each is None else lambda value: all(each(v) for v in value)
    return _fields_check(cls)


def _fields_check(cls: Any) -> Check | None:
    """For the fields of dataclasses and Structs."""
    names: Any = getattr(cls, "__struct_fields__", None)
    if names is None and dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    if names is None:
        return None
    try:
        hints = typing.get_type_hints(cls)
    except Exception:  # an annotation that cannot be evaluated is not checked
        return None
    checks: list[tuple[str, Check | None]] = []

    def check(value: Any) -> bool:
        if not checks:  # made when first used: a type may hold itself
            checks.extend((name, value_check(hints[name], True)) for name in names if name in hints)
        return all(check is None or check(getattr(value, name)) for name, check in checks)

    return check


def _anything(value: object) -> bool:
    return True


Bounds = dict[Any, tuple[list[Any], list[Any]]]  # of a type variable: what fits in it, what it fits


def assignable(source: Any, target: Any, bounds: Bounds | None = None) -> bool:
    """True if a value of type `source` may stand where `target` is wanted.

    What is learned of type variables is kept in `bounds`, and must agree through all calls with
    the same dict.  Containers fit as if nobody wrote to them.  Never raises; in doubt the answer
    is yes.

    >>> assignable(bool, int), assignable(list[int], list[str]), assignable(int, int | None)
    (True, False, True)
    """
    try:
        return _assignable(_plain(source), _plain(target), {} if bounds is None else bounds)
    except (TypeError, AttributeError):  # cannot be decided
        return True


def _assignable(source: Any, target: Any, bounds: Bounds) -> bool:
    if source is target or source == target or Any in (source, target) or target is object:
        return True
    if isinstance(target, TypeVar):
        return _bound(target, source, 0, bounds)
    if isinstance(source, TypeVar):
        return _bound(source, target, 1, bounds)
    if isinstance(source, str) or isinstance(target, str):
        return True
    source_origin, target_origin = get_origin(source), get_origin(target)
    if source_origin in (Union, types.UnionType):
        return all(assignable(part, target, bounds) for part in get_args(source))
    if target_origin in (Union, types.UnionType):
        parts = sorted(get_args(target), key=lambda part: isinstance(part, TypeVar))
        return any(assignable(source, part, bounds) for part in parts)
    if source_origin is typing.Literal:
        return all(assignable(type(part), target, bounds) for part in get_args(source))
    if source is None or target is None:
        return source in (None, type(None)) and target in (None, type(None))
    outer_source = source_origin or source
    outer_target = target_origin or target
    if not isinstance(outer_source, type) or not isinstance(outer_target, type):
        return True
    if getattr(outer_target, "_is_protocol", False) or typing.is_typeddict(outer_source):
        return True
    if not issubclass(outer_source, _WIDER.get(outer_target, outer_target)):
        return False
    if outer_source is not outer_target and not (
        outer_source in _ALIKE and outer_target.__module__ == "collections.abc"
    ):
        return True
    pairs = zip(get_args(source), get_args(target), strict=False)
    return all(_argument_fits(outer_source, a, b, bounds) for a, b in pairs)


def _argument_fits(generic: type, source: Any, target: Any, bounds: Bounds) -> bool:
    """As the generic varies: with its argument, against it, or (who knows) in some way."""
    if isinstance(source, (list, tuple)):
        return True
    if issubclass(generic, trio.abc.SendChannel):
        return assignable(target, source, bounds)
    if assignable(source, target, bounds):
        return True
    known = (list, tuple, dict, set, frozenset, trio.abc.ReceiveChannel)
    return not issubclass(generic, known) and assignable(target, source, {})


def _bound(variable: TypeVar, kind: Any, side: int, bounds: Bounds) -> bool:
    """Note that `kind` fits in the variable (side 0), or the variable in it (side 1)."""
    fitting, wanting = both = bounds.setdefault(variable, ([], []))
    both[side].append(kind)
    if variable.__constraints__:
        return any(_lies_between(part, fitting, wanting) for part in variable.__constraints__)
    limits = [*wanting, variable.__bound__] if variable.__bound__ is not None else wanting
    return all(assignable(a, b, {}) for a in fitting for b in limits)


def _lies_between(kind: Any, fitting: list[Any], wanting: list[Any]) -> bool:
    return all(assignable(a, kind, {}) for a in fitting) and all(
        assignable(kind, b, {}) for b in wanting
    )
