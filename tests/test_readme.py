"""The README's first program and the two classic mistakes, taken literally."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def program() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if "csp.run(main)" in block)


def run(source: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "program.py"
    file.write_text(source, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "default", str(file)], capture_output=True, text=True, timeout=60
    )


def test_the_first_program_runs_as_it_stands(tmp_path: Path) -> None:
    done = run(program(), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "285\n", "")


def test_a_forgotten_await_is_named_in_one_line(tmp_path: Path) -> None:
    source = program().replace("values = await Par(", "Par(").replace("print(values[2])", "pass")
    done = run(source, tmp_path)
    assert re.search(
        r"process `Par` \(program\.py:\d+\) was never run; `await` it or give it to `Par`",
        done.stderr,
    )


def test_ends_wired_the_wrong_way_round_are_named_in_one_line(tmp_path: Path) -> None:
    done = run(program().replace("producer(jobs.sender())", "producer(jobs.receiver())"), tmp_path)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert "WiringError: producer(jobs=...) at program.py:" in line
    assert "wants Sender[int], but was given the Receiver[int] of channel `jobs`" in line
