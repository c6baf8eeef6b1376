"""Programs on a Dask cluster: Dask tasks, each of which runs one program and waits for its end.

The program is a process of its own beside that of the Dask worker: it can be killed, and it may die,
without the Dask worker and what else that does.  Orders travel as the argument of the Dask task;
what the program says comes as events of the Dask cluster.

Invariants:
* a ticket names one program, and no other one is started for it, wherever the Dask task is run again.
* a program ends with the Dask worker that has started it, and soon after its link to the parent.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import IO, Any, cast
from urllib.parse import urlsplit

import trio

from .._address import Address
from ._cleaner import end_group
from ._program import Placement
from ._site import GRACE, CannotStart, Hear, Orders, Program, Site, how_it_ended, worker_command

CALLS = 64  # calls of the Dask client at one time; each waits in a thread
LOG = logging.getLogger("netchannels")

ALL_ADDRESSES = ("0.0.0.0", "::", "*")


class DaskCluster(Placement):
    """`n` programs on a Dask cluster, one for each thread of its Dask workers if `n` is left out.

    `client` is a `distributed.Client` (not an asynchronous one).  netchannels and your code must
    be installed where the Dask workers run.  `listen` is "HOST:PORT": where this program is
    reached from there, port 0 takes a free one; it may be left out if the cluster is on this machine.

    Raises TypeError if `client` is no such client, ValueError for an `n` less than 1 or no Dask
    worker to count, for a `listen` that others cannot connect to, and for a cluster on another
    machine without `listen`.

    >>> from typing import Any
    >>> async def main(client: Any) -> None:  # client = distributed.Client("tcp://10.0.0.1:8786")
    ...     async with netchannels.pool(render, workers=DaskCluster(client, listen="10.0.0.7:0")) as pool:
    ...         print(await pool.call(1))
    """

    def __init__(self, client: Any, n: int | None = None, /, *, listen: str | None = None) -> None:
        if not all(hasattr(client, name) for name in ("submit", "run", "subscribe_topic")):
            raise TypeError(f"a distributed.Client is wanted, not {client!r}")
        if client.asynchronous:
            raise TypeError(
                "the client is asynchronous: make it with Client(..., asynchronous=False)"
            )
        if n is not None and (not isinstance(cast(object, n), int) or n < 1):
            raise ValueError(f"the number of programs is 1 or more, not {n!r}")
        if listen is not None:
            where = Address.parse(listen)
            if where.path or where.host in ("", *ALL_ADDRESSES):
                raise ValueError(
                    f"listen={listen!r}: say the address by which the Dask workers reach this "
                    f'machine, listen="HOST:0"'
                )
        elif not _is_here(client.scheduler.address):
            raise ValueError(
                f"the Dask cluster is on another machine ({client.scheduler.address}): say where "
                f'its workers reach this program, DaskCluster(client, listen="HOST:0")'
            )
        self._client, self._n, self._listen = client, n, listen
        self.size: int = sum(client.nthreads().values()) if n is None else n
        if self.size < 1:
            raise ValueError(
                "no Dask worker is there yet: wait for them (client.wait_for_workers(1)), or say "
                "how many programs you want, DaskCluster(client, 4)"
            )

    def __repr__(self) -> str:
        n = "" if self._n is None else f", {self._n}"
        listen = "" if self._listen is None else f", listen={self._listen!r}"
        return f"DaskCluster({self._client!r}{n}{listen})"

    def open(self) -> AbstractAsyncContextManager[Site]:
        """Listen to the events of its programs, until the end of the block."""
        return _opened(self._client, self.size, self._listen)


@asynccontextmanager
async def _opened(client: Any, size: int, listen: str | None) -> AsyncGenerator[Site]:
    async with trio.open_nursery() as nursery:
        cluster = _Cluster(
            client, size, listen or "127.0.0.1:0", nursery, keeps_path=listen is None
        )
        client.subscribe_topic(cluster.topic, cluster.put)
        nursery.start_soon(cluster.deliver)
        try:
            yield cluster
        finally:
            if client.status == "running":
                client.unsubscribe_topic(cluster.topic)
            cluster.close()


def _is_here(address: str) -> bool:
    """True for a scheduler that no other machine can reach."""
    parts = urlsplit(address)
    return parts.scheme == "inproc" or Address(parts.hostname or "?", 0).is_local()


# --- here --------------------------------------------------------------------------------------


class _Cluster(Site):
    def __init__(
        self, client: Any, size: int, listen: str, nursery: trio.Nursery, *, keeps_path: bool
    ) -> None:
        self.listen, self.size = listen, size
        self.topic = f"netchannels-{secrets.token_hex(8)}"
        self._client, self._nursery, self._keeps_path = client, nursery, keeps_path
        self._programs: dict[str, _There] = {}
        self._events: queue.SimpleQueue[tuple[str, str, Any] | None] = queue.SimpleQueue()
        self._calls = trio.CapacityLimiter(CALLS)

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
        if not self._keeps_path:
            orders = replace(orders, path=())
        ticket = secrets.token_hex(16)
        program = self._programs[ticket] = _There(hear, functools.partial(self._kill, ticket))
        try:
            with trio.CancelScope(shield=True):  # what is submitted must be known, to be ended
                await self._call(self._submit, program, orders, address, ticket)
            await program.news.wait()
            if not program.started:
                raise program.error or OSError(program.how)
            task_status.started(program)
            await program.over.wait()
            return program.how
        finally:
            if program.future is not None and not program.over.is_set():
                with trio.CancelScope(shield=True):
                    await self._end(ticket, program, gently=True)
            program.forget()
            del self._programs[ticket]

    def _submit(self, program: _There, orders: Orders, address: str, ticket: str) -> None:
        future = self._client.submit(
            run_there,
            orders,
            address,
            ticket,
            self.topic,
            pure=False,
            key=f"netchannels-{orders.label}-{ticket}".replace(" ", "-"),
        )
        program.future = future
        future.add_done_callback(functools.partial(self._is_done, ticket))

    def _is_done(self, ticket: str, future: Any) -> None:
        """In a thread of Dask."""
        status: str = future.status
        error = future.exception() if status == "error" else None
        self._events.put((ticket, "done", (status, error)))

    async def _call(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call the client in a thread; raises OSError for whatever it raises."""
        try:
            return await trio.to_thread.run_sync(
                call, *arguments, abandon_on_cancel=True, limiter=self._calls
            )
        except Exception as error:
            raise OSError(f"the Dask client: {type(error).__name__}: {error}") from error

    # --- its end ---------------------------------------------------------------------------

    def _kill(self, ticket: str) -> None:
        program = self._programs.get(ticket)
        if program is not None and not program.over.is_set():
            self._nursery.start_soon(self._end_now, ticket, program)

    async def _end_now(self, ticket: str, program: _There) -> None:
        await self._end(ticket, program, gently=False)

    async def _end(self, ticket: str, program: _There, *, gently: bool) -> None:
        """End it; a Dask worker that does not answer has ended, and its programs with it."""
        if program.started:
            with trio.move_on_after(GRACE):
                if await self._end_on(program.worker, ticket, gently=gently):
                    await program.over.wait()
        if not program.over.is_set():
            program.end("lost with its Dask worker")
            with trio.move_on_after(GRACE):
                await self._end_on("", ticket, gently=False)
            with trio.move_on_after(GRACE):
                await self._cancel(program.future)

    async def _end_on(self, worker: str, ticket: str, *, gently: bool) -> bool:
        """End it on one Dask worker, or if "" on all; false if that has ended itself."""
        try:
            return bool(await self._call(self._run_end, worker, ticket, gently))
        except OSError as error:
            LOG.warning("a program is not ended: %s", error)
            return False

    def _run_end(self, worker: str, ticket: str, gently: bool) -> bool:
        there = [each for each in self._client.nthreads() if worker in ("", each)]
        if there:
            self._client.run(end_there, ticket, gently, workers=there, on_error="ignore")
        return bool(there)

    async def _cancel(self, future: Any) -> None:
        try:
            await self._call(future.cancel)
        except OSError as error:
            LOG.warning("a Dask task is not cancelled: %s", error)

    # --- what it says ----------------------------------------------------------------------

    def put(self, event: tuple[float, tuple[str, str, Any]]) -> None:
        """In the thread of the client: an event has come, with the time when it arose."""
        self._events.put(event[1])

    def close(self) -> None:
        """No more events."""
        self._events.put(None)

    async def deliver(self) -> None:
        """Bring the events to the programs, until `close`."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._deliver, limiter=trio.CapacityLimiter(1))

    def _deliver(self) -> None:
        for event in iter(self._events.get, None):
            trio.from_thread.run_sync(self._heard, *event)

    def _heard(self, ticket: str, kind: str, what: Any) -> None:
        program = self._programs.get(ticket)
        if kind == "started" and (program is None or program.started):  # Dask has tried again
            self._nursery.start_soon(self._end_stray, ticket, what[0])
            if program is not None:
                program.end("lost with its Dask worker")
        elif program is not None:
            program.heard(kind, what)

    async def _end_stray(self, ticket: str, worker: str) -> None:
        await self._end_on(worker, ticket, gently=False)


class _There(Program):
    """A program on the cluster."""

    def __init__(self, hear: Hear, kill: Callable[[], object]) -> None:
        self.worker = ""  # the address of its Dask worker
        self.future: Any = None
        self.started = False
        self.how = ""
        self.error: OSError | None = None
        self.news, self.over = trio.Event(), trio.Event()
        self._hear, self._kill = hear, kill

    def kill(self) -> None:
        """End it at once."""
        self._kill()

    def end(self, how: str) -> None:
        """It has ended; what is said later does not count."""
        if not self.over.is_set():
            self.how = how
            self.over.set()
            self.news.set()

    def forget(self) -> None:
        """Dask may forget it."""
        if self.future is not None:
            self.future.release()

    def heard(self, kind: str, what: Any) -> None:
        """An event."""
        if kind == "started":
            self.worker, self.host, self.pid = what
            self.started = True
            self.news.set()
        elif kind == "ended":
            self.end(what)
        elif kind == "done":
            self._done(*what)
        else:
            for line in what:
                self._hear(kind, line)

    def _done(self, status: str, error: BaseException | None) -> None:
        """The Dask task is over."""
        if not self.started:
            self.error = _why(status, error)
        self.end(f"its Dask task is {status}")


def _why(status: str, error: BaseException | None) -> OSError:
    if isinstance(error, ModuleNotFoundError):
        return CannotStart(
            f"a Dask worker cannot import netchannels ({error}): install it where they run"
        )
    if error is not None:
        return OSError(f"the Dask task failed: {type(error).__name__}: {error}")
    return OSError(f"the Dask task is {status}")


# --- in a Dask worker --------------------------------------------------------------------------


@dataclass
class _Kept:
    """The programs of this Dask worker, by their tickets; None for one that starts no more."""

    programs: dict[str, subprocess.Popen[bytes] | None]
    lock: threading.Lock


_KEPT = _Kept({}, threading.Lock())


def run_there(orders: Orders, address: str, ticket: str, topic: str, /) -> str:
    """Run one program, in a thread of a Dask worker, and return how it has ended."""
    from distributed import get_worker

    dask_worker: Any = get_worker()

    def tell(kind: str, what: Any) -> None:
        dask_worker.log_event(topic, (ticket, kind, what))

    if not orders.path:
        orders = replace(orders, path=tuple(sys.path))
    try:
        process = _started(orders, address, ticket)
    except OSError as error:
        tell("ended", f"it cannot be started: {error}")
        return "it cannot be started"
    if process is None:
        return "it was ended before it began"
    tell("started", (dask_worker.address, socket.gethostname(), process.pid))
    readers = [
        threading.Thread(target=_tell_lines, args=(stream, name, tell), daemon=True)
        for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
    ]
    for reader in readers:
        reader.start()
    how = how_it_ended(process.wait())
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended before it had its orders
        process.stdin.close()
    end_group(process.pid)  # what it has started, and would keep its pipes
    for reader in readers:
        reader.join(GRACE)
    with _KEPT.lock:
        _KEPT.programs[ticket] = None
    tell("ended", how)
    return how


def _started(orders: Orders, address: str, ticket: str) -> subprocess.Popen[bytes] | None:
    command = worker_command(orders.target, address)
    with _KEPT.lock:
        if ticket in _KEPT.programs:
            return None
        process = _KEPT.programs[ticket] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
        )
    assert process.stdin is not None
    try:
        process.stdin.write(orders.line().encode() + b"\n")
        process.stdin.flush()  # it stays open: its end would end the program
    except BrokenPipeError:
        time.sleep(0)  # it has ended already, and how is told elsewhere
    return process


def _tell_lines(stream: IO[bytes], name: str, tell: Callable[[str, Any], None]) -> None:
    """Tell what comes; many lines that come at once are one event."""
    rest = b""
    with stream:
        while data := os.read(stream.fileno(), 64 * 1024):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > 64 * 1024:
                lines, rest = [*lines, rest], b""
            if lines:
                tell(name, [line.decode("utf-8", "replace").rstrip("\r") for line in lines])
        if rest:
            tell(name, [rest.decode("utf-8", "replace")])


async def end_there(ticket: str, gently: bool, /) -> None:
    """End a program of this Dask worker, in its loop: at once, or after it was asked to leave."""
    with _KEPT.lock:
        process = _KEPT.programs.setdefault(ticket, None)
    if process is None:
        return
    if gently:
        import asyncio  # it is loaded there; here it would only cost time

        process.terminate()
        patience = time.monotonic() + GRACE / 2
        while process.poll() is None and time.monotonic() < patience:
            await asyncio.sleep(0.02)
    process.kill()
