"""A run on a time axis, for https://ui.perfetto.dev and chrome://tracing.

The format: "Trace Event Format" (Google, 2016), JSON object form.  Each process is a thread of one
program: a slice (`X`) for each time it ran or waited, an arrow (`s`, `f`) for each communication
from where its sender offered to where its receiver goes on.  Times are microseconds since the first
event.

Invariant: entries are written as they come; what is kept grows with the processes of the run, and
with at most 10,000 values on their way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from csp import Event

from ._names import short_names
from ._pairing import Pair, Pairing
from ._spans import Span, spans

PROGRAM = 1  # the number of the only program
Entry = dict[str, Any]


def write_timeline(events: Iterable[Event], file: BinaryIO, /, *, name: str = "csp") -> int:
    """Write the timeline of a run to an open binary file; returns how many entries it has.

    `name` is that of the program.  Raises what writing to the file raises.

    >>> import io
    >>> from csp import Event
    >>> file = io.BytesIO()
    >>> write_timeline([Event("started", "main", "", "", "", 1.0)], file)
    3
    """
    encode, count = msgspec.json.encode, 0
    file.write(b'{"displayTimeUnit":"ms","traceEvents":[\n')
    for entry in _Timeline().entries(events, name):
        file.write((b",\n" if count else b"") + encode(entry))
        count += 1
    file.write(b"\n]}\n")
    return count


class _Timeline:
    def __init__(self) -> None:
        self.start: float = 0.0
        self.threads: dict[str, int] = {}
        self.pairing = Pairing()
        self.flows: list[Entry] = []
        self.number = 0

    def entries(self, events: Iterable[Event], name: str) -> Iterator[Entry]:
        yield _about("process_name", 0, name=name)
        for span in spans(self._watched(events)):
            yield from self._take_flows()
            yield self._slice(span)
        yield from self._take_flows()
        known = short_names(self.threads)
        for process, thread in self.threads.items():
            yield _about("thread_name", thread, name=known[process])
            yield _about("thread_sort_index", thread, sort_index=thread)

    def _watched(self, events: Iterable[Event]) -> Iterator[Event]:
        for number, event in enumerate(events):
            if number == 0:
                self.start = event.time
            if event.process:
                self.threads.setdefault(event.process, len(self.threads) + 1)
            for pair in self.pairing.take(event):
                self._see(pair)
            yield event

    def _see(self, pair: Pair) -> None:
        """A communication: an arrow from one thread to another, at the time of the receive."""
        sent, got = pair
        if sent is None or got is None or not sent.process or not got.process:
            return
        self.number += 1
        shown = {"name": got.channel, "cat": "communication", "id": self.number, "pid": PROGRAM}
        value = {"value": sent.detail}
        begin = self._at(min(sent.time, got.time))
        there, here = self.threads[sent.process], self.threads[got.process]
        self.flows += [
            {**shown, "ph": "s", "ts": begin, "tid": there, "args": value},
            {**shown, "ph": "f", "bp": "e", "ts": self._at(got.time), "tid": here, "args": value},
        ]

    def _take_flows(self) -> Iterator[Entry]:
        yield from self.flows
        self.flows.clear()

    def _slice(self, span: Span) -> Entry:
        begin, end = self._at(span.begin), self._at(span.end)
        return {
            "name": f"waits: {span.what}" if span.what else "runs",
            "cat": "waits" if span.what else "runs",
            "ph": "X",
            "ts": begin,
            "dur": round(end - begin, 3),
            "pid": PROGRAM,
            "tid": self.threads[span.process],
        }

    def _at(self, time: float) -> float:
        """Microseconds since the first event, to the nanosecond."""
        return round((time - self.start) * 1e6, 3)


def _about(what: str, thread: int, **args: object) -> Entry:
    """An entry that names a thread or the program."""
    return {"name": what, "ph": "M", "pid": PROGRAM, "tid": thread, "args": args}
