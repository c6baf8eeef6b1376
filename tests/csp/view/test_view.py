"""What is promised of all of it: a run of any length is seen in bounded memory."""

import gc
import io
import itertools
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from csp import Event
from csp.view import chart, meetings, spans, stamped, usage, write_timeline

from .made import kept, ring


def of_any_length(rounds: int) -> Iterator[Event]:
    """A ring, and values that are kept, each of its own: nothing repeats itself."""
    times = itertools.count()
    for number in range(1, rounds + 1):
        yield from ring(1)
        yield from kept("main.q0", "main.q1", "main.d", number, str(number))
        yield Event("parked", "main.q0", "main.d", "send", "", next(times))
        yield Event("resumed", "main.q0", "", "", "", next(times))


class Nowhere(io.RawIOBase):
    """A file that forgets what is written."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


def exhausted(found: Iterable[object]) -> None:
    for _ in found:
        pass


VIEWS: dict[str, Callable[[Iterable[Event]], object]] = {
    "chart": chart,
    "clocks": lambda events: exhausted(stamped(events)),
    "meetings": meetings,
    "spans": lambda events: exhausted(spans(events)),
    "timeline": lambda events: write_timeline(events, Nowhere()),  # type: ignore[arg-type]
    "usage": usage,
}


def peak(view: Callable[[Iterable[Event]], object], rounds: int) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        view(of_any_length(rounds))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", VIEWS)
def test_a_run_seven_times_as_long_takes_no_more_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("_pairing.KEPT", "_clocks.KEPT"):  # reached in the shorter run as well
        monkeypatch.setattr(f"csp.view.{bound}", 50)
    peak(VIEWS[name], 10)  # what is loaded once
    shorter, longer = peak(VIEWS[name], 300), peak(VIEWS[name], 2_000)
    assert longer < shorter + 60_000  # 36 bytes for each of the other rounds
