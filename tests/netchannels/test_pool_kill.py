"""Programs of pools that are killed, hang, or hold their interpreter; parents that are killed.

Invariants: each request has one outcome, its own; when all is over no program is left, and no file.
"""

from __future__ import annotations

import glob
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import csp
from netchannels import Cores, Pool, ProgramLost, pool
from netchannels.placement.cores import CAN_HAVE_SOCKETS

sys.path.insert(0, str(Path(__file__).parent))
import jobs

NIGHTLY = bool(os.environ.get("NIGHTLY"))
KILLS = 60 if NIGHTLY else 8
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL"),
    pytest.mark.usefixtures("no_pauses"),
]


def sockets() -> list[str]:
    return glob.glob(os.path.join(tempfile.gettempdir(), "netchannels-*"))


def children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and row[2][0] != "Z"]


def lives(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout.strip()[:1] not in ("", "Z")


def pids(running: Pool[Any, Any]) -> list[int]:
    return [worker.pid for worker in running.statistics() if worker.pid]


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="nc") as directory:  # short: a socket's path is limited
        monkeypatch.setenv("TMPDIR", directory)
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield
        assert sockets() == []


async def killer(running: Pool[int, int], chance: random.Random, done: Counter[int]) -> None:
    """Kill at random moments, also while a program starts; the last time all that there are."""
    for kill in range(KILLS):
        with trio.move_on_after(chance.uniform(0.0, 2.0)):
            goal = done.total() + chance.randrange(1, 20_000)
            while done.total() < goal:
                await trio.sleep(0.001)
        found = pids(running)
        for pid in found if kill == KILLS - 1 else chance.sample(found, min(1, len(found))):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # it had been killed already
                pass


@pytest.mark.timeout(600 if NIGHTLY else 120)
@pytest.mark.parametrize("seed", range(4 if NIGHTLY else 2))
def test_whatever_is_killed_each_request_has_one_outcome(seed: int) -> None:
    seen = Counter[int]()

    async def main() -> None:
        async with pool(jobs.square, workers=Cores(2), max_attempts=1000) as running:
            over = False

            def numbers() -> Any:
                number = 0
                while not over:
                    yield number
                    number += 1

            async with trio.open_nursery() as nursery:

                async def kill() -> None:
                    nonlocal over
                    await killer(running, random.Random(seed), seen)
                    while not seen:  # under load no program may have lived for long enough
                        await trio.sleep(0.01)
                    over = True

                nursery.start_soon(kill)
                async for done in running.outcomes(numbers()):
                    assert done.reply == done.request**2
                    seen[done.request] += 1
            assert sum(worker.restarts for worker in running.statistics()) > 0
        assert set(seen.values()) == {1}
        assert sorted(seen) == list(range(len(seen)))

    csp.run(main)


def test_requests_at_work_are_tried_again_when_all_programs_were_killed(tmp_path: Path) -> None:
    files = [tmp_path / "first", tmp_path / "second", tmp_path / "third"]
    files[2].touch()  # this one waits behind the others, and does not run on

    async def main() -> None:
        async with pool(jobs.runs_on_at_first, workers=Cores(2)) as running:
            async with trio.open_nursery() as nursery:

                async def use() -> None:
                    requests = [str(file) for file in files]
                    assert [file async for file in running.map(requests)] == requests

                nursery.start_soon(use)
                with trio.fail_after(60):
                    while not all(file.exists() for file in files):
                        await trio.sleep(0.01)
                for pid in pids(running):
                    os.kill(pid, signal.SIGKILL)

    csp.run(main)


def test_requests_wait_for_programs_that_come_long_after_all_others_were_killed() -> None:
    clock = trio.testing.MockClock(rate=1.0)

    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(2)) as running:
            await running.call(0)
            async with trio.open_nursery() as nursery:

                async def use() -> None:
                    assert [n async for n in running.map(range(20))] == list(range(20))

                nursery.start_soon(use)
                await trio.testing.wait_all_tasks_blocked()
                running.scale(0)
                for pid in pids(running):
                    os.kill(pid, signal.SIGKILL)
                with trio.fail_after(10):
                    while pids(running):
                        await trio.sleep(0.01)
                await trio.testing.wait_all_tasks_blocked()
                clock.jump(3600)
                running.scale(2)

    csp.run(main, clock=clock)


def test_a_request_that_kills_every_program_fails_and_no_other_one_is_blamed() -> None:
    async def main() -> None:
        async with pool(jobs.dies_on_13, workers=Cores(2)) as running:
            outcomes = [done async for done in running.outcomes(range(200))]
            assert sorted(done.request for done in outcomes) == list(range(200))
            failed = [done for done in outcomes if done.error is not None]
            assert [done.request for done in failed] == [13]
            error = failed[0].error
            assert isinstance(error, csp.RequestFailed)
            assert "tried 3 times" in str(error)
            assert len(error.history) == 3
            assert all(line.endswith("killed by SIGKILL") for line in error.history)

    csp.run(main)


