"""Calls: requests with a reply.  `Channel(Call[Request, Reply])` carries them.

A call is sent as a `Ticket` over an ordinary channel; the caller then waits for its latch.
Invariant: a ticket is answered once, or cancelled by its caller, whichever comes first.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from ._cargo import map_ends, pack, unpack
from ._errors import CallFailed, EndOfChannel, leaves_of
from ._kernel import Holder, Scope
from ._latch import Latch
from ._lease import is_channel_end
from ._observe import shown
from ._parking import current_kernel

if TYPE_CHECKING:
    from ._channel import Receiver, Sender

Q = TypeVar("Q")
A = TypeVar("A")

SERVER_CANCELLED = "no reply: the server was cancelled"


class Call(Generic[Q, A]):
    """The element type of a channel of requests with replies: `Channel(Call[int, str])`.

    >>> import csp
    >>> @csp.process
    ... async def server(calls: csp.Receiver[Call[int, str]]) -> None:
    ...     await calls.serve(str)
    >>> @csp.process
    ... async def client(calls: csp.Sender[Call[int, str]]) -> str:
    ...     return await calls.call(42)
    >>> async def main() -> str:
    ...     calls = csp.Channel(Call[int, str], name="calls")
    ...     _, reply = await csp.Par(server(calls.receiver()), client(calls.sender()))
    ...     return reply
    >>> csp.run(main)
    '42'
    """


class Ticket:
    """One call on its way."""

    __slots__ = (
        "answered", "cancel", "cancelled", "core", "error", "latch", "number", "reply", "request", "server",
        "tried",
    )  # fmt: skip

    def __init__(
        self, request: Any, core: Any, answered: Callable[[Ticket], object] | None = None
    ) -> None:
        self.request: Any = request
        self.reply: Any = None
        self.error: Exception | None = None
        self.number: int = 0  # which reply of its channel it has got
        self.core: Any = core
        self.server: Holder | None = None  # who has taken it
        self.latch: Latch = Latch(self)
        self.answered: Callable[[Ticket], object] | None = (
            answered  # told when there is a reply or an error
        )
        self.cancelled: bool = False
        self.cancel: Callable[[], object] | None = None  # ends the server's block
        self.tried: bool | None = None  # its server was cancelled (True) or interrupted (False)

    def _map_ends(self, change: Callable[[Any], Any]) -> Ticket:
        """The ends in the request travel with the ticket, which is one and the same all the time."""
        self.request = map_ends(self.request, change)
        return self

    def answer(self, reply: Any = None, error: Exception | None = None) -> bool:
        """Give the caller its reply, or the reason why there is none; false if it does not wait."""
        if self.latch.happened or self.cancelled:
            return False
        self.reply, self.error = reply, error
        self.core.replies += 1
        self.number = self.core.replies
        self._tell("send", shown(reply) if error is None else type(error).__name__)
        self.latch.set()
        if self.answered is not None:
            self.answered(self)
        return True

    def _tell(self, side: str, detail: str = "") -> None:
        kernel = current_kernel()
        if kernel.hook is not None:
            kernel.tell(
                "committed", f"{self.core.path()}.replies", side, detail, number=self.number
            )

    def take_reply(self) -> Any:
        """The reply, in the caller's hands; raises the error if there is one."""
        self._tell("receive")
        if self.error is not None:
            raise self.error
        if self.core.carries:
            unpack(self.reply, current_kernel().holder())
        return self.reply

    def give_up(self) -> None:
        """The caller does not wait any more: end the server's block."""
        self.cancelled = True
        if self.cancel is not None:
            self.cancel()


async def call(sender: Sender[Any], request: Any) -> Any:
    """Send a request and wait for its reply; see `Sender.call`."""
    core = sender._core
    core.refuse_request(request)
    ticket = Ticket(request, core)
    await sender._send(ticket)
    try:
        await ticket.latch.wait(current_kernel(), "a reply")
    except BaseException:
        ticket.give_up()
        raise
    return ticket.take_reply()


