"""`Hosts`: what stands in the way of a program on a host, and what becomes of lost connections."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from netchannels.placement import CannotStart, Hosts
from netchannels.placement._greeting import Greeting
from netchannels.placement.hosts import SETTINGS, _advice

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and ps of POSIX")


@pytest.mark.parametrize(
    ("hosts", "options", "error"),
    [
        ([], {}, "no host"),
        (["-oProxyCommand=true"], {}, "a host is"),
        (["two words"], {}, "a host is"),
        ([""], {}, "a host is"),
        (["ant"], {"each": 0}, "1 or more"),
        (["ant"], {"ssh": ()}, "the command of ssh"),
    ],
)
def test_what_is_no_host_is_refused(hosts: list[str], options: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Hosts(hosts, **options)


def test_a_host_is_text() -> None:
    wrong: Any = [1]
    with pytest.raises(TypeError, match="a host is .* not 1"):
        Hosts(wrong)


@pytest.mark.parametrize("arguments", [{"hosts": "ant"}, {"hosts": ["ant"], "ssh": "ssh -v"}])
def test_a_string_is_no_list(arguments: dict[str, Any]) -> None:
    hosts = arguments.pop("hosts")
    with pytest.raises(TypeError, match="a list of"):
        Hosts(hosts, **arguments)


@pytest.mark.trio
async def test_no_ssh_here_is_said_at_once() -> None:
    with pytest.raises(CannotStart, match="install the OpenSSH client"):
        async with Hosts(["ant"], ssh=("there-is-no-such-ssh",)).open():
            pass


def test_the_keys_of_hosts_are_looked_at_as_the_user_wants() -> None:
    assert not any("HostKey" in setting or "KnownHosts" in setting for setting in SETTINGS)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Name or service not known", "its whole name or its address"),
        ("nodename nor servname provided, or not known", "its whole name or its address"),
        ("Temporary failure in name resolution", ""),
    ],
)
def test_a_wrong_name_is_told_and_one_that_cannot_be_looked_up_now_is_tried_again(
    said: str, advice: str
) -> None:
    told = _advice("ant", "python3", f"ssh: Could not resolve hostname ant: {said}", 255)
    assert advice in told
    assert bool(told) == bool(advice)


# --- in the way --------------------------------------------------------------------------------


def refused(run_places: Any, sshd: Any, **changes: Any) -> str:
    """The error of a pool on a host where nothing can be started."""
    environment = changes.pop("environment", {})
    wanted = {"kind": "hosts", "hosts": ["ant"], "ssh": sshd.ssh, **changes}
    program = run_places(wanted, "refused", **environment)
    error: str = json.loads(program.says("^error=(.*)")[1])
    assert program.ends() == 0, str(program)
    assert error.startswith("PoolFailed"), error
    assert not [path for path in sshd.sockets() if os.path.lexists(path)]
    return error


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        ({"key": "key", "known": ""}, "log in once by hand (ssh ant) and compare"),
        ({"key": "key", "known": "other_host_key"}, "somebody may be in between"),
        ({"key": "other_key", "known": "host_key"}, "ssh-add"),
        ({"key": "bound_key", "known": "host_key"}, "AllowStreamLocalForwarding yes"),
    ],
    ids=["unknown host", "another host", "not let in", "nothing forwarded"],
)
def test_what_ssh_refuses_is_told_with_the_way_out(
    sshd: Any, run_places: Any, traces: Any, keys: dict[str, str], advice: str
) -> None:
    error = refused(run_places, sshd, ssh=sshd.with_config("refused", **keys))
    assert advice in error
    assert traces.left() == []


def test_a_python_without_netchannels_is_told(sshd: Any, run_places: Any, traces: Any) -> None:
    error = refused(run_places, sshd, python=f"{sys.executable} -I -S")
    assert "has no netchannels" in error
    assert "pip install netchannels==" in error
    assert traces.left() == []


def test_a_python_that_is_not_there_is_told(sshd: Any, run_places: Any) -> None:
    error = refused(run_places, sshd, python="/no/such/python")
    assert "there is no command `/no/such/python`" in error


def test_another_version_gets_no_secret(sshd: Any, run_places: Any, tmp_path: Path) -> None:
    python, got = tmp_path / "python", tmp_path / "got"
    greeting = Greeting("0.0.1", "ant", 1).line()
    python.write_text(f"#!/bin/sh\necho '{greeting}'\ncat > {got}\n")
    python.chmod(0o700)
    error = refused(run_places, sshd, python=str(python))
    assert "netchannels 0.0.1 is there" in error
    assert got.read_text() == ""


def test_a_module_that_is_not_there_is_told(sshd: Any, run_places: Any, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "only_here.py").write_text("def f(number: int) -> int: ...\n")
    environment = {"PYTHONPATH": str(library), "FUNCTION": "only_here:f"}
    error = refused(run_places, sshd, environment=environment)
    assert "`only_here:f` cannot be imported on" in error
    assert "No module named 'only_here'; install it there" in error


def test_one_host_that_cannot_work_does_not_keep_the_others_from_it(
    sshd: Any, run_places: Any, traces: Any
) -> None:
    hosts = ["ant", "no.such.host.invalid"]
    wanted = {"kind": "hosts", "hosts": hosts, "ssh": [*sshd.ssh, "-oConnectTimeout=1"]}
    program = run_places(wanted, "some_results")
    assert json.loads(program.says("^values=(.*)")[1]) == [0, 1, 4, 9]
    assert program.ends() == 0, str(program)
    traces.vanish()


# --- on the way --------------------------------------------------------------------------------


def at_work(sshd: Any, run_places: Any, scenario: str) -> tuple[Any, list[int]]:
    """Two programs that compute something long; their pids."""
    wanted = {"kind": "hosts", "hosts": ["ant"], "each": 2, "ssh": sshd.ssh}
    program = run_places(wanted, scenario)
    return program, json.loads(program.says("^pids=(.*)")[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_program_that_stands_still_is_ended_as_well(
    sshd: Any, run_places: Any, traces: Any, number: int
) -> None:
    program, pids = at_work(sshd, run_places, "forever")
    assert traces.programs()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    program.send(number)
    program.ends()
    traces.vanish()


def test_a_lost_connection_ends_its_program_and_another_one_is_started(
    sshd: Any, run_places: Any, traces: Any
) -> None:
    program, pids = at_work(sshd, run_places, "forever")
    ssh = next(int(line.split()[0]) for line in traces.programs() if " ssh -T" in line)
    os.kill(ssh, signal.SIGKILL)
    assert len(set(pids) & set(json.loads(program.says("^again=(.*)")[1]))) == 1
    program.send(signal.SIGINT)
    program.ends()
    traces.vanish()
