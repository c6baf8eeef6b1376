"""The file of a trace: written by the batch, read line by line, with clear errors."""

from pathlib import Path

import pytest

from csp import Event
from csp.view import BrokenTrace, Trace, TraceFile

from .made import event, ring


def written(path: Path, *events: Event) -> Path:
    with TraceFile(path) as trace:
        for one in events:
            trace.write(one)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    events = [
        event("committed", "main.wörker 3", "main.c", "send", detail="'é\\n'", number=3, met=True),
        event("ended", "main"),
    ]
    path = written(tmp_path / "run.jsonl", *events)
    assert list(Trace(path)) == list(Trace(path)) == events


def test_events_are_written_by_the_batch_and_each_second(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def lines() -> int:
        return len(path.read_bytes().splitlines())

    with TraceFile(path) as trace:
        for _ in range(trace.BATCH - 1):
            trace.write(event("offered", "main", time=0.0))
        assert lines() == 0
        trace.write(event("offered", "main", time=0.0))
        assert lines() == trace.BATCH
        trace.write(event("offered", "main", time=5.0))
        trace.write(event("offered", "main", time=5.5))
        assert lines() == trace.BATCH
        trace.write(event("offered", "main", time=6.5))
        assert lines() == trace.BATCH + 3
        trace.write(event("offered", "main", time=6.5))
    assert lines() == trace.BATCH + 4


def test_a_name_that_no_file_can_hold_ends_the_trace_and_nothing_else(tmp_path: Path) -> None:
    with TraceFile(tmp_path / "run.jsonl") as trace:
        trace.write(event("poisoned", "main", detail="\ud800"))
    assert "surrogates" in trace.problem


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_trace_and_nothing_else() -> None:
    with TraceFile("/dev/full") as trace:
        trace.write(event("ended", "main"))
    assert trace.problem == "No space left on device"


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TraceFile(tmp_path / "no" / "run.jsonl")
    with pytest.raises(FileNotFoundError):
        list(Trace(tmp_path / "run.jsonl"))


def test_a_last_line_that_is_cut_off_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", *ring(2))
    whole = path.read_bytes()
    for less in (2, 20, 100):
        path.write_bytes(whole[:-less])
        trace = Trace(path)
        assert len(list(trace)) == 11
        assert trace.cut.startswith(f"line 12 of {path} is cut off")


def test_a_last_line_without_its_newline_is_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "run.jsonl", *ring(1))
    path.write_bytes(path.read_bytes()[:-1])
    trace = Trace(path)
    assert len(list(trace)) == 6
    assert not trace.cut


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{}\n", "missing required field"),
        (b"hello\n", "malformed"),
        (b"[1, 2]\n", "Expected `object`"),
        (b'{"kind": "sang", "process": "", "channel": "", "side": "", "detail": "", "time": 0}\n',
         "Invalid enum value 'sang'"),
        (b"\xff\xfe\n", "malformed"),
        (b"x" * (1 << 21), "malformed"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    path = written(tmp_path / "run.jsonl", event("started", "main"))
    path.write_bytes(path.read_bytes() + b"\n" + line + b"{}\n")
    with pytest.raises(BrokenTrace, match=why) as caught:
        list(Trace(path))
    assert f"line 3 of {path} is no event of a trace" in str(caught.value)
    assert "csp run FILE --trace" in str(caught.value)


def test_records_without_the_younger_fields_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(
        '{"kind": "ended", "process": "main", "channel": "", "side": "", "detail": "", "time": 1}\n'
    )
    (one,) = Trace(path)
    assert (one.number, one.met, one.time) == (0, False, 1.0)
