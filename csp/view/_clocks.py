"""Vector clocks: which events of a run can have caused which.

Each process counts its events; who receives learns what its sender knew (Colin Fidge,
"Timestamps in message-passing systems that preserve the partial ordering", 1988; Friedemann
Mattern, "Virtual time and global states of distributed systems", 1989).  A rendezvous is one event
of two processes, after Fidge's rule for synchronous communication: both know the same behind it.

The records of a run tell a communication twice, once for each side, when each of them goes on.  So
the records of a process are held back until its partner's are there: what comes out is an order in
which every cause stands before its effects, and both halves of a rendezvous side by side.

Invariants:
* a process is held back at a record only while its partner's half has not come; the others go on.
* at most `HELD` records are held back; then the oldest half goes on alone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from csp import Event

from ._names import parent_of

T = TypeVar("T")

Clock = Mapping[str, int]

HELD = 10_000  # records held back
KEPT = 10_000  # clocks of values on their way


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event with the clock of its process behind it; `partner`: who was at the other side.

    >>> from csp import Event
    >>> one, two = stamped([Event("started", name, "", "", "", 0.0) for name in ("a", "b")])
    >>> one.precedes(two), one.is_concurrent_with(two)
    (False, True)
    """

    event: Event
    clock: Clock
    partner: str = ""
    value: str = ""

    def precedes(self, other: Stamped) -> bool:
        """True if it can have caused `other`."""
        name = self.event.process
        known = other.clock.get(name, 0) >= self.clock.get(name, 0)
        return known and self.clock != other.clock

    def is_concurrent_with(self, other: Stamped) -> bool:
        """True if neither can have caused the other, and they are not halves of one rendezvous."""
        same = self.clock == other.clock
        return not same and not self.precedes(other) and not other.precedes(self)


def stamped(events: Iterable[Event], /) -> Iterator[Stamped]:
    """All events with their clocks, each behind its causes.

    What the records tell is: communications, barriers, calls and their replies, who started whom,
    who waited for the end of whom, and ends of channels that an operation met.  What they do not:
    flags, signals, and what passes by plain variables.  Holds some 10,000 records at most, and a
    clock for each process.

    >>> from csp import Event
    >>> sent = Event("committed", "a", "c", "send", "7", 0.1, 1, True)
    >>> got = Event("committed", "b", "c", "receive", "", 0.2, 1, True)
    >>> [(s.event.side, sorted(s.clock.items()), s.partner) for s in stamped([got, sent])]
    [('send', [('a', 1), ('b', 1)], 'b'), ('receive', [('a', 1), ('b', 1)], 'a')]
    """
    order = _Order()
    for event in events:
        yield from order.take(event)
    yield from order.rest()


