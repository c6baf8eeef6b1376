"""Channels and their two kinds of ends.

`send` and `receive` hold a hot path for the plain rendezvous inside a process; whatever is
special (buffers, alternations, plain trio tasks, ends in values) goes the slow way, which
states the semantics.
"""

from __future__ import annotations

import math
import types
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
)
from contextlib import AbstractAsyncContextManager
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeVar,
    cast,
    get_origin,
    overload,
)

import trio

from . import _call, _guards, _lease, _outcomes, _types, abc
from ._buffers import Buffer, Fifo
from ._call import Accepted, Call, Ticket
from ._cargo import pack, unpack
from ._core import Core
from ._end import End
from ._errors import EndClosed, EndOfChannel, Page, explained, leaves_of
from ._kernel import HOLDER, PARK
from ._lease import Failed, Lease, Settling
from ._observe import shown
from ._offer import (
    COMMITTED,
    LEASE,
    OFFER,
    RECEIVE,
    SEND,
    TAKE,
    UNSETTLED,
    UNTIL_END,
    WITHDRAWN,
    Party,
)
from ._outcomes import Outcome
from ._parking import current_kernel, protected
from ._places import place_of_caller

if TYPE_CHECKING:
    from typing_extensions import TypeForm, TypeIs

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Sender(End, abc.Sender[T_contra]):
    """The sending end of a channel; made by `channel.sender()` and `clone()`.

    >>> numbers = Channel(int, name="numbers")
    >>> with numbers.sender() as tx:
    ...     print(tx)
    <sender of numbers>
    """

    __slots__ = ()
    _side, _what = SEND, "sender"

    @protected
    async def send(self, value: T_contra) -> None:
        """Send `value`; returns when a receiver (or the buffer) has taken it.

        Cancelled = not sent.  Raises NoReceivers, Abandoned or Poisoned if nobody can take it,
        ChannelTypeError if it is not of the element type, EndClosed if this end is not yours.
        """
        owner = self._user
        kernel = owner.kernel
        core = self._core
        if (
            kernel.current is owner
            and core.quick
            and type(value) is core.exact
            and kernel.credit > 0
            and kernel.hook is None
        ):
            partner = core.first
            if partner is None:
                me = owner.driver
                me.side = SEND
                me.value = value
                me.end = self
                me.outcome = UNSETTLED
                me.queue = core
                me.ticket = 0
                core.first = core.last = me
                try:
                    await PARK
                finally:
                    me.value = me.end = None
                if me.outcome is COMMITTED:
                    if kernel.hook is not None:  # an observer that came meanwhile
                        kernel.tell("committed", core.path(), "send")
                    return
                await self._fail(me.outcome)
            elif partner.side == RECEIVE and partner.mode == TAKE:
                kernel.credit -= 1
                if kernel.clock() < kernel.deadline and core.first is partner:
                    after = partner.next
                    core.first = after
                    if after is None:
                        core.last = None
                    else:
                        after.prev = None
                        partner.next = None
                    partner.queue = None
                    partner.value = value
                    partner.outcome = COMMITTED
                    if partner.lent:
                        partner.lent = False
                        kernel.ready.append(partner)
                    else:
                        kernel.wake(partner)
                    return
        await self._send(value)

    async def _send(self, value: Any) -> None:
        kernel = self._acting()
        checkpoint = await kernel.before()
        self._acting()
        core = self._core
        core.refuse(value.value if type(value) is Settling else value)
        if kernel.hook is not None:
            kernel.tell("offered", core.path(), "send")
        if core.must_ask():  # the answer takes a while: let a pending cancel strike before
            await kernel.cancel_point()
        packed, cargo = pack(value) if core.carries else (value, None)
        me = kernel.party()
        me.side, me.value, me.end = SEND, packed, self
        woken: list[Party] = []
        try:
            if core.send(me, woken):
                kernel.wake_all(woken)
                if checkpoint and me.outcome is COMMITTED:
                    await kernel.after()
            else:
                if me.engaged is None:
                    core.enqueue(me)
                    if kernel.hook is not None:
                        kernel.tell("parked", core.path(), "send")
                kernel.wake_all(woken)  # who was waiting may give it back before we park
                await kernel.park(me)
        finally:
            me.value = me.end = None
            item, me.item = me.item, None  # of a block that our cancel has ended
            if cargo:
                begun = item is not None and not item.withdrawn
                cargo.settle(begun or me.outcome is COMMITTED)
        if me.outcome == WITHDRAWN:  # by our cancel, after it was delivered tentatively
            await kernel.cancel_point()
            await self._send(value)
        elif me.outcome is not COMMITTED:
            await self._fail(me.outcome)
        elif kernel.hook is not None:
            kernel.tell(
                "committed", core.path(), "send", _said(value), number=me.number, met=me.met
            )

    @protected
    def send_nowait(self, value: T_contra, /) -> None:
        """Send `value` if somebody (or the buffer) takes it at once.

        Raises trio.WouldBlock if nobody does, otherwise what `send` raises.
        """
        kernel = self._acting()
        core = self._core
        core.refuse(value)
        if not core.ready(SEND) or core.must_ask():
            raise trio.WouldBlock
        moved, cargo = pack(value) if core.carries else (value, None)
        me, woken = Party(), cast("list[Party]", [])
        me.side, me.mode, me.value = SEND, OFFER, moved
        settled = core.send(me, woken)
        kernel.wake_all(woken)
        if cargo:
            cargo.settle(me.outcome is COMMITTED)
        if kernel.hook is not None and me.outcome is COMMITTED:
            kernel.tell(
                "committed", core.path(), "send", _said(value), number=me.number, met=me.met
            )
        if not settled:  # its only partner failed to produce or is ourselves
            raise trio.WouldBlock
        if me.outcome is not COMMITTED:
            self._raise(me.outcome)

    def offer(self, produce: Callable[[], T_contra], /) -> abc.Guard[Sender[T_contra], T_contra]:
        """An output guard: `produce()` makes the value once the partner is fixed.

        It may not communicate; if it raises, the selection raises and nothing was sent.  Raises
        RuntimeError if the home of the channel is another program where it has no buffer: that
        program alone orders its offers.
        """
        if self._core.home is not None and not self._core.roomy:
            raise RuntimeError(
                f"no output guard on `{self._core.name}`: its home is another program, which alone "
                f"orders the offers; give it a buffer there, share the channel here, or send in a "
                f"process of its own"
            )
        if not callable(produce):
            raise TypeError(f"offer takes a function that makes the value, not {produce!r}")
        return _guards.OnChannel(self, TAKE, produce)

    @protected
    async def call(self: Sender[Call[Q, A]], request: Q, /) -> A:
        """Send a request and wait for its reply; cancelling it ends the server's block.

        Raises CallFailed with the server's error, and what `send` raises.
        """
        return cast(A, await _call.call(self, request))

    def map(
        self: Sender[Call[Q, A]],
        requests: Iterable[Q] | AsyncIterable[Q],
        /,
        *,
        ordered: bool = True,
    ) -> AsyncIterator[A]:
        """Call for each request and yield the replies, by default in the order of the requests.

        Offers one request at a time and holds at most 1,000 finished replies.  Raises the first
        CallFailed when its turn comes, and cancels the rest; so does leaving the loop.  Raises
        what `send` raises once the replies to what was sent are read.
        """
        return _outcomes.Replies[A](self, requests, ordered)

    def outcomes(
        self: Sender[Call[Q, A]], requests: Iterable[Q] | AsyncIterable[Q], /
    ) -> AsyncIterator[Outcome[Q, A]]:
        """Call for each request and yield an `Outcome` of each as it completes.

        Goes on when a call fails: see `Outcome.error`.  Otherwise as `map`.
        """
        return _outcomes.Outcomes[Q, A](self, requests, ordered=False)


