"""Broadcast: what is sent goes to every receiver present, or to none.

The senders wait at a hub; each receiver has a port of its own, with its own buffer.

Invariants:
* a value leaves the hub only when every port takes it: somebody waits there, or there is room.
* whenever a sender waits and every port would take its value, it has been delivered.
"""

from __future__ import annotations

import dataclasses
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    cast,
    get_origin,
    overload,
)

from ._buffers import Buffer
from ._call import Call
from ._cargo import find
from ._channel import Receiver, Sender, Typed, as_buffer
from ._core import Core, Joint
from ._end import Statistics
from ._errors import ChannelTypeError, EndClosed, explained
from ._kernel import HOLDER, Holder
from ._offer import COMMITTED, OFFER, RECEIVE, SEND, Item, Party, Selector, Watch
from ._places import place_of_caller
from ._rendezvous import Woken, ticket_of

if TYPE_CHECKING:
    from typing_extensions import TypeForm

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Hub(Joint):
    """Where the senders wait."""

    __slots__ = ("ports",)

    def __init__(self, kind: Any, name: str, deep: bool, maker: Holder | None) -> None:
        super().__init__(kind, name, deep=deep, maker=maker)
        self.ports: list[Port] = []
        self.carries = False

    def takes(self, sender: Party | None = None, arriving: Port | None = None) -> bool:
        """True if every port would take the value of `sender`, `arriving` in any case."""
        selecting: set[Any] = set()  # one selection takes from one port only
        for port in self.ports:
            if port is not arriving:
                taker = port.taker(sender)
                if taker is None or taker in selecting:
                    return False
                if isinstance(taker, Selector):
                    selecting.add(taker)
        return True

    def refuse(self, value: object) -> None:
        """Raise ChannelTypeError for what is not of the element type, and for ends."""
        super().refuse(value)
        if find(value):
            problem = (
                f"broadcast `{self.name}` carries no ends, as an end has one owner: send it over a "
                f"channel"
            )
            raise explained(ChannelTypeError(problem), "wrong-type")

    def ready(self, side: int, me: Party | None = None) -> bool:
        """True if a send would be settled at once."""
        return self.state(SEND) is not None or self.takes()

    def send(self, me: Party, woken: Woken) -> bool:
        """Offer `me.value` to all receivers."""
        state = self.state(SEND)
        if state is None and not self.takes():
            return False
        if state is None:
            self._spread(me, woken)
        me.outcome = state or COMMITTED
        return True

    def deliver(self, woken: Woken, arriving: Port | None = None, me: Party | None = None) -> bool:
        """Hand the first waiting sender's value to all ports, to `arriving` through `me`."""
        for partner in self._senders(me):
            party = partner if isinstance(partner, Party) else partner.selector.party
            if self.takes(party, arriving):
                break
        else:
            return False
        sent = self._take_from(partner, woken)
        if sent is None:
            return self.deliver(woken, arriving, me)
        sender, value = sent
        sender.outcome, sender.value = COMMITTED, value
        woken.append(sender)
        self._spread(sender, woken, arriving)
        if arriving is not None and me is not None:
            arriving.passed = self.passed - 1
            arriving._hand_over(Item(value), None, me)
        return True

    def _senders(self, me: Party | None) -> list[Party | Watch]:
        """Who waits to send, in order of arrival, but `me`."""
        watches = self.watches[SEND] if self.watches is not None else []
        waiting: list[Party | Watch] = [*self.line()]
        waiting += [watch for watch in watches if watch.waits(me)]
        return sorted(waiting, key=lambda at: at.ticket if isinstance(at, Party) else ticket_of(at))

    def _spread(self, sender: Party, woken: Woken, but: Port | None = None) -> None:
        self.passed += 1
        sender.number, sender.met = self.passed, False
        for port in self.ports:
            if port is not but:
                party = Party()
                party.mode, party.value = OFFER, sender.value
                port.passed = self.passed - 1
                port.send(party, woken)

    def retire(self, side: int, woken: Woken, cause: Any = None) -> None:
        """The last sender ends all ports; a receiver less may be what a sender waited for."""
        super().retire(side, woken, cause)
        if side == SEND and self.gone[SEND]:
            for port in self.ports:
                port.gone, port.causes = (True, port.gone[RECEIVE]), self.causes
                port._end_if_drained(woken)
        elif side == RECEIVE:
            self.deliver_all(woken)

    def deliver_all(self, woken: Woken) -> None:
        """Deliver as many values as every port takes."""
        while self.state(SEND) is None and self.deliver(woken):
            pass

    def kill(self, reason: str, who: str, woken: Woken) -> None:
        """Poison the hub and all ports."""
        super().kill(reason, who, woken)
        for port in self.ports:
            if port.poison is None:
                Core.kill(port, reason, who, woken)


