"""What programs write and log, heard here."""

from __future__ import annotations

import logging
from typing import Any

from netchannels.placement._said import hear, record


def test_lines_are_written_to_the_stream_they_came_from_with_a_label(capsys: Any) -> None:
    hear("worker 1", "stdout", "out")
    hear("worker 2", "stderr", "err")
    assert capsys.readouterr() == ("worker 1: out\n", "worker 2: err\n")


def test_records_are_logged_by_their_logger_with_their_level(caplog: Any, capsys: Any) -> None:
    with caplog.at_level(logging.INFO):
        hear("worker 1", "stderr", record("app.part", logging.ERROR, "100 %s\nmore"))
    assert [(r.name, r.levelno, r.getMessage()) for r in caplog.records] == [
        ("app.part", logging.ERROR, "worker 1: 100 %s\nmore")
    ]
    assert capsys.readouterr() == ("", "")


def test_what_only_looks_like_a_record_is_a_line(capsys: Any) -> None:
    for line in ("\x1e", "\x1e{", '\x1e["a"]', "\x1e3", '\x1e["a", "b", "c"]'):
        hear("w", "stdout", line)
    assert capsys.readouterr().out.count("w: \x1e") == 5
