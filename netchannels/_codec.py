"""Values to bytes and back, for one type: MessagePack, decoded by msgspec into the type itself.

Invariants:
* bytes from outside become a value of the type or `DecodeFailed`: nothing else, and no code runs
  but what the type's own classes do when they are made.
* what one side can send nests no deeper than `LIMIT`, and what it gets neither.
"""

from __future__ import annotations

import functools
import reprlib
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, cast

import msgspec

import csp

from ._errors import TypeRefused
from ._fingerprint import fingerprint
from ._nesting import LIMIT, nests_too_deep
from ._shape import ENDS, Shape, described

Lower = Callable[[Any], bytes]  # an end -> what names it on its way
Lift = Callable[[bytes, Any], Any]  # what names it, the type it has here -> an end

_END = 1  # the extension type of MessagePack that names an end
# msgspec guards its own recursion by Python's limit; up to here its frames fit on any stack
_TRUSTED_RECURSION = 5_000
_NEEDS_LINK = "an end of a channel travels over a link only"
_TOO_DEEP = f"it nests deeper than {LIMIT} arrays and maps"


class EncodeFailed(TypeError):
    """A value that cannot travel; the message names the type, the place in the value, and a way.

    >>> codec(dict[str, int]).encode({"big": 2**64})
    Traceback (most recent call last):
        ...
    netchannels.EncodeFailed: a `dict[str, int]` cannot travel, at `$['big']`: an int of 65 bits is beyond 64: send it as `str` or `bytes`
    """


class DecodeFailed(ValueError):
    """Bytes that are no value of the type; the message names the type and what is wrong.

    >>> codec(list[int]).decode(b"\\x91\\xa1x")
    Traceback (most recent call last):
        ...
    netchannels._codec.DecodeFailed: no `list[int]` arrived: Expected `int`, got `str` - at `$[0]`
    """


class Codec:
    """Encodes and decodes the values of one type; made by `codec(kind)`.

    >>> numbers = codec(list[int])
    >>> numbers.decode(numbers.encode([1, 2]))
    [1, 2]
    >>> numbers.described, numbers.carries_ends, len(numbers.fingerprint)
    ('list[int]', False, 16)
    """

    __slots__ = ("_decode", "_encode", "carries_ends", "described", "fingerprint", "kind")

    def __init__(self, kind: Any, shape: Shape) -> None:
        self.kind = kind
        self.described = described(kind)
        self.carries_ends = shape.carries_ends
        self.fingerprint = fingerprint(shape)
        self._encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes | memoryview], Any] = msgspec.msgpack.Decoder(kind).decode

    def __repr__(self) -> str:
        return f"codec({self.described})"

    def encode(self, value: Any, lower: Lower | None = None) -> bytes:
        """The bytes of `value`; `lower(end)` gives those of each end in it.

        Raises EncodeFailed if it or something in it cannot travel.  Whether it is a value of the
        type is not asked: the channel has done so, and whoever decodes it will.

        >>> codec(int).encode(5)
        b'\\x05'
        """
        try:
            return self._encode(value)
        except Exception as error:
            self._refuse_value(value, self._encode, error)

    def decode(self, data: bytes | memoryview, lift: Lift | None = None) -> Any:
        """The value that `data` stands for; `lift(name, kind)` makes each end in it.

        Raises DecodeFailed, and nothing else, if there is none.  Ends that were lifted before
        something went wrong remain for who lifted them to retire.

        >>> codec(str).decode(memoryview(b"\\xa2hi"))
        'hi'
        """
        try:
            return self._decode(data)
        except Exception as error:
            self._refuse_data(error)

    def _refuse_value(
        self, value: Any, encode: Callable[[Any], bytes], error: Exception
    ) -> NoReturn:
        place, at, cause = _culprit(value, encode, error)
        raise EncodeFailed(
            f"a `{self.described}` cannot travel, at `{place}`: {_reason(at, cause)}"
        ) from cause

    def _refuse_data(self, error: Exception) -> NoReturn:
        why = _TOO_DEEP if isinstance(error, RecursionError) else _said(error)
        raise DecodeFailed(f"no `{self.described}` arrived: {why}") from error


class _RecordCodec(Codec):
    """For records: msgspec skips fields it does not know, however deep they nest."""

    __slots__ = ()

    def decode(self, data: bytes | memoryview, lift: Lift | None = None) -> Any:
        try:
            if len(data) > LIMIT and sys.getrecursionlimit() > _TRUSTED_RECURSION:
                _refuse_deep(bytes(data))
            return self._decode(data)
        except Exception as error:
            self._refuse_data(error)


class _DeepCodec(Codec):
    """For types that contain themselves: the type sets no bound to the depth of a value."""

    __slots__ = ()

    def encode(self, value: Any, lower: Lower | None = None) -> bytes:
        try:
            return _not_deep(self._encode(value))
        except Exception as error:
            self._refuse_value(value, self._encode, error)

    def decode(self, data: bytes | memoryview, lift: Lift | None = None) -> Any:
        try:
            if len(data) > LIMIT:
                _refuse_deep(bytes(data))
            return self._decode(data)
        except Exception as error:
            self._refuse_data(error)


