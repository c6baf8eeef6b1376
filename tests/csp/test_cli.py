"""The command `csp`: in this process where possible, as a command where signals are sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csp.cli import main

Run = Callable[..., tuple[int, str, str]]

PROGRAM = """
from __future__ import annotations
import random, sys, time
from pathlib import Path
from typing import TYPE_CHECKING, Optional
import csp
from csp import Channel, Par, Receiver, Sender, process
if TYPE_CHECKING:
    from decimal import Decimal

async def main() -> str:
    return "done"

async def shown(i: int = 0, f: float = 0, b: bool = False, s: str = "", p: Path = Path(),
        o: Optional[int] = 7, u: str | int = "", *more: int, k: bool | None = None, plain="",
        **rest: int) -> None:
    print(repr((i, f, b, s, p, o, u, k, plain)))

async def needs(first: int, second: str, /) -> str:
    return first * second

async def odd(xs: list[int] = [], d: Decimal | None = None) -> str:
    return "odd"

def plain() -> int:
    return 3

class Kind:
    pass

value = 3

@process
async def proc(n: int = 2) -> int:
    return n

def gives(n: int = 2):
    return proc(n)

@process
async def passer(inp: Receiver[int], out: Sender[int]) -> None:
    await out.send(await inp.receive())

async def deadlock() -> None:
    x, y = Channel(int, name="x"), Channel(int, name="y")
    await Par(passer(x.receiver(), y.sender()), passer(y.receiver(), x.sender()))

async def wiring() -> None:
    x = Channel(int, name="x")
    await passer(x.sender(), x.sender())

async def wiring_in_steps() -> None:
    x = Channel(int, name="x")
    kept = passer(x.receiver(), x.sender())
    await Par(kept, passer(x.sender(), x.sender()))

async def secretless() -> None:
    import netchannels
    netchannels.secret("no.key")

async def placeless() -> None:
    import netchannels
    netchannels.pool(print, workers=2)

async def element() -> None:
    x = Channel(int, name="x")
    with x.sender() as tx, x.receiver():
        await tx.send("text")

@process
async def fails(inp: Receiver[int]) -> None:
    raise ValueError("boom")

def fail_alike():
    return 3 * fails_at_once()

@process
async def fails_at_once() -> None:
    raise ValueError("boom")

async def failure() -> None:
    x = Channel(int, name="x")
    with x.sender() as tx:
        await Par(Par(fails(x.receiver())), tx.send(1))

async def caused() -> None:
    try:
        {}["k"]
    except KeyError as error:
        raise ValueError("outer") from error

async def forgotten() -> None:
    x = Channel(int, name="x")
    with x.sender() as tx:
        tx.send(1)

async def leave() -> None:
    sys.exit(7)

async def called() -> str:
    return " ".join(sys.argv)

async def interrupted() -> None:
    raise KeyboardInterrupt

async def ready_and_spin() -> None:
    print("ready", flush=True)
    while True:
        pass

@process
async def spin(out: Sender[int]) -> None:
    print("ready", flush=True)
    while True:
        pass

@process
async def sink(inp: Receiver[int]) -> None:
    async for _ in inp:
        pass

async def ready_and_spin_in_a_process() -> None:
    c = Channel(int, name="c")
    await Par(spin(c.sender()), sink(c.receiver()))

@process
async def chatter(out: Sender[int]) -> None:
    print("ready", flush=True)
    while True:
        await out.send(1)

async def ready_and_chatter() -> None:
    c = Channel(int, name="c")
    await Par(chatter(c.sender()), sink(c.receiver()))

async def ready_and_sleep() -> None:
    import trio
    print("ready", flush=True)
    await trio.sleep(3600)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


@pytest.fixture
def run(
    program: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Run `csp run program.py:NAME ...`: the code, stdout, stderr."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "modules", sys.modules)
    monkeypatch.setattr(sys, "warnoptions", [])

    def run_one(name: str, *arguments: str) -> tuple[int, str, str]:
        with warnings.catch_warnings():
            warnings.resetwarnings()
            code = main(["run", f"{program}:{name}" if name else str(program), *arguments])
        sys.modules.pop("program", None)
        return code, *capsys.readouterr()

    yield run_one
    sys.modules.pop("program", None)


def test_main_is_run_and_what_it_returns_is_printed(run: Run) -> None:
    assert run("") == (0, "done\n", "")


@pytest.mark.parametrize("name", ["proc", "gives"])
def test_a_process_and_what_gives_one_can_be_run(run: Run, name: str) -> None:
    assert run(name, "--arg", "n=5") == (0, "5\n", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"i": "-3"}, {"i": -3}),
        ({"f": "2"}, {"f": 2.0}),
        ({"b": "yes"}, {"b": True}),
        ({"b": "OFF"}, {"b": False}),
        ({"s": "a=b"}, {"s": "a=b"}),
        ({"p": "/x/y"}, {"p": Path("/x/y")}),
        ({"o": "4"}, {"o": 4}),
        ({"o": "None"}, {"o": None}),
        ({"o": ""}, {"o": None}),
        ({"u": "4"}, {"u": 4}),
        ({"u": "four"}, {"u": "four"}),
        ({"k": "true", "plain": "12"}, {"k": True, "plain": "12"}),
    ],
)
def test_arguments_are_converted_to_the_annotation(
    run: Run, given: dict[str, str], expected: dict[str, Any]
) -> None:
    defaults: dict[str, Any] = {
        "i": 0,
        "f": 0,
        "b": False,
        "s": "",
        "p": Path(),
        "o": 7,
        "u": "",
        "k": None,
        "plain": "",
    }
    arguments = [text for name, value in given.items() for text in ("--arg", f"{name}={value}")]
    code, out, err = run("shown", *arguments)
    assert (code, err) == (0, "")
    assert out.strip() == repr(tuple((defaults | expected).values()))


