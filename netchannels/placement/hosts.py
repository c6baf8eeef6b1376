"""Programs on other machines, over the OpenSSH client.

Each program has a connection of its own.  Through it ssh makes a Unix socket on the host, which
only that user may open, and forwards it to the node of the parent, which listens on the loopback
here: no port is open to the network, on either side.  The orders travel on ssh's standard input.

Invariants:
* the secret is sent only to a program that has said it is netchannels, of the version of this one.
* what is in the way is told with what to do about it; what waiting will not mend raises CannotStart.
"""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import trio

from ._greeting import ENDS, Greeting, version
from ._program import Placement
from ._site import GRACE, CannotStart, Hear, Orders, Program, Site, how_it_ended
from .cores import hear_lines, local_process

START = 60.0  # seconds from the start of ssh until Python runs on the host
CONNECTS = 5.0  # seconds that a connection gets to be made, when it is not wanted any more
AT_ONCE = 4  # connections to one host that are being made; sshd drops them from 10 on (MaxStartups)
OF_SSH = 255  # exit code of ssh itself
NO_COMMAND = 127  # exit code of a shell

SETTINGS = (
    "BatchMode=yes",  # nobody is there to answer
    "ExitOnForwardFailure=yes",
    "ControlMaster=no",  # a shared connection would outlive its program
    "ControlPath=none",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "ConnectTimeout=15",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    "LogLevel=ERROR",
)
OPTIONS = ("-T", "-a", "-x", *(f"-o{setting}" for setting in SETTINGS))  # no terminal, agent, X11


class Hosts(Placement):
    """`each` programs on each of these hosts, where netchannels and your code are installed.

    A host is what `ssh` takes: "ant", "user@ant", "ssh://user@ant:2222", a name of `~/.ssh/config`.
    ssh must let you in without a question (a key, an agent) and know the key of the host.
    `python` is the command there, as a shell reads it, like "~/farm/.venv/bin/python"; `ssh`
    the command here, with options of yours: `("ssh", "-i", "farm.key")`.

    Raises ValueError if there is no host, or one that ssh would take for an option, or `each` is
    less than 1, TypeError for a single string.

    >>> Hosts(["ant", "me@bee"], each=4)
    Hosts(['ant', 'me@bee'], each=4)
    >>> Hosts(["ant", "me@bee"], each=4).size
    8
    """

    def __init__(
        self,
        hosts: Iterable[str],
        /,
        *,
        each: int = 1,
        python: str = "python3",
        ssh: Sequence[str] = ("ssh",),
    ) -> None:
        if isinstance(hosts, str):
            raise TypeError(f"a list of hosts is wanted: Hosts([{hosts!r}])")
        if isinstance(ssh, str):
            raise TypeError(f"a list of words is wanted: ssh={tuple(shlex.split(ssh))!r}")
        self._hosts = list(hosts)
        for host in self._hosts:
            if not isinstance(cast(object, host), str):
                raise TypeError(f'a host is "NAME" or "USER@NAME", not {host!r}')
            if not host or host.startswith("-") or any(c.isspace() for c in host):
                raise ValueError(f'a host is "NAME" or "USER@NAME", not {host!r}')
        if not self._hosts:
            raise ValueError("there is no host in the list")
        if not isinstance(cast(object, each), int) or each < 1:
            raise ValueError(f"the number of programs on each host is 1 or more, not {each!r}")
        if not ssh:
            raise ValueError('the command of ssh is missing: ssh=("ssh",)')
        self._each, self._python, self._ssh = each, python, tuple(ssh)
        self.size: int = len(self._hosts) * each

    def __repr__(self) -> str:
        return f"Hosts({self._hosts!r}, each={self._each})"

    def open(self) -> AbstractAsyncContextManager[Site]:
        """Raises CannotStart, when the block is entered, if there is no `ssh` here."""
        return _opened(self._hosts, self.size, self._python, self._ssh)


