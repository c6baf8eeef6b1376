"""A real sshd on the loopback, a real Dask cluster, and what shows that nothing is left behind."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PATIENCE = 30.0  # seconds


class Sshd:
    """An sshd of this user, with keys of its own; `ssh` is the command that gets in."""

    def __init__(self, directory: Path, sshd: str) -> None:
        self.directory = directory
        for name in ("host_key", "other_host_key", "key", "other_key", "bound_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True
            )
        (directory / "authorized_keys").write_text(
            f"{(directory / 'key.pub').read_text()}restrict {(directory / 'bound_key.pub').read_text()}"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.serve(sshd)
        config = self.config_for("config", key="key", known="host_key")
        self.used = directory / "used"  # all that ssh was told
        wrapper = directory / "ssh"
        wrapper.write_text(f'#!/bin/sh\necho "$@" >> {self.used}\nexec ssh "$@"\n')
        wrapper.chmod(0o700)
        self.ssh = [str(wrapper), "-F", str(config)]

    def with_config(self, name: str, **keys: str) -> list[str]:
        """The command of an ssh that has other keys."""
        return [self.ssh[0], "-F", str(self.config_for(name, **keys))]

    def sockets(self) -> set[str]:
        """All that were ever made."""
        return set(re.findall(r"-R (/\S+?):", self.used.read_text()))

    def serve(self, sshd: str) -> None:
        """Start it, and wait until it listens."""
        settings = {
            "ListenAddress": "127.0.0.1",
            "Port": self.port,
            "HostKey": self.directory / "host_key",
            "AuthorizedKeysFile": self.directory / "authorized_keys",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "StrictModes": "no",
            "PidFile": "none",
            "PermitRootLogin": "prohibit-password",
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        (self.directory / "sshd_config").write_text(text)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # where its children are locked up
        self.process = subprocess.Popen(
            [sshd, "-D", "-e", "-f", self.directory / "sshd_config"],
            stdin=subprocess.DEVNULL,
            stderr=(self.directory / "log").open("w"),
        )
        patience = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                log = (self.directory / "log").read_text()
                assert self.process.poll() is None, log
                assert time.monotonic() < patience, log
                time.sleep(0.05)

    def config_for(self, name: str, *, key: str, known: str) -> Path:
        """A configuration of ssh: which key it shows, which key of the host it knows."""
        where = self.directory
        kind, text, *_ = (where / f"{known}.pub").read_text().split() if known else ("", "")
        (where / f"known_for_{name}").write_text(
            f"[127.0.0.1]:{self.port} {kind} {text}\n" if known else ""
        )
        settings = {
            "HostName": "127.0.0.1",
            "Port": self.port,
            "IdentityFile": where / key,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": where / f"known_for_{name}",
            "GlobalKnownHostsFile": "/dev/null",
        }
        text = "".join(f"  {setting} {value}\n" for setting, value in settings.items())
        (where / name).write_text(f"Host ant bee\n{text}")
        return where / name

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Skips where there is none."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH: apt install openssh-client openssh-server")
    with tempfile.TemporaryDirectory(prefix="sshd-") as directory:
        server = Sshd(Path(directory), program)
        yield server
        server.stop()
        assert server.sockets()
        assert not [path for path in server.sockets() if os.path.lexists(path)]


@pytest.fixture(scope="session")
def dask_address() -> Iterator[str]:
    """The scheduler of a Dask cluster of two processes."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("needs Dask: pip install netchannels[dask]")
    with subprocess.Popen(
        [sys.executable, HERE / "cluster.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as cluster:
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()


@pytest.fixture
def wanted(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A placement for two programs, by its name."""
    if request.param == "hosts":
        server: Sshd = request.getfixturevalue("sshd")
        return {"kind": "hosts", "hosts": ["ant", "bee"], "ssh": server.ssh}
    if request.param == "dask":
        address = request.getfixturevalue("dask_address")
        return {"kind": "dask", "address": address, "n": 2}
    return {"kind": "cores", "n": 2}


class Traces:
    """What a script leaves behind: programs, sockets, directories."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.script = directory / f"places_{secrets.token_hex(4)}.py"
        shutil.copy(HERE / "places.py", self.script)
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.sockets: set[str] = set()
        self.ports: set[int] = set()

    def programs(self) -> list[str]:
        """The command lines in which its functions stand, of this and of other machines' ends."""
        listed = subprocess.run(
            ["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        ours = [line for line in listed if f"{self.script.stem}:" in line]
        self.sockets |= set(re.findall(r"unix:(\S+)", "\n".join(ours)))
        self.ports |= {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", "\n".join(ours))}
        return ours

    def left(self) -> list[str]:
        """All that is left behind."""
        sockets = [path for path in self.sockets if os.path.lexists(path)]
        ports = [f"port {port}" for port in self.ports if _answers(port)]
        directories = [str(path) for path in self.temporary.glob("netchannels-*")]
        return self.programs() + sockets + ports + directories

    def vanish(self) -> None:
        """Wait until nothing is left."""
        patience = time.monotonic() + PATIENCE
        while (left := self.left()) and time.monotonic() < patience:
            time.sleep(0.05)
        assert not left


def _answers(port: int) -> bool:
    with socket.socket() as dialling:
        return dialling.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def traces(tmp_path: Path) -> Traces:
    """Those of one test."""
    return Traces(tmp_path)


@pytest.fixture
def run_places(start: Callable[..., Any], traces: Traces) -> Callable[..., Any]:
    """`run_places(wanted, scenario)` starts a program; see `places.py`."""

    def run(wanted: dict[str, Any], scenario: str, **environment: str) -> Any:
        environment["TMPDIR"] = str(traces.temporary)
        return start(str(traces.script), json.dumps(wanted), scenario, **environment)

    return run
