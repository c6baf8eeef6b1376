"""When a process ran, and when it waited for what."""

import itertools
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from csp import Channel, Par, Sender, process
from csp.view import Span, spans

from .made import event, events_of, sink, source


def of(name: str, found: Any) -> list[tuple[str, float, float]]:
    return [(span.what, span.begin, span.end) for span in found if span.process == name]


def test_a_process_runs_until_it_parks_and_from_where_it_is_resumed() -> None:
    found = spans([
        event("started", "p", time=1.0),
        event("offered", "p", "c", "send", time=2.0),
        event("parked", "p", "c", "send", time=3.0),
        event("resumed", "p", time=7.0),
        event("committed", "p", "c", "send", time=7.0),
        event("ended", "p", time=8.0),
    ])  # fmt: skip
    assert of("p", found) == [("", 1.0, 3.0), ("c, send", 3.0, 7.0), ("", 7.0, 8.0)]


def test_without_resumed_its_next_event_says_that_it_goes_on() -> None:
    found = spans([
        event("parked", "p", "c", "receive", time=1.0),
        event("committed", "p", "c", "receive", time=4.0),
        event("ended", "p", time=5.0),
    ])  # fmt: skip
    assert of("p", found) == [("c, receive", 1.0, 4.0), ("", 4.0, 5.0)]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"channel": "b"}, "b"),
        ({"detail": "trio"}, "trio"),
        ({"detail": "main.a, main.b, Timeout"}, "main.a, main.b, Timeout"),
        ({}, "something"),
    ],
)
def test_what_is_waited_for_has_words(fields: Any, what: str) -> None:
    found = spans([event("parked", "p", time=1.0, **fields), event("ended", "p", time=2.0)])
    assert of("p", found) == [(what, 1.0, 2.0)]


def test_who_awaits_a_process_waits_for_it() -> None:
    found = list(
        spans([
            event("started", "main", time=0.0),
            event("started", "main.child", time=1.0),
            event("ended", "main.child", time=3.0),
            event("ended", "main", time=4.0),
        ])
    )  # fmt: skip
    assert of("main", found) == [("", 0.0, 1.0), ("main.child, by await", 1.0, 3.0), ("", 3.0, 4.0)]
    assert of("main.child", found) == [("", 1.0, 3.0)]


def test_what_has_not_ended_goes_on_until_the_events_end() -> None:
    found = list(
        spans([
            event("started", "a", time=0.0),
            event("parked", "a", "c", "send", time=1.0),
            event("started", "b", time=1.0),
            event("offered", "b", "d", "send", time=5.0),
        ])
    )  # fmt: skip
    assert of("a", found) == [("", 0.0, 1.0), ("c, send", 1.0, 5.0)]
    assert of("b", found) == [("", 1.0, 5.0)]


def test_a_trio_task_of_no_process_has_no_span() -> None:
    assert not list(spans([event("committed", "", "c", "send"), event("offered", "", "c", "send")]))


def test_the_spans_of_a_run_leave_no_gap_and_do_not_overlap() -> None:
    @process
    async def sleeper(out: Sender[int]) -> None:
        await trio.sleep(2)
        await source(out.clone(), [1, 2])
        await trio.sleep(3)

    async def main() -> None:
        channel = Channel(int, name="c")
        await Par(sleeper(channel.sender()), sink(channel.receiver()))

    seen = events_of(main, lend=True, clock=MockClock(autojump_threshold=0))
    found = list(spans(seen))
    for name in {one.process for one in seen}:
        own = [span for span in found if span.process == name]
        assert all(a.end == b.begin for a, b in itertools.pairwise(own))
    waited = sum(span.seconds for span in found if span.what == "trio")
    assert waited == pytest.approx(5.0)
    children = [span for span in found if span.what == "children"]
    assert [span.process for span in children] == ["main"]
    assert children[0].seconds == pytest.approx(5.0)


def test_a_span_knows_its_seconds() -> None:
    assert Span("p", "", 1.5, 2.0).seconds == 0.5
