from __future__ import annotations

import os
import re
import sysconfig
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import csp

Load = Callable[[str], ModuleType]
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("workers", [1, 4])
def test_it_counts_what_a_plain_loop_counts(load: Load, workers: int) -> None:
    directory = Path(sysconfig.get_path("stdlib"), "email")
    report = csp.run(load("wordcount").count_words, directory, workers)
    words: Counter[str] = Counter()
    files = [path for path in directory.rglob("*") if path.suffix in (".py", ".txt")]
    for path in files:
        words.update(re.findall(r"[^\W\d_]+", path.read_text(encoding="utf-8").lower()))
    assert report.words == words
    assert (report.files, report.skipped) == (len(files), [])
    assert report.size == sum(path.stat().st_size for path in files)


def test_it_shows_words_and_totals(load: Load, tmp_path: Path, capsys: Capture) -> None:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("the cat The dog\n", encoding="utf-8")
    csp.run(load("wordcount").main, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["6", "the"]
    assert re.fullmatch(r"3 files, 48 bytes, \d+\.\d s, 4 workers", lines[-1])


def test_files_that_are_not_utf8_are_skipped_and_listed(
    load: Load, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "good.txt").write_text("word\n", encoding="utf-8")
    for i in range(22):
        (tmp_path / f"bad{i}.txt").write_bytes(b"ab\xff\xfe")
    csp.run(load("wordcount").main, tmp_path)
    out = capsys.readouterr().out
    assert "1 files, 5 bytes" in out
    assert "skipped 22:" in out
    assert f"{tmp_path / 'bad0.txt'}: not UTF-8 (byte 0xff at 2)" in out
    assert out.count("not UTF-8") == 20
    assert out.splitlines()[-1].strip() == "and 2 more"


def test_what_cannot_be_read_is_skipped_and_listed(
    load: Load, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "good.txt").write_text("word\n", encoding="utf-8")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.txt").symlink_to(tmp_path / "round.txt")
    csp.run(load("wordcount").main, tmp_path)
    out = capsys.readouterr().out
    assert "1 files, 5 bytes" in out
    assert f"{tmp_path / 'gone.txt'}: No such file or directory" in out
    assert f"{tmp_path / 'round.txt'}: " in out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_what_one_may_not_read_is_skipped_and_listed(
    load: Load, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "shut.txt").write_text("word\n", encoding="utf-8")
    (tmp_path / "shut.txt").chmod(0)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    try:
        csp.run(load("wordcount").main, tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    out = capsys.readouterr().out
    assert f"{tmp_path / 'shut.txt'}: Permission denied" in out
    assert f"{tmp_path / 'closed'}: Permission denied" in out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a named pipe")
def test_a_pipe_is_left_alone(load: Load, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")  # reading it would wait for ever
    report = csp.run(load("wordcount").count_words, tmp_path, 2)
    assert (report.files, report.skipped) == (0, [])


def test_installed_packages_are_left_out_unless_asked_for(load: Load, tmp_path: Path) -> None:
    for name in ("site-packages", "dist-packages", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.py").write_text(name, encoding="utf-8")
    count_words = load("wordcount").count_words
    assert csp.run(count_words, tmp_path, 2).words == {"mine": 1}
    assert csp.run(count_words, tmp_path / "site-packages", 2).files == 1


def test_a_missing_directory_is_named(load: Load, tmp_path: Path, capsys: Capture) -> None:
    csp.run(load("wordcount").main, tmp_path / "nowhere")
    assert capsys.readouterr().out == (
        f"there is no directory {tmp_path / 'nowhere'}; nothing was counted\n"
    )


def test_a_pool_without_workers_is_refused(load: Load, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="workers=0: at least one is needed"):
        csp.run(load("wordcount").main, tmp_path, 0)
