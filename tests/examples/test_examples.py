"""Each example, run by the command and held against its result."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "csp", "run", str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_the_sieve_finds_the_first_primes() -> None:
    done = run("sieve.py", "--arg", "count=10")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]"


def test_commstime_counts_its_rounds() -> None:
    done = run("commstime.py", "--arg", "rounds=500")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "499"


def test_the_philosophers_deadlock_and_the_cycle_is_named() -> None:
    done = run("dining.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Deadlock: `")
    for i in range(5):
        assert re.search(rf"`philosopher {i}` waits to send to", done.stderr)
        assert re.search(rf"`fork {i}` waits to receive from", done.stderr)


def test_with_a_butler_everybody_eats() -> None:
    done = run("dining.py", "--arg", "cure=yes")
    assert (done.returncode, done.stdout) == (0, "15\n"), done.stderr


def test_wordcount_counts_and_lists_what_it_skipped(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("the cat the dog\n", encoding="utf-8")
    for i in range(22):
        (tmp_path / f"bad{i}.txt").write_bytes(b"\xff\xfe")
    done = run("wordcount.py", "--arg", f"path={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert re.search(r"6\s+the", done.stdout)
    assert "3 files, 48 bytes" in done.stdout
    assert "skipped 22:" in done.stdout
    assert "and 2 more" in done.stdout


def test_wordcount_says_when_the_directory_is_missing(tmp_path: Path) -> None:
    done = run("wordcount.py", "--arg", f"path={tmp_path / 'nowhere'}")
    assert done.returncode == 0
    assert "there is no directory" in done.stdout


def test_a_trace_has_one_json_record_a_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    done = run("sieve.py", "--arg", "count=3", "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert {"started", "offered", "committed", "retired", "ended"} <= {r["kind"] for r in records}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "there is no file nowhere.py"),
        ([f"{EXAMPLES / 'sieve.py'}:nothing"], "has no nothing"),
        ([str(EXAMPLES / "sieve.py"), "--arg", "count=many"], "'many' is no int"),
        ([str(EXAMPLES / "sieve.py"), "--arg", "size=3"], "there is no such parameter"),
        ([str(EXAMPLES / "sieve.py"), "--arg", "count"], "write name=value"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "csp", "run", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_ends_a_computing_network_with_130() -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "csp",
            "run",
            str(EXAMPLES / "commstime.py"),
            "--arg",
            "rounds=100000000",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)  # the program says nothing while it runs
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
