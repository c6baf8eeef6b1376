"""The examples of pools: what they compute, by `csp run` and by `python`."""

from __future__ import annotations

import hashlib
import re
import struct
import sysconfig
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csp
from netchannels import Cores

Load = Callable[[str], ModuleType]
Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
EMAIL = Path(sysconfig.get_path("stdlib"), "email")


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `csp run` does


def test_the_pool_counts_what_the_local_one_counts_also_if_a_worker_is_killed(
    load: Load, capfd: Any
) -> None:
    module = load("wordcount_pool")
    local = csp.run(load("wordcount").count_words, EMAIL, 2)

    async def main() -> Any:
        report, statistics = await module.count_words(EMAIL, Cores(2), kill=True)
        return report, statistics

    report, statistics = csp.run(main)
    assert (report.words, report.files, report.size) == (local.words, local.files, local.size)
    assert sum(worker.requests for worker in statistics) >= report.files - 1
    assert "killing worker" in capfd.readouterr().out


def test_the_demo_with_a_kill_says_that_the_result_is_the_same(start: Start) -> None:
    program = start(
        *("-m", "csp", "run", "examples/wordcount_pool.py", "--arg", f"path={EMAIL}"),
        *("--arg", "workers=2", "--arg", "kill=true"),
    )
    assert program.ends() == 0, str(program)
    program.says(r"^killing worker \d, process \d+, after \d+ files$")
    program.says(r"^a worker was killed in the middle: the result is the same$")


def test_map_and_reduce_count_the_same(load: Load) -> None:
    local = csp.run(load("wordcount").count_words, EMAIL, 2)
    assert csp.run(load("wordcount_mapreduce").count_words, EMAIL, Cores(2)) == local.words


def test_pi_is_the_same_however_many_workers_there_are(load: Load) -> None:
    module = load("monte_carlo_pi")
    one, two = (csp.run(module.estimate, 4, Cores(n)) for n in (1, 2))
    assert one == two == pytest.approx(3.14159, abs=0.01)


def test_hashes_are_those_of_the_files_and_a_script_runs_by_itself(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "two").write_bytes(b"2" * 100_000)
    program = start(
        *("-m", "csp", "run", "examples/hash_files.py", "--arg", f"path={tmp_path}"),
        *("--arg", "workers=2"),
    )
    assert program.ends() == 0, str(program)
    found = dict(reversed(line.split("  ")) for line in program.out)
    assert found == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "one", tmp_path / "deep" / "two")
    }


def test_python_runs_an_example_too(start: Start) -> None:
    program = start("examples/monte_carlo_pi.py")
    assert program.ends() == 0, str(program)
    assert re.fullmatch(r"pi is about 3\.14\d\d \(10,000,000 points\)", program.out[0])


def test_the_picture_is_a_png_of_the_set(load: Load) -> None:
    module = load("mandelbrot")
    data = csp.run(module.picture, 60, Cores(2))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">II", chunks[0][1][:8]) == (60, 40)
    rows = zlib.decompress(chunks[1][1])
    whole = module.render(module.Tile(0, 40, 60, 40))
    assert rows == b"".join(b"\0" + whole[y * 60 : y * 60 + 60] for y in range(40))
    assert 0 in whole  # inside
    assert max(whole) > 200  # far outside