class _Order:
    """What is held back, and what each process knows."""

    def __init__(self) -> None:
        self.held: dict[str, deque[Event]] = {}  # of processes that wait for a partner's half
        self.count: int = 0
        self.clocks: dict[str, dict[str, int]] = {}
        self.halves: dict[tuple[str, int, str], str] = {}  # who is held back at which half
        self.sent: OrderedDict[tuple[str, int], tuple[str, str, Clock]] = OrderedDict()
        self.barriers: OrderedDict[tuple[str, int], dict[str, int]] = OrderedDict()
        self.offered: dict[str, tuple[str, str]] = {}  # what it has offered, and not yet done
        self.ended: dict[tuple[str, str], dict[str, int]] = {}  # channel and side: who has left
        self.joins: dict[str, bool] = {}  # parked for the end of others
        self.finished: dict[str, dict[str, int]] = {}  # what the ended children of a process knew

    # --- who goes on ------------------------------------------------------------------------

    def take(self, event: Event) -> Iterator[Stamped]:
        name = event.process
        if name in self.held:
            self.held[name].append(event)
            self.count += 1
            if self.count > HELD:
                yield from self._let_go()
        else:
            yield from self._advance(name, event)

    def _advance(self, name: str, event: Event | None) -> Iterator[Stamped]:
        """Go on with the records of a process, and of those that it frees, as far as they go."""
        ready: deque[tuple[str, Event | None]] = deque([(name, event)])
        while ready:
            name, event = ready.popleft()
            if event is None:
                event = self._next(name)
            while event is not None:
                other = _other_half(event)
                if other is None or not self._must_wait(other, event):
                    yield self._alone(event)
                    if event.side == "send" and event.number:
                        receiver = self.halves.pop((event.channel, event.number, "receive"), None)
                        if receiver is not None:
                            ready.append((receiver, None))
                elif event.met and other in self.halves:
                    partner = self.halves.pop(other)
                    theirs = self.held[partner].popleft()
                    self.count -= 1
                    yield from self._together(event, theirs)
                    ready.append((partner, None))
                else:
                    self.halves[event.channel, event.number, event.side] = name
                    queue = self.held.setdefault(name, deque())
                    queue.appendleft(event)
                    self.count += 1
                    break
                event = self._next(name)

    def _must_wait(self, other: tuple[str, int, str], event: Event) -> bool:
        return event.met or (event.side == "receive" and other[:2] not in self.sent)

    def _next(self, name: str) -> Event | None:
        queue = self.held.get(name)
        if not queue:
            self.held.pop(name, None)
            return None
        self.count -= 1
        return queue.popleft()

    def _let_go(self) -> Iterator[Stamped]:
        """The half that was held back longest goes on without its partner's."""
        half = next(iter(self.halves))
        name = self.halves.pop(half)
        event = self._next(name)
        assert event is not None
        yield self._alone(event)
        yield from self._advance(name, None)

    def rest(self) -> Iterator[Stamped]:
        """The records are over: nobody's partner comes any more."""
        while self.halves:
            yield from self._let_go()

    # --- what they know ----------------------------------------------------------------------

    def _tick(self, event: Event) -> dict[str, int]:
        """One more event of a process, and what it has learned otherwise than by communicating."""
        name = event.process
        clock = self.clocks.get(name)
        if clock is None:
            clock = self.clocks[name] = {}
        clock[name] = clock.get(name, 0) + 1
        if event.kind == "started":
            parent = parent_of(name, self.clocks)
            if parent is not None:
                _merge(clock, self.clocks[parent])
        self._learn_of_ends(event, clock)
        self._learn_of_children(event, clock)
        return clock

    def _learn_of_ends(self, event: Event, clock: dict[str, int]) -> None:
        """An operation that did not commit has met the end of its channel."""
        name = event.process
        if event.kind == "offered":
            self.offered[name] = (event.channel, "receive" if event.side == "send" else "send")
        elif event.kind not in ("parked", "resumed") and name in self.offered:
            met = self.offered.pop(name)
            if event.kind != "committed" and met in self.ended:
                _merge(clock, self.ended[met])
        if event.kind == "retired":
            _merge(self.ended.setdefault((event.channel, event.side), {}), clock)
        elif event.kind == "poisoned":
            for side in ("send", "receive"):
                _merge(self.ended.setdefault((event.channel, side), {}), clock)

    def _learn_of_children(self, event: Event, clock: dict[str, int]) -> None:
        """Who waits for the end of others knows what they knew; so does who has ended."""
        name = event.process
        waited = self.joins.pop(name, False)
        if event.kind == "parked":
            self.joins[name] = event.detail == "children" or event.detail.startswith("the end of ")
        if (waited or event.kind == "ended") and name in self.finished:
            _merge(clock, self.finished.pop(name))
        if event.kind == "ended":
            parent = parent_of(name, self.clocks)
            self.offered.pop(name, None)
            if parent is not None:
                label = name[len(parent) + 1 :]
                if label.startswith(("par[", "spawn[")):
                    _merge(self.finished.setdefault(parent, {}), clock)
                else:  # it ran in the place of its parent
                    _merge(self.clocks[parent], clock)

    def _alone(self, event: Event) -> Stamped:
        clock = self._tick(event)
        partner = value = ""
        if event.kind == "committed" and event.number:
            key = (event.channel, event.number)
            if event.side == "send":
                value = event.detail
                self._keep(self.sent, key, (event.process, event.detail, dict(clock)))
            elif event.side == "receive":
                if key in self.sent:
                    partner, value, known = self.sent[key]
                    _merge(clock, known)
            else:
                self._meet(key, clock)
        return self._stamp(event, clock, partner, value)

    def _meet(self, key: tuple[str, int], clock: dict[str, int]) -> None:
        """All members of a barrier have offered when the first of them goes on."""
        if key not in self.barriers:
            joint = dict(clock)
            for name, (channel, _) in self.offered.items():
                if channel == key[0]:
                    _merge(joint, self.clocks[name])
            self._keep(self.barriers, key, joint)
        _merge(clock, self.barriers[key])

    def _together(self, one: Event, other: Event) -> Iterator[Stamped]:
        sent, got = (one, other) if one.side == "send" else (other, one)
        mine, theirs = self._tick(sent), self._tick(got)
        _merge(theirs, mine)
        _merge(mine, theirs)
        yield self._stamp(sent, mine, got.process, sent.detail)
        yield self._stamp(got, theirs, sent.process, sent.detail)

    def _stamp(self, event: Event, clock: dict[str, int], partner: str, value: str) -> Stamped:
        return Stamped(event, dict(clock), partner, value)

    def _keep(self, line: OrderedDict[tuple[str, int], T], key: tuple[str, int], what: T) -> None:
        line[key] = what
        if len(line) > KEPT:
            line.popitem(last=False)


def _other_half(event: Event) -> tuple[str, int, str] | None:
    if event.kind != "committed" or not event.number or not event.side:
        return None
    return event.channel, event.number, "receive" if event.side == "send" else "send"


def _merge(clock: dict[str, int], known: Clock) -> None:
    for name, count in known.items():
        if count > clock.get(name, 0):
            clock[name] = count
