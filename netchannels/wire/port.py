"""One channel on a link: what may be said on it, and what becomes of each value.

The legal moves are tables: `HEARS` has the frames that a port may hear in each of its states,
`MOVES` what an answer does to a value.  Both sides of a port use the same tables: one for what it
hears, the other for what it may say.

Invariants of a `Port`:
* values are numbered from 1 in the order sent; `values` has those without a final answer.
* `wants` is how many more values may be delivered (sending side), or were asked for and have not
  come (receiving side, which may count some that are being taken back).
* `tentative` is how many of `values` have no answer at all, `asked_back` how many UNWANTs have not
  come back as UNWANTED.
* `said` and `heard` are true once this side, or the other, has retired or poisoned; each says so
  once.  The port is over when both are and no value is without its answer.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from .frames import Kind


class State(Enum):
    """Of a port, as one side sees it."""

    OPENING_SENDS = "asked for, to send; waits for the answer"
    OPENING_RECEIVES = "asked for, to receive; waits for the answer"
    ASKED_SENDS = "asked for by the other side, which shall receive"
    ASKED_RECEIVES = "asked for by the other side, which shall send"
    ASKED_STILL = "asked for by the other side, which has retired since"
    SENDS = "open; this side sends the values"
    RECEIVES = "open; this side receives the values"
    SENDS_STILL = "retired by the receiving side; its last answers may come"
    RECEIVES_STILL = "retired by the sending side; its last cancels may come"

    if not TYPE_CHECKING:  # members are single; the hash of Enum takes longer than a look-up
        __hash__ = object.__hash__


ASKED = frozenset({State.ASKED_SENDS, State.ASKED_RECEIVES, State.ASKED_STILL})
ANSWERS = frozenset({Kind.ACCEPT, Kind.HOLD, Kind.RELEASE, Kind.DONE, Kind.FAIL, Kind.RETURN})
REPLIES = frozenset({Kind.OPENED, Kind.REFUSED})
ENDS = frozenset({Kind.RETIRE, Kind.POISON})

HEARS: dict[State, frozenset[Kind]] = {
    State.OPENING_SENDS: REPLIES,
    State.OPENING_RECEIVES: REPLIES | {Kind.UNWANTED},
    State.ASKED_SENDS: frozenset({Kind.WANT, Kind.UNWANT}) | ENDS,
    State.ASKED_RECEIVES: ENDS,
    State.ASKED_STILL: frozenset(),
    State.SENDS: frozenset({Kind.WANT, Kind.UNWANT, Kind.DATA}) | ANSWERS | ENDS,
    State.RECEIVES: frozenset({Kind.DELIVER, Kind.DATA, Kind.WITHDRAW, Kind.CANCEL, Kind.UNWANTED})
    | ENDS,
    State.SENDS_STILL: ANSWERS | {Kind.DATA},
    State.RECEIVES_STILL: frozenset({Kind.WITHDRAW, Kind.CANCEL, Kind.UNWANTED}),
}

# frames that may still be on their way when the port is over: they say nothing any more
LATE = frozenset({Kind.WANT, Kind.UNWANT, Kind.UNWANTED, Kind.WITHDRAW, Kind.CANCEL}) | ENDS


class Fate(Enum):
    """Of a value that has no final answer yet."""

    STANDING = "delivered, tentatively"
    ASKED = "asked back"
    HELD = "taken for work"

    if not TYPE_CHECKING:  # as above
        __hash__ = object.__hash__


# the answer to a value: its next fate, None when the answer is final
MOVES: dict[tuple[Fate, int], Fate | None] = {
    (Fate.STANDING, Kind.ACCEPT): None,
    (Fate.STANDING, Kind.HOLD): Fate.HELD,
    (Fate.STANDING, Kind.RELEASE): None,
    (Fate.STANDING, Kind.FAIL): None,
    (Fate.ASKED, Kind.ACCEPT): None,
    (Fate.ASKED, Kind.HOLD): Fate.HELD,
    (Fate.ASKED, Kind.RELEASE): None,
    (Fate.ASKED, Kind.FAIL): None,
    (Fate.HELD, Kind.DONE): None,
    (Fate.HELD, Kind.FAIL): None,
    (Fate.HELD, Kind.RETURN): None,
}


STANDING, HELD = Fate.STANDING, Fate.HELD  # looked up once: each value passes here


class Value:
    """A value on its way, or in work on the other side."""

    __slots__ = ("fate", "size")

    def __init__(self, size: int) -> None:
        self.size: int = size  # bytes of credit, until the first answer
        self.fate: Fate = STANDING


class Arriving:
    """A long value or reply of which some chunks have come."""

    __slots__ = ("attempt", "id", "kind", "last", "left", "parts")

    def __init__(self, kind: int, id: int, left: int, attempt: int = 0, last: bool = False) -> None:
        self.kind: int = kind
        self.id: int = id
        self.attempt: int = attempt
        self.last: bool = last
        self.left: int = left
        self.parts: list[bytes | memoryview] = []


class Port:
    """One channel on a link, as one side sees it.

    >>> port = Port(1, "jobs", sends=True, state=State.OPENING_SENDS)
    >>> port.open()
    >>> port.state.value
    'open; this side sends the values'
    """

    __slots__ = (
        "arriving",
        "asked_back",
        "buffered",
        "heard",
        "latest",
        "name",
        "number",
        "queue",
        "said",
        "sends",
        "state",
        "tentative",
        "values",
        "wants",
    )

    def __init__(self, number: int, name: str, *, sends: bool, state: State) -> None:
        self.number: int = number
        self.name: str = name
        self.sends: bool = sends
        self.state: State = state
        self.buffered: bool = False  # as the other side said when it agreed
        self.wants: int = 0
        self.asked_back: int = 0
        self.values: dict[int, Value] = {}
        self.tentative: int = 0
        self.latest: int = 0  # the number of the latest value
        self.said: bool = False
        self.heard: bool = False
        self.arriving: Arriving | None = None
        self.queue: deque[tuple[bytes, memoryview]] = deque()  # frames behind a long value

    def open(self) -> None:
        """Both sides have agreed to it."""
        self.state = State.SENDS if self.sends else State.RECEIVES
        if self.heard:
            self.hear_end()

    def hear_end(self) -> None:
        """The other side has retired or poisoned."""
        self.heard = True
        if self.state in ASKED:
            self.state = State.ASKED_STILL
        else:
            self.state = State.SENDS_STILL if self.sends else State.RECEIVES_STILL

    def add(self, size: int) -> int:
        """The next value, of `size` bytes; returns its number."""
        self.wants -= 1
        self.latest += 1
        self.tentative += 1
        self.values[self.latest] = Value(size)
        return self.latest

    def move(self, id: int, kind: int) -> int:
        """An answer that `MOVES` allows; returns the bytes of credit that it sets free."""
        value = self.values[id]
        fate = MOVES[value.fate, kind]
        if value.fate is not HELD:
            self.tentative -= 1
        if fate is None:
            del self.values[id]
        else:
            value.fate = fate
        freed, value.size = value.size, 0
        return freed

    def is_over(self) -> bool:
        """True when nothing more can be said on it."""
        return self.said and self.heard and not self.values
