"""A sequence chart of a run: lanes for processes, and who communicated with whom, in order.

Invariant: what a chart keeps has an upper bound, however long the run was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain

from csp import Event

from ._clocks import Stamped, stamped
from ._folding import Folding, Repeated
from ._spans import what_is_waited_for

LANES, MESSAGES = 8, 60
VALUES = 3  # shown of a message that is repeated
KNOWN = 10_000  # names of processes beyond the lanes, and rendezvous of barriers, that are counted


@dataclass(slots=True)
class Message:
    """A line of a chart: a value goes from `sender` to `receiver`, or `members` meet at a barrier.

    `values` are the first ones of a message that is repeated.  `concurrent`: with how
    many of the lines right before it, in that neither can have caused the other.  `waited`: the
    value was not taken at once, as in a buffer.  `sender` is "" if it came from elsewhere.  `unseen`
    members met there too, and have no lane.

    >>> Message("main.jobs", "main.producer", "main.worker", values=["7"]).lanes
    ('main.producer', 'main.worker')
    """

    channel: str
    sender: str = ""
    receiver: str = ""
    members: tuple[str, ...] = ()
    values: list[str] = field(default_factory=list[str])
    concurrent: int = 0
    waited: bool = False
    unseen: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """Messages with equal keys are folded."""
        return (
            self.channel,
            self.sender,
            self.receiver,
            self.members,
            self.waited,
            self.unseen,
        )

    @property
    def lanes(self) -> tuple[str, ...]:
        """The processes that take part."""
        return self.members or tuple(name for name in (self.sender, self.receiver) if name)


@dataclass
class Chart:
    """What `chart` has found: lanes in the order in which they first communicated.

    `later` messages came when the chart was full, `aside` ones between processes without a lane, of
    which `hidden` are some; `waiting` says what a process waited for that was cancelled or had not
    ended.

    >>> Chart(later=3).left_out()
    ['3 later messages left out (choose with --from)']
    """

    lanes: list[str] = field(default_factory=list[str])
    items: list[Message | Repeated[Message]] = field(
        default_factory=list["Message | Repeated[Message]"]
    )
    later: int = 0
    aside: int = 0
    hidden: list[str] = field(default_factory=list[str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])

    def left_out(self) -> list[str]:
        """Sentences about what the chart does not show."""
        said: list[str] = []
        if self.aside:
            more = f" and {len(self.hidden) - 5} more" if len(self.hidden) > 5 else ""
            names = ", ".join(self.hidden[:5])
            said.append(
                f"{_count(self.aside, 'message')} of processes without a lane left out: "
                f"{names}{more} (choose with --lanes)"
            )
        if self.later:
            said.append(f"{_count(self.later, 'later message')} left out (choose with --from)")
        return said


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def chart(
    events: Iterable[Event],
    /,
    *,
    lanes: Iterable[str] = (),
    begin: float = 0.0,
    end: float = float("inf"),
    most_lanes: int = LANES,
    most_messages: int = MESSAGES,
) -> Chart:
    """A sequence chart of the events of a run.

    `lanes` are names of processes, or patterns (`fork*`), for their paths or the ends of these; by
    default the first ones that communicate get a lane.  `begin` and `end` are in seconds since the
    first event.  Repetitions are folded and count as often as they are shown.

    >>> from csp import Event
    >>> sent = Event("committed", "main.a", "main.c", "send", "7", 0.1, 1, True)
    >>> got = Event("committed", "main.b", "main.c", "receive", "", 0.2, 1, True)
    >>> drawn = chart([sent, got])
    >>> drawn.lanes, drawn.items[0].values
    (['main.a', 'main.b'], ['7'])
    """
    making = _Making(list(lanes), most_lanes, most_messages)
    events = iter(events)
    first = next(events, None)
    if first is not None:
        for at in stamped(chain([first], events)):
            since = at.event.time - first.time
            if since <= end:
                making.see(at, begin <= since)
    return making.finish()


class _Making:
    def __init__(self, wanted: list[str], most_lanes: int, most_messages: int) -> None:
        self.wanted, self.most_lanes, self.most_messages = wanted, most_lanes, most_messages
        self.chart = Chart()
        self.folding = Folding[Message](lambda message: message.key, _again)
        self.last: deque[Stamped] = deque(maxlen=LANES)
        self.full = False
        self.parked: dict[str, str] = {}
        self.meeting: dict[str, tuple[int, list[str], Stamped]] = {}
        self.hidden: dict[str, None] = {}

    def see(self, at: Stamped, shown: bool) -> None:
        event = at.event
        self._follow(event)
        if event.kind != "committed" or not event.number or not shown:
            return
        if event.side == "receive":
            message = Message(event.channel, at.partner, event.process, waited=not event.met)
            message.values = [at.value] if at.value else []
            self._add(message, at)
        elif not event.side:
            self._sync(event, at)

    def _follow(self, event: Event) -> None:
        """What a process waits for, and whether it got it."""
        name = event.process
        if event.kind == "parked" and event.detail not in ("trio", "children"):
            self.parked[name] = what_is_waited_for(event)
        elif event.kind in ("committed", "offered"):
            self.parked.pop(name, None)
        elif event.kind == "retired" and event.detail and name in self.parked:
            self.chart.waiting[name] = self.parked.pop(name)
        elif event.kind == "ended":
            self.parked.pop(name, None)

    def _sync(self, event: Event, at: Stamped) -> None:
        """A barrier is one line: that of its members which went on with one number."""
        known = self.meeting.get(event.channel)
        if known is not None and known[0] == event.number:
            known[1].append(event.process)
            return
        if known is not None:
            self._add(Message(event.channel, members=tuple(sorted(known[1]))), known[2])
        self.meeting[event.channel] = event.number, [event.process], at

    def _add(self, message: Message, at: Stamped) -> None:
        if not self._is_seen(message):
            self.chart.aside += 1
            return
        for earlier in self.last:
            if not at.is_concurrent_with(earlier):
                break
            message.concurrent += 1
        self.last.appendleft(at)
        if self.full:
            self.chart.later += 1
            return
        self.folding.add(message)
        self.full = self.folding.rows() > 2 * self.most_messages

    def _is_seen(self, message: Message) -> bool:
        """Both sides have a lane; of a barrier those are drawn that have one."""
        if not message.members:
            return all(self._has_lane(name) for name in message.lanes)
        seen = tuple(name for name in message.members if self._has_lane(name))
        message.unseen = len(message.members) - len(seen)
        message.members = seen
        return bool(seen)

    def _has_lane(self, name: str) -> bool:
        lanes = self.chart.lanes
        if name in lanes:
            return True
        if (not self.wanted or _is_wanted(name, self.wanted)) and len(lanes) < self.most_lanes:
            lanes.append(name)
            return True
        if len(self.hidden) < KNOWN:
            self.hidden[name] = None
        return False

    def finish(self) -> Chart:
        for channel, (_, members, at) in self.meeting.items():
            self._add(Message(channel, members=tuple(sorted(members))), at)
        made = self.chart
        made.items, cut = _first(self.folding.items, self.most_messages)
        made.later += cut
        made.hidden = list(self.hidden)
        for name, what in self.parked.items():
            made.waiting[name] = what
        made.waiting = {name: what for name, what in made.waiting.items() if name in made.lanes}
        return made


def _again(first: Message, later: Message) -> None:
    """What is kept of a message that is folded away."""
    first.values += later.values[: VALUES - len(first.values)]
    first.concurrent = min(first.concurrent, later.concurrent)


def _is_wanted(name: str, wanted: list[str]) -> bool:
    """A path fits a pattern if it does as a whole, or an end of it does."""
    parts = name.split(".")
    tails = [".".join(parts[i:]) for i in range(len(parts))]
    return any(tail == one or fnmatchcase(tail, one) for tail in tails for one in wanted)


def _first(
    items: list[Message | Repeated[Message]], most: int
) -> tuple[list[Message | Repeated[Message]], int]:
    """The first items of at most `most` lines; how many messages are in the others."""
    kept: list[Message | Repeated[Message]] = []
    lines = cut = 0
    for item in items:
        lines += _lines(item)
        if lines <= most:
            kept.append(item)
        else:
            cut += _messages(item)
    return kept, cut


def _lines(item: Message | Repeated[Message]) -> int:
    return sum(map(_lines, item.body)) if isinstance(item, Repeated) else 1


def _messages(item: Message | Repeated[Message]) -> int:
    if isinstance(item, Repeated):
        return item.times * sum(map(_messages, item.body))
    return 1