class Accepted(Generic[Q, A]):
    """A call in its server's hands: `async with server.accept() as call: call.reply(...)`.

    An Exception in the block goes to the caller as `CallFailed` and is absorbed; a block that
    ends without a reply fails the call with "no reply".

    >>> import csp
    >>> @csp.process
    ... async def server(calls: csp.Receiver[Call[int, int]]) -> None:
    ...     async with calls.accept() as call:
    ...         call.reply(call.request + 1)
    >>> @csp.process
    ... async def client(calls: csp.Sender[Call[int, int]]) -> int:
    ...     return await calls.call(1)
    >>> async def main() -> int:
    ...     calls = csp.Channel(Call[int, int], name="calls")
    ...     return (await csp.Par(client(calls.sender()), server(calls.receiver())))[0]
    >>> csp.run(main)
    2
    """

    __slots__ = ("_receiver", "_replied", "_scope", "_ticket")

    def __init__(self, receiver: Receiver[Any], ticket: Ticket | None = None) -> None:
        self._receiver, self._ticket = receiver, ticket
        if ticket is not None:
            ticket.server = current_kernel().holder()
        self._scope: Scope | None = None
        self._replied = False

    def _held(self) -> Ticket:
        if self._ticket is None:
            raise RuntimeError("a call can be answered inside its `async with` block only")
        return self._ticket

    @property
    def request(self) -> Q:
        """What the caller sent; RuntimeError outside of the block."""
        return cast(Q, self._held().request)

    @property
    def cancelled(self) -> bool:
        """True once the caller was cancelled; the block is being cancelled then."""
        return self._held().cancelled

    def reply(self, answer: A, /) -> None:
        """Answer the call; ends in the answer go to the caller.

        Raises RuntimeError the second time, ChannelTypeError for a wrong type, EndClosed for an
        end that is not yours.
        """
        ticket = self._held()
        if self._replied:
            raise RuntimeError("this call has its reply already")
        core = self._receiver._core
        core.refuse_reply(answer)
        packed, cargo = pack(answer) if core.carries else (answer, None)
        self._replied = True
        taken = ticket.answer(packed)
        if cargo:
            cargo.settle(taken)

    async def __aenter__(self) -> Self:
        while self._ticket is None:
            ticket = cast(Ticket, await self._receiver._take())
            if not ticket.cancelled:
                self._ticket = ticket
                ticket.server = current_kernel().holder()
        self._scope = current_kernel().scope()
        self._scope.__enter__()
        self._ticket.cancel = self._scope.cancel
        if self._ticket.cancelled:  # between the choice of its guard and this block
            self._scope.cancel()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        ticket = self._held()
        assert self._scope is not None
        ticket.cancel = None
        if isinstance(error, Exception):
            self._scope.__exit__(None, None, None)
            if self._replied:
                return False
            ticket.answer(error=_failure(error))
            return not is_channel_end(error)
        absorbed = bool(self._scope.__exit__(kind, error, tb))
        if not self._replied:
            why, ticket.tried = _unanswered(error)
            ticket.answer(error=CallFailed(why))
        return absorbed

    def __del__(self) -> None:
        ticket = getattr(self, "_ticket", None)
        if ticket is not None and self._scope is None:  # chosen, and its block never entered
            try:
                ticket.answer(error=CallFailed("no reply: the server dropped the call"))
            except RuntimeError:  # collected outside of a run: nobody waits any more
                return


def _unanswered(error: BaseException | None) -> tuple[str, bool | None]:
    """What a caller is told of a block without a reply, and how its server has left the call.

    From elsewhere it goes to another server: untried after Ctrl-C, else as an attempt.
    """
    if error is None:
        return "no reply", None
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves_of(error)):
        return "no reply: the server was interrupted", False
    return SERVER_CANCELLED, True


def _failure(error: Exception) -> CallFailed:
    text = "".join(traceback.format_exception(error))
    return CallFailed(f"{type(error).__name__}: {error}", traceback=text)


async def serve(receiver: Receiver[Any], answer: Callable[[Any], Any]) -> None:
    """Answer calls until the channel ends; see `Receiver.serve`."""
    while True:
        try:
            ticket = cast(Ticket, await receiver._take())
        except EndOfChannel:
            return
        if ticket.cancelled:
            continue
        accepting: Accepted[Any, Any] = Accepted(receiver, ticket)
        async with accepting as accepted:
            reply = answer(accepted.request)
            accepted.reply(await reply if inspect.isawaitable(reply) else reply)
