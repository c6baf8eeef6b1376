"""Timelines: what the Trace Event Format asks for, and what it shows."""

import io
import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest

from csp import Channel, Event, Par
from csp.view import write_timeline

from .made import copier, event, events_of, met, ring, sink, source


def timeline(events: Iterable[Event]) -> list[dict[str, Any]]:
    file = io.BytesIO()
    count = write_timeline(events, file, name="a run")
    document = json.loads(file.getvalue())
    assert document["displayTimeUnit"] == "ms"
    assert len(document["traceEvents"]) == count
    entries: list[dict[str, Any]] = document["traceEvents"]
    return entries


def of_kind(entries: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry["ph"] == kind]


@pytest.fixture
def run() -> list[Event]:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b", buffer=2)
        await Par(
            source(a.sender(), range(20)), copier(a.receiver(), b.sender()), sink(b.receiver())
        )

    return events_of(main)


FIELDS = {
    "M": {"name", "ph", "pid", "tid", "args"},
    "X": {"name", "cat", "ph", "ts", "dur", "pid", "tid"},
    "s": {"name", "cat", "ph", "id", "ts", "pid", "tid", "args"},
    "f": {"name", "cat", "ph", "id", "bp", "ts", "pid", "tid", "args"},
}


def test_every_entry_has_the_fields_of_its_kind(run: list[Event]) -> None:
    for entry in timeline(run):
        assert entry.keys() == FIELDS[entry["ph"]]
        assert entry.get("ts", 0) >= 0
        assert entry.get("dur", 0) >= 0


def test_the_program_and_its_processes_have_names(run: list[Event]) -> None:
    about = of_kind(timeline(run), "M")
    assert about[0] == {
        "name": "process_name", "ph": "M", "pid": 1, "tid": 0, "args": {"name": "a run"},
    }  # fmt: skip
    names = [entry["args"]["name"] for entry in about if entry["name"] == "thread_name"]
    assert sorted(names) == ["copier", "main", "sink", "source"]
    assert len({entry["tid"] for entry in about}) == 5


def test_the_slices_of_a_thread_do_not_overlap(run: list[Event]) -> None:
    slices = of_kind(timeline(run), "X")
    for thread in {entry["tid"] for entry in slices}:
        own = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == thread)
        assert all(a[1] <= b[0] + 0.001 for a, b in itertools.pairwise(own))


def test_a_slice_says_what_is_waited_for() -> None:
    entries = timeline([
        event("started", "p", time=10.0),
        event("parked", "p", "main.c", "send", time=10.5),
        event("resumed", "p", time=12.0),
        event("ended", "p", time=12.25),
    ])  # fmt: skip
    assert [(e["name"], e["ts"], e["dur"]) for e in of_kind(entries, "X")] == [
        ("runs", 0.0, 500_000.0),
        ("waits: main.c, send", 500_000.0, 1_500_000.0),
        ("runs", 2_000_000.0, 250_000.0),
    ]


def test_each_communication_is_an_arrow_that_does_not_go_back_in_time(run: list[Event]) -> None:
    entries = timeline(run)
    begins = {entry["id"]: entry for entry in of_kind(entries, "s")}
    ends = {entry["id"]: entry for entry in of_kind(entries, "f")}
    assert begins.keys() == ends.keys()
    assert len(begins) == 40
    for number, begin in begins.items():
        end = ends[number]
        assert begin["ts"] <= end["ts"]
        assert begin["tid"] != end["tid"]
        assert (begin["name"], begin["cat"]) == (end["name"], end["cat"])


def test_both_ends_of_an_arrow_are_in_a_slice(run: list[Event]) -> None:
    entries = timeline(run)
    slices = of_kind(entries, "X")
    for end in of_kind(entries, "s") + of_kind(entries, "f"):
        assert any(
            s["tid"] == end["tid"] and s["ts"] - 0.001 <= end["ts"] <= s["ts"] + s["dur"] + 0.001
            for s in slices
        )


def test_an_arrow_carries_the_value() -> None:
    (begin,) = of_kind(timeline(met("a", "b", "c", 1, "'x'")), "s")
    assert begin["args"] == {"value": "'x'"}


def test_a_run_of_nothing_is_a_timeline_too() -> None:
    assert [entry["name"] for entry in timeline([])] == ["process_name"]


def test_arrows_are_written_as_they_come() -> None:
    entries = [entry["ph"] for entry in timeline(ring(100))]
    assert entries.index("f") < len(entries) // 10
