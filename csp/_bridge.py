"""The one bridge to what is outside of processes: signals of the operating system, threads.

It waits in trio and wakes through the kernel.  From threads:

    rx.detach()
    await trio.to_thread.run_sync(lambda: print(csp.from_thread.receive(rx)))
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from typing import Any, TypeVar

import trio

from ._channel import Receiver, Sender
from ._offer import COMMITTED, Party, Watch
from ._parking import current_kernel

T = TypeVar("T")


class Arrivals:
    """Signals that have arrived for one guard, oldest first."""

    def __init__(self, signals: tuple[int, ...], watch: Watch) -> None:
        self.pending: deque[int] = deque()
        self._watch = watch
        self._open = ExitStack()
        self._closed = False
        batches = self._open.enter_context(trio.open_signal_receiver(*signals))
        self._listener = current_kernel().spawn(lambda: self._listen(batches))

    async def _listen(self, batches: Any) -> None:
        if self._closed:  # before it could begin
            return
        try:
            async for number in batches:
                self.pending.append(number)
                woken: list[Party] = []
                self._watch.settle(COMMITTED, woken)
                current_kernel().wake_all(woken)
        finally:
            self._open.close()

    def close(self) -> None:
        """The signals do again what they did before."""
        self._closed = True
        self._open.close()
        self._listener.cancel()


def _run(function: Any, end: Any, *args: Any) -> Any:
    """Run an operation of a detached end in its run; a cancel of the thread's host reaches it."""
    if end._token is None:
        raise RuntimeError(
            f"the {end._what} of `{end.channel_name}` is used by its process: "
            f"call `.detach()` there before a thread uses it"
        )
    try:
        trio.from_thread.check_cancelled()
    except RuntimeError:  # no thread of trio's: the token says which run
        token = end._token
    else:
        return trio.from_thread.run(function, *args)
    try:
        return trio.from_thread.run(function, *args, trio_token=token)
    except trio.Cancelled:  # the run has ended
        raise trio.RunFinishedError from None


def send(end: Sender[T], value: T, /) -> None:
    """Send `value` from a thread and wait until it was taken.

    `end` was detached with `end.detach()`.  Raises what `Sender.send` raises,
    `trio.RunFinishedError` when the run is over, RuntimeError if the end was not detached or if
    it is called in the trio thread.

    >>> import csp
    >>> async def main() -> int:
    ...     numbers = csp.Channel(int, name="numbers", buffer=1)
    ...     with numbers.sender() as tx, numbers.receiver() as rx:
    ...         tx.detach()
    ...         await trio.to_thread.run_sync(csp.from_thread.send, tx, 7)
    ...         return await rx.receive()
    >>> csp.run(main)
    7
    """
    _run(end.send, end, value)


def receive(end: Receiver[T], /) -> T:
    """Receive a value in a thread; see `send`.

    Raises what `Receiver.receive` raises, and the RuntimeErrors of `send`.

    >>> import csp
    >>> async def main() -> int:
    ...     numbers = csp.Channel(int, name="numbers", buffer=1)
    ...     with numbers.sender() as tx, numbers.receiver() as rx:
    ...         await tx.send(7)
    ...         rx.detach()
    ...         return await trio.to_thread.run_sync(csp.from_thread.receive, rx)
    >>> csp.run(main)
    7
    """
    received: T = _run(end.receive, end)
    return received
