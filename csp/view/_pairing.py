"""Which send goes with which receive: the two halves of a communication, found in a stream.

Invariant: at most `KEPT` values are remembered; of an older one the halves are given up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from csp import Event

KEPT = 10_000  # values


class Pair(NamedTuple):
    """A send and a receive of one value; None where a half was not seen, as in another program."""

    sent: Event | None
    got: Event | None


class Pairing:
    """Takes events, and gives the pairs that are complete with each of them.

    >>> from csp import Event
    >>> pairing = Pairing()
    >>> list(pairing.take(Event("committed", "b", "c", "receive", "", 0.1, 1)))
    []
    >>> [(pair.sent.process, pair.got.process)
    ...     for pair in pairing.take(Event("committed", "a", "c", "send", "", 0.2, 1))]
    [('a', 'b')]
    """

    def __init__(self) -> None:
        self._underway: OrderedDict[tuple[str, int], _Value] = OrderedDict()

    def take(self, event: Event) -> Iterator[Pair]:
        """The pairs that are known now, and those that were given up for it."""
        if event.kind != "committed" or not event.number or not event.side:
            return
        key = event.channel, event.number
        value = self._underway.setdefault(key, _Value())
        yield from value.take(event)
        if event.met and value.arrived:
            del self._underway[key]
        elif len(self._underway) > KEPT:
            yield from self._underway.popitem(last=False)[1].halves()

    def rest(self) -> Iterator[Pair]:
        """The halves of which the other one was not seen."""
        for value in self._underway.values():
            yield from value.halves()
        self._underway.clear()


class _Value:
    """One value: a broadcast goes to many, a lease that was given back goes out again."""

    def __init__(self) -> None:
        self.sent: Event | None = None
        self.got: list[Event] = []  # by those that went on before the sender
        self.arrived: bool = False

    def take(self, event: Event) -> Iterator[Pair]:
        if event.side == "send":
            self.sent = event
        else:
            self.got.append(event)
        if self.sent is not None:
            while self.got:
                self.arrived = True
                yield Pair(self.sent, self.got.pop(0))

    def halves(self) -> Iterator[Pair]:
        if self.sent is not None and not self.arrived:
            yield Pair(self.sent, None)
        for got in self.got:
            yield Pair(None, got)
