"""Send and receive from ordinary threads.

The one bridge between threads and channels: it enters the run through trio, and the operation is
then an ordinary one there.  The end is detached first, which also keeps it from being judged in
a search for deadlocks.

    rx.detach()
    await trio.to_thread.run_sync(lambda: print(csp.from_thread.receive(rx)))
"""

from __future__ import annotations

from typing import Any, TypeVar

import trio

from ._channel import Receiver, Sender

T = TypeVar("T")


def _token(end: Any) -> Any:
    if end._token is None:
        raise RuntimeError(
            f"the {end._what} of `{end.channel_name}` is used by its process: "
            f"call `.detach()` there before a thread uses it"
        )
    return end._token


def send(end: Sender[T], value: T, /) -> None:
    """Send `value` from a thread and wait until it was taken.

    `end` was detached with `end.detach()`.  Raises what `Sender.send` raises,
    `trio.RunFinishedError` when the run is over, RuntimeError if the end was not detached or if
    it is called in the trio thread.
    """
    trio.from_thread.run(end.send, value, trio_token=_token(end))


def receive(end: Receiver[T], /) -> T:
    """Receive a value in a thread; see `send`.

    Raises what `Receiver.receive` raises, and the RuntimeErrors of `send`.
    """
    return trio.from_thread.run(end.receive, trio_token=_token(end))
