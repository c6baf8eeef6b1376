"""Who asks a pool: one call, or many of them (`map`, `outcomes`), drawn from their source when needed.

Requests are drawn when a program is free for them, so a source may be endless.

Invariants:
* `unread` holds what was answered and not yet yielded, `open` what was drawn and not answered; in
  an ordered one `order` says which of them is next.
* nothing is drawn while `unread` is full, so memory stays bounded if the reader is slow.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import csp
from csp.lowlevel import Latch, Scope, current_kernel

from ._codec import EncodeFailed
from ._requests import Request

Q = TypeVar("Q")
A = TypeVar("A")

KEPT = 1000  # finished replies that wait for a slow reader
READY = 1000  # requests of an async source that wait to be drawn
ENDLESS = 1 << 40


class Asked(Protocol):
    """The pool, as who asks sees it."""

    def begin(self, source: Source, /) -> None:
        """There is something to draw from."""
        ...

    def news(self, /) -> None:
        """There may be more to draw."""
        ...

    def end(self, source: Source, /) -> None:
        """There is nothing more to draw."""
        ...

    def give_up(self, request: Request, /) -> None:
        """Nobody waits for it any more."""
        ...


class Shown(Protocol):
    """What the user sees of the progress."""

    def advance(self) -> None:
        """One more is over."""
        ...

    def close(self) -> None:
        """Nobody reads on."""
        ...


class One:
    """One call."""

    def __init__(self) -> None:
        self.latch: Latch = Latch()

    def answered(self, request: Request) -> None:
        """It is over."""
        self.latch.set()


class Source:
    """Many calls; shared by the reader's handle and the pool.

    The pool does not know the handle, so that dropping the handle ends the calls.
    """

    def __init__(
        self,
        pool: Asked,
        requests: Iterable[Any] | AsyncIterable[Any],
        encode: Callable[[Any], bytes],
        *,
        ordered: bool,
        timeout: float,
        priority: float,
    ) -> None:
        self._pool: Asked = pool
        self._encode: Callable[[Any], bytes] = encode
        self._ordered: bool = ordered
        self._timeout: float = timeout
        self.priority: float = priority
        self._requests: Any = requests
        self._iterator: Iterator[Any] | None = None
        self._ready: deque[Any] = deque()  # of an async source
        self._left: int = 0  # at least so many will come, as far as known
        self._order: deque[Request] = deque()
        self._unread: dict[Request, None] = {}
        self._open: dict[Request, None] = {}
        self._feeder: Scope | None = None
        self.begun: bool = False
        self._drained: bool = False
        self._error: BaseException | None = None  # which ended the source
        self._news: Latch = Latch()  # something was answered, or the source has ended
        self._room: Latch = Latch()

    # --- the pool --------------------------------------------------------------------------

    def waiting(self) -> int:
        """How many can be drawn now, as far as known."""
        if self._drained or len(self._unread) >= KEPT:
            return 0
        return len(self._ready) if self._iterator is None else max(self._left, 1)

    def draw(self, most: int, most_bytes: int) -> list[Request]:
        """The next ones."""
        drawn: list[Request] = []
        size = 0
        while len(drawn) < most and size < most_bytes and not self._drained:
            try:
                if self._iterator is not None:
                    value = next(self._iterator)
                    self._left -= 1
                elif self._ready:
                    value = self._ready.popleft()
                else:
                    break
            except StopIteration:
                self._drain(None)
                break
            except BaseException as error:  # it is user code, in a trio task of ours
                self._drain(error)
                break
            request = self._request(value)
            if not request.over:
                size += len(request.data)
                drawn.append(request)
        self._room.set()
        return drawn

    def _request(self, value: Any) -> Request:
        request = Request(self, value, b"", self._timeout, self.priority)
        self._open[request] = None
        if self._ordered:
            self._order.append(request)
        try:
            request.data = self._encode(value)
        except (EncodeFailed, csp.ChannelTypeError) as error:
            request.answer(b"", error)
        return request

    def _drain(self, error: BaseException | None) -> None:
        self._drained, self._error = True, error
        self._pool.end(self)
        self._news.set()

    def answered(self, request: Request) -> None:
        """It is over."""
        self._open.pop(request, None)
        self._unread[request] = None
        if not self._news.happened:
            self._news.set()

    # --- the reader ------------------------------------------------------------------------

    async def next(self) -> Request:
        """The next one with an answer; StopAsyncIteration when all were read."""
        kernel = current_kernel()
        checkpoint = await kernel.before()
        if not self.begun:
            self._begin()
        while True:
            request = self._answered_next()
            if request is not None:
                if checkpoint:
                    await kernel.after()
                return request
            if self._drained and not self._open:
                error, self._error = self._error, None
                raise error if error is not None else StopAsyncIteration
            if self._news.happened:  # else somebody waits there already
                self._news = Latch()
            await self._news.wait(kernel)

    def _begin(self) -> None:
        requests = self._requests
        if isinstance(requests, AsyncIterable):
            self._feeder = current_kernel().spawn(self._feed)
        else:
            self._left = operator.length_hint(requests, ENDLESS)
            self._iterator = iter(requests)
        self.begun = True
        self._pool.begin(self)

    def _answered_next(self) -> Request | None:
        unread = self._unread
        if self._ordered:
            if not self._order or self._order[0] not in unread:
                return None
            request = self._order.popleft()
        elif unread:
            request = next(iter(unread))
        else:
            return None
        del unread[request]
        if len(unread) == KEPT - 1:
            self._pool.news()
        return request

    async def _feed(self) -> None:
        """Take from an async source; whatever that raises is the reader's."""
        error: BaseException | None = None
        try:
            async for value in cast("AsyncIterable[Any]", self._requests):
                self._ready.append(value)
                self._pool.news()
                while len(self._ready) >= READY:
                    self._room = Latch()
                    await self._room.wait(current_kernel())
        except (Exception, SystemExit, KeyboardInterrupt) as why:
            error = why
        while self._ready and not self._drained:
            self._room = Latch()
            await self._room.wait(current_kernel())
        if not self._drained:
            self._drain(error)

    def cancel(self) -> None:
        """Nobody reads on: draw no more, give up what is open."""
        if not self._drained:
            self._drain(None)
        if self._feeder is not None:
            self._feeder.cancel()
        while self._open:
            self._pool.give_up(self._open.popitem()[0])
        self._unread.clear()
        self._order.clear()

    def fail(self, error: Exception) -> None:
        """There is nobody who could answer."""
        if not self._drained:
            self._drain(error)