@asynccontextmanager
async def _opened(
    hosts: list[str], size: int, python: str, ssh: tuple[str, ...]
) -> AsyncGenerator[Site]:
    if shutil.which(ssh[0]) is None:
        raise CannotStart(
            f"there is no command `{ssh[0]}` here: install the OpenSSH client "
            f'(Debian, Ubuntu: apt install openssh-client), or say where it is: ssh=("/path/to/ssh",)'
        )
    yield _Hosts(hosts, size, python, ssh)


class _Hosts(Site):
    listen, plain = "127.0.0.1:0", True  # ssh encrypts

    def __init__(self, hosts: list[str], size: int, python: str, ssh: tuple[str, ...]) -> None:
        self.size = size
        self._hosts, self._python, self._ssh = hosts, python, ssh
        self._making = {host: trio.CapacityLimiter(AT_ONCE) for host in hosts}

    async def run(
        self,
        number: int,
        orders: Orders,
        address: str,
        hear: Hear,
        *,
        task_status: trio.TaskStatus[Program] = trio.TASK_STATUS_IGNORED,
    ) -> str:
        """Start program `number`, and return how it has ended."""
        host = self._hosts[number % len(self._hosts)]
        path = f"/tmp/netchannels-{secrets.token_hex(16)}"
        there = (
            f"{self._python} -m netchannels.placement._there {shlex.quote(orders.target)} "
            f"--connect unix:{path}; code=$?; rm -f {path}; exit $code"  # sshd leaves it there
        )
        forward = ("-R", f"{path}:{address}")
        whole = f"sh -c {shlex.quote(there)}"  # whatever their login shell is
        command = [self._ssh[0], *OPTIONS, *self._ssh[1:], *forward, host, whole]
        program = _There(host, self._python, hear)
        async with trio.open_nursery() as nursery:
            making = self._making[host]
            await making.acquire_on_behalf_of(program)
            try:
                await nursery.start(program.carry, command)
                await program.answer()
            finally:
                making.release_on_behalf_of(program)
            if program.is_ours():
                await program.send(replace(orders, path=()).line())  # those here are not there
                task_status.started(program)
                nursery.start_soon(program.kill_when_asked)
            await program.ended.wait()
            nursery.cancel_scope.cancel()
        if not program.is_ours():
            raise program.failure()
        return program.how()