def test_positional_only_parameters_can_be_given(run: Run) -> None:
    assert run("needs", "--arg", "second=ab", "--arg", "first=2") == (0, "abab\n", "")


def test_an_annotation_that_cannot_be_evaluated_matters_for_its_argument_only(run: Run) -> None:
    assert run("odd")[:2] == (0, "odd\n")
    assert run("odd", "--arg", "d=1")[0] == 2


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("nothing", [], "program.py has no nothing; it has main, shown, needs, odd, proc"),
        ("value", [], "value in {} is no function"),
        ("Kind", [], "Kind in {} is no function"),
        ("plain", [], "plain is no async function: write `async def plain`"),
        ("shown", ["i"], "--arg i: write name=value"),
        ("shown", ["x=1"], "there is no such parameter (there are: i, f, b, s, p, o, u, k, plain)"),
        ("main", ["x=1"], "there is no such parameter (there are: none)"),
        ("shown", ["i=1", "i=2"], "--arg i is given twice"),
        ("shown", ["i=many"], "--arg i=many: 'many' is no int"),
        ("shown", ["i=1.5"], "'1.5' is no int"),
        ("shown", ["f=x"], "'x' is no float"),
        ("shown", ["b=maybe"], "'maybe' is no bool"),
        ("shown", ["k=maybe"], "'maybe' is no bool | None"),
        ("odd", ["xs=1"], "--arg xs: a list[int] cannot be given on the command line"),
        ("odd", ["d=1"], "--arg d: a Decimal | None cannot be given on the command line"),
        ("needs", ["first=1"], "missing: --arg second=..."),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(
    run: Run, program: Path, name: str, arguments: list[str], message: str
) -> None:
    code, out, err = run(name, *(text for given in arguments for text in ("--arg", given)))
    assert (code, out) == (2, "")
    assert err.startswith("csp: ")
    assert message.format(program) in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.py", None, "there is no file "),
        ("folder.py", "", "is a directory"),
        ("text.txt", "hello", "is no Python file"),
        ("empty.py", "", "has no main; it has no async functions"),
    ],
)
def test_a_wrong_file_is_answered_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, message: str
) -> None:
    if name == "folder.py":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = command("run", str(tmp_path / name))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "csp", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def test_a_program_may_have_the_name_of_a_module_in_use(tmp_path: Path) -> None:
    for name in ("csp.py", "trio.py", "enum.py"):
        (tmp_path / name).write_text(
            "import csp\nfrom csp import Channel\nasync def main():\n    return Channel(int).sender\n",
            encoding="utf-8",
        )
        done = command("run", str(tmp_path / name))
        assert done.returncode == 0, done.stderr


# --- what a failing program says ------------------------------------------------------------


def test_a_deadlock_is_told_without_a_traceback(run: Run) -> None:
    code, _, err = run("deadlock")
    assert code == 1
    assert err.startswith("Deadlock: `passer` waits to receive from `")
    assert "`deadlock` waits for" in err  # the function's own name
    assert "Traceback" not in err


def test_a_wiring_error_is_one_line_with_its_place(run: Run) -> None:
    code, _, err = run("wiring")
    assert code == 1
    assert err.startswith("WiringError: passer(inp=...) at program.py:")
    assert len(err.splitlines()) == 1


def test_nothing_is_said_of_a_process_that_a_wiring_error_kept_from_running(program: Path) -> None:
    done = command("run", f"{program}:wiring_in_steps")
    assert done.returncode == 1
    assert done.stderr.startswith("WiringError: passer(inp=...) at program.py:")
    assert len(done.stderr.splitlines()) == 1


def test_an_error_of_the_network_has_the_place_in_the_program(run: Run) -> None:
    code, _, err = run("secretless")
    line = PROGRAM.splitlines().index('    netchannels.secret("no.key")') + 1
    assert code == 1
    assert err.startswith("SecretError: there is no file no.key")
    assert err.endswith(f"(program.py:{line})\n")
    code, _, err = run("placeless")
    assert code == 1
    assert "program.py" in err
    assert "_pool.py" not in err


