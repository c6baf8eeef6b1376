"""A program of a pool: `python -m netchannels.worker MODULE:NAME --connect ADDRESS`.

It is started by a placement, never by hand.  Its orders, with the secret, come on its standard
input, which stays open: its end means that the parent is gone, and ends this program.

Exit codes: 0 it was told to leave; 1 it was lost; 2 it will
never be able to work, as it cannot import what it runs; 3 it left because a request could
not be stopped.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import logging
import math
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import trio

import csp

from ._batches import AROUND, Batches
from ._codec import codec
from ._errors import NetworkError, TypeRefused, in_words
from ._node import Node
from ._serve import connect
from ._status import PeerLost
from ._work import Guard, Unguarded, Work
from .placement._placed import run_placed
from .placement._said import record as as_line
from .placement._site import GRACE, Orders
from .placement._target import Target, is_async, types_of

CANNOT_WORK, UNSTOPPABLE = 2, 3  # exit codes
START = 60.0  # seconds in which it is let in


def main(argv: list[str] | None = None) -> int:
    """Work until told to leave, and return the exit code."""
    options = _parser().parse_args(argv)
    parent = _own_input()
    try:
        orders = Orders.parse(_line(parent))
    except ValueError as error:
        print(f"netchannels.worker: {error}", file=sys.stderr)
        return 1
    _watch_parent(parent)
    _write_records()
    try:
        left = run(orders, options.connect, guard=_Switch())
    except (NetworkError, csp.LinkLost) as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__, limit=-3)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return CANNOT_WORK if isinstance(error, TypeRefused) else 1
    if not left:  # a thread that cannot be stopped would keep the program
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(UNSTOPPABLE)
    return 0


def run(orders: Orders, address: str, *, guard: Guard | None = None) -> bool:
    """Work as `orders` say for the node at `address`; false if a request could not be stopped.

    For placements whose programs have no standard input.  Raises what importing the function
    raises, NetworkError if the node lets nobody in, csp.LinkLost if the link is lost.
    """
    sys.path[:] = orders.path or sys.path
    try:
        function = Target(orders.target, orders.file).load()
    except (Exception, SystemExit) as error:  # a script without a guard may call sys.exit
        raise TypeRefused(
            f"`{orders.target}` cannot be imported on {socket.gethostname()} by {sys.executable}: "
            f"{in_words(error)[0]}{_way_out(error, orders.file)}"
        ) from error
    return csp.run(_work, orders, address, function, guard or Unguarded())


def _way_out(error: BaseException, file: str) -> str:
    """What to do about what cannot be imported."""
    if file and not os.path.isfile(file):
        return f"; bring {file} there under the same path"
    if isinstance(error, ImportError):
        return "; install it there, or put its directory into the PYTHONPATH of that Python"
    return ""


async def _work(orders: Orders, address: str, function: Callable[..., Any], guard: Guard) -> bool:
    left = True
    with trio.move_on_after(START) as patience:
        async for node in connect(
            address, secret=orders.secret, label=orders.label, largest=orders.largest + AROUND
        ):
            patience.deadline = math.inf
            async with node:
                left = await _work_for(node, orders, function, guard)
            if getattr(node, "has_lost_its_link", False):
                raise csp.LinkLost("the link to the pool is lost")
    if patience.cancelled_caught:
        raise NetworkError(f"nobody has let this program in at {address} for {START:g} s")
    return left


async def _work_for(node: Node, orders: Orders, function: Callable[..., Any], guard: Guard) -> bool:
    """Work until told to leave; false if something runs that cannot be stopped."""
    node._inside.nursery.start_soon(_end_with_its_link, node, guard)
    if orders.whole:
        await run_placed(node, orders, function, guard.expect)
        return True
    return await _answer(node, orders, function, guard)


async def _answer(node: Node, orders: Orders, function: Callable[..., Any], guard: Guard) -> bool:
    """Answer batches until told to leave; false if something runs that cannot be stopped."""
    request, reply = (codec(kind) for kind in types_of(function))
    if orders.types != request.fingerprint.hex() + reply.fingerprint.hex():
        raise TypeRefused(
            f"`{orders.target}` takes or returns other types here: bring both sides to one version"
        )
    work = Work(
        function,
        (request, reply),
        is_async=is_async(function),
        largest=orders.largest,
        busy=node.busy,
        guard=guard,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_leave_when_asked, work.enough)
        with await node.receiver(orders.name, Batches, prefetch=1, wait=10) as batches:
            await work.serve(batches)
        nursery.cancel_scope.cancel()
    return not work.leaves


async def _leave_when_asked(enough: csp.Flag) -> None:
    """SIGTERM: what is at work ends, what waits goes back."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            enough.set()


async def _end_with_its_link(node: Node, guard: Guard) -> None:
    """Nobody waits any more for what it may still do."""
    with node.events() as events:
        async for event in events:
            if isinstance(event, PeerLost):
                await trio.sleep(GRACE)
                guard.end()


# --- the parent ----------------------------------------------------------------------------


def _watch_parent(orders: int) -> None:
    """End with the parent, whatever this program does; its death is the end of what it writes."""

    def watch() -> None:
        while os.read(orders, 4096):
            pass
        if sys.platform != "win32" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with what it has started
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watches the parent").start()


def _line(file: int) -> str:
    """The first line; nothing comes behind it while this program lives."""
    data = b""
    while not data.endswith(b"\n") and (more := os.read(file, 64 * 1024)):
        data += more
    return data.decode()


def _own_input() -> int:
    """Standard input for us alone: what reads it in a request finds that it has ended."""
    orders = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return orders


class _Switch:
    """A dead man's switch: a thread of C, so it strikes also while a request holds the GIL.

    It writes where all threads are to standard error, and ends the program.
    """

    def __init__(self) -> None:
        self._error = os.dup(2)  # whatever becomes of sys.stderr

    def expect(self, seconds: float, /) -> None:
        """Strike unless told again within so many seconds."""
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._error)

    def end(self) -> None:
        """End the program now."""
        os._exit(1)


# --- what it says --------------------------------------------------------------------------


class _Records(logging.Handler):
    """Writes log records as lines of JSON, for the parent to log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
            sys.stderr.write(as_line(record.name, record.levelno, text) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def _write_records() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    root = logging.getLogger()
    root.addHandler(_Records())
    root.setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m netchannels.worker",
        description="A program of a pool; started by Cores, Hosts and DaskCluster, not by hand.",
    )
    parser.add_argument("target", metavar="MODULE:NAME", help="what it runs")
    parser.add_argument("--connect", metavar="ADDRESS", required=True, help="where the pool is")
    return parser


if __name__ == "__main__":
    sys.exit(main())