def test_what_holds_the_interpreter_for_longer_than_a_heartbeat_is_no_loss() -> None:
    letters = 25

    async def main() -> None:
        nonlocal letters
        async with pool(jobs.holds_the_interpreter, workers=Cores(1)) as running:
            longest = 12.0 if NIGHTLY else 2.5  # seconds: more than `lost`, or than a heartbeat
            while float(await running.call(letters)) < longest:
                letters += 1
            assert [worker.restarts for worker in running.statistics()] == [0]

    csp.run(main)


def test_what_holds_the_interpreter_beyond_its_time_is_ended_and_says_where_it_was(
    capsys: Any,
) -> None:
    async def main() -> None:
        async with pool(
            jobs.holds_the_interpreter, workers=Cores(1), timeout=0.5, max_attempts=1
        ) as running:
            with pytest.raises(csp.RequestFailed, match="held the interpreter"):
                await running.call(40)
            assert float(await running.call(1)) < 0.5

    csp.run(main)
    assert "worker 1:   File" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("process", "options", "how"),
    [(jobs.squares, {"dies_on": 50}, "killed by SIGKILL"), (jobs.leaves_early, {}, "it left")],
)
def test_a_program_of_a_placed_process_that_ends_too_early_is_an_error_that_names_it(
    process: Any, options: dict[str, int], how: str
) -> None:
    async def main() -> None:
        numbers = csp.Channel(int, name="numbers")
        points = csp.Channel(jobs.Point, name="points")

        @csp.process
        async def produce(out: csp.Sender[int]) -> None:
            for number in range(100):
                await out.send(number)

        @csp.process
        async def collect(into: csp.Receiver[jobs.Point]) -> int:
            return len([point async for point in into])

        await csp.Par(
            produce(numbers.sender()),
            Cores(2) * process(numbers.receiver(), points.sender(), **options),
            collect(points.receiver()),
        )

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    assert caught.group_contains(
        ProgramLost, match=rf"{process.__name__} [12] \(pid \d+\).*{how}", depth=None
    )


# --- the parent ------------------------------------------------------------------------------

PARENT = """
import sys
sys.path.insert(0, {here!r})
import csp, jobs
from netchannels import Cores, pool
async def main() -> None:
    async with pool(jobs.{function}, workers=Cores(2)) as running:
        async for _ in running.map([{file!r}] * 2):
            pass
csp.run(main)
"""


def noted(file: Path) -> list[int]:
    """The numbers of two programs, once they are in the file."""
    deadline = time.monotonic() + 60
    while not file.exists() or len(file.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int(pid) for pid in file.read_text().split()]


def gone(programs: list[int], *, within: float) -> None:
    deadline = time.monotonic() + within
    while any(lives(pid) for pid in programs) or sockets():
        assert time.monotonic() < deadline, "there are orphans"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_parent_that_is_ended_leaves_no_orphan(number: signal.Signals, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    source = PARENT.format(here=str(Path(__file__).parent), function="notes", file=str(file))
    program = subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.PIPE)
    programs = noted(file)
    started = children(program.pid)
    assert set(programs) < set(started)
    assert len(started) == len(programs) + CAN_HAVE_SOCKETS  # the cleaner
    program.send_signal(number)
    _, err = program.communicate(timeout=30)
    assert program.returncode != 0
    if number == signal.SIGINT:
        assert err.decode().strip().endswith("KeyboardInterrupt")
    gone(started, within=30)


def test_ctrl_c_while_a_pool_closes_ends_it_all_the_same() -> None:
    programs: list[int] = []

    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(1)) as running:
            await running.call(0)
            programs.extend(pids(running))
            leave = running._staff.leave

            async def struck(seconds: float) -> None:
                signal.raise_signal(signal.SIGINT)
                await leave(seconds)

            running._staff.leave = struck

    with pytest.raises(KeyboardInterrupt):
        csp.run(main)
    gone(programs, within=30)


@pytest.mark.skipif(not CAN_HAVE_SOCKETS, reason="there is no cleaner")
def test_workers_that_hold_the_interpreter_end_soon_after_a_killed_parent(tmp_path: Path) -> None:
    file = tmp_path / "holds"
    source = PARENT.format(here=str(Path(__file__).parent), function="holds", file=str(file))
    program = subprocess.Popen([sys.executable, "-c", source])
    programs = noted(file)
    program.kill()
    program.wait()
    gone(programs, within=30)  # the clock of their own would take 80 s


def test_what_a_worker_has_started_ends_with_it(tmp_path: Path) -> None:
    file = str(tmp_path / "another")

    async def main() -> int:
        async with pool(jobs.starts_another, workers=Cores(1)) as running:
            return int(await running.call(file))
        raise AssertionError

    gone([csp.run(main)], within=30)


def test_the_secret_is_in_no_command_line_and_no_environment(monkeypatch: Any) -> None:
    known: list[str] = []
    made = pool.__globals__["secrets"].token_urlsafe

    def token(size: int) -> str:
        known.append(made(size))
        return known[-1]

    monkeypatch.setattr(pool.__globals__["secrets"], "token_urlsafe", token)

    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            await running.call(1)
            (pid,) = pids(running)
            shown = await trio.run_process(["ps", "eww", "-p", str(pid)], capture_stdout=True)
            assert b"jobs:square --connect unix:" in shown.stdout
            assert known[0].encode() not in shown.stdout

    csp.run(main)
