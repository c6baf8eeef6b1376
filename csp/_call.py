"""Calls: requests with a reply.  `Channel(Call[Request, Reply])` carries them.

A call is sent as a `Ticket` over an ordinary channel; the caller then waits for its latch.
Invariant: a ticket is answered once, or cancelled by its caller, whichever comes first.
"""

from __future__ import annotations

import inspect
import traceback
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

import trio

from ._errors import CallFailed, EndOfChannel
from ._latch import Latch
from ._lease import _is_channel_end

if TYPE_CHECKING:
    from ._channel import Receiver, Sender

Q = TypeVar("Q")
A = TypeVar("A")

KEPT = 1000  # finished replies that `map` holds for a slow reader


class Call(Generic[Q, A]):
    """The element type of a channel of requests: `Channel(Call[int, str])`."""


class Ticket:
    """One call on its way."""

    __slots__ = ("cancel", "cancelled", "error", "latch", "reply", "request")

    def __init__(self, request: Any, core: Any) -> None:
        self.request = request
        self.reply: Any = None
        self.error: CallFailed | None = None
        self.latch = Latch(core)
        self.cancelled = False
        self.cancel: Callable[[], object] | None = None

    def answer(self, reply: Any = None, error: CallFailed | None = None) -> None:
        """Give the caller its reply, or the reason why there is none."""
        self.reply, self.error = reply, error
        self.latch.set()


async def call(sender: Sender[Any], request: Any) -> Any:
    """Send a request and wait for its reply; see `Sender.call`."""
    core = sender._core
    if core.request_check is not None and not core.request_check(request):
        core.refuse_request(request)
    ticket = Ticket(request, core)
    await sender._send(ticket)
    try:
        await ticket.latch.wait(sender._acting())
    except BaseException:
        ticket.cancelled = True
        if ticket.cancel is not None:
            ticket.cancel()
        raise
    if ticket.error is not None:
        raise ticket.error
    return ticket.reply


class Accepted(Generic[Q, A]):
    """A call in its server's hands: `async with server.accept() as call: call.reply(...)`."""

    __slots__ = ("_receiver", "_replied", "_scope", "_ticket")

    def __init__(self, receiver: Receiver[Any], ticket: Ticket | None = None) -> None:
        self._receiver, self._ticket = receiver, ticket
        self._scope = trio.CancelScope()
        self._replied = False

    def _held(self) -> Ticket:
        if self._ticket is None:
            raise RuntimeError("a call can be answered inside its `async with` block only")
        return self._ticket

    @property
    def request(self) -> Q:
        """What the caller sent."""
        return cast(Q, self._held().request)

    @property
    def cancelled(self) -> bool:
        """True once the caller was cancelled; the block is being cancelled then."""
        return self._held().cancelled

    def reply(self, answer: A, /) -> None:
        """Answer the call; RuntimeError the second time, ChannelTypeError for a wrong type."""
        ticket = self._held()
        if self._replied:
            raise RuntimeError("this call has its reply already")
        core = self._receiver._core
        if core.reply_check is not None and not core.reply_check(answer):
            core.refuse_reply(answer)
        self._replied = True
        ticket.answer(answer)

    async def __aenter__(self) -> Self:
        while self._ticket is None or self._ticket.cancelled:
            self._ticket = cast(Ticket, await self._receiver._receive())
        self._scope.__enter__()
        self._ticket.cancel = self._scope.cancel
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        ticket = self._held()
        ticket.cancel = None
        absorbed = bool(self._scope.__exit__(kind, error, tb))
        if error is not None and isinstance(error, Exception):
            if not self._replied:
                self._replied = True
                ticket.answer(error=_failure(error))
            return not _is_channel_end(error)
        if not self._replied and not ticket.cancelled:
            self._replied = True
            text = "no reply" if error is None else "the server was cancelled"
            ticket.answer(error=CallFailed(text))
        return absorbed


def _failure(error: BaseException) -> CallFailed:
    failed = CallFailed(f"{type(error).__name__}: {error}")
    failed.add_note("in the server:\n" + "".join(traceback.format_exception(error)))
    return failed


async def serve(receiver: Receiver[Any], answer: Callable[[Any], Any]) -> None:
    """Answer calls until the channel ends; see `Receiver.serve`."""
    while True:
        accepted: Accepted[Any, Any] = Accepted(receiver)
        try:
            await accepted.__aenter__()
        except EndOfChannel:
            return
        async with _Entered(accepted):
            reply = answer(accepted.request)
            accepted.reply(await reply if inspect.isawaitable(reply) else reply)


class _Entered:
    """The rest of an `async with` whose start has been made."""

    def __init__(self, accepted: Accepted[Any, Any]) -> None:
        self._accepted = accepted

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *failure: Any) -> bool:
        return await self._accepted.__aexit__(*failure)


class Outcome(Generic[Q, A]):
    """A request and what became of it, from `outcomes`."""

    __slots__ = ("_reply", "error", "request")

    def __init__(self, request: Q, reply: A | None, error: CallFailed | None) -> None:
        self.request, self._reply, self.error = request, reply, error

    @property
    def reply(self) -> A:
        """The reply; raises `error` if there is one."""
        if self.error is not None:
            raise self.error
        return cast(A, self._reply)

    def __repr__(self) -> str:
        return f"Outcome({self.request!r}, {self.error or self._reply!r})"


async def outcomes(
    sender: Sender[Any], requests: Iterable[Any] | AsyncIterable[Any], *, ordered: bool
) -> AsyncGenerator[Outcome[Any, Any], None]:
    """Call for each request, one offer at a time, and yield what becomes of them."""
    queue: deque[Ticket] = deque()  # in order of the requests
    finished: deque[Ticket] = deque()  # in order of completion
    state = {"feeding": True}
    kernel = sender._acting()
    changed = [Latch()]
    drained = [Latch()]

    def tell() -> None:
        changed[0].set()

    async def wait_for(ticket: Ticket) -> None:
        try:
            await ticket.latch.wait(kernel)
        except BaseException:
            ticket.cancelled = True
            if ticket.cancel is not None:
                ticket.cancel()
            raise
        finished.append(ticket)
        tell()

    async def feed(nursery: trio.Nursery) -> None:
        async for request in _each(requests):
            while len(queue) >= KEPT:
                drained[0] = Latch()
                await drained[0].wait(kernel)
            core = sender._core
            if core.request_check is not None and not core.request_check(request):
                core.refuse_request(request)
            ticket = Ticket(request, core)
            await sender._send(ticket)
            queue.append(ticket)
            nursery.start_soon(wait_for, ticket)
        state["feeding"] = False
        tell()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed, nursery)
        while state["feeding"] or queue:
            changed[0] = Latch()
            ready = finished if not ordered else queue
            while ready and ready[0].latch.happened:
                ticket = ready.popleft()
                if not ordered:
                    queue.remove(ticket)
                drained[0].set()
                yield Outcome(ticket.request, ticket.reply, ticket.error)
            if state["feeding"] or queue:
                await changed[0].wait(kernel)
        nursery.cancel_scope.cancel()


async def _each(values: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value
