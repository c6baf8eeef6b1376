"""What travels on a port: values of one type, or requests and replies, each with its codec."""

from __future__ import annotations

import typing
from typing import Any, Protocol

import csp

from ._codec import call_codecs, codec
from ._shape import described


class Carrier(Protocol):
    """A link, which takes the ends in values along."""

    def lower(self, end: Any) -> bytes:
        """The name under which the other side can open an end."""
        ...

    def lift(self, name: bytes, kind: Any) -> Any:
        """The end that a name from the other side stands for."""
        ...


class Passage:
    """Encodes and decodes what a channel of type `kind` carries.

    Raises TypeRefused if that cannot travel.

    >>> Passage(int).described, Passage(csp.Call[int, str]).calls
    ('int', True)
    """

    __slots__ = ("_reply", "_value", "calls", "described", "fingerprint", "kind")

    def __init__(self, kind: Any) -> None:
        self.kind: Any = kind
        self.described: str = described(kind)
        self.calls: bool = kind is csp.Call or typing.get_origin(kind) is csp.Call
        if self.calls:
            self._value, self._reply = call_codecs(kind)
            self.fingerprint: bytes = self._value.fingerprint + self._reply.fingerprint
        else:
            self._value = self._reply = codec(kind)
            self.fingerprint = self._value.fingerprint

    def encode(self, value: Any, link: Carrier) -> bytes:
        """The bytes of a value or request; raises EncodeFailed."""
        return self._value.encode(value, link.lower)

    def decode(self, data: bytes, link: Carrier) -> Any:
        """The value or request; raises DecodeFailed."""
        return self._value.decode(data, link.lift)

    def encode_reply(self, reply: Any, link: Carrier) -> bytes:
        """The bytes of a reply; raises EncodeFailed."""
        return self._reply.encode(reply, link.lower)

    def decode_reply(self, data: bytes, link: Carrier) -> Any:
        """The reply; raises DecodeFailed."""
        return self._reply.decode(data, link.lift)
