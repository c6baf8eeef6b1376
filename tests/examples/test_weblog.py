from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


def test_the_sample_is_counted(run: Run) -> None:
    report = run("weblog")
    assert report.status == {200: 3, 302: 1, 304: 1, 404: 1}
    assert report.bytes == {"/": 4652, "/logo.png": 5120, "/login": 0, "/old.html": 196}
    assert (report.visitors, report.strange) == (4, 1)


def test_a_file_is_counted(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    line = '192.0.2.{} - - [10/Oct/2025:13:55:36 +0000] "GET /{} HTTP/1.1" 200 10\n'
    text = "".join(line.format(number % 7, number % 3) for number in range(300))
    log.write_bytes(text.encode() + b"\xff nonsense\n")
    report = run("weblog", file=str(log))
    assert report.status == {200: 300}
    assert report.bytes == {"/0": 1000, "/1": 1000, "/2": 1000}
    assert (report.visitors, report.strange) == (7, 1)


def test_an_output_that_nobody_reads_stops_all_and_is_named(run: Run) -> None:
    with pytest.raises(csp.Deadlock) as caught:
        run("weblog", rest=False)
    assert "`parse` waits to send to `strange`, which has no receiver: make one" in str(
        caught.value
    )


def test_an_empty_log_has_nothing(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.touch()
    report = run("weblog", file=str(log))
    assert (report.status, report.bytes, report.visitors, report.strange) == ({}, {}, 0, 0)
