"""Leases and extended rendezvous: values in work, which the channel gets back if that fails.

Invariant: each held value is settled exactly once, when its block ends.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, cast

from ._cargo import map_ends, pack
from ._core import Core
from ._errors import ChannelEnded, EndOfChannel, LeaseFailed
from ._kernel import Scope
from ._latch import Flag
from ._offer import EXTEND, LEASE, Item, Party
from ._parking import current_kernel, protected

if TYPE_CHECKING:
    from ._channel import Receiver, Sender

R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Settling:
    """A value on its way to a home elsewhere, which ends the lease of `item` when it is taken."""

    __slots__ = ("item", "value")

    def __init__(self, value: Any, item: Item) -> None:
        self.value: Any = value
        self.item: Item = item

    def _map_ends(self, change: Callable[[Any], Any]) -> Settling:
        value = map_ends(self.value, change)
        return self if value is self.value else Settling(value, self.item)


class Failed(NamedTuple, Generic[T]):
    """What `channel.failed` carries: a value whose every lease failed.

    `attempts` is how often it was tried, `errors` what each attempt raised.

    >>> Failed("job 7", 1, (ValueError("no"),)).value
    'job 7'
    """

    value: T
    attempts: int
    errors: tuple[BaseException, ...]


class Leases(Generic[T]):
    """What `receiver.leases()` iterates with."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Receiver[T]) -> None:
        self._receiver = receiver

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Lease[T]:
        try:
            return Lease(self._receiver, await self._receiver._take(LEASE))
        except EndOfChannel:
            raise StopAsyncIteration from None


@protected
def settle(core: Core, item: Item, *, give_back: bool) -> None:
    """The block that held `item` is over; a value that goes back takes its ends along."""
    if give_back and core.carries:
        _take_ends_back(item)
    woken: list[Party] = []
    core.settle(item, woken, give_back=give_back)
    if woken:
        current_kernel().wake_all(woken)


def fail(core: Core, item: Item, error: BaseException) -> bool:
    """An attempt has failed; False if it was the last one and nobody hears of it."""
    item.errors += (error,)
    if item.attempts < core.max_attempts and not item.last:
        settle(core, item, give_back=True)
        return True
    failed = core.failed
    if failed is not None and failed.receivers:
        _take_ends_back(item)
        _report(failed, item)
        settle(core, item, give_back=False)
        return True
    settle(core, item, give_back=item.last)  # the home hears of it, and counts it
    return False


def _take_ends_back(item: Item) -> None:
    item.value, cargo = pack(item.value, check=False)
    if cargo is not None:
        cargo.settle(True)


def is_channel_end(error: BaseException) -> bool:
    """True for a ChannelEnded, and for a group of nothing else."""
    if not isinstance(error, BaseExceptionGroup):
        return isinstance(error, ChannelEnded)
    parts: tuple[BaseException, ...] = cast(Any, error).exceptions
    return all(is_channel_end(part) for part in parts)


