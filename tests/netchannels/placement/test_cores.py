"""Programs on this machine: where they connect to, how they end, what is left of them."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import csp
import netchannels
from netchannels import CannotStart, Cores
from netchannels.placement import cores
from netchannels.placement._site import Orders, Site

sys.path.insert(0, str(Path(__file__).parent.parent))
import jobs

ORDERS = Orders("jobs:square", "", "nobody shares this", "w", "a secret for this test", 1000)


def test_there_is_at_least_one() -> None:
    assert Cores(3).size == 3
    assert Cores().size >= 1
    wrong: Any
    for wrong in (0, -1, 1.5, "2"):
        with pytest.raises(ValueError, match="1 or more"):
            Cores(wrong)


@pytest.mark.skipif(not cores.CAN_HAVE_SOCKETS, reason="there are no Unix sockets")
def test_the_socket_is_in_a_directory_of_its_own_that_nobody_else_enters_and_is_removed() -> None:
    async def main() -> str:
        async with Cores(1).open() as site:
            directory = os.path.dirname(site.listen.removeprefix("unix:"))
            assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
            assert os.listdir(directory) == []
            return directory
        raise AssertionError

    assert not os.path.exists(trio.run(main))


@pytest.mark.skipif(not cores.CAN_HAVE_SOCKETS, reason="there are no Unix sockets")
def test_where_no_program_can_be_started_the_pool_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cores, "LONGEST_PATH", 1000)
    monkeypatch.setattr(cores.sys, "executable", str(tmp_path / "no-python"))

    async def main() -> None:
        async with netchannels.pool(jobs.square, workers=Cores(1)):
            pass

    with pytest.raises(CannotStart, match="cannot be started: .*no-python"):
        csp.run(main)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not cores.CAN_HAVE_SOCKETS, reason="there are no Unix sockets")
def test_where_temporary_files_have_a_long_path_the_socket_has_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))

    async def main() -> int:
        async with netchannels.pool(jobs.square, workers=Cores(1)) as running:
            return await running.call(3)
        raise AssertionError

    assert trio.run(main) == 9
    assert os.listdir(directory) == []


def run(site: Site, *, orders: Orders = ORDERS, seconds: float = 30) -> tuple[str, list[str]]:
    said: list[str] = []

    async def main() -> str:
        with trio.fail_after(seconds):
            return await site.run(
                0, orders, "unix:/nobody/listens", lambda _, line: said.append(line)
            )

    return trio.run(main), said


def test_how_a_program_has_ended_is_told_after_all_that_it_has_said(tmp_path: Path) -> None:
    script = tmp_path / "leaves.py"
    script.write_text("import os\nfor n in range(1000): print(n)\nos._exit(5)\n", encoding="utf-8")
    orders = Orders("leaves:f", str(script), "n", "w", "a secret for this test", 1000)
    how, said = run(cores._Here("", 1), orders=orders)
    assert how == "exit code 5"
    assert said == [str(n) for n in range(1000)]


def test_a_program_that_cannot_import_its_function_says_so_by_its_code() -> None:
    orders = Orders("no_such_module:f", "", "n", "w", "a secret for this test", 1000)
    how, said = run(cores._Here("", 1), orders=orders)
    assert how == "exit code 2"
    assert "no_such_module" in said[-1]


def test_a_cancelled_program_is_ended_and_nothing_of_it_is_left() -> None:
    async def main() -> int:
        async with netchannels.serve(secret=ORDERS.secret) as node:
            async with trio.open_nursery() as nursery:
                program = await nursery.start(
                    cores._Here("", 1).run, 0, ORDERS, node.address, lambda *_: None
                )
                nursery.cancel_scope.cancel()
            return int(program.pid)
        raise AssertionError

    pid = trio.run(main)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.usefixtures("no_pauses")
def test_a_program_that_cannot_be_started_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(OSError, match="No such file"):
        run(cores._Here("", 1))

    monkeypatch.setattr(cores, "CAN_HAVE_SOCKETS", False)  # else it is seen when the pool opens

    async def main() -> None:
        async with netchannels.pool(jobs.square, workers=Cores(1), restarts=2) as running:
            with pytest.raises(netchannels.PoolFailed, match="cannot be started.*No such file"):
                await running.call(1)

    trio.run(main)


def test_without_unix_sockets_it_is_the_loopback_with_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores, "CAN_HAVE_SOCKETS", False)

    async def main() -> list[int]:
        async with netchannels.pool(jobs.square, workers=Cores(1)) as running:
            return [n async for n in running.map([1, 2, 3])]

    assert trio.run(main) == [1, 4, 9]


def test_lines_are_cut_from_what_comes_however_it_comes() -> None:
    heard: list[str] = []

    async def main() -> None:
        ours, theirs = trio.testing.memory_stream_pair()  # type: ignore[attr-defined, unused-ignore]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                cores.hear_lines, theirs, "stdout", lambda _, line: heard.append(line)
            )
            for part in (b"on", b"e\ntw", b"o\r\n\xff\nlast", b"x" * 70_000, b"\nend"):
                await ours.send_all(part)
            await ours.aclose()

    trio.run(main)
    assert heard[:3] == ["one", "two", "\ufffd"]
    assert "".join(heard[3:]) == "last" + "x" * 70_000 + "end"


@pytest.mark.parametrize(
    ("number", "option"), [(errno.EMFILE, "`ulimit -n`"), (errno.EAGAIN, "`ulimit -u`")]
)
def test_a_limit_that_is_in_the_way_is_named(
    monkeypatch: pytest.MonkeyPatch, number: int, option: str
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cores.trio, "run_process", fails)

    async def main() -> None:
        await (Cores(1) * jobs.through_a_channel(7))

    with pytest.raises(ExceptionGroup) as caught:
        csp.run(main)
    found: Any = caught.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert option in str(found)


def test_files_of_the_current_directory_are_no_modules_of_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trio.py").write_text("raise SystemExit('this is another trio')\n")
    monkeypatch.chdir(tmp_path)

    async def main() -> int:
        async with netchannels.pool(jobs.square, workers=Cores(1)) as pool:
            return await pool.call(7)

    assert csp.run(main) == 49
