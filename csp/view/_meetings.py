"""Who met whom: the structure of a run, without its times.

After the structural traces of Neil Brown and Marc Smith ("Representation and Implementation of CSP
and VCR Traces", Communicating Process Architectures 2008): each process records what itself took
part in, and repetitions are folded, `5*(jobs? -> results!)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from csp import Event

from ._folding import Folding, Repeated, plain
from ._names import short_names
from ._pairing import Pair, Pairing

STEPS = 24  # of a process that are shown, repetitions folded


class Met(NamedTuple):
    """`sender` and `receiver` on `channel`; each is "" if it was not seen, as in another program.

    >>> Met("main.c", "main.a", "main.b").sender
    'main.a'
    """

    channel: str
    sender: str
    receiver: str


@dataclass
class Meetings:
    """What `meetings` has found.

    `pairs` says how many values each pair of processes passed on a channel, `barriers` how often
    each member met the others there, `steps` what each process did, in its own order: `c!` is a
    send, `c?` a receive, `b*` a barrier.  A process that did too much for a line ends in `...`.

    >>> Meetings(steps={"main.worker": "jobs? -> results!"}).steps["main.worker"]
    'jobs? -> results!'
    """

    pairs: dict[Met, int] = field(default_factory=dict[Met, int])
    barriers: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    steps: dict[str, str] = field(default_factory=dict[str, str])


SIGNS = {"send": "!", "receive": "?", "": "*"}


def meetings(events: Iterable[Event], /) -> Meetings:
    """Who communicated with whom, on which channel, how often; and what each process did.

    What it keeps grows with the processes and channels of a run, not with its length.

    >>> from csp import Event
    >>> sent = Event("committed", "main.a", "main.c", "send", "7", 0.1, 1, True)
    >>> got = Event("committed", "main.b", "main.c", "receive", "", 0.2, 1, True)
    >>> found = meetings([sent, got, sent, got])
    >>> found.pairs[Met("main.c", "main.a", "main.b")], found.steps["main.a"]
    (2, '2*c!')
    """
    found, own, pairing = Meetings(), dict[str, _Own](), Pairing()
    for event in events:
        if event.kind != "committed" or not event.channel or not event.number:
            continue
        own.setdefault(event.process, _Own()).add((event.channel, SIGNS[event.side]))
        if not event.side:
            member = event.channel, event.process
            found.barriers[member] = found.barriers.get(member, 0) + 1
        for pair in pairing.take(event):
            _count(found, pair)
    for pair in pairing.rest():
        _count(found, pair)
    channels = short_names(channel for steps in own.values() for channel, _ in steps.all())
    found.steps = {name: steps.text(channels) for name, steps in own.items()}
    return found


def _count(found: Meetings, pair: Pair) -> None:
    half = pair.sent or pair.got
    assert half is not None
    sender = pair.sent.process if pair.sent is not None else ""
    receiver = pair.got.process if pair.got is not None else ""
    met = Met(half.channel, sender, receiver)
    found.pairs[met] = found.pairs.get(met, 0) + 1


Step = tuple[str, str]  # channel, sign


class _Own:
    """What one process did."""

    def __init__(self) -> None:
        self.folding: Folding[Step] = Folding(lambda step: step)
        self.more = False

    def add(self, step: Step) -> None:
        if not self.more:
            self.folding.add(step)
            self.more = self.folding.rows() > 2 * STEPS

    def all(self) -> Iterable[Step]:
        return plain(self.folding.items)

    def text(self, channels: dict[str, str]) -> str:
        parts = [_text(item, channels) for item in self.folding.items[:STEPS]]
        if self.more or len(self.folding.items) > STEPS:
            parts.append("...")
        return " -> ".join(parts)


def _text(item: Step | Repeated[Step], channels: dict[str, str]) -> str:
    if isinstance(item, Repeated):
        body = " -> ".join(_text(part, channels) for part in item.body)
        return f"{item.times}*({body})" if len(item.body) > 1 else f"{item.times}*{body}"
    channel, sign = item
    return channels[channel] + sign
