"""Many calls at once: `calls.map(requests)` and `calls.outcomes(requests)`.

A feeder beside the caller offers one request at a time; replies come back in any order.

Invariants:
* `unread` holds what was answered and not yet yielded, `open` what was sent and not answered;
  in an ordered one `order` says which of them is next.
* the feeder sends only while `unread` has room, so memory stays bounded if the reader is slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from ._call import Ticket
from ._errors import ChannelEnded
from ._kernel import Scope
from ._latch import Latch
from ._parking import current_kernel

if TYPE_CHECKING:
    from ._channel import Sender

Q = TypeVar("Q")
A = TypeVar("A")

KEPT = 1000  # finished replies that wait for a slow reader


class Outcome(Generic[Q, A]):
    """A request and what became of it, from `outcomes`.

    `error` is None, or what `reply` raises: CallFailed, or DeliveryUnknown if the link was lost.

    >>> Outcome(2, 4, None).reply
    4
    """

    __slots__ = ("_reply", "error", "request")

    def __init__(self, request: Q, reply: A | None, error: Exception | None) -> None:
        self.request: Q = request
        self._reply: A | None = reply
        self.error: Exception | None = error

    @property
    def reply(self) -> A:
        """The reply; raises `error` if there is one."""
        if self.error is not None:
            raise self.error
        return cast(A, self._reply)

    def __repr__(self) -> str:
        return f"Outcome({self.request!r}, {self.error or self._reply!r})"


class Calls:
    """The calls of one `map` or `outcomes`; shared by the reader's handle and the feeder.

    The feeder does not know the handle, so that dropping the handle ends the calls.
    """

    def __init__(self, sender: Sender[Any], requests: Any, ordered: bool) -> None:
        self.sender, self.requests, self.ordered = sender, requests, ordered
        self.order: deque[Ticket] = deque()
        self.unread: dict[Ticket, None] = {}
        self.open: dict[Ticket, None] = {}
        self.feeder: Scope | None = None  # None: not yet begun
        self.feeding = True
        self.error: Exception | None = None  # which ended the feeder
        self.news = Latch(self)  # something was answered, or the feeder has ended
        self.room = Latch()

    # --- the reader ------------------------------------------------------------------------

    async def next(self) -> Ticket:
        """The next ticket with an answer; StopAsyncIteration when all were read."""
        kernel = current_kernel()
        checkpoint = await kernel.before()
        if self.feeder is None:
            self.sender._acting()
            self.feeder = kernel.spawn(self.feed)
        while True:
            ticket = self._answered_next()
            if ticket is not None:
                if checkpoint:
                    await kernel.after()
                return ticket
            if not self.feeding and not self.open:
                error, self.error = self.error, None
                if isinstance(error, ChannelEnded):  # a pending cancel may be its cause, and wins
                    await kernel.cancel_point()
                raise error if error is not None else StopAsyncIteration
            if self.news.happened:  # else somebody waits there already
                self.news = Latch(self)
            await self.news.wait(kernel, "replies")

    def _answered_next(self) -> Ticket | None:
        first = next(iter(self.order if self.ordered else self.unread), None)
        if first is None or first not in self.unread:
            return None
        del self.unread[first]
        if self.ordered:
            self.order.popleft()
        self.room.set()
        return first

    def cancel(self) -> None:
        """Nobody reads on: stop the feeder, give up what is open."""
        self.feeding = False
        if self.feeder is not None:
            self.feeder.cancel()
        while self.open:
            self.open.popitem()[0].give_up()
        self.unread.clear()
        self.order.clear()

    # --- the feeder ------------------------------------------------------------------------

    async def feed(self) -> None:
        """Offer one request after the other; whatever that raises is the reader's."""
        try:
            requests = self.requests
            if isinstance(requests, AsyncIterable):
                async for request in cast("AsyncIterable[Any]", requests):
                    await self._offer(request)
            else:
                for request in requests:
                    await self._offer(request)
        except Exception as error:
            self.error = error
        self.feeding = False
        self.news.set()

    async def _offer(self, request: Any) -> None:
        while len(self.unread) >= KEPT:
            self.room = Latch()
            await self.room.wait(current_kernel(), "room for replies")
        core = self.sender._core
        core.refuse_request(request)
        ticket = Ticket(request, core, self._answered)
        self.open[ticket] = None
        if self.ordered:
            self.order.append(ticket)
        try:
            await self.sender._send(ticket)
        except BaseException:
            if self.open.pop(ticket, ticket) is None and self.ordered:
                self.order.remove(ticket)
            self.news.set()  # it is not open any more: a reader that goes on behind `cancel` may wait
            raise

    def _answered(self, ticket: Ticket) -> None:
        self.open.pop(ticket, None)
        self.unread[ticket] = None
        self.news.set()


class _Handle:
    """What the reader holds; dropping it (`break`, an error, a cancel) cancels what is open."""

    __slots__ = ("_calls",)

    def __init__(self, sender: Sender[Any], requests: Any, ordered: bool) -> None:
        if not isinstance(requests, (Iterable, AsyncIterable)):
            raise TypeError(f"requests is an iterable or async iterable, not {requests!r}")
        self._calls = Calls(sender, requests, ordered)

    def __aiter__(self) -> Self:
        return self

    async def aclose(self) -> None:
        """Cancel all calls that were not answered."""
        self._calls.cancel()

    def __del__(self) -> None:
        calls = getattr(self, "_calls", None)
        if calls is not None and calls.feeder is not None:
            calls.cancel()


class Outcomes(_Handle, Generic[Q, A]):
    """Async iterator of outcomes."""

    __slots__ = ()

    async def __anext__(self) -> Outcome[Q, A]:
        ticket = await self._calls.next()
        reply = ticket.take_reply() if ticket.error is None else None
        return Outcome(ticket.request, reply, ticket.error)


class Replies(_Handle, Generic[A]):
    """Async iterator of replies; raises the first failure when its turn comes."""

    __slots__ = ()

    async def __anext__(self) -> A:
        ticket = await self._calls.next()
        if ticket.error is not None:
            self._calls.cancel()
            raise ticket.error
        return cast(A, ticket.take_reply())