class Port(Joint):
    """Where one receiver waits."""

    __slots__ = ("hub",)

    def __init__(self, hub: Hub, buffer: Buffer | None) -> None:
        super().__init__(hub.kind, hub.name, buffer=buffer)
        self.hub, self.maker, self.number = hub, hub.maker, hub.number
        self.channel, self.causes = hub.channel, hub.causes
        self.gone = (hub.gone[SEND], False)
        self.poison = hub.poison
        self.carries = False
        hub.open_end(RECEIVE)
        hub.ports.append(self)

    def taker(self, sender: Party | None) -> object:
        """Who would take the value of `sender`: a party, a selector, or this port, which has room."""
        if self.buffer is not None and not self.buffer.full:
            return self
        partner = self._next_partner(RECEIVE, sender)
        return partner.selector if isinstance(partner, Watch) else partner

    def ready(self, side: int, me: Party | None = None) -> bool:
        """True if a receive would be settled at once."""
        return super().ready(side, me) or (
            self.hub.has_partner(SEND, me) and self.hub.takes(arriving=self)
        )

    def receive(self, me: Party, woken: Woken) -> bool:
        """Ask for a value; a sender may have waited for just that."""
        if self.front or self.buffer:
            super().receive(me, woken)
            self.hub.deliver_all(woken)
            return True
        if self.poison is None and self.hub.deliver(woken, self, me):
            return True
        return super().receive(me, woken)

    def retire(self, side: int, woken: Woken, cause: Any = None) -> None:
        """The receiver leaves: nobody waits for it any more."""
        super().retire(side, woken, None)
        if self.gone[RECEIVE] and self in self.hub.ports:
            self.hub.ports.remove(self)
            self.hub.retire(RECEIVE, woken, cause)

    def kill(self, reason: str, who: str, woken: Woken) -> None:
        """Poison all of the broadcast."""
        self.hub.kill(reason, who, woken)


class BroadcastReceiver(Receiver[T_co]):
    """A receiver that sees everything sent since it was made; a clone sees what comes after it."""

    __slots__ = ()

    def extended(self) -> Any:
        """Not on a broadcast: raises TypeError, as no sender could wait for all blocks."""
        raise TypeError(f"broadcast `{self._core.name}` has no extended rendezvous: use `lease()`")

    def statistics(self) -> Statistics:
        """The numbers of its port, and of the senders."""
        hub = cast(Port, self._core).hub
        return dataclasses.replace(
            super().statistics(),
            open_send_channels=hub.senders,
            tasks_waiting_send=hub.waiting(SEND),
        )

    def _duplicate(self) -> Self:
        port = cast(Port, self._core)
        buffer = port.buffer.empty_copy() if port.buffer is not None else None
        return type(self)(Port(port.hub, buffer), self._owner, given=self._given)


class Broadcast(Generic[T]):
    """A channel that gives each value to every receiver: `Broadcast(int, name="ticks")`.

    A send commits when every receiver present has taken the value or has room for it (`buffer`,
    for each receiver: as for `Channel`); with no receiver at all it commits at once.  A receiver
    sees what is sent after it was made.  Local only.

    >>> import csp
    >>> @csp.process
    ... async def listener(ticks: csp.Receiver[int]) -> list[int]:
    ...     return [tick async for tick in ticks]
    >>> @csp.process
    ... async def clock(ticks: csp.Sender[int]) -> None:
    ...     for tick in range(3):
    ...         await ticks.send(tick)
    >>> async def main() -> object:
    ...     ticks = Broadcast(int, name="ticks")
    ...     return await csp.Par(2 * listener(ticks.receiver()), clock(ticks.sender()))
    >>> csp.run(main)
    ([[0, 1, 2], [0, 1, 2]], None)
    """

    @overload
    def __init__(
        self,
        kind: type[T],
        /,
        *,
        name: str = ...,
        buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        kind: TypeForm[T],
        /,
        *,
        name: str = ...,
        buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        /,
        *,
        name: str = ...,
        buffer: float | Buffer = ...,
        check: Literal["shallow", "deep"] = ...,
    ) -> None: ...
    def __init__(
        self,
        kind: Any = object,
        /,
        *,
        name: str = "",
        buffer: float | Buffer = 0,
        check: str = "shallow",
    ) -> None:
        if check not in ("shallow", "deep"):
            raise ValueError(f'check is "shallow" or "deep", not {check!r}')
        if get_origin(kind) is Call or kind is Call:
            raise TypeError("a broadcast carries no calls, as each has one reply: use a Channel")
        self._buffer = as_buffer(buffer)
        self._core = Hub(kind, name or place_of_caller(), check == "deep", HOLDER.get())
        self._core.made_by(self)

    __csp_channel__: ClassVar[tuple[str, ...]] = ("sender", "receiver")

    def __class_getitem__(cls, kind: Any) -> Any:
        return super().__class_getitem__(kind) if isinstance(kind, TypeVar) else Typed(cls, (kind,))  # type: ignore[misc]

    @property
    def name(self) -> str:
        """The name of the broadcast, for messages."""
        return self._core.name

    def __repr__(self) -> str:
        return f"<Broadcast {self._core.name}>"

    def sender(self) -> Sender[T]:
        """Make a sending end, owned by the caller; EndClosed once all have retired."""
        if self._core.gone[SEND]:
            raise self._over("sender")
        return Sender(self._core, HOLDER.get())

    def receiver(self) -> Receiver[T]:
        """Make a receiving end, owned by the caller; EndClosed once all have retired."""
        buffer = self._buffer.empty_copy() if self._buffer is not None else None
        if self._core.gone[RECEIVE]:
            raise self._over("receiver")
        return BroadcastReceiver(Port(self._core, buffer), HOLDER.get())

    def _over(self, what: str) -> EndClosed:
        problem = (
            f"all {what}s of broadcast `{self.name}` have retired; it never reopens: make a new one"
        )
        return explained(EndClosed(problem), "closed-end")
