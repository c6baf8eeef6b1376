"""What each process did when: it ran, or it waited, and for what.

One process of a program runs at a time, so its events say when it ran: from where it was started,
resumed or had committed to where it parked.  A process that runs another one by `await` waits meanwhile.

Invariant: the spans of a process follow each other without a gap and without an overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from csp import Event

from ._names import parent_of


class Span(NamedTuple):
    """From `begin` to `end`, in seconds of the run's clock, `process` ran or waited.

    `what` is "" while it ran, else what it waited for: a channel and a side ("main.jobs, receive"),
    the guards of an alternation, "trio" (time, input and output), "children", "a reply" ...

    >>> Span("main", "trio", 1.0, 3.5).seconds
    2.5
    """

    process: str
    what: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(slots=True)
class _State:
    what: str
    since: float
    child: str = ""  # it waits for this one, which it runs by `await`


def spans(events: Iterable[Event]) -> Iterator[Span]:
    """The spans of all processes of a run, each as soon as it is over.

    Processes that had not ended when the events did are taken to have gone on until then.

    >>> events = [Event("started", "main", "", "", "", 0.0), Event("ended", "main", "", "", "", 2.0)]
    >>> [span.seconds for span in spans(events)]
    [2.0]
    """
    states: dict[str, _State] = {}
    now = 0.0
    for event in events:
        now, name = event.time, event.process
        if not name:  # a trio task of no process
            continue
        state = states.get(name)
        if state is None:
            state = states[name] = _State("", now)
        if event.kind == "started":
            parent = parent_of(name, states)
            if parent is not None and not states[parent].what:
                yield from _change(parent, states[parent], f"{name}, by await", now)
                states[parent].child = name
        elif event.kind == "parked":
            yield from _change(name, state, what_is_waited_for(event), now)
        elif state.what and not state.child:
            yield from _change(name, state, "", now)
        if event.kind == "ended":
            yield from _change(name, state, "", now)
            del states[name]
            parent = parent_of(name, states)
            if parent is not None and states[parent].child == name:
                states[parent].child = ""
                yield from _change(parent, states[parent], "", now)
    for name, state in states.items():
        yield from _change(name, state, "", now)


def what_is_waited_for(event: Event) -> str:
    """The words for what a `parked` event waits for."""
    if event.channel:
        return f"{event.channel}, {event.side}" if event.side else event.channel
    return event.detail or "something"


def _change(name: str, state: _State, what: str, now: float) -> Iterator[Span]:
    if now > state.since:
        yield Span(name, state.what, state.since, now)
    state.what, state.since = what, now
