"""What a type looks like to the wire: a graph of its parts, or the reason why it cannot travel.

Made from `msgspec.inspect`, which knows the fields of dataclasses, Structs, named tuples and typed
dicts, but not the element types of channel ends: those come from the annotations, read alongside.
"""

from __future__ import annotations

import enum
import inspect
import pathlib
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NoReturn, TypeVar, Union, cast

import msgspec
import msgspec.inspect as info

import csp
import csp.abc

from ._errors import TypeRefused
from ._nesting import LIMIT

Label = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One type in the graph."""

    label: Label  # all that matters of the type itself: no names of classes or modules
    parts: list[int]  # the types inside it, by their places in the graph


END_KINDS: dict[type, str] = {csp.abc.Sender: "sender", csp.abc.Receiver: "receiver"}
ENDS = tuple(END_KINDS)

_SCALARS = (
    info.NoneType, info.BoolType, info.IntType, info.FloatType, info.StrType, info.BytesType,
    info.ByteArrayType, info.DateTimeType, info.TimeType, info.DateType, info.TimeDeltaType,
    info.UUIDType, info.DecimalType,
)  # fmt: skip
_ROWS = (info.ListType, info.SetType, info.FrozenSetType, info.VarTupleType)
_RECORDS = (info.StructType, info.DataclassType, info.NamedTupleType, info.TypedDictType)
_CONSTRAINTS = ["gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz"]
_NESTING = {t.__name__[:-4].lower() for t in (*_ROWS, *_RECORDS, info.DictType, info.TupleType)}
_RECORD_NAMES = {t.__name__[:-4].lower() for t in _RECORDS}


def described(kind: Any) -> str:
    """A short name of a type, for messages.

    >>> described(list[int] | None), described(csp.Sender[str])
    ('list[int] | None', 'Sender[str]')
    """
    if kind is None or kind is type(None):
        return "None"
    if kind is Ellipsis:
        return "..."
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return described(typing.get_args(kind)[0])
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(value) for value in typing.get_args(kind))}]"
    if origin in (Union, types.UnionType):
        return " | ".join(described(part) for part in typing.get_args(kind))
    if isinstance(kind, (list, tuple)):  # the parameters of a Callable
        return f"[{', '.join(described(part) for part in cast('list[Any]', kind))}]"
    if origin is not None and (typing.get_args(kind) or origin is tuple):
        args = ", ".join(described(part) for part in typing.get_args(kind))
        return f"{described(origin)}[{args or '()'}]"
    return getattr(kind, "__name__", None) or str(kind).replace("typing.", "")


class Shape:
    """The graph of a type; its own node is `nodes[root]`.

    Raises TypeRefused, with advice, if values of the type cannot travel.

    >>> shape = Shape(list[tuple[int, int]])
    >>> shape.nodes[shape.root].label[0], shape.depth, shape.carries_ends
    ('list', 2, False)
    """

    __slots__ = ("_records", "nodes", "root")

    def __init__(self, kind: Any) -> None:
        self.nodes: list[Node] = []
        self._records: dict[Any, int] = {}
        try:
            self.root = self._of(kind, described(kind))
        except RecursionError:
            raise TypeRefused(
                f"`{described(kind)}` cannot travel: it has no end of different types inside it"
            ) from None
        depth = self.depth
        if depth is not None and depth > LIMIT:
            raise TypeRefused(
                f"`{described(kind)}` cannot travel: its lists and records nest {depth} deep, "
                f"and {LIMIT} is the limit"
            )

    @property
    def carries_ends(self) -> bool:
        """True if its values may hold ends of channels."""
        return any(node.label[0] in END_KINDS.values() for node in self.nodes)

    @property
    def has_records(self) -> bool:
        """True if its values may hold records: fields that nobody knows are skipped there."""
        return any(node.label[0] in _RECORD_NAMES for node in self.nodes)

    @property
    def depth(self) -> int | None:
        """How many arrays and maps its values nest at most; None if there is no bound."""
        known: dict[int, int | None] = {}

        def measure(at: int) -> int | None:
            if at in known:
                return known[at]
            known[at] = None  # met again inside of itself: no bound
            node = self.nodes[at]
            if node.label[0] in END_KINDS.values():
                known[at] = 0
                return 0
            inside = [measure(part) for part in node.parts]
            if None not in inside:
                deepest = max((depth for depth in inside if depth is not None), default=0)
                known[at] = deepest + (node.label[0] in _NESTING)
            return known[at]

        return measure(self.root)

    # --- one type: `place` is where it stands, `kind` its annotation, `None` if not known --------

    def _of(self, kind: Any, place: str) -> int:
        if typing.get_origin(_plain(kind)) is csp.Call or _plain(kind) is csp.Call:
            _refuse(kind, place, "a call has two values: a request and a reply, each with a codec")
        try:
            found = info.type_info(kind)
        except RecursionError:
            raise
        except Exception as error:
            _refuse(kind, place, _advice_on_error(str(error)))
        return self._read(found, kind, place)

    def _add(self, label: Label, parts: list[int]) -> int:
        self.nodes.append(Node(label, parts))
        return len(self.nodes) - 1

    def _read(self, found: info.Type, kind: Any, place: str) -> int:
        while isinstance(found, info.Metadata):
            found = found.type
        kind = _plain(kind)
        name = type(found).__name__.removesuffix("Type").lower()
        label = (name, *(getattr(found, each, None) for each in _CONSTRAINTS))
        args = typing.get_args(kind)
        if isinstance(found, _SCALARS):
            return self._add(label, [])
        if isinstance(found, info.LiteralType):
            values = sorted(found.values, key=lambda value: (type(value).__name__, str(value)))
            return self._add((name, *values), [])
        if isinstance(found, info.EnumType):
            return self._add((name, *_members(found.cls, place)), [])
        if isinstance(found, info.UnionType):
            return self._union(found, args, place)
        if isinstance(found, _ROWS):
            _say_what(found.item_type, kind, args, place)
            if isinstance(found, (info.SetType, info.FrozenSetType)):
                _refuse_unhashable(found.item_type, f"{place}[...]", "in a set")
            return self._add(label, [self._read(found.item_type, _at(args, 0), f"{place}[...]")])
        if isinstance(found, info.TupleType):
            items = enumerate(found.item_types)
            return self._add(
                label, [self._read(item, _at(args, i), f"{place}[{i}]") for i, item in items]
            )
        if isinstance(found, info.DictType):
            _say_what(found.key_type, kind, args, place)
            _refuse_unhashable(found.key_type, f"{place}[key]", "as the key of a dict")
            key = self._read(found.key_type, _at(args, 0), f"{place}[key]")
            return self._add(
                label, [key, self._read(found.value_type, _at(args, 1), f"{place}[...]")]
            )
        if isinstance(found, _RECORDS):
            return self._record(found, name)
        if isinstance(found, info.CustomType) and issubclass(found.cls, ENDS):
            return self._end(found.cls, kind, args, place)
        _refuse(_named(found, kind), place, _advice(found, kind, place))

    def _union(self, found: info.UnionType, args: tuple[Any, ...], place: str) -> int:
        args = tuple(arg for arg in args if arg is not msgspec.UnsetType)
        parts = [self._read(part, _at(args, i), place) for i, part in enumerate(found.types)]
        # their order means nothing; msgspec lets no two in that it cannot tell apart, so the
        # labels differ
        return self._add(("union",), sorted(parts, key=lambda part: ascii(self.nodes[part].label)))

    def _record(
        self,
        found: info.StructType | info.DataclassType | info.NamedTupleType | info.TypedDictType,
        name: str,
    ) -> int:
        known = self._records.get(found.cls)
        if known is not None:
            return known
        config: tuple[Any, ...] = ()
        if isinstance(found, info.StructType):
            config = (found.array_like, found.forbid_unknown_fields, found.tag_field, found.tag)
        omits = _omits_defaults(found.cls)
        fields: list[Label] = []
        for field in found.fields:
            try:
                default = _default(field) if omits else ""
            except Exception as error:
                inside = f"{described(found.cls)}.{field.name}"
                _refuse(type(field.default), inside, f"it is a default that is left out ({error})")
            fields.append((field.name, field.encode_name, _presence(field), default))
        place = self._records[found.cls] = self._add((name, *config, *fields), [])
        hints = _hints(found.cls)
        own = described(found.cls)
        for field in found.fields:
            part = self._read(field.type, hints.get(field.name), f"{own}.{field.name}")
            self.nodes[place].parts.append(part)
        return place

    def _end(self, cls: type, kind: Any, args: tuple[Any, ...], place: str) -> int:
        label = next(label for base, label in END_KINDS.items() if issubclass(cls, base))
        if kind is None:
            _refuse(cls, place, "the annotation of the record it stands in cannot be evaluated")
        if not args:
            _refuse(cls, place, f"say what it carries, as in `{cls.__name__}[int]`")
        inside = f"{place} of {described(kind)}"
        call = _plain(args[0])
        if typing.get_origin(call) is csp.Call:
            parts = [self._of(part, inside) for part in typing.get_args(call)]
            return self._add((label,), [self._add(("call",), parts)])
        return self._add((label,), [self._of(args[0], inside)])


# --- annotations ---------------------------------------------------------------------------------


def _plain(kind: Any) -> Any:
    """`kind` without what only wraps it: NewType, Annotated, Final, Required, type aliases."""
    wrappers = (Annotated, Final, typing.Required, typing.NotRequired)
    while True:
        origin = typing.get_origin(kind)
        if hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif origin in wrappers:
            kind = typing.get_args(kind)[0]
        elif type(kind).__name__ == "TypeAliasType":
            kind = kind.__value__
        elif type(origin).__name__ == "TypeAliasType":
            kind = origin.__value__[typing.get_args(kind)]
        elif (rest := _without_unset(kind)) is not kind:
            kind = rest
        else:
            return kind


def _without_unset(kind: Any) -> Any:
    """The other member of a union of two with UnsetType, which never travels."""
    if typing.get_origin(kind) not in (Union, types.UnionType):
        return kind
    rest = [part for part in typing.get_args(kind) if part is not msgspec.UnsetType]
    return rest[0] if len(rest) == 1 else kind


def _class(kind: Any) -> Any:
    """The class of a generic type with its arguments; any other class as it is."""
    return typing.get_origin(kind) or kind


def _at(args: tuple[Any, ...], place: int) -> Any:
    return args[place] if place < len(args) else None


def _hints(kind: Any) -> dict[str, Any]:
    """The annotations of a record, with the arguments of a generic one filled in.

    Empty if they cannot be evaluated here: then no element type of an end is known.
    """
    cls = _class(kind)
    bound = dict[Any, dict[Any, Any]]()
    _bind(kind, {}, bound)
    hints: dict[str, Any] = {}
    try:
        for base in reversed(cls.__mro__):
            if base in (object, Generic):
                continue
            known = typing.get_type_hints(base, include_extras=True)
            own = inspect.get_annotations(base)
            hints |= {name: _filled(known[name], bound.get(base, {})) for name in own}
    except (NameError, TypeError, AttributeError, KeyError):
        return {}
    return hints


def _bind(kind: Any, outer: dict[Any, Any], bound: dict[Any, dict[Any, Any]]) -> None:
    """Note what the type variables of `kind` and of its generic bases stand for."""
    cls = _class(kind)
    args = [_filled(arg, outer) for arg in typing.get_args(kind)]
    inner = dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))
    bound[cls] = inner
    for base in getattr(cls, "__orig_bases__", ()):
        if isinstance(_class(base), type) and _class(base) is not Generic:
            _bind(base, inner, bound)


def _filled(kind: Any, bound: dict[Any, Any]) -> Any:
    """`kind` with its type variables replaced."""
    if isinstance(kind, TypeVar):
        return bound.get(kind, kind)
    variables = getattr(kind, "__parameters__", ())
    if not bound or not variables or isinstance(kind, type):
        return kind
    return kind[tuple(bound.get(each, each) for each in variables)]


# --- fields --------------------------------------------------------------------------------------


def _presence(field: info.Field) -> str:
    if field.required:
        return "required"
    has_default = field.default is not msgspec.NODEFAULT
    return "default" if has_default or field.default_factory is not msgspec.NODEFAULT else "unset"


def _omits_defaults(cls: Any) -> bool:
    """True if a field that equals its default is left out: both sides must mean the same then."""
    config = getattr(_class(cls), "__struct_config__", None)
    return bool(config is not None and config.omit_defaults)


def _default(field: info.Field) -> str:
    if field.default is not msgspec.NODEFAULT:
        return msgspec.msgpack.encode(field.default, order="deterministic").hex()
    return getattr(field.default_factory, "__name__", "")


def _members(cls: type[enum.Enum], place: str) -> list[tuple[str, Any]]:
    """Names and values, in the order of their names: the order of definition means nothing."""
    if issubclass(cls, enum.Flag):
        _refuse(cls, place, "members of a Flag combine: send its `.value`, an int")
    return sorted((name, member.value) for name, member in cls.__members__.items())


def _hashable(found: info.Type) -> bool:
    while isinstance(found, info.Metadata):
        found = found.type
    if isinstance(found, info.UnionType):
        return all(_hashable(part) for part in found.types)
    if isinstance(found, info.TupleType):
        return all(_hashable(part) for part in found.item_types)
    if isinstance(found, info.VarTupleType):
        return _hashable(found.item_type)
    if isinstance(found, info.StructType):
        config = _class(found.cls).__struct_config__
        return bool(config.frozen or not config.eq or "__hash__" in vars(_class(found.cls)))
    if isinstance(found, info.DataclassType):
        return _class(found.cls).__hash__ is not None
    unhashable = (info.ListType, info.SetType, info.DictType, info.ByteArrayType)
    return not isinstance(found, (*unhashable, info.TypedDictType))


# --- refusals ------------------------------------------------------------------------------------


def _refuse(kind: Any, place: str, advice: str) -> NoReturn:
    what = described(kind)
    where = "" if place == what else f" (at `{place}`)"
    raise TypeRefused(f"`{what}` cannot travel{where}: {advice}") from None


def _refuse_unhashable(found: info.Type, place: str, use: str) -> None:
    if not _hashable(found):
        name = described(getattr(found, "cls", None) or type(found).__name__[:-4].lower())
        raise TypeRefused(
            f"a `{name}` cannot stand {use} (at `{place}`): use a tuple, a frozenset, a frozen "
            "dataclass or a frozen Struct"
        )


def _say_what(item: info.Type, kind: Any, args: tuple[Any, ...], place: str) -> None:
    if isinstance(item, info.AnyType) and not args:
        name = described(kind)
        example = "[str, int]" if isinstance(kind, type) and issubclass(kind, dict) else "[int]"
        _refuse(kind, place, f"say what is in it, as in `{name}{example}`")


_NAME_IT = "name the type; for free-form data use, for example, `dict[str, int]`"
_NO_CODE = "code does not travel: name the function on both sides and send its arguments"
_TAG_THEM = "make them msgspec.Structs with a tag: `class A(msgspec.Struct, tag=True)`"


def _named(found: info.Type, kind: Any) -> Any:
    if kind is not None:
        return kind
    return getattr(found, "cls", None) or type(found).__name__.removesuffix("Type")


def _advice(found: info.Type, kind: Any, place: str) -> str:
    """What to use instead of a type that msgspec knows no values of, or any value of."""
    if isinstance(kind, TypeVar):
        owner, _, field = place.partition(".")
        return f"say what it stands for{f', as in `{owner}[int]`' if field else ''}"
    if isinstance(found, info.MemoryViewType):
        return "use `bytes`"
    if isinstance(found, (info.RawType, info.ExtType)):
        return "it would pass what nobody has checked: use `bytes`"
    if not isinstance(found, info.CustomType) or found.cls is object:
        return _NAME_IT
    return _advice_on_class(found.cls)


def _advice_on_class(cls: type) -> str:
    if issubclass(cls, csp.Call):
        return "a call travels only over a channel of its own: send `Sender[Call[...]]`"
    if cls.__name__ in ("type", "Callable", "FunctionType", "Coroutine"):
        return _NO_CODE
    if cls is complex:
        return "use `tuple[float, float]`"
    if issubclass(cls, pathlib.PurePath):
        return "use `str`; a path means nothing on another machine"
    if cls.__module__ == "collections.abc":
        return "use `list[...]`, which has an end"
    return f"make `{cls.__name__}` a dataclass or a msgspec.Struct, with a type for each field"


def _advice_on_error(error: str) -> str:
    """From what msgspec says when it makes no decoder."""
    if "union" in error and "custom type" in error:
        return f"an end or a class of yours may be in a union with None only ({error})"
    if "array-like" in error:
        return f"a union has members that look alike: use one list, set or tuple ({error})"
    if "union" in error:
        return f"a union has members that look alike: {_TAG_THEM} ({error})"
    if any(sign in error for sign in ("is not defined", "Type ''", "ForwardRef")):
        return f"a name in it cannot be evaluated: write the type, not a string ({error})"
    return f"{error[:1].lower()}{error[1:]}"