class _EndsCodec(Codec):
    """For types with ends: msgspec takes anything where one may stand, and the hook refuses it."""

    __slots__ = ()

    def encode(self, value: Any, lower: Lower | None = None) -> bytes:
        encode = msgspec.msgpack.Encoder(enc_hook=_Lowering(lower)).encode
        try:
            return _not_deep(encode(value))
        except Exception as error:
            self._refuse_value(value, encode, error)

    def decode(self, data: bytes | memoryview, lift: Lift | None = None) -> Any:
        def hook(kind: Any, found: Any) -> Any:
            if not isinstance(found, msgspec.msgpack.Ext) or found.code != _END:
                raise ValueError(f"Expected an end, `{described(kind)}`")
            if lift is None:
                raise ValueError(_NEEDS_LINK)
            return lift(bytes(found.data), kind)

        try:
            if len(data) > LIMIT:
                _refuse_deep(bytes(data))
            return msgspec.msgpack.Decoder(self.kind, dec_hook=hook).decode(data)
        except Exception as error:
            self._refuse_data(error)


class _Lowering:
    """What msgspec calls for each object that it does not know; asks `lower` once for each end."""

    __slots__ = ("_known", "_lower")

    def __init__(self, lower: Lower | None) -> None:
        self._lower = lower
        self._known: dict[int, bytes | Exception] = {}  # by id: the value holds them meanwhile

    def __call__(self, end: Any) -> msgspec.msgpack.Ext:
        if not isinstance(end, ENDS):
            raise TypeError(_needs_fields(end))
        if self._lower is None:
            raise TypeError(_NEEDS_LINK)
        if id(end) not in self._known:
            try:
                self._known[id(end)] = self._lower(end)
            except Exception as error:
                self._known[id(end)] = error
        known = self._known[id(end)]
        if isinstance(known, Exception):
            raise known
        return msgspec.msgpack.Ext(_END, known)


def codec(kind: Any) -> Codec:
    """The codec for values of the type `kind`; the same one for the same type.

    Raises TypeRefused, with advice, if values of the type cannot travel: `Any`, `object`, plain
    classes, code, and what msgspec cannot decode.

    >>> codec(tuple[str, float]).decode(codec(tuple[str, float]).encode(("pi", 3.14)))
    ('pi', 3.14)
    >>> try:
    ...     codec(object)
    ... except TypeRefused as error:
    ...     print(error)
    `object` cannot travel: name the type; for free-form data use, for example, `dict[str, int]`
    """
    try:
        hash(kind)
    except TypeError:
        return _made(kind)
    return _known(kind, cast(Any, type(kind)))


@functools.lru_cache(1000)
def _known(kind: Any, _: type) -> Codec:  # 1, 1.0 and True are equal, their types are not
    return _made(kind)


def _made(kind: Any) -> Codec:
    shape = Shape(kind)
    if shape.carries_ends:
        return _EndsCodec(kind, shape)
    if shape.depth is None:
        return _DeepCodec(kind, shape)
    return _RecordCodec(kind, shape) if shape.has_records else Codec(kind, shape)


def call_codecs(kind: Any) -> tuple[Codec, Codec]:
    """The codecs of the request and the reply of a `csp.Call[Request, Reply]`.

    Raises TypeRefused if `kind` is no such type, or if one of the two cannot travel.

    >>> request, reply = call_codecs(csp.Call[int, str])
    >>> request.described, reply.described
    ('int', 'str')
    """
    args = typing.get_args(kind)
    if typing.get_origin(kind) is not csp.Call or len(args) != 2:
        raise TypeRefused(f"`{described(kind)}` is no call: write `Call[Request, Reply]`")
    return codec(args[0]), codec(args[1])


# --- depth ---------------------------------------------------------------------------------------


def _refuse_deep(data: bytes) -> None:
    if nests_too_deep(data):
        raise ValueError(_TOO_DEEP)


def _not_deep(data: bytes) -> bytes:
    _refuse_deep(data)
    return data


# --- what cannot travel, and why -----------------------------------------------------------------


def _culprit(
    value: Any, encode: Callable[[Any], bytes], error: Exception
) -> tuple[str, Any, Exception]:
    """The innermost part of `value` that cannot be encoded: its place, itself, the error."""
    place = "$"
    for _ in range(0 if isinstance(error, RecursionError) else LIMIT):
        for step, part in _parts(value):
            try:
                encode(part)
            except Exception as inner:
                place, value, error = place + step, part, inner
                break
        else:
            break
    return place, value, error


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What is inside of a value, each with its place in it, in the order of encoding."""
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            step = f"[{reprlib.repr(key)}]" if isinstance(key, (str, bytes)) else "[...]"
            yield f"{step} (the key)", key
            yield step, item
        return
    fields = _fields(value)
    if fields:
        yield from ((f".{name}", getattr(value, name, None)) for name in fields)
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = cast("Iterable[Any]", value)
        yield from ((f"[{i}]", item) for i, item in enumerate(items))


def _fields(value: Any) -> tuple[str, ...]:
    kind: Any = cast(Any, type(value))
    for names in ("__struct_fields__", "__dataclass_fields__", "_fields"):
        if hasattr(kind, names):
            return tuple(getattr(kind, names))
    return ()


def _reason(value: Any, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"{_TOO_DEEP}, or holds itself"
    if isinstance(value, ENDS):
        return str(error)
    if isinstance(value, int) and isinstance(error, OverflowError):
        return f"an int of {value.bit_length()} bits is beyond 64: send it as `str` or `bytes`"
    if isinstance(error, UnicodeEncodeError):
        return "a str with half of a character (a lone surrogate): send it as `bytes`"
    if isinstance(error, TypeError):
        return _needs_fields(value)
    return str(error)


def _needs_fields(value: Any) -> str:
    if isinstance(value, type) or callable(value):
        return "code does not travel: name the function on both sides and send its arguments"
    return f"a `{type(value).__name__}` is no value: make it a dataclass or a msgspec.Struct"


def _said(error: Exception) -> str:
    """msgspec's own words; those of other errors with their class."""
    if isinstance(error, (msgspec.MsgspecError, ValueError)):
        return str(error)
    return f"{type(error).__name__}: {error}"
