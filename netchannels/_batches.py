"""What a pool and its programs say to each other: a batch of requests, and the answers to it.

Requests and replies are encoded one by one, so that one which cannot be read harms no other, and the
size of a batch is known before it is sent.

Invariant: answers belong to the first requests of their batch, in order; the rest was not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import csp

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
