"""What a pool and its programs say to each other: a batch of requests, and the answers to it.

Requests and replies are encoded one by one, so that one which cannot be read harms no other, and the
size of a batch is known before it is sent.

Invariant: answers belong to the first requests of their batch, in order; the rest was not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import csp

from ._codec import Codec, DecodeFailed

MUCH = 1024 * 1024  # bytes of replies after which no further request of a batch is begun
AROUND = MUCH + 64 * 1024  # bytes that travel with the longest request or reply
PLAIN = frozenset({bool, bytes, float, int, str})  # a value of exactly this type can be read
RAISED, OVERRAN = "raised", "overran"


@dataclass(frozen=True)
class Batch:
    """Requests for one program, and how many seconds each of them may run (0: for ever).

    An empty batch is answered at once: it asks whether the program is free.
    """

    requests: list[bytes]
    timeout: float = 0.0


@dataclass(frozen=True)
class Failure:
    """Why a request has no reply: `kind` is RAISED or OVERRAN."""

    kind: str
    text: str
    traceback: str = ""


@dataclass(frozen=True)
class Answers:
    """What became of the requests that were begun; an entry of `failures` stands for its reply.

    `seconds` is how long they took together; `leaves` tells that the program ends now.
    """

    replies: list[bytes]
    failures: dict[int, Failure] = field(default_factory=dict[int, Failure])
    seconds: float = 0.0
    leaves: bool = False


Batches = csp.Call[Batch, Answers]


def encoded(request: Any, codec: Codec, name: str) -> bytes:
    """The bytes of a request to the function `name`, which will be able to read them.

    Raises csp.ChannelTypeError for one of another type, EncodeFailed for one that cannot travel.

    >>> from netchannels._codec import codec
    >>> try:
    ...     encoded("one", codec(int), "square")
    ... except csp.ChannelTypeError as error:
    ...     print(error)
    `square` takes `int`: Expected `int`, got `str`
    """
    data = codec.encode(request)
    if type(request) is codec.kind in PLAIN:
        return data
    try:
        codec.decode(data)
    except DecodeFailed as error:
        raise csp.ChannelTypeError(
            f"`{name}` takes `{codec.described}`: {error.__cause__}"
        ) from None
    return data


def decoded(data: bytes, codec: Codec, name: str) -> Any:
    """What the function `name` has returned.

    Raises TypeError if it is not what it says.

    >>> from netchannels._codec import codec
    >>> try:
    ...     decoded(codec(str).encode("four"), codec(int), "square")
    ... except TypeError as error:
    ...     print(error)
    `square` has returned no `int`: Expected `int`, got `str`
    """
    try:
        return codec.decode(data)
    except DecodeFailed as error:
        told = f"`{name}` has returned no `{codec.described}`: {error.__cause__}"
        raise TypeError(told) from None


def too_long(what: str, length: int, largest: int) -> str:
    """What is wrong with a request or a reply.

    >>> too_long("reply", 2000, 1000)
    'a reply of 2,000 bytes, 1,000 at most: say `pool(..., largest=...)`'
    """
    return f"a {what} of {length:,} bytes, {largest:,} at most: say `pool(..., largest=...)`"
