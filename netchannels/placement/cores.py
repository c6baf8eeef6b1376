"""Programs on the cores of this machine: OS processes that connect over a Unix socket.

Where there are no Unix sockets they connect over the loopback, encrypted and with proof like any other node.

Invariant: what a program has started ends with it; all of them end with the parent, whatever they do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import trio

from . import _cleaner
from ._program import Placement
from ._site import GRACE, CannotStart, Hear, Orders, Program, Site, how_it_ended, worker_command

LONGEST_LINE = 64 * 1024  # bytes; what is longer is heard in parts
CAN_HAVE_SOCKETS = hasattr(socket, "AF_UNIX") and sys.platform != "win32"
LONGEST_PATH = 100  # bytes of the path of a socket: systems take 104 to 108
SHORT = "/tmp"  # for sockets, where the directory for temporary files has too long a path


class Cores(Placement):
    """`n` programs on this machine, as many as it has cores if `n` is left out.

    Raises ValueError for less than 1.

    >>> Cores(4)
    Cores(4)
    """

    def __init__(self, n: int | None = None, /) -> None:
        n = _cores() if n is None else n
        if not isinstance(cast(object, n), int) or n < 1:
            raise ValueError(f"the number of programs is 1 or more, not {n!r}")
        self.size: int = n

    def __repr__(self) -> str:
        return f"Cores({self.size})"

    def open(self) -> AbstractAsyncContextManager[Site]:
        """Make a directory of its own for the socket, and remove it at the end of the block.

        Entering the block raises CannotStart if not even the program can be started that is to end
        the others if this one dies.
        """
        return _opened(self.size)


def _cores() -> int:
    """Those that this program may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@asynccontextmanager
async def _opened(size: int) -> AsyncGenerator[Site]:
    if not CAN_HAVE_SOCKETS:
        yield _Here("127.0.0.1:0", size)
        return
    cleaner = _Cleaner()
    try:
        yield _Here(f"unix:{cleaner.directory}/node", size, cleaner)
    finally:
        cleaner.end()


class _Cleaner:
    """The directory of the socket, and a program that removes it, and kills the others, if this
    program dies; it is told of them.
    """

    def __init__(self) -> None:
        self.directory: str = _short_directory()  # 0700
        command = [sys.executable, "-I", "-S", _cleaner.__file__, self.directory]
        nothing = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, bufsize=0, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            os.rmdir(self.directory)
            raise CannotStart(
                f"the program that would end the others if this one dies cannot be started: "
                f"{with_way_out(error)}"
            ) from error

    def tell(self, number: int) -> None:
        """A program has started; below 0: it is over."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody has killed it, which harms nobody now
            self._process.stdin.write(f"{number}\n".encode())

    def end(self) -> None:
        """All programs are over."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._process.kill()
        with self._process:  # its pipe is closed
            pass


def _short_directory() -> str:
    """A new one, in which the path of a socket is short enough."""
    directory = tempfile.mkdtemp(prefix="netchannels-")
    if len(os.fsencode(directory)) > LONGEST_PATH - len("/node"):
        os.rmdir(directory)
        directory = tempfile.mkdtemp(prefix="netchannels-", dir=SHORT)
    return directory


class _Here(Site):
    def __init__(self, listen: str, size: int, cleaner: _Cleaner | None = None) -> None:
        self.listen, self.size, self._cleaner = listen, size, cleaner

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
        command = worker_command(orders.target, address)
        pid = 0
        try:
            async with trio.open_nursery() as nursery:
                process: trio.Process = await nursery.start(local_process(command, _end))
                pid = process.pid
                self._tell_cleaner(pid)
                nursery.start_soon(hear_lines, process.stdout, "stdout", hear)
                nursery.start_soon(hear_lines, process.stderr, "stderr", hear)
                assert process.stdin is not None
                try:
                    await process.stdin.send_all(orders.line().encode() + b"\n")
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass  # it has ended already, and how is told below
                task_status.started(_Process(process))
                code = await process.wait()
                _kill(process)  # what it has started, and would keep its pipes
                nursery.cancel_scope.deadline = trio.current_time() + GRACE
        except ExceptionGroup as group:
            if len(group.exceptions) == 1:  # what the nursery has wrapped: it could not be started
                raise group.exceptions[0] from None
            raise
        finally:
            self._tell_cleaner(-pid)
        return how_it_ended(code)

    def _tell_cleaner(self, number: int) -> None:
        if self._cleaner is not None and number:
            self._cleaner.tell(number)


def local_process(
    command: list[str], end: Callable[[trio.Process], Awaitable[None]], /
) -> Callable[..., Awaitable[None]]:
    """What runs a program here: for `nursery.start`, which cancels it like anything else.

    `end` is awaited, shielded, to end it then.
    """

    async def run(task_status: trio.TaskStatus[trio.Process]) -> None:
        try:
            await trio.run_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                check=False,
                deliver_cancel=end,
                start_new_session=sys.platform != "win32",  # Ctrl-C is for the parent, who ends it
                task_status=task_status,
            )
        except OSError as error:
            raise with_way_out(error) from None

    return run


def with_way_out(error: OSError) -> OSError:
    """Why a program could not be started, and if a limit is in the way, which one.

    >>> print(with_way_out(OSError(errno.EMFILE, "Too many open files")))
    Too many open files: have fewer programs, or raise the limit (`ulimit -n`)
    """
    option = {errno.EMFILE: "n", errno.EAGAIN: "u"}.get(error.errno or 0)
    if option is None:
        return error
    return OSError(
        f"{error.strerror}: have fewer programs, or raise the limit (`ulimit -{option}`)"
    )


async def _end(process: trio.Process) -> None:
    """Ask it to leave, then kill it; trio waits, shielded, until it has ended."""
    process.terminate()
    with trio.move_on_after(GRACE):
        await process.wait()
    _kill(process)


def _kill(process: trio.Process) -> None:
    """End it at once, and what it has started."""
    if sys.platform != "win32":
        _cleaner.end_group(process.pid)
    else:
        process.kill()


class _Process(Program):
    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.host, self.pid = socket.gethostname(), process.pid

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            _kill(self._process)


async def hear_lines(stream: Any, name: str, hear: Hear, /) -> None:
    """Hand on what comes, line by line."""
    rest = b""
    async with stream:
        async for data in stream:
            *lines, rest = (rest + bytes(data)).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                hear(name, line.decode("utf-8", "replace").rstrip("\r"))
    if rest:
        hear(name, rest.decode("utf-8", "replace"))