class Receiver(End, abc.Receiver[T_co], abc.Guard["Receiver[T_co]", T_co]):
    """The receiving end of a channel; made by `channel.receiver()` and `clone()`.

    It is an async iterator that ends with the channel, and a guard of an `Alternation`.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = Channel(int, name="numbers", buffer=2)
    ...     with numbers.receiver() as rx:
    ...         with numbers.sender() as tx:
    ...             await tx.send(1)
    ...             await tx.send(2)
    ...         print([number async for number in rx])
    >>> csp.run(main)
    [1, 2]
    """

    __slots__ = ()
    _side, _what = RECEIVE, "receiver"

    # plain functions that return the coroutine of `_receive`: one coroutine instead of two
    if TYPE_CHECKING:

        async def receive(self) -> T_co:
            """Receive the next value."""
            raise NotImplementedError

        async def __anext__(self) -> T_co: ...

    else:

        def receive(self):
            """Receive the next value.

            Cancelled = nothing was taken.  Raises EndOfChannel when all senders have retired and
            all was received, Abandoned or Poisoned, EndClosed if this end is not yours, TypeError
            on a channel of calls.
            """
            return self._receive(False)

        def __anext__(self):
            return self._receive(True)

    @protected
    async def _receive(self, iterating: bool) -> T_co:
        """The coroutine of `receive`, and of `async for`, which stops at the end of the channel."""
        owner = self._user
        kernel = owner.kernel
        core = self._core
        if (
            kernel.current is owner
            and core.quick
            and not core.carries
            and kernel.credit > 0
            and kernel.hook is None
        ):
            partner = core.first
            if partner is None:
                me = owner.driver
                me.side = RECEIVE
                me.mode = TAKE
                me.end = self
                me.outcome = UNSETTLED
                me.queue = core
                me.ticket = 0
                core.first = core.last = me
                try:
                    await PARK
                finally:
                    me.end = None
                if me.outcome is COMMITTED:
                    value: T_co = me.value
                    me.value = None
                    if kernel.hook is not None:
                        kernel.tell("committed", core.path(), "receive")
                    return value
                return await self._long_way(self._fail(me.outcome), iterating)
            elif partner.side == SEND:
                kernel.credit -= 1
                if kernel.clock() < kernel.deadline and core.first is partner:
                    after = partner.next
                    core.first = after
                    if after is None:
                        core.last = None
                    else:
                        after.prev = None
                        partner.next = None
                    partner.queue = None
                    partner.outcome = COMMITTED
                    given: T_co = partner.value
                    if partner.lent:
                        partner.lent = False
                        kernel.ready.append(partner)
                    else:
                        kernel.wake(partner)
                    return given
        self._core.refuse_plain()
        return await self._long_way(self._take(), iterating)

    async def _long_way(self, taking: Coroutine[Any, Any, T_co], iterating: bool) -> T_co:
        try:
            return await taking
        except EndOfChannel:
            if iterating:
                raise StopAsyncIteration from None
            raise

    async def _take(self, mode: int = TAKE) -> Any:
        """Receive a value, or with LEASE and EXTEND the `Item` that the channel keeps of it."""
        kernel = self._acting()
        checkpoint = await kernel.before()
        self._acting()
        core = self._core
        if kernel.hook is not None:
            kernel.tell("offered", core.path(), "receive")
        again = False
        while True:
            me = kernel.party()
            me.side, me.mode = RECEIVE, mode
            woken: list[Party] = []
            settled = core.receive(me, woken)
            kernel.wake_all(woken)
            if settled:
                if checkpoint and me.outcome is COMMITTED:
                    await kernel.after()
            else:
                me.end = self
                if again:
                    core.enqueue_first(me)
                else:
                    core.enqueue(me)
                if kernel.hook is not None:
                    kernel.tell("parked", core.path(), "receive")
                try:
                    await kernel.park(me)
                finally:
                    me.end = None
            me.mode = TAKE
            if me.outcome is not COMMITTED:
                await self._fail(me.outcome)
            item = me.item
            if item is None or not item.withdrawn:
                return self._taken(me)
            _lease.settle(core, item, give_back=False)
            again = True

    def _taken(self, me: Party) -> Any:
        """What `me` has received, in the hands of the acting process."""
        value, item, me.value, me.item = me.value, me.item, None, None
        kernel = (
            current_kernel()
        )  # not `_acting`: what was committed is ours, also if we are closed
        if kernel.hook is not None:
            kernel.tell("committed", self._core.path(), "receive", number=me.number, met=me.met)
        if self._core.carries:
            unpack(value, kernel.holder())
        if item is not None:
            self._core.work_on(item, kernel.holder())
            return item
        return value

    @protected
    def receive_nowait(self) -> T_co:
        """Receive a value that is there already.

        Raises trio.WouldBlock if there is none, otherwise what `receive` raises.
        """
        kernel = self._acting()
        self._core.refuse_plain()
        me, woken = Party(), cast("list[Party]", [])
        me.side = RECEIVE
        settled = self._core.receive(me, woken)
        kernel.wake_all(woken)
        if not settled:
            if self._core.wanted is not None:
                self._core.wanted(True)
            raise trio.WouldBlock
        if me.outcome is not COMMITTED:
            self._raise(me.outcome)
        return cast(T_co, self._taken(me))

    def ended(self) -> abc.Guard[Receiver[T_co], None]:
        """A guard that fires once, when the channel has ended."""
        return _guards.OnChannel(self, UNTIL_END)

    def lease(self) -> Lease[T_co]:
        """Take a value for work: `async with receiver.lease() as job:` (see `Lease`)."""
        self._core.refuse_plain()
        return _lease.Lease(self)

    def leases(self) -> AsyncIterator[Lease[T_co]]:
        """Lease one value after the other until the channel ends: `async for job in ...`.

        The body of the loop works inside `async with job:`.
        """
        self._core.refuse_plain()
        return _lease.Leases(self)

    def extended(self) -> AbstractAsyncContextManager[T_co]:
        """The extended rendezvous: the sender waits until the block ends."""
        self._core.refuse_plain()
        return cast("AbstractAsyncContextManager[T_co]", _lease.Extended(self))

    def leasing(self) -> abc.Guard[Receiver[T_co], Lease[T_co]]:
        """A guard that takes a lease; enter it with `async with choice.value as job:`."""
        self._core.refuse_plain()
        return _guards.OnChannel(self, LEASE, None, _lease.Lease)

    def accept(
        self: Receiver[Call[Q, A]],
    ) -> AbstractAsyncContextManager[Accepted[Q, A]]:
        """Take a call: `async with server.accept() as call: call.reply(...)`."""
        return cast("AbstractAsyncContextManager[Accepted[Q, A]]", _call.Accepted(self))

    def accepting(
        self: Receiver[Call[Q, A]],
    ) -> abc.Guard[Receiver[Call[Q, A]], AbstractAsyncContextManager[Accepted[Q, A]]]:
        """A guard that takes a call; enter it with `async with choice.value as call:`."""
        return _guards.OnChannel(self, TAKE, None, _call.Accepted)

    async def serve(
        self: Receiver[Call[Q, A]], answer: Callable[[Q], A] | Callable[[Q], Awaitable[A]], /
    ) -> None:
        """Answer each call with `answer(request)`, plain or async, until the channel ends."""
        await _call.serve(self, answer)

    def chosen(
        self, choice: _guards.Choice[object, object], /
    ) -> TypeIs[_guards.Choice[Receiver[T_co], T_co]]:
        """True if `choice` is of this end; narrows the type of its value."""
        return choice[0] is self

    def __aiter__(self) -> Receiver[T_co]:
        return self


