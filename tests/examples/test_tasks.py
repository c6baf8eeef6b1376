"""The task master and its workers, as programs of their own."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

import netchannels

Start = Callable[..., Any]
PRIMES = {20: 33_860, 40: 63_951}  # below 400,000 and 800,000

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    netchannels.keygen(tmp_path / "farm.key")
    return tmp_path / "farm.key"


def run(start: Start, example: str, key: Path, address: str, *args: str) -> Any:
    given = [f"address={address}", f"secret={key}", *args]
    options = [word for arg in given for word in ("--arg", arg)]
    return start("-m", "csp", "run", f"examples/{example}.py", *options)


def master_of(start: Start, key: Path, tasks: int = 20, address: str = "127.0.0.1:0") -> Any:
    return run(start, "task_master", key, address, f"tasks={tasks}")


def address_of(master: Any) -> str:
    return str(master.says(r"address=(\S+)")[1])


def worker_of(start: Start, key: Path, address: str) -> Any:
    return run(start, "task_worker", key, address)


def wait_until_it_works(address: str, key: Path, worker: Any) -> None:
    """Ask the master until it says that the worker has taken a task."""

    async def ask() -> None:
        async with netchannels.connect(address, secret=netchannels.secret(key)) as node:
            (home,) = node.status().links
            while True:
                links = (await node.status_of(home.peer)).links
                if any(each.counters.taken and f":{pid}" in each.peer for each in links):
                    return

    pid = worker.process.pid
    trio.run(ask)


def check(master: Any, tasks: int) -> None:
    """Each task has one result, and the sum is right."""
    assert master.ends() == 0, str(master)
    master.says(f"^{tasks} tasks, {tasks} results, {PRIMES[tasks]:,} primes$")


def test_workers_share_the_tasks_and_each_says_what_it_did(start: Start, key: Path) -> None:
    master = master_of(start, key)
    address = address_of(master)
    workers = [worker_of(start, key, address) for _ in range(2)]
    check(master, 20)
    done = 0
    for worker in workers:
        assert worker.ends() == 0
        count = int(worker.says(r"^there are no more tasks: (\d+) tasks, [\d.]+ s of work$")[1])
        done += count
        if count:
            master.says(rf"^task_worker.py@\S+:{worker.process.pid}: {count} tasks, ")
    assert done == 20


@posix
def test_a_worker_killed_in_the_middle_changes_nothing_in_the_result(
    start: Start, key: Path
) -> None:
    master = master_of(start, key, 40)
    address = address_of(master)
    victim = worker_of(start, key, address)
    wait_until_it_works(address, key, victim)
    victim.send(signal.SIGKILL)
    master.says(f":{victim.process.pid} is lost")
    worker_of(start, key, address)
    check(master, 40)
    master.says("^tasks given to another worker, because the first was lost: 1$")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_leave_changes_nothing_in_the_result(
    start: Start, key: Path, number: int
) -> None:
    master = master_of(start, key, 40)
    address = address_of(master)
    leaver = worker_of(start, key, address)
    wait_until_it_works(address, key, leaver)
    leaver.send(number)
    if number == signal.SIGTERM:
        assert leaver.ends() == 0
        leaver.says(r"^told to leave: \d+ tasks, ")
    else:
        assert leaver.ends() == 130
        assert leaver.err[-1] == "csp: interrupted"
    master.says(f":{leaver.process.pid} (has left|is lost)")
    worker_of(start, key, address)
    check(master, 40)


@posix
def test_workers_come_back_when_the_master_was_killed_and_starts_again(
    start: Start, key: Path
) -> None:
    first = master_of(start, key, 40)
    address = address_of(first)
    worker = worker_of(start, key, address)
    wait_until_it_works(address, key, worker)
    first.send(signal.SIGKILL)
    worker.says("^lost .* waiting for it to come back")
    check(master_of(start, key, 20, address), 20)
    worker.says("^joined", times=2)
    assert worker.ends() == 0


def test_a_worker_may_start_first(start: Start, key: Path) -> None:
    first = master_of(start, key)
    address = address_of(first)
    first.process.kill()
    first.ends()
    worker = worker_of(start, key, address)
    worker.says("nobody answers at .*; trying again$")
    check(master_of(start, key, 20, address), 20)
    assert worker.ends() == 0


def test_a_wrong_secret_is_told_on_both_sides(start: Start, key: Path, tmp_path: Path) -> None:
    master = master_of(start, key)
    netchannels.keygen(tmp_path / "other.key")
    worker = worker_of(start, tmp_path / "other.key", address_of(master))
    assert worker.ends() == 1
    assert re.match("HandshakeError: .*give both sides the same secret", worker.err[-1])
    assert not any("Traceback" in line for line in worker.lines)
    master.says("did not get in")


def test_a_missing_secret_is_told_in_one_line(start: Start, key: Path) -> None:
    for example in ("task_master", "task_worker"):
        program = run(start, example, key.with_name("no.key"), "127.0.0.1:1")
        assert program.ends() == 1
        assert program.err[-1].startswith("SecretError: there is no file ")
        assert not any("Traceback" in line for line in program.lines)


@posix
def test_ctrl_c_ends_the_master_in_one_line(start: Start, key: Path) -> None:
    master = master_of(start, key)
    worker = worker_of(start, key, address_of(master))
    worker.says("^joined")
    master.send(signal.SIGINT)
    assert master.ends() == 130
    assert master.err[-1] == "csp: interrupted"
    assert not any("Traceback" in line for line in master.lines)
    worker.says("^lost")
