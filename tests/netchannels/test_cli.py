"""The command `netchannels`, in this process where possible, as a program where signals are sent."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

import csp
import netchannels
from csp import Call, Channel
from netchannels import Counters, LinkStatus, NodeStatus
from netchannels.cli import main
from netchannels.cli._status import Look, as_json, drawn, plain

Start = Callable[..., Any]
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def key(tmp_path: Path) -> str:
    netchannels.keygen(tmp_path / "farm.key")
    return str(tmp_path / "farm.key")


@pytest.fixture
def address(key: str) -> Iterator[str]:
    """A node that shares a channel of calls, with a worker that answers them, in another thread."""
    yield from serving(key, plain=False)


@pytest.fixture
def plain_address(key: str) -> Iterator[str]:
    yield from serving(key, plain=True)


def serving(key: str, *, plain: bool) -> Iterator[str]:
    started = threading.Event()
    said: dict[str, Any] = {}
    thread = threading.Thread(target=csp.run, args=(serve, key, plain, said, started))
    thread.start()
    assert started.wait(30)
    yield said["address"]
    trio.from_thread.run_sync(said["end"].cancel, trio_token=said["token"])
    thread.join(30)
    assert not thread.is_alive()


async def serve(key: str, plain: bool, said: dict[str, Any], started: threading.Event) -> None:
    secret = netchannels.secret(key)
    square = Channel(Call[int, int], name="square", max_attempts=math.inf)
    with trio.CancelScope() as said["end"]:
        async with netchannels.serve(secret=secret, plain=plain, label="farm") as node:
            node.share("square", square.receiver())
            names = Channel(str, name="names", buffer=3)
            node.share("names", names.sender())
            said["address"], said["token"] = node.address, trio.lowlevel.current_trio_token()
            async with csp.Spawn() as spawn:
                spawn(worker(node.address, key, plain), background=True)
                with square.sender() as calls:
                    assert await calls.call(7) == 49
                    started.set()
                    await trio.sleep_forever()


@csp.process
async def worker(address: str, key: str, plain: bool) -> None:
    secret = netchannels.secret(key)
    async with netchannels.connect(address, secret=secret, plain=plain, label="ant") as node:
        with await node.receiver("square", Call[int, int]) as server:
            await server.serve(lambda number: number * number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- keygen ----------------------------------------------------------------------------------


def test_keygen_makes_a_secret_and_says_what_to_do_with_it(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "my farm.key"
    assert main(["keygen", str(file)]) == 0
    out = capsys.readouterr().out
    assert file.read_text().strip() not in out
    assert f"netchannels.secret({str(file)!r})" in out
    assert f"netchannels status ADDRESS --secret '{file}'" in out
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_keygen_overwrites_nothing(key: str, capsys: Any) -> None:
    before = Path(key).read_text()
    assert main(["keygen", key]) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert Path(key).read_text() == before


# --- ls and ping -----------------------------------------------------------------------------


def test_ls_lists_names_and_types(address: str, key: str, capsys: Any) -> None:
    assert main(["ls", address, "--secret", key]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "names   str (send)",
        "square  Call[int, int] (receive)",
    ]


def test_the_secret_may_come_from_the_environment(
    address: str, key: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("FARM", Path(key).read_text())
    assert main(["ls", address, "--env", "FARM"]) == 0
    assert "square" in capsys.readouterr().out


def test_a_node_without_encryption_is_looked_at_with_plain(
    plain_address: str, key: str, capsys: Any
) -> None:
    assert main(["ls", plain_address, "--secret", key, "--plain"]) == 0
    assert "square" in capsys.readouterr().out


def test_ping_tells_each_round_trip_and_their_sum(address: str, key: str, capsys: Any) -> None:
    assert main(["ping", address, "--secret", key, "--count", "3", "--interval", "0.01"]) == 0
    *trips, last = capsys.readouterr().out.splitlines()
    times = [float(line.removeprefix("farm: ").removesuffix(" ms")) for line in trips]
    assert len(times) == 3
    head, _, three = last.partition("; min/avg/max ")
    low, mean, high = map(float, three.removesuffix(" ms").split("/"))
    assert head == "3 sent, 0 lost"
    assert (low, high) == (min(times), max(times))
    assert mean == pytest.approx(sum(times) / 3, abs=0.01)


@posix
def test_ping_counts_what_a_stopped_program_does_not_answer(start: Start, key: str) -> None:
    home = start_home(start, key)
    address = home.says(r"address=(\S+)")[1]
    pinging = start(
        "-m", "netchannels", "ping", address, "--secret", key,
        "--count", "1000", "--interval", "0.01", "--timeout", "0.05",
    )  # fmt: skip
    pinging.says(r": [\d.]+ ms$", times=3)
    home.send(signal.SIGSTOP)
    pinging.says("no answer within 0.05 s$", times=3)
    home.send(signal.SIGKILL)
    assert pinging.ends() == 1
    assert pinging.out[-1].split(";")[0].endswith(" lost")
    assert len(pinging.err) == 1
    assert pinging.err[0].startswith("netchannels: the link to ")


def start_home(start: Start, key: str) -> Any:
    return start(
        "-m", "csp", "run", "examples/task_master.py",
        "--arg", "address=127.0.0.1:0", "--arg", f"secret={key}",
    )  # fmt: skip


# --- status ----------------------------------------------------------------------------------


def test_status_once_shows_the_links_but_not_its_own(address: str, key: str, capsys: Any) -> None:
    assert main(["status", address, "--secret", key, "--once", "--interval", "0.05"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"farm at {address}, up ")
    assert lines[1] == "shares square: Call[int, int] (receive); names: str (send)"
    assert lines[2] == "links: 2 joined, 0 lost, 0 refused"
    assert lines[3].startswith("values: 1 sent (0.0/s), 1 taken, 0 received (0.0/s), 0 retried")
    assert lines[4].split() == [
        "node",
        "state",
        "ports",
        "out/s",
        "in/s",
        "p50",
        "p99",
        "oldest",
        "credit",
    ]
    assert lines[5].split()[:5] == ["ant", "alive", "square", "0.0", "0.0"]
    assert len(lines) == 6


def test_status_json_is_a_line_for_each_look(start: Start, address: str, key: str) -> None:
    watching = start(
        "-m", "netchannels", "status", address, "--secret", key, "--json", "--interval", "0.05"
    )
    watching.says("^{", times=3)
    if sys.platform != "win32":
        watching.send(signal.SIGINT)
        assert watching.ends() == 130
        assert watching.err == ["netchannels: interrupted"]
    looks = [json.loads(line) for line in watching.out]
    assert [link["peer"] for link in looks[0]["links"]] == ["ant"]
    assert looks[0]["links"][0]["counters"]["sent_per_second"] == 0.0
    assert looks[0]["total"]["sent"] == 1
    assert looks[2]["uptime"] > looks[1]["uptime"] > looks[0]["uptime"]


def test_status_as_text_goes_on_until_interrupted(start: Start, address: str, key: str) -> None:
    watching = start("-m", "netchannels", "status", address, "--secret", key, "--interval", "0.05")
    watching.says("^farm at ", times=3)
    assert not any("\x1b" in line for line in watching.lines)


def test_a_lost_link_ends_status_in_one_line(start: Start, key: str) -> None:
    home = start_home(start, key)
    address = home.says(r"address=(\S+)")[1]
    watching = start(
        "-m", "netchannels", "status", address, "--secret", key, "--json", "--interval", "0.05"
    )
    watching.says("^{")
    home.process.kill()
    assert watching.ends() == 1
    assert len(watching.err) == 1
    assert "lost" in watching.err[0]


@posix
def test_a_terminal_gets_a_table_that_renews_itself(start: Start, address: str, key: str) -> None:
    import pty

    master, slave = pty.openpty()
    code = (
        "import os, sys, netchannels.cli as c;"
        f"os.dup2({slave}, 1); sys.exit(c.main({['status', address, '--secret', key]!r}))"
    )
    watching = start("-c", code, fds=(slave,), TERM="xterm", COLUMNS="100", LINES="40")
    os.close(slave)
    shown = b""
    while shown.count(b"farm at ") < 2:
        shown += os.read(master, 4096)
    watching.send(signal.SIGINT)
    assert watching.ends() == 130
    os.close(master)
    assert watching.err == ["netchannels: interrupted"]
    assert b"\x1b[1A" in shown  # up a line: over the table before
    assert b"square" in shown


@posix
def test_a_reader_that_has_enough_ends_it_quietly(start: Start, address: str, key: str) -> None:
    code = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-m', 'netchannels', *sys.argv[1:]], stdout=-1);"
        "p.stdout.readline(); p.stdout.close(); sys.exit(p.wait())"
    )
    watching = start("-c", code, "status", address, "--secret", key, "--json", "--interval", "0.05")
    assert watching.ends() == 0
    assert watching.lines == []


# --- what it shows, from made-up looks -------------------------------------------------------


def node(uptime: float, *links: LinkStatus, sent: int = 0, received: int = 0) -> NodeStatus:
    total = Counters(sent=sent, received=received)
    return NodeStatus("farm", "ant:5000", uptime, {}, list(links), total, 3, 1, 2, 0.001)


def link(sent: int, *, address: str = "ant:40000", **changed: Any) -> LinkStatus:
    fields: dict[str, Any] = {
        "peer": "worker@ant:1", "address": address, "role": "", "state": "alive", "ports": ["square"],
        "counters": Counters(sent=sent, received=7), "p50": 0.0005, "p99": 0.25, "oldest": 75.0, "credit": 1536,
    }  # fmt: skip
    return LinkStatus(**fields | changed)


def test_rates_are_differences_divided_by_the_time_of_the_node() -> None:
    look = Look(node(12.0, link(50), sent=70), node(10.0, link(10), sent=10))
    assert look.of(look.status.links[0]).sent_per_second == 20.0
    assert look.of(look.status.links[0]).received_per_second == 0.0
    assert look.total().sent_per_second == 30.0


def test_a_program_that_came_back_is_another_link() -> None:
    look = Look(node(12.0, link(6, address="ant:40001")), node(10.0, link(1000)))
    assert look.of(look.status.links[0]).sent_per_second == 3.0


def test_the_first_look_has_no_rates() -> None:
    look = Look(node(1.0, link(5)))
    assert look.total().sent_per_second is None
    assert plain(look).splitlines()[-1].split()[3:5] == ["-", "-"]


def test_a_row_has_times_and_sizes_with_units() -> None:
    row = plain(Look(node(12.0, link(50)), node(10.0, link(10)))).splitlines()[-1]
    assert row == "worker@ant:1  alive  square  20.0   0.0   0.500 ms  250 ms  1 min 15 s  1.5 KiB"


def test_what_others_call_themselves_cannot_steer_the_terminal() -> None:
    look = Look(node(1.0, link(0, peer="\x1b[2Jevil", ports=["\x07"], role="a\rb")))
    assert "?[2Jevil (a?b)" in plain(look)
    assert plain(look).isprintable() is False  # the lines' ends
    assert all(line.isprintable() for line in plain(look).splitlines())


def test_markup_in_a_name_is_shown_as_it_is() -> None:
    from rich.console import Console

    console = Console(width=100, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(drawn(Look(node(1.0, link(0, peer="[red]x[/red]")))))
    console.file.close()
    assert "[red]x[/red]" in console.export_text()


def test_json_has_the_rates_beside_the_counters() -> None:
    found = json.loads(as_json(Look(node(12.0, link(50)), node(10.0, link(10)))))
    assert found["links"][0]["counters"] == {
        "sent": 50, "taken": 0, "received": 7, "retried": 0, "unknown": 0,
        "sent_per_second": 20.0, "received_per_second": 0.0,
    }  # fmt: skip


def test_a_node_without_links_says_so() -> None:
    assert plain(Look(node(1.0))).endswith("no other node is linked")


# --- what goes wrong -------------------------------------------------------------------------


def test_nobody_answers(key: str, capsys: Any) -> None:
    port = free_port()
    assert main(["ls", f"127.0.0.1:{port}", "--secret", key]) == 1
    one_line(capsys, f"netchannels: nobody answers at 127.0.0.1:{port}: ")


def test_a_wrong_secret(address: str, tmp_path: Path, key: str, capsys: Any) -> None:
    netchannels.keygen(tmp_path / "other.key")
    assert main(["ls", address, "--secret", str(tmp_path / "other.key")]) == 1
    assert "give both sides the same secret" in one_line(capsys, "netchannels: the server hung up")


def test_encryption_that_the_other_side_does_not_have(
    plain_address: str, key: str, capsys: Any
) -> None:
    assert main(["ls", plain_address, "--secret", key]) == 1
    one_line(capsys, "netchannels: ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ls", "ant", "--secret", "KEY"], "an address is"),
        (["ls", ":70000", "--secret", "KEY"], "an address is"),
        (["ping", ":0", "--secret", "KEY"], "connect to a port from 1 to 65535"),
        (["ls", "ant:5000", "--secret", "KEY", "--plain"], "plain=True is for loopback"),
        (["ls", ":5000", "--secret", "nowhere.key"], "there is no file nowhere.key"),
        (["ls", ":5000", "--env", "NO_SUCH_NAME"], "NO_SUCH_NAME is not set"),
        (["keygen", "no/such/directory/farm.key"], "cannot be written"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    args: list[str], said: str, key: str, capsys: Any
) -> None:
    assert main([key if arg == "KEY" else arg for arg in args]) == 2
    assert said in one_line(capsys, "netchannels: ")


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_secret_that_others_may_read_is_refused(key: str, capsys: Any) -> None:
    os.chmod(key, 0o644)
    assert main(["ls", ":5000", "--secret", key]) == 2
    assert "chmod 600" in one_line(capsys, "netchannels: others may read")


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["ls", ":5000"],
        ["ls", ":5000", "--secret", "a", "--env", "B"],
        ["ping", ":5000", "--secret", "a", "--count", "0"],
        ["ping", ":5000", "--secret", "a", "--timeout", "never"],
        ["status", ":5000", "--secret", "a", "--once", "--json"],
    ],
)
def test_what_cannot_be_parsed_exits_with_2(args: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(args)
    assert caught.value.code == 2
    assert "usage: netchannels" in capsys.readouterr().err


def one_line(capsys: Any, start: str) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith(start)
    return str(said.err)


@posix
def test_ctrl_c_while_it_dials_ends_it_in_one_line(start: Start, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        looking = start(
            "-m", "netchannels", "ls", f"127.0.0.1:{silent.getsockname()[1]}", "--secret", key
        )
        with silent.accept()[0]:
            looking.send(signal.SIGINT)
            assert looking.ends() == 130
    assert looking.lines == ["netchannels: interrupted"]


def test_it_says_which_version_answers(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("netchannels ")