_receive: Any = cast(Any, Receiver)._receive
_receive.__qualname__ = "Receiver.receive"  # as warnings name it


class Channel(Generic[T]):
    """A typed channel: `Channel(int, name="jobs")`, or `Channel[int | str](name="x")`.

    `buffer` is an int (0, the default, is rendezvous; `math.inf` is allowed), `Fifo(n)`,
    `Sliding(n)` or `Dropping(n)`.  `check="deep"` looks inside containers at every send.
    `max_attempts` is how often a leased value is tried (3), and a call (1) whose server in another
    program is lost or cancelled.  Without a name it is called after the place where it was made.
    Raises TypeError or ValueError for what is none of these.

    >>> jobs = Channel(int, name="jobs")
    >>> jobs
    <Channel jobs of int>
    """

    __csp_channel__: ClassVar[tuple[str, ...]] = (
        "sender",
        "receiver",
    )  # known by this to the wiring check, which stands above

    @overload
    def __init__(
        self, kind: type[T], /, *, name: str = ..., buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ..., max_attempts: float | None = ...,
    ) -> None: ...  # fmt: skip
    @overload
    def __init__(
        self, kind: TypeForm[T], /, *, name: str = ..., buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ..., max_attempts: float | None = ...,
    ) -> None: ...  # fmt: skip
    @overload
    def __init__(
        self, /, *, name: str = ..., buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ..., max_attempts: float | None = ...,
    ) -> None: ...  # fmt: skip
    def __init__(
        self,
        kind: Any = object,
        /,
        *,
        name: str = "",
        buffer: float | Buffer = 0,
        check: Literal["shallow", "deep"] = "shallow",
        max_attempts: float | None = None,
    ) -> None:
        if check not in ("shallow", "deep"):
            raise ValueError(f'check is "shallow" or "deep", not {check!r}')
        calls = kind is Call or (not isinstance(kind, type) and get_origin(kind) is Call)
        if max_attempts is None:
            max_attempts = 1 if calls else 3
        elif max_attempts != math.inf and (not isinstance(max_attempts, int) or max_attempts < 1):
            raise ValueError(f"max_attempts is 1 or more, not {max_attempts!r}")
        self._core = Core(
            kind,
            name or place_of_caller(),
            buffer=as_buffer(buffer),
            deep=check == "deep",
            maker=HOLDER.get(),
            answers=Ticket if calls else None,
        )
        self._core.max_attempts = max_attempts
        self._core.made_by(self)

    def __class_getitem__(cls, kind: Any) -> Any:
        if isinstance(kind, TypeVar):
            return super().__class_getitem__(kind)  # type: ignore[misc]
        return Typed(cls, (kind,))

    @property
    def name(self) -> str:
        """The name of the channel, for messages."""
        return self._core.name

    @property
    def type(self) -> Any:
        """The element type."""
        return self._core.kind

    def __repr__(self) -> str:
        return f"<Channel {self.name} of {_types.describe(self._core.kind)}>"

    @property
    def failed(self) -> Channel[Failed[T]]:
        """Where values go whose leases failed `max_attempts` times; it has room for all.

        It ends when no more can come: the channel has ended and nothing is leased.
        """
        failed: Any = object.__new__(cast(Any, Channel))
        failed._core = self._core.open_failed()
        failed._core.kind = Failed[self._core.kind]  # type: ignore[name-defined]
        return cast("Channel[Failed[T]]", failed)

    def sender(self) -> Sender[T]:
        """Make a sending end, owned by the caller.

        Raises EndClosed if the sending direction has ended: it never reopens.
        """
        made: Sender[T] = self._end(Sender, SEND)
        return made

    def receiver(self) -> Receiver[T]:
        """Make a receiving end, owned by the caller.

        Raises EndClosed if the receiving direction has ended: it never reopens.
        """
        made: Receiver[T] = self._end(Receiver, RECEIVE)
        return made

    def _end(self, kind: Any, side: int) -> Any:
        if self._core.gone[side]:
            problem = (
                f"all {kind._what}s of channel `{self.name}` have retired; it never reopens: "
                f"make a new channel"
            )
            raise explained(EndClosed(problem), "closed-end")
        return kind(self._core, HOLDER.get())