class _There(Program):
    """A program on a host, and the ssh that carries it."""

    def __init__(self, host: str, python: str, hear: Hear) -> None:
        self.host = host
        self.greeting: Greeting | None = None
        self.ended = trio.Event()  # ssh has, and with it the program
        self._python, self._hear = python, hear
        self._said: deque[tuple[str, str]] = deque(maxlen=20)  # before the greeting
        self._answered, self._shall_die = trio.Event(), trio.Event()
        self._process: Any = None
        self._late = False
        self._error: OSError | None = None  # ssh itself could not be started
        self._code = 0

    # --- its ssh ---------------------------------------------------------------------------

    async def carry(self, command: list[str], *, task_status: trio.TaskStatus[None]) -> None:
        """Run ssh, and hear it to its end, also when it is cancelled."""
        hearing = trio.CancelScope(shield=True)
        try:
            async with trio.open_nursery() as nursery:
                try:
                    process = await nursery.start(local_process(command, self._leave))
                except OSError as error:
                    self._error = error
                    task_status.started()
                    return
                self._process = process
                nursery.start_soon(self._hear_all, process, hearing)
                task_status.started()
                try:
                    self._code = await process.wait()
                finally:  # a child of the program may have its pipes
                    hearing.deadline = trio.current_time() + 2 * GRACE
        finally:
            self.ended.set()
            self._answered.set()

    async def _hear_all(self, process: Any, scope: trio.CancelScope) -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hear_lines, process.stdout, "stdout", self._heard)
                nursery.start_soon(hear_lines, process.stderr, "stderr", self._heard)

    def _heard(self, stream: str, line: str) -> None:
        if self.greeting is not None:
            self._hear(stream, line)
        elif stream == "stdout" and (greeting := Greeting.parse(line)) is not None:
            self.greeting, self.pid = greeting, greeting.pid
            for earlier in self._said:  # a login script is talkative
                self._hear(*earlier)
            self._answered.set()
        else:
            self._said.append((stream, line))

    async def send(self, line: str) -> None:
        """Write a line to it; an end of it is seen elsewhere."""
        try:
            await self._process.stdin.send_all(line.encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.sleep(0)

    # --- its start -------------------------------------------------------------------------

    async def answer(self) -> None:
        """Wait until it has greeted, or ended."""
        with trio.move_on_after(START) as patience:
            await self._answered.wait()
        self._late = patience.cancelled_caught
        if not self.is_ours() and self._process is not None:
            await self._leave(self._process)
            await self.ended.wait()

    def is_ours(self) -> bool:
        """True once netchannels runs there, in the version that runs here."""
        return self.greeting is not None and self.greeting.version == version()

    def failure(self) -> OSError:
        """Why it was not started."""
        if self._error is not None:
            return self._error
        if self.greeting is not None:
            return CannotStart(
                f"{self.host}: netchannels {self.greeting.version} is there and {version()} here: "
                f"bring both sides to one version"
            )
        said = "\n".join(line for _, line in self._said)
        why = _advice(self.host, self._python, said, self._code)
        if why:
            return CannotStart(f"{self.host}: {why}{_quoted(said)}")
        if self._late:
            return OSError(f"{self.host}: no answer in {START:g} s{_quoted(said)}")
        how = "ssh does not get there" if self._code == OF_SSH else how_it_ended(self._code)
        return OSError(f"{self.host}: {how or 'no answer'}{_quoted(said)}")

    # --- its end ---------------------------------------------------------------------------

    def kill(self) -> None:
        """End it at once."""
        self._shall_die.set()

    async def kill_when_asked(self) -> None:
        """Kill it there, or if that is not heard, its connection."""
        await self._shall_die.wait()
        await self.send("kill")
        with trio.move_on_after(GRACE):
            await self.ended.wait()
        self._process.kill()

    async def _leave(self, process: Any) -> None:
        """Close what it reads, which ends the program there; then end ssh.

        Not while it connects, for that would leave its socket behind.
        """
        await process.stdin.aclose()
        with trio.move_on_after(GRACE if self.greeting is not None else CONNECTS):
            await process.wait()
        process.kill()

    def how(self) -> str:
        """How it has ended."""
        if self._code == OF_SSH:
            return f"the connection to {self.host} is lost"
        return how_it_ended(ENDS - self._code if self._code > ENDS else self._code)


def _quoted(said: str) -> str:
    return "".join(f"\n    {line}" for line in said.splitlines())


def _advice(host: str, python: str, said: str, code: int) -> str:
    """What to do, "" if trying again may help."""
    if "HOST IDENTIFICATION HAS CHANGED" in said:
        return (
            "its host key is another one than ssh knows: somebody may be in between. If the host was "
            f"installed anew, remove the old key (ssh-keygen -R {host}) and log in once by hand"
        )
    if "Host key verification failed" in said or "host key is known for" in said:
        return f"ssh does not know its host key: log in once by hand (ssh {host}) and compare it"
    if "Permission denied (" in said:
        return (
            "ssh is not let in without a question: put your key into ~/.ssh/authorized_keys there "
            'and load it here (ssh-add), or name its file: ssh=("ssh", "-i", "FILE")'
        )
    if "Could not resolve hostname" in said and not re.search("Temporary|[Tt]ry again", said):
        return (
            "there is no machine of this name: write its whole name or its address, or give it a "
            "`Host` and `HostName` in ~/.ssh/config"
        )
    if "forwarding failed" in said:
        return (
            "sshd there forwards no Unix socket: its configuration needs "
            "`AllowStreamLocalForwarding yes` and `DisableForwarding no`, and its authorized_keys no "
            "`restrict` or `no-port-forwarding`; or /tmp there is full (df -h /tmp; df -i /tmp)"
        )
    if re.search("No module named '?netchannels", said):
        return (
            f"`{python}` there has no netchannels {version()}: install it "
            f"({python} -m pip install netchannels=={version()}), or name the Python that has it: "
            'python="/path/to/python"'
        )
    if code == NO_COMMAND:
        return f'there is no command `{python}`: say where Python is, python="/path/to/python"'
    return ""
