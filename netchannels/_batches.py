"""What a pool and its programs say to each other: a batch of requests, and the answers to it.

Requests and replies are encoded one by one, so that one which cannot be read harms no other, and the
size of a batch is known before it is sent.

Invariant: answers belong to the first requests of their batch, in order; the rest was not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import csp

MUCH = 1024 * 1024  # bytes of replies after which no further request of a batch is begun
AROUND = MUCH + 64 * 1024  # bytes that travel with the longest request or reply
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


def too_long(what: str, length: int, largest: int) -> str:
    """What is wrong with a request or a reply.

    >>> too_long("reply", 2000, 1000)
    'a reply of 2,000 bytes, 1,000 at most: say `pool(..., largest=...)`'
    """
    return f"a {what} of {length:,} bytes, {largest:,} at most: say `pool(..., largest=...)`"
