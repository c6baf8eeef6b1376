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
from ._kernel import Kernel
from ._offer import COMMITTED, Party, Watch
from ._parking import current_kernel

T = TypeVar("T")


class _Listener:
    """The only one in its run that listens to a signal, for all guards that wait for it."""

    def __init__(self, number: int, kernel: Kernel) -> None:
        self.guards: list[Arrivals] = []
        self._number, self._kernel = number, kernel
        self._open = ExitStack()
        batches = self._open.enter_context(trio.open_signal_receiver(number))
        kernel.listeners[number] = self
        self._scope = kernel.spawn(lambda: self._listen(batches))

    async def _listen(self, batches: Any) -> None:
        if self._kernel.listeners.get(self._number) is not self:  # closed before it could begin
            return
        try:
            async for number in batches:
                for guard in self.guards:
                    guard.arrived(number)
        finally:
            self.close()

    def close(self) -> None:
        """The signal does again what it did before."""
        if self._kernel.listeners.get(self._number) is self:
            del self._kernel.listeners[self._number]
        self._open.close()
        self._scope.cancel()


class Arrivals:
    """Signals that have arrived for one guard, oldest first."""

    def __init__(self, signals: tuple[int, ...], watch: Watch) -> None:
        self.pending: deque[int] = deque()
        self._watch, self._kernel = watch, current_kernel()
        self._listeners: list[_Listener] = []
        try:
            for number in dict.fromkeys(signals):
                known = self._kernel.listeners.get(number)
                listener: _Listener = known or _Listener(number, self._kernel)
                listener.guards.append(self)
                self._listeners.append(listener)
        except BaseException:
            self.close()
            raise

    def arrived(self, number: int) -> None:
        """One more."""
        self.pending.append(number)
        woken: list[Party] = []
        self._watch.settle(COMMITTED, woken)
        self._kernel.wake_all(woken)

    def close(self) -> None:
        """Listen no more; with the last guard the signals do again what they did before."""
        for listener in self._listeners:
            listener.guards.remove(self)
            if not listener.guards:
                listener.close()
        self._listeners = []


def _token(end: Any) -> Any:
    """What leads to the run of a detached end."""
    if end._token is None:
        raise RuntimeError(
            f"the {end._what} of `{end.channel_name}` is used by its process: "
            f"call `.detach()` there before a thread uses it"
        )
    return end._token


def _run(function: Any, end: Any, *args: Any) -> Any:
    """Run an operation of a detached end in its run; a cancel of the thread's host reaches it."""
    token = _token(end)
    try:
        trio.from_thread.check_cancelled()
    except RuntimeError:  # no thread of trio's: the token says which run
        pass
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


def retire(end: Sender[Any] | Receiver[Any], /) -> None:
    """Retire an end from a thread; on its return the other side has been told.

    Also when the thread's host is cancelled.  `with end:` around the work in a thread does the same
    soon after.  Does nothing if the end has retired already.  Raises `trio.RunFinishedError` when
    the run is over, and the RuntimeErrors of `send`.

    >>> import csp
    >>> def count(out: csp.Sender[int]) -> None:
    ...     for number in range(3):
    ...         csp.from_thread.send(out, number)
    ...     csp.from_thread.retire(out)
    >>> async def main() -> list[int]:
    ...     numbers = csp.Channel(int, name="numbers", buffer=3)
    ...     tx = numbers.sender()
    ...     tx.detach()
    ...     await trio.to_thread.run_sync(count, tx)
    ...     with numbers.receiver() as rx:
    ...         return [number async for number in rx]
    >>> csp.run(main)
    [0, 1, 2]
    """
    trio.from_thread.run_sync(end.retire, trio_token=_token(end))
