"""How long each process ran, and what it waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from csp import Event

from ._spans import spans


@dataclass
class Usage:
    """The seconds that a process ran and waited, `on` what, and its communications.

    `communications` are those that committed, `ran` and `waited` count until it ended, or until the
    trace did.  A wait includes that for its turn, as one process of a program runs at a time.

    >>> Usage("main", ran=1.0, on={"trio": 2.0, "children": 1.0}).waited
    3.0
    """

    process: str
    communications: int = 0
    ran: float = 0.0
    on: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def waited(self) -> float:
        """All its waits together, in seconds."""
        return sum(self.on.values())

    def longest(self, count: int) -> list[tuple[str, float]]:
        """What it waited for longest, and how many seconds."""
        return sorted(self.on.items(), key=lambda one: -one[1])[:count]


def usage(events: Iterable[Event], /) -> list[Usage]:
    """What each process of a run did with its time, in the order in which they began.

    Processes of one name are counted together: one that was started again, say.

    >>> from csp import Event
    >>> (main,) = usage([Event(kind, "main", "", "", "", time) for kind, time in
    ...     [("started", 0.0), ("parked", 1.0), ("resumed", 5.0), ("ended", 7.0)]])
    >>> main.ran, main.on
    (3.0, {'something': 4.0})
    """
    found: dict[str, Usage] = {}

    def counted() -> Iterator[Event]:
        for event in events:
            if event.process:
                process = found.setdefault(event.process, Usage(event.process))
                process.communications += event.kind == "committed" and event.number > 0
            yield event

    for span in spans(counted()):
        process = found[span.process]
        if span.what:
            process.on[span.what] = process.on.get(span.what, 0.0) + span.seconds
        else:
            process.ran += span.seconds
    return list(found.values())
