"""The tasks over two plain channels: what they promise, and what not."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csp
import netchannels
from csp import Channel, Par, Sender, process

Load = Callable[[str], ModuleType]
Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PRIMES = "33,860"  # below 400,000
FEW = "4,203"  # below 40,000: enough for one worker

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    netchannels.keygen(tmp_path / "farm.key")
    return tmp_path / "farm.key"


def run(start: Start, name: str, key: Path, address: str, *args: str) -> Any:
    given = [f"address={address}", f"secret={key}", *args]
    options = [word for arg in given for word in ("--arg", arg)]
    return start("-m", "csp", "run", f"examples/{name}_plain.py", *options)


def master_of(start: Start, key: Path, size: int = 20_000) -> tuple[Any, str]:
    master = run(start, "task_master", key, "127.0.0.1:0", "tasks=20", f"size={size}")
    return master, str(master.says(r"^serving at (\S+)$")[1])


@pytest.mark.parametrize("lease", ["no", "yes"])
def test_with_workers_that_live_each_task_has_its_result(
    start: Start, key: Path, lease: str
) -> None:
    master, address = master_of(start, key)
    workers = [run(start, "task_worker", key, address, f"lease={lease}") for _ in range(2)]
    assert master.ends() == 0, str(master)
    assert master.out == [f"20 tasks, 20 results, {PRIMES} primes"]
    assert [worker.ends() for worker in workers] == [0, 0]
    assert sum(int(worker.out[0].split()[0]) for worker in workers) == 20


# A program that takes one task and is killed with it in hand, before or after it has sent the result.
DYING = """
import os, signal, sys
import csp, netchannels
sys.path.insert(0, "examples")
from primes import Block, Counted, count

async def main(address, key, lease, answer):
    async with netchannels.connect(address, secret=netchannels.secret(key)) as node:
        tasks = await node.receiver("tasks", Block, wait=5)
        results = await node.sender("results", Counted, wait=5)
        with tasks, results:
            if lease == "yes":
                async with tasks.lease() as job:
                    await node.names()  # once it is answered, the home knows of the lease
                    if answer == "yes":
                        await results.send(count(job.value, node.label))
                    os.kill(os.getpid(), signal.SIGKILL)
            await tasks.receive()
            if answer == "no":
                await node.names()  # once it is answered, the home knows that the task was taken
            os.kill(os.getpid(), signal.SIGKILL)

csp.run(main, *sys.argv[1:])
"""


def die(start: Start, key: Path, address: str, lease: str, answer: str = "no") -> None:
    dying = start("-c", DYING, address, str(key), lease, answer)
    assert dying.ends() == -signal.SIGKILL, str(dying)


@posix
def test_a_worker_killed_with_a_task_takes_its_result_along(start: Start, key: Path) -> None:
    master, address = master_of(start, key, size=2_000)
    die(start, key, address, lease="no")
    run(start, "task_worker", key, address)
    assert master.ends() == 1
    master.says("^20 tasks, 19 results, ")
    assert master.out[-1] == "lost with their workers: the tasks 0"


@posix
def test_a_worker_killed_with_a_lease_loses_nothing(start: Start, key: Path) -> None:
    master, address = master_of(start, key, size=2_000)
    die(start, key, address, lease="yes")
    run(start, "task_worker", key, address, "lease=yes")
    assert master.ends() == 0, str(master)
    assert master.out == [f"20 tasks, 20 results, {FEW} primes"]


@posix
def test_a_result_sent_before_the_end_of_a_lease_comes_twice_and_counts_once(
    start: Start, key: Path
) -> None:
    master, address = master_of(start, key, size=2_000)
    die(start, key, address, lease="yes", answer="yes")
    run(start, "task_worker", key, address, "lease=yes")
    assert master.ends() == 0, str(master)
    assert master.out == [
        f"20 tasks, 20 results, {FEW} primes",
        "1 results came twice and were counted once",
    ]


def test_the_collector_keeps_the_first_result_of_each_number(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `csp run` does
    master = load("task_master_plain")

    @process
    async def send(numbers: list[int], out: Sender[Any]) -> None:
        for at, number in enumerate(numbers):
            await out.send(master.Counted(number, at, "ant", 0.0))

    async def collect() -> Any:
        results = Channel(master.Counted, name="results")
        _, found = await Par(
            send([1, 0, 1, 2, 1], results.sender()), master.collector(results.receiver())
        )
        return found

    kept, doubled = csp.run(collect)
    assert {number: result.primes for number, result in kept.items()} == {1: 0, 0: 1, 2: 3}
    assert doubled == 2


def test_a_task_of_which_nobody_knows_whether_it_was_taken_is_sent_again(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    master = load("task_master_plain")
    send, asked = Sender.send, list[int]()

    async def in_doubt_once(end: Sender[Any], value: Any) -> None:
        asked.append(value.number)
        if len(asked) == 2:
            raise csp.DeliveryUnknown("its worker was killed")
        await send(end, value)

    monkeypatch.setattr(Sender, "send", in_doubt_once)

    @process
    async def take(tasks: csp.Receiver[Any]) -> list[int]:
        return [block.number async for block in tasks]

    async def produce() -> list[int]:
        tasks = Channel(master.Block, name="tasks")
        todo = master.blocks(3, 10)
        _, taken = await Par(master.producer(todo, tasks.sender()), take(tasks.receiver()))
        return taken

    assert csp.run(produce) == [0, 1, 2]
    assert asked == [0, 1, 1, 2]