LOOPS: dict[str, tuple[str, Page]] = {
    "'Receiver' object is not iterable": (
        "the values of a receiver have to be waited for: write `async for`",
        "forgotten-await",
    ),
    "'Alternation' object is not iterable": (
        "an alternation has to wait for its guards: write `async for`",
        "forgotten-await",
    ),
    "'async for' requires an object with __aiter__ method, got Sender": (
        "a sender has no values: `async for` is for receivers",
        "wrong-end",
    ),
}


def say_which_end(error: BaseException) -> None:
    """Put into words that somebody wants of an end, or of a channel, what another end has.

    In a group, of each error in it.  Called with what has ended a process: `__getattr__` would make
    each use of an end slower, and an `__iter__` that only raises would make it an Iterable.
    """
    for leaf in leaves_of(error):
        if type(leaf) is TypeError and str(leaf) in LOOPS:
            text, page = LOOPS[str(leaf)]
            leaf.args = (text,)
            explained(leaf, page)
        if isinstance(leaf, AttributeError):
            _say_whose_it_is(leaf)


def _say_whose_it_is(error: AttributeError) -> None:
    at, name = cast(Any, error.obj), error.name or "_"
    kinds = {"sender": Sender, "receiver": Receiver}
    of = [what for what, kind in kinds.items() if not name.startswith("_") and hasattr(kind, name)]
    if not of or not isinstance(at, (Channel, Sender, Receiver)):
        return
    if isinstance(at, Channel):
        error.args = (f"a channel has no `{name}`: make an end of it, `{at.name}.{of[0]}()`",)
        explained(error, "not-an-end")
    elif at._what not in of:
        text = f"a {at._what} has no `{name}`: that is for the {of[0]}s of `{at.channel_name}`"
        error.args = (text,)
        explained(error, "wrong-end")


def _said(value: Any) -> str:
    """A sent value, for observers."""
    if type(value) is Settling:
        value = value.value
    return shown(value.request if type(value) is Ticket else value)


class Typed(types.GenericAlias):
    """`Channel[int | str]`: calling it makes a channel of that type."""

    def __call__(self, **options: Any) -> Any:
        made: Any = self.__origin__
        return made(self.__args__[0], **options)


def as_buffer(buffer: Any) -> Buffer | None:
    if isinstance(buffer, Buffer):
        return None if buffer.size == 0 else buffer.empty_copy()
    if buffer == math.inf or (isinstance(buffer, int) and not isinstance(buffer, bool)):
        if buffer < 0:
            raise ValueError(f"a buffer holds 0 or more values, not {buffer}")
        return None if buffer == 0 else Fifo(buffer)
    raise TypeError(f"buffer is an int, math.inf, Fifo, Sliding or Dropping, not {buffer!r}")