def test_a_wrong_value_is_one_line_with_its_place(run: Run) -> None:
    code, _, err = run("element")
    line = PROGRAM.splitlines().index('        await tx.send("text")') + 1
    assert code == 1
    assert err == (
        f"ChannelTypeError: channel `x` carries int, not str ('text') (program.py:{line}) "
        f"(csp explain wrong-type)\n"
    )


@pytest.mark.parametrize("name", ["failure", "caused"])
def test_an_error_of_the_program_has_its_own_lines_and_no_internal_ones(
    run: Run, name: str
) -> None:
    code, _, err = run(name)
    assert code == 1
    assert "ValueError: " in err
    assert "program.py" in err
    assert "_parking.py" not in err
    assert "trio" not in err
    assert "ExceptionGroup" not in err
    if name == "failure":
        assert "in process `fails` (program.py:" in err
    else:
        assert "The above exception was the direct cause" in err


def test_copies_that_fail_alike_are_told_once_with_paths_from_here(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("fail_alike")
    assert code == 1
    assert err.count('File "program.py", line ') == 1
    assert err.endswith("(csp explain failed-process) (x 3)\n")


def test_errors_of_loading_are_told_without_internal_lines(tmp_path: Path) -> None:
    for content, message in (
        ("def (", "SyntaxError: invalid syntax"),
        ("1/0", "ZeroDivisionError"),
    ):
        (tmp_path / "bad.py").write_text(content, encoding="utf-8")
        done = command("run", str(tmp_path / "bad.py"))
        assert done.returncode == 1
        assert message in done.stderr
        assert "importlib" not in done.stderr
        assert "cli" not in done.stderr


def test_the_program_may_choose_its_exit_code(program: Path) -> None:
    assert command("run", f"{program}:leave").returncode == 7


# --- warnings -------------------------------------------------------------------------------


def test_the_program_is_called_what_its_file_is_called(run: Run, program: Path) -> None:
    before = list(sys.argv)
    assert run("called")[1] == f"{program}\n"
    assert sys.argv == before


def test_warnings_are_switched_on_and_told_in_one_line(run: Run) -> None:
    code, _, err = run("forgotten")
    line = PROGRAM.splitlines().index("        tx.send(1)") + 1
    assert code == 0
    assert err == (
        f"RuntimeWarning: coroutine 'Sender.send' was never awaited (program.py:{line}) "
        f"(csp explain forgotten-await)\n"
    )


def test_minus_w_has_the_last_word(program: Path) -> None:
    done = command("run", f"{program}:forgotten", env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert (done.returncode, done.stderr) == (0, "")


# --- trace ----------------------------------------------------------------------------------


def test_a_trace_has_one_json_record_a_line(run: Run, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    assert run("deadlock", "--trace", str(trace))[0] == 1
    records = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert {"started", "offered", "retired", "ended"} <= {record["kind"] for record in records}
    assert {"time", "process", "channel", "side", "detail"} < set(records[0])


def test_a_trace_that_cannot_be_opened_is_told_before_anything_runs(
    run: Run, tmp_path: Path
) -> None:
    code, out, err = run("main", "--trace", str(tmp_path / "no" / "trace"))
    assert (code, out) == (2, "")
    assert err.startswith("csp: cannot write the trace ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_trace_and_not_the_program(run: Run) -> None:
    code, out, err = run("proc", "--trace", "/dev/full")
    assert (code, out) == (0, "2\n")
    assert err == "csp: the trace /dev/full is incomplete: No space left on device\n"


# --- Ctrl-C, --version, --help --------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize(
    "name",
    [
        "ready_and_spin",
        "ready_and_spin_in_a_process",
        "ready_and_chatter",
        "ready_and_sleep",
    ],
)
def test_ctrl_c_exits_with_130(program: Path, name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "csp", "run", f"{program}:{name}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGINT)
        try:
            _, err = started.communicate(timeout=10)
        finally:
            started.kill()
    assert (started.returncode, err) == (130, "csp: interrupted\n")


def test_an_interrupt_inside_of_the_program_exits_with_130(run: Run) -> None:
    assert run("interrupted")[0] == 130


def test_version_says_which_csp_answered() -> None:
    import csp

    out = command("--version").stdout
    assert "netchannels" in out
    assert str(Path(csp.__file__).parent) in out


def test_a_checkout_that_is_not_installed_has_a_version_too() -> None:
    import csp

    source = (
        "import importlib.metadata as m, sys\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        "m.version = missing\n"
        "from csp.cli import main\n"
        "main(['--version'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(csp.__file__).parent.parent,
    )
    assert "netchannels, not installed" in done.stdout


def test_help_has_examples() -> None:
    for arguments in (["--help"], ["run", "--help"]):
        assert "csp run examples/wordcount.py --arg path=" in command(*arguments).stdout
