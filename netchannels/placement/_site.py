"""The interface of a placement: where programs run, and how one of them is started, ended, heard.

A `Placement` (`Cores`, `Hosts`, `DaskCluster`) is what a user writes; it can be used many times.
Opened, it is a `Site`: it says where the parent's node shall listen, and runs programs.  The pool
does all the rest: it serves the node, decides when a program is started, restarted or ended, and
what each of them does.

The contract of `Site.run`, which a placement of your own must keep:

* It starts one program: `python -P -m netchannels.worker TARGET --connect ADDRESS` by whatever means,
  `TARGET` being `orders.target` and `ADDRESS` how the node at `address` is reached from there.
  Nothing else stands in its command line, and nothing in its environment.
* The first line of the program's standard input is `orders.line()`: it has the secret.  Where there is no
  standard input, `netchannels.worker.run(orders, address)` is what the program must run, and the
  orders go there on a way that others cannot read.
* Standard input stays open as long as `run` does; the program ends when it is closed.  So no
  program outlives this one.  Without standard input, the loss of its link ends it.
* Once the program exists `task_status.started(program)` is called, with a `Program`.
* What it writes goes line by line to `hear(stream, line)`, `stream` being "stdout" or "stderr" and
  `line` without its end.  Log records come that way as well: `hear` knows them.
* `run` returns when the program has ended, with how: "" if all was well (exit code 0), else a few words:
  "killed by SIGKILL", "exit code 1".  All its lines were heard by then.
* If `run` is cancelled, the program is ended: it is asked to leave, then killed; that is shielded
  and takes `GRACE` seconds at most.  When `run` has returned or raised nothing of the program is left.
* It raises OSError if no program can be started; the pool tries again later, as for one that ended.
  It raises CannotStart if that would not help: the pool starts no other one in that place.
"""

from __future__ import annotations

import json
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import trio

from .._node import Node
from .._serve import serve

GRACE = 1.0  # seconds that a program gets to leave before it is killed
SILENT = 60.0  # seconds for which work without a time limit may keep its program silent
RENEWED = 10.0  # seconds after which the program says that again, while its loop runs

Hear = Callable[[str, str], object]  # stream, line


@dataclass(frozen=True)
class Orders:
    """What a program must know to work; it holds the secret, so it is never shown.

    `target` and `file` are those of a `Target`, `name` that of the channel to serve, `label` what
    the program calls itself, `largest` the longest value in bytes, `types` the fingerprints of
    request and reply in hex, `whole` true if it runs a process once instead of answering requests, `path`
    what its `sys.path` will be.

    >>> Orders.parse(Orders("m:f", "", "name", "w 1", "a secret for this test", 10).line()).label
    'w 1'
    """

    target: str
    file: str
    name: str
    label: str
    secret: str = field(repr=False)
    largest: int
    types: str = ""
    whole: bool = False
    path: tuple[str, ...] = ()

    def line(self) -> str:
        """One line of JSON, without its end."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, line: str) -> Orders:
        """The orders in a line; raises ValueError, which does not show it, if there are none."""
        try:
            fields: dict[str, Any] = json.loads(line)
            fields["path"] = tuple(fields["path"])
            return cls(**fields)
        except (ValueError, TypeError, KeyError):
            raise ValueError("no orders came: this program is started by a pool") from None


class CannotStart(OSError):
    """No program can be started there, now or later; the message says what to do.

    >>> issubclass(CannotStart, OSError)
    True
    """


class Program(ABC):
    """A program that was started.  `host` is where it runs, `pid` its number there, 0 if unknown."""

    host: str = ""
    pid: int = 0

    @abstractmethod
    def kill(self) -> None:
        """End it at once; does nothing if it has ended."""

    @staticmethod
    def none() -> Program:
        """One that could not be started."""
        return _NoProgram()


class _NoProgram(Program):
    def kill(self) -> None:
        """Nothing to do."""


class Site(ABC):
    """A placement in use.

    `listen` is the address for `netchannels.serve`, `plain` its argument of that name, `size` how
    many programs the user wants.
    """

    listen: str
    plain: bool = False
    size: int

    @abstractmethod
    async def run(
        self,
        number: int,
        orders: Orders,
        address: str,
        hear: Hear,
        *,
        task_status: trio.TaskStatus[Program] = trio.TASK_STATUS_IGNORED,
    ) -> str:
        """Start program `number` (from 0), and return how it has ended; see above."""


@asynccontextmanager
async def opened(
    site: AbstractAsyncContextManager[Site], *, secret: str, label: str, largest: int
) -> AsyncGenerator[tuple[Site, Node]]:
    """A site in use, and the node to which its programs connect."""
    async with site as place:
        async with serve(
            place.listen, secret=secret, plain=place.plain, label=label, largest=largest, drain=0
        ) as node:
            yield place, node


def worker_command(target: str, address: str) -> list[str]:
    """How a program is started by this Python; `-P` keeps files of the current directory out.

    >>> worker_command("my_code:render", "unix:/run/node")[1:4]
    ['-P', '-m', 'netchannels.worker']
    """
    return [sys.executable, "-P", "-m", "netchannels.worker", target, "--connect", address]


def how_it_ended(code: int) -> str:
    """An exit code in words, "" for 0.

    >>> how_it_ended(0), how_it_ended(3)
    ('', 'exit code 3')
    """
    if code < 0 and sys.platform != "win32":
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}" if code else ""