class _Handle:
    """What the reader holds; dropping it (`break`, an error, a cancel) cancels what is open."""

    __slots__ = ("_bar", "_decode", "_source")

    def __init__(
        self, source: Source, decode: Callable[[bytes], Any], bar: Shown | None = None
    ) -> None:
        self._source, self._decode, self._bar = source, decode, bar

    def __aiter__(self) -> Self:
        return self

    async def _next(self) -> tuple[Request, Any]:
        bar = self._bar
        try:
            request = await self._source.next()
        except BaseException:
            if bar is not None:
                bar.close()
            raise
        if bar is not None:
            bar.advance()
        if request.error is None:
            try:
                return request, self._decode(request.data)
            except TypeError as error:
                request.error = csp.RequestFailed(str(error))
        return request, None

    async def aclose(self) -> None:
        """Cancel all that was not answered."""
        self._close()

    def _close(self) -> None:
        self._source.cancel()
        if self._bar is not None:
            self._bar.close()

    def __del__(self) -> None:
        source: Source | None = getattr(self, "_source", None)
        if source is not None and source.begun:
            self._close()


class Outcomes(_Handle, Generic[Q, A]):
    """Async iterator of outcomes."""

    __slots__ = ()

    async def __anext__(self) -> csp.Outcome[Q, A]:
        request, reply = await self._next()
        return csp.Outcome(request.value, reply, request.error)


class Replies(_Handle, Generic[A]):
    """Async iterator of replies; raises the first failure when its turn comes."""

    __slots__ = ()

    async def __anext__(self) -> A:
        request, reply = await self._next()
        if request.error is not None:
            self._close()
            raise request.error
        return cast(A, reply)
