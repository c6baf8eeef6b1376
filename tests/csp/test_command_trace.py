"""`csp trace`: what it prints, and what it says about files that are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from csp.cli import main

PROGRAM = """
from csp import Channel, Par, Receiver, Sender, process

@process
async def producer(jobs: Sender[int]) -> None:
    for number in range(5):
        await jobs.send(number)

@process
async def worker(jobs: Receiver[int], results: Sender[int]) -> None:
    async for number in jobs:
        await results.send(number * number)

@process
async def collector(results: Receiver[int]) -> None:
    async for _ in results:
        pass

async def main() -> None:
    jobs, results = Channel(int, name="jobs"), Channel(int, name="results")
    await Par(
        producer(jobs.sender()),
        worker(jobs.receiver(), results.sender()),
        collector(results.receiver()),
    )
"""

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    program, trace = tmp_path / "three_in_a_row.py", tmp_path / "run.jsonl"
    program.write_text(PROGRAM)
    assert main(["run", str(program), "--trace", str(trace)]) == 0
    return trace


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["trace", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_unless_told_otherwise_it_draws_a_chart(say: Say, trace: Path) -> None:
    code, out, err = say(trace)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert sorted(lines[0].split()) == ["collector", "producer", "worker"]
    assert out.count("jobs: 0") == out.count("results: 0") == 1
    assert "left out" not in out


def test_lanes_are_chosen_and_the_rest_is_said(say: Say, trace: Path) -> None:
    _, out, _ = say(trace, "--lanes", "producer, work*")
    assert out.splitlines()[0].split() == ["producer", "worker"]
    assert "5 messages of processes without a lane left out: main.par[2].collector" in out


def test_a_part_in_time_is_chosen(say: Say, trace: Path) -> None:
    assert say(trace, "--from", 3600)[1] == "nobody communicated\n"
    assert "jobs" in say(trace, "--to", 3600)[1]


def test_the_chart_for_mermaid(say: Say, trace: Path) -> None:
    lines = say(trace, "--format", "mermaid")[1].splitlines()
    assert lines[0] == "sequenceDiagram"
    assert sorted(line.split(" as ")[1] for line in lines[1:4]) == [
        "collector", "producer", "worker",
    ]  # fmt: skip


def test_who_met_whom(say: Say, trace: Path) -> None:
    _, out, _ = say(trace, "--meetings")
    words = [line.split() for line in out.splitlines()]
    assert ["jobs", "producer", "worker", "5"] in words
    assert ["results", "worker", "collector", "5"] in words
    assert "  worker: 5*(jobs? -> results!)" in out.splitlines()


def test_the_table_of_times(say: Say, trace: Path) -> None:
    _, out, _ = say(trace, "--table")
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["worker"].split()[1] == "10"
    assert "main.results, " in out
    assert all(" ms" in rows[name] for name in ("main", "producer", "worker", "collector"))


def test_each_event_with_its_clock(say: Say, trace: Path) -> None:
    _, out, _ = say(trace, "--clocks")
    assert len(out.splitlines()) == len(trace.read_text().splitlines())
    assert out.splitlines()[0] == "main started {main: 1}"
    of_worker = [line for line in out.splitlines() if line.startswith("main.par[1].worker")]
    assert "main.par[0].producer: " in of_worker[-1]


def test_the_timeline(say: Say, trace: Path, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    code, out, _ = say(trace, "--perfetto", target)
    entries = json.loads(target.read_text())["traceEvents"]
    assert code == 0
    assert out.startswith(f"{len(entries)} entries in {target}: open it at ")
    assert entries[0]["args"] == {"name": "run.jsonl"}


def test_the_trace_is_not_overwritten_by_its_timeline(say: Say, trace: Path) -> None:
    before = trace.read_bytes()
    code, _, err = say(trace, "--perfetto", trace)
    assert (code, err) == (2, f"csp: {trace} is the trace itself: name another file\n")
    assert trace.read_bytes() == before


@pytest.mark.parametrize("how", [[], ["--meetings"], ["--table"], ["--clocks"]])
def test_a_cut_off_line_is_told_and_the_rest_is_shown(
    say: Say, trace: Path, how: list[str]
) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole[:-30])
    code, out, err = say(trace, *how)
    assert code == 0
    assert out
    assert f"csp: line {whole.count(b'{')} of {trace} is cut off" in err


def test_a_broken_line_is_named(say: Say, trace: Path) -> None:
    lines = trace.read_text().splitlines()
    lines[4] = "hello"
    trace.write_text("\n".join(lines))
    code, out, err = say(trace)
    assert (code, out) == (2, "")
    assert err.startswith(f"csp: line 5 of {trace} is no event of a trace: ")


def test_a_program_instead_of_its_trace_is_refused(say: Say, trace: Path) -> None:
    code, _, err = say(trace.with_name("three_in_a_row.py"))
    assert code == 2
    assert "line 2 of" in err
    assert "`csp run FILE --trace" in err


def test_a_file_that_is_not_there_is_told(say: Say, tmp_path: Path) -> None:
    missing = tmp_path / "no.jsonl"
    assert say(missing) == (2, "", f"csp: cannot read {missing}: No such file or directory\n")


def test_a_timeline_stays_if_the_trace_is_not_there(say: Say, tmp_path: Path) -> None:
    missing, target = tmp_path / "no.jsonl", tmp_path / "run.json"
    target.write_text("old")
    code, _, err = say(missing, "--perfetto", target)
    assert (code, err) == (2, f"csp: cannot read {missing}: No such file or directory\n")
    assert target.read_text() == "old"


def test_a_reader_that_has_seen_enough_is_no_error(trace: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "csp", "trace", trace, "--clocks"],
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_timeline_that_cannot_be_written_is_told(say: Say, trace: Path, tmp_path: Path) -> None:
    code, _, err = say(trace, "--perfetto", tmp_path / "no" / "run.json")
    assert code == 2
    assert err.startswith("csp: cannot write ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_output_that_is_full_is_told(trace: Path) -> None:
    with open("/dev/full", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "csp", "trace", trace, "--clocks"],
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    told = b"csp: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)


@pytest.mark.parametrize("two", [["--table", "--clocks"], ["--format", "mermaid", "--table"]])
def test_only_one_thing_is_shown_at_a_time(
    two: list[str], trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["trace", str(trace), *two])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
