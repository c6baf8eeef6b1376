"""Observers: the stream of `observe`, and the synchronous hook behind it.

When nobody listens, `kernel.hook` is None and an event costs one attribute test.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from ._buffers import Buffer, Dropping, Fifo, Sliding
from ._channel import Channel, Receiver
from ._core import Core
from ._kernel import Holder, Kernel
from ._observe import Dropped, Event, Stream
from ._offer import SEND, Party
from ._parking import current_kernel


def _add(kernel: Kernel, callback: Callable[[Event], object]) -> None:
    kernel.hooks = (*kernel.hooks, callback)
    kernel.hook = _dispatch(kernel.hooks)


def _remove(kernel: Kernel, callback: Callable[[Event], object]) -> None:
    hooks = list(kernel.hooks)
    hooks.reverse()  # of two alike the one added last
    if callback in hooks:
        hooks.remove(callback)
    kernel.hooks = tuple(reversed(hooks))
    kernel.hook = _dispatch(kernel.hooks)


def _dispatch(hooks: tuple[Callable[[Event], object], ...]) -> Callable[[Event], object] | None:
    if len(hooks) < 2:
        return hooks[0] if hooks else None

    def all_of(event: Event) -> None:
        for hook in hooks:
            hook(event)

    return all_of


@contextmanager
def on_event(callback: Callable[[Event], object]) -> Generator[None]:
    """Call `callback(event)` synchronously for every event of this run, in the `with` block.

    The callback may not communicate.  What it raises passes on in the process that acts; when a
    process is told to park in trio or to be resumed, none does, and it becomes a RuntimeWarning.  Works inside a run; raises RuntimeError elsewhere.
    """
    kernel = current_kernel()
    _add(kernel, callback)
    try:
        yield
    finally:
        _remove(kernel, callback)


def observe(*, buffer: Buffer | None = None) -> Receiver[Event | Dropped]:
    """A receiver of this run's events, for the process that calls it; retire it to stop.

    `buffer` says how many records wait for a slow reader (`Sliding(1000)`); what was dropped is
    told as `Dropped(count)`.  Events of the process that holds the receiver are not reported.
    Raises RuntimeError outside of a run, TypeError for a buffer that would make others wait.

    >>> import csp
    >>> @csp.process
    ... async def hello() -> None: ...
    >>> @csp.process
    ... async def watcher(events: Receiver[Event | Dropped]) -> Event | Dropped:
    ...     with events:
    ...         return await events.receive()
    >>> async def main() -> None:
    ...     seen, _ = await csp.Par(watcher(observe()), hello())
    ...     print(seen.kind, seen.process)
    >>> csp.run(main)
    started main.par[1].hello
    """
    kernel = current_kernel()
    buffer = Sliding(1000) if buffer is None else buffer
    if not isinstance(buffer, (Sliding, Dropping, Fifo)) or (
        isinstance(buffer, Fifo) and buffer.size != float("inf")
    ):
        raise TypeError(f"observers never make others wait: use Sliding(n), not {buffer!r}")
    channel: Channel[Any] = Channel(Event | Dropped, name="observed", buffer=1)
    core = channel._core
    core.buffer = Stream(buffer.size, newest=not isinstance(buffer, Dropping))
    core.carries = False
    core.open_end(SEND)
    receiver, path = channel.receiver(), core.path()

    def tell(event: Event) -> None:
        if not core.receivers:
            _remove(kernel, tell)
            return
        holder = kernel.holder()
        if event.channel == path or (holder is not None and _holds(holder, core)):
            return
        party, woken = Party(), cast("list[Party]", [])
        party.value = event
        core.send(party, woken)
        kernel.wake_all(woken)

    _add(kernel, tell)
    return cast("Receiver[Event | Dropped]", receiver)


def _holds(holder: Holder, core: Core) -> bool:
    """True if `holder` holds an end of the channel."""
    return any(end._core is core for end in holder.ends())