class Lease(Generic[T_co]):
    """A value taken for work: `async with receiver.lease() as job:`.

    An Exception in the block is absorbed and gives the value back; after `max_attempts` it goes
    to `channel.failed`, or LeaseFailed is raised here if nobody receives there.  A cancel, or a
    `ChannelEnded` in the block, gives it back without counting the attempt and passes on.

    >>> import csp
    >>> async def main() -> None:
    ...     jobs = csp.Channel(int, name="jobs", buffer=1)
    ...     with jobs.sender() as tx, jobs.receiver() as rx:
    ...         await tx.send(7)
    ...         async with rx.lease() as job:
    ...             print(job.value, job.attempt)
    >>> csp.run(main)
    7 1
    """

    __slots__ = ("_core", "_item", "_receiver")

    def __init__(self, receiver: Receiver[Any], item: Item | None = None) -> None:
        self._receiver, self._core, self._item = receiver, receiver._core, item

    @property
    def value(self) -> T_co:
        """The value; RuntimeError outside of the block."""
        return cast(T_co, self._held().value)

    @property
    def attempt(self) -> int:
        """1 for the first time this value is leased, 2 for the second ...

        RuntimeError outside of the block.
        """
        return self._held().attempts

    @property
    def lost(self) -> Flag:
        """Set when the link on which the value came is lost: it was given to somebody else then.

        `Alternation(Wait(job.lost), ...)` waits for it.  RuntimeError outside of the block.
        """
        item = self._held()
        if item.lost is None:
            item.lost = Flag()
        return cast(Flag, item.lost)

    def _held(self) -> Item:
        if self._item is None:
            raise RuntimeError(
                "a lease has a value inside its `async with` block only, until its `send` begins"
            )
        return self._item

    async def send(self, results: Sender[R], value: R, /) -> None:
        """Send `value` on `results` and end the lease: both or neither, whatever is lost meanwhile.

        Returns when the value was taken, as `results.send` does.  The lease is done then: what the
        block raises afterwards passes on, and so it does while another trio task sends.  If it raises, or is cancelled, nothing was sent and the
        lease goes on (after DeliveryUnknown nobody knows; a second result is refused at the home).

        Raises RuntimeError if the two channels have not the same home, or the lease is over here,
        LeaseFailed if it is over at a home elsewhere; otherwise what `results.send` raises.

        >>> import csp
        >>> async def main() -> None:
        ...     jobs = csp.Channel(int, name="jobs", buffer=1)
        ...     results = csp.Channel(str, name="results", buffer=1)
        ...     with jobs.sender() as tx, jobs.receiver() as rx, results.sender() as out:
        ...         await tx.send(7)
        ...         async with rx.lease() as job:
        ...             await job.send(out, f"{job.value} is done")
        ...     with results.receiver() as done:
        ...         print(await done.receive())
        >>> csp.run(main)
        7 is done
        """
        item, core = self._held(), self._core
        if results._core.home is not core.home:
            raise RuntimeError(
                f"`{results.channel_name}` and `{core.name}` have not the same home, so a value "
                f"cannot be sent on the one and the lease on the other be done in one step: let "
                f"one program share both and use both over one link, or use a call"
            )
        self._item = None  # a block that ends meanwhile leaves it to us
        try:
            await results._send(value if core.home is None else Settling(value, item))
        except BaseException:
            self._item = item
            raise
        settle(core, item, give_back=False)

    async def __aenter__(self) -> Self:
        if self._item is None:
            self._item = await self._receiver._take(LEASE)
        if self._core.tell_home is not None:  # so that a block that kills us at once counts there
            try:
                await self._core.tell_home()
            except BaseException:
                self._give_back()
                raise
        return self

    def _give_back(self) -> None:
        """It was not tried."""
        item, self._item = self._held(), None
        item.attempts -= 1
        settle(self._core, item, give_back=True)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        item, self._item = self._item, None
        core = self._core
        if item is None:  # its `send` ends it
            return False
        if error is None:
            settle(core, item, give_back=False)
            return False
        if not isinstance(error, Exception) or is_channel_end(error):
            item.attempts -= 1
            settle(core, item, give_back=True)
            return False
        if fail(core, item, error):
            return True
        raise LeaseFailed(
            f"a value of channel `{core.name}` failed {item.attempts} times and nobody receives "
            f"from its `failed` channel; last: {type(error).__name__}: {error}"
        ) from error

    def __del__(self) -> None:
        if self._item is not None:
            try:
                self._give_back()
            except RuntimeError:  # collected outside of a run: nobody is left to wake
                return


def _report(failed: Core, item: Item) -> None:
    """Put the history of a value into `channel.failed`, which has room for all."""
    me, woken = Party(), cast("list[Party]", [])
    me.value = Failed(item.value, item.attempts, item.errors)
    failed.send(me, woken)
    current_kernel().wake_all(woken)


class Extended(Generic[T_co]):
    """The extended rendezvous: the sender goes on when the block ends."""

    __slots__ = ("_item", "_receiver", "_scope")

    def __init__(self, receiver: Receiver[Any]) -> None:
        self._receiver = receiver
        self._item: Item | None = None
        self._scope: Scope | None = None

    async def __aenter__(self) -> T_co:
        item = self._item = await self._receiver._take(EXTEND)
        self._scope = current_kernel().scope()
        self._scope.__enter__()
        if item.sender is not None:
            item.cancel = self._scope.cancel
        return cast(T_co, item.value)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None:
        item, self._item = self._item, None
        assert item is not None
        assert self._scope is not None
        dropped = self._scope.cancel_called  # the sender was cancelled
        absorbed = self._scope.__exit__(kind, error, tb)
        settle(self._receiver._core, item, give_back=error is not None and not dropped)
        return absorbed
