"""Leases and extended rendezvous: values in work, which the channel gets back if that fails.

Invariant: each held value is settled exactly once, when its block ends.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar, cast

import trio
from trio.lowlevel import enable_ki_protection

from ._end import Core, adopt
from ._errors import ChannelEnded, EndOfChannel, LeaseFailed
from ._offer import COMMITTED, EXTEND, LEASE, RECEIVE, Item, Party
from ._parking import current_kernel

if TYPE_CHECKING:
    from ._channel import Receiver

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Failed(NamedTuple, Generic[T]):
    """What `channel.failed` carries: a value whose every lease failed."""

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
            return Lease(self._receiver, await take(self._receiver, LEASE))
        except EndOfChannel:
            raise StopAsyncIteration from None


async def take(receiver: Receiver[Any], mode: int) -> Item:
    """Receive a value that the channel keeps until it is settled."""
    kernel = receiver._acting()
    checkpoint = await kernel.before()
    receiver._acting()
    core = receiver._core
    me = kernel.party()
    me.side, me.mode, me.item = RECEIVE, mode, None
    woken: list[Party] = []
    settled = core.receive(me, woken)
    kernel.wake_all(woken)
    if settled:
        if checkpoint and me.outcome is COMMITTED:
            await trio.lowlevel.cancel_shielded_checkpoint()
    else:
        core.enqueue(me)
        me.end = receiver
        try:
            await kernel.park(me)
        finally:
            me.end = None
    me.mode = 0
    if me.outcome is not COMMITTED:
        await receiver._fail(me.outcome)
    item, me.item, me.value = me.item, None, None
    assert item is not None
    adopt(item.value, kernel.holder())
    return item


@enable_ki_protection
def settle(core: Core, item: Item, *, give_back: bool) -> None:
    """The block that held `item` is over."""
    woken: list[Party] = []
    core.settle(item, woken, give_back=give_back)
    if woken:
        current_kernel().wake_all(woken)


def _is_channel_end(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_channel_end(part) for part in error.exceptions)
    return isinstance(error, ChannelEnded)


class Lease(Generic[T_co]):
    """A value taken for work: `async with receiver.lease() as job:`.

    An Exception in the block is absorbed and gives the value back; after `max_attempts` it goes
    to `channel.failed`, or LeaseFailed is raised here if nobody receives there.
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
        """1 for the first time this value is leased, 2 for the second ..."""
        return self._held().attempts

    def _held(self) -> Item:
        if self._item is None:
            raise RuntimeError("a lease has a value inside its `async with` block only")
        return self._item

    async def __aenter__(self) -> Self:
        if self._item is None:
            self._item = await take(self._receiver, LEASE)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        item, self._item = self._held(), None
        core = self._core
        if error is None:
            settle(core, item, give_back=False)
            return False
        if not isinstance(error, Exception) or _is_channel_end(error):
            item.attempts -= 1
            settle(core, item, give_back=True)
            return False
        item.errors += (error,)
        if item.attempts < core.max_attempts:
            settle(core, item, give_back=True)
            return True
        failed = core.failed
        if failed is not None and failed._core.ends[RECEIVE]:
            _report(failed, item)
            settle(core, item, give_back=False)
            return True
        settle(core, item, give_back=False)
        raise LeaseFailed(
            f"a value of channel `{core.name}` failed {item.attempts} times and nobody receives "
            f"from its `failed` channel; last: {type(error).__name__}: {error}"
        ) from error

    def __del__(self) -> None:
        if self._item is not None and self._item.attempts:
            item, self._item = self._item, None
            item.attempts -= 1
            try:
                settle(self._core, item, give_back=True)
            except RuntimeError:  # collected outside of a run: nobody is left to wake
                return


def _report(failed: Any, item: Item) -> None:
    """Put the history of a value into `channel.failed`, which has room for all."""
    me, woken = Party(), cast("list[Party]", [])
    me.value = Failed(item.value, item.attempts, item.errors)
    failed._core.send(me, woken)
    current_kernel().wake_all(woken)


class Extended(Generic[T_co]):
    """The extended rendezvous: the sender goes on when the block ends."""

    __slots__ = ("_item", "_receiver", "_scope")

    def __init__(self, receiver: Receiver[Any]) -> None:
        self._receiver = receiver
        self._item: Item | None = None
        self._scope: trio.CancelScope | None = None

    async def __aenter__(self) -> T_co:
        item = self._item = await take(self._receiver, EXTEND)
        self._scope = trio.CancelScope()
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
