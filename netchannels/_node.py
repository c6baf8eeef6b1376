"""A node: a program that shares channels, and uses those that others share.

Invariants:
* `_shared` has, for each name, at most one sender and one receiver, of one channel.
* a link is in `_links` from its handshake until it is over; names are looked up in all of them.
* the end of a node: nothing new is taken, what is in work is waited for, then it says goodbye.
"""

from __future__ import annotations

import math
import os
import socket
import sys
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import trio

import csp
from csp.lowlevel import is_elsewhere, same_channel, take_over

from . import _status
from ._counters import Counters
from ._errors import NameRefused, NetworkError
from ._hello import Hello, Terms, label_of
from ._link import DIRECTION, FORBIDDEN, TYPE, UNKNOWN, Link, mismatch
from ._passage import Passage
from ._ports import Outlet
from ._status import LinkStatus, NodeEvent, NodeStatus
from ._transport import carry
from .wire import Connection
from .wire import events as wire
from .wire.connection import NAME

if TYPE_CHECKING:
    from typing_extensions import TypeForm

T = TypeVar("T")

STATUS = "@status"  # the built-in port
LOG = 1000  # events that a slow listener finds


class Shared:
    """What a node shares under a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ends: dict[bool, Any] = {}  # by whether the other side receives
        self.passage: Passage | None = None
        self.allow: frozenset[str] | None = None
        self.until: str | None = None

    def any_end(self) -> Any:
        """One of the ends."""
        return next(iter(self.ends.values()))


class Node:
    """A program in the network: made by `serve` and `connect`, used inside of their block.

    `address` is where it listens, or what it has connected to; `label` what others call it.
    """

    def __init__(self, hello: Hello, *, drain: float, roles: Iterable[str] = ("",)) -> None:
        self.hello = hello
        self.label = hello.label
        self.address = ""
        self._drain = drain
        self._roles = frozenset(roles)
        self._links: list[Link] = []
        self._shared: dict[str, Shared] = {}
        self._listeners: list[csp.Sender[NodeEvent]] = []
        self._total = Counters()
        self._joined = self._lost = self._refused = 0
        self._started = 0.0
        self._lags: deque[float] = deque(maxlen=10)
        self._new_link = trio.Event()
        self._idle = trio.Event()  # set whenever something may have come to its end
        self._nursery: trio.Nursery | None = None
        self._manager: Any = None
        self._closing = False

    def __repr__(self) -> str:
        return f"<node {self.label} at {self.address}>"

    @property
    def node_id(self) -> bytes:
        """16 random bytes that tell this node apart."""
        return self.hello.node_id

    # --- sharing ---------------------------------------------------------------------------

    def share(
        self,
        name: str,
        end: csp.Sender[Any] | csp.Receiver[Any],
        /,
        *,
        until: str | None = None,
        allow: Iterable[str] | None = None,
    ) -> None:
        """Let other nodes use a channel of this program under `name`; this node is its home.

        The end moves to the node: share a receiver to let others receive, a sender to let others
        send; both of one channel make a broker.  It stays until `unshare`, the end of the node,
        or, with `until="tasks"`, until what is shared as "tasks" has ended, nothing of it is in
        work and no remote end is attached.  `allow` names the roles that may use it.

        Raises ValueError for a name that is taken, too long (128 bytes) or reserved, and for
        `allow` where all have one secret; TypeError for what is no end; TypeRefused if the type
        of the channel cannot travel; NetworkError for an end whose home is another program;
        EndClosed if the end is not yours.
        """
        if not isinstance(cast(object, end), (csp.Sender, csp.Receiver)):
            hint = f": write `{end.name}.receiver()`" if isinstance(end, csp.Channel) else ""
            raise TypeError(f"an end of a channel is shared, not {end!r}{hint}")
        self._check_name(name)
        if allow is not None:
            unknown = sorted(frozenset(allow) - self._roles)
            if unknown or self._roles == frozenset({""}):
                raise ValueError(
                    f"`allow` needs one secret a role: serve(secret={{'worker': s1, 'admin': s2}}); "
                    f"roles of this node: {sorted(self._roles - {''}) or 'none'}"
                )
        if until is not None and until not in self._shared:
            raise ValueError(f"until={until!r}: nothing is shared under that name; share it first")
        if is_elsewhere(end):
            raise NetworkError(
                f"the home of `{end.channel_name}` is another program: let the others connect there"
            )
        passage = Passage(end.type)
        receives = isinstance(end, csp.Receiver)
        shared = self._shared.get(name) or Shared(name)
        if receives in shared.ends:
            what = "receiver" if receives else "sender"
            raise ValueError(
                f"a {what} is shared as {name!r} already: unshare it, or take another name"
            )
        if shared.ends and not same_channel(shared.any_end(), end):
            raise ValueError(f"{name!r} is the name of another channel: take another one")
        end.clone().close()  # EndClosed, if it is not ours to give
        shared.ends[receives] = take_over(end)
        shared.passage, shared.until = passage, until
        shared.allow = None if allow is None else frozenset(allow)
        self._shared[name] = shared

    def _check_name(self, name: str) -> None:
        if not name or name[0] in "@~" or len(name.encode()) > NAME:
            raise ValueError(
                f"a name has 1 to {NAME} bytes and does not begin with @ or ~: {name[:40]!r}"
            )

    def unshare(self, name: str, /) -> None:
        """Share no more what has this name; remote ends that are attached already stay.

        Raises NameRefused (a LookupError) if nothing is shared under it.
        """
        shared = self._shared.pop(name, None)
        if shared is None:
            raise NameRefused(f"nothing is shared as {name!r}; shared: {self._listed()}")
        for end in shared.ends.values():
            end.close()

    def _listed(self) -> str:
        names = [name for name in self._shared if name[0] != "@"]
        return ", ".join(sorted(names)) or "nothing"

    # --- using -----------------------------------------------------------------------------

    @overload
    async def receiver(
        self,
        name: str,
        kind: type[T],
        /,
        *,
        prefetch: int = ...,
        peer: str | None = ...,
        wait: float = ...,
    ) -> csp.Receiver[T]: ...
    @overload
    async def receiver(
        self,
        name: str,
        kind: TypeForm[T],
        /,
        *,
        prefetch: int = ...,
        peer: str | None = ...,
        wait: float = ...,
    ) -> csp.Receiver[T]: ...
    async def receiver(
        self,
        name: str,
        kind: Any,
        /,
        *,
        prefetch: int = 0,
        peer: str | None = None,
        wait: float = 0,
    ) -> Any:
        """A receiving end of the channel that another node shares as `name`, owned by the caller.

        `kind` is its element type; `prefetch` how many values may wait here, still the home's
        until they are taken (0: rendezvous); `peer` the label (or its beginning) of the node, if
        several share the name; `wait` how many seconds to wait for the name.

        Raises NameRefused (a LookupError) if nobody shares it, several do, or it may not be
        received; TypeRefused if the types differ or cannot travel; csp.LinkLost if no link is left.
        """
        if not isinstance(cast(object, prefetch), int) or prefetch < 0:
            raise ValueError(f"prefetch is 0 or more, not {prefetch!r}")
        passage = Passage(kind)
        link, number = await self._find(name, passage, True, peer, wait)
        channel: csp.Channel[Any] = csp.Channel(kind, name=name, max_attempts=math.inf)
        near = channel.receiver()
        link.attach_receiver(number, channel.sender(), passage, prefetch)
        return near

    @overload
    async def sender(
        self, name: str, kind: type[T], /, *, peer: str | None = ..., wait: float = ...
    ) -> csp.Sender[T]: ...
    @overload
    async def sender(
        self, name: str, kind: TypeForm[T], /, *, peer: str | None = ..., wait: float = ...
    ) -> csp.Sender[T]: ...
    async def sender(
        self, name: str, kind: Any, /, *, peer: str | None = None, wait: float = 0
    ) -> Any:
        """A sending end of the channel that another node shares as `name`, owned by the caller.

        Arguments and errors as for `receiver`.
        """
        passage = Passage(kind)
        link, number = await self._find(name, passage, False, peer, wait)
        channel: csp.Channel[Any] = csp.Channel(kind, name=name, max_attempts=math.inf)
        near = channel.sender()
        link.attach_sender(number, channel.receiver(), passage)
        return near

    async def _find(
        self, name: str, passage: Passage, receives: bool, peer: str | None, wait: float
    ) -> tuple[Link, int]:
        """An open port to the shared `name`, on the one link where it is found."""
        deadline, pause = trio.current_time() + wait, 0.05
        while True:
            links = [link for link in self._links if not link.lost and _is(link, peer)]
            found, errors = await self._ask_all(links, name, passage, receives)
            if len(found) == 1:
                return found[0]
            if found:
                for link, number in found:
                    link.connection.retire(number)
                    link.poke()
                labels = ", ".join(link.label for link, _ in found)
                raise NameRefused(f"{name!r} is shared by several nodes ({labels}): say peer=...")
            other = [error for error in errors if not isinstance(error, NameRefused)]
            if other:
                raise other[0]
            if trio.current_time() >= deadline:
                break
            with trio.move_on_at(deadline):
                await trio.sleep(pause)
            pause = min(pause * 2, 1.0)
        if errors:
            raise errors[0]
        who = f" whose label begins with {peer!r}" if peer else ""
        known = ", ".join(link.label for link in self._links) or "none"
        raise csp.LinkLost(f"no link to a node{who} that could share {name!r}; links: {known}")

    async def _ask_all(
        self, links: list[Link], name: str, passage: Passage, receives: bool
    ) -> tuple[list[tuple[Link, int]], list[Exception]]:
        asked = [(link, link.ask(name, passage, receives)) for link in links]
        try:
            for _, asking in asked:
                await asking.answered.wait()
        except BaseException:
            for link, asking in asked:
                if not asking.answered.is_set():
                    link.give_up(asking)
                elif asking.error is None:
                    link.connection.retire(asking.number)
                    link.poke()
            raise
        found = [(link, asking.number) for link, asking in asked if asking.error is None]
        return found, [asking.error for _, asking in asked if asking.error is not None]

    async def names(self) -> dict[str, str]:
        """What the nodes on the other side of all links share: names, with what they carry.

        Raises csp.LinkLost if there is no link.
        """
        found: dict[str, str] = {}
        for link in list(self._links):
            found |= (await self.status_of(link.label)).shared
        return found

    async def status_of(self, peer: str) -> NodeStatus:
        """The state of the node with that label, asked through a link."""
        sender = await self.sender(STATUS, csp.Call[str, NodeStatus], peer=peer)
        with sender:
            return await sender.call("status")

    # --- watching --------------------------------------------------------------------------

    def events(self) -> csp.Receiver[NodeEvent]:
        """What happens to the links of this node from now on, for the caller.

        A listener that is slow finds the latest 1,000.
        """
        log: csp.Channel[NodeEvent] = csp.Channel(
            NodeEvent, name="node events", buffer=csp.Sliding(LOG)
        )
        self._listeners.append(take_over(log.sender()))
        return log.receiver()

    def _tell(self, event: NodeEvent) -> None:
        for listener in list(self._listeners):
            try:
                listener.send_nowait(event)
            except csp.ChannelEnded:
                listener.close()
                self._listeners.remove(listener)

    def status(self) -> NodeStatus:
        """The state of this node now."""
        total = Counters()
        total.add(self._total)
        for link in self._links:
            total.add(link.counters)
        return NodeStatus(
            label=self.label,
            address=self.address,
            uptime=trio.current_time() - self._started,
            shared={
                name: _described(shared) for name, shared in self._shared.items() if name[0] != "@"
            },
            links=[_link_status(link) for link in self._links],
            total=total,
            joined=self._joined,
            lost=self._lost,
            refused=self._refused,
            lag=max(self._lags, default=0.0),
        )

    def busy(self, seconds: float) -> None:
        """Announce that this program may be silent for so many seconds: nobody suspects it.

        Call it before a computation that keeps the program from its channels; 0 takes it back.
        """
        if not seconds >= 0:
            raise ValueError(f"seconds is 0 or more, not {seconds!r}")
        for link in self._links:
            link.connection.busy(seconds)
            link.poke()

    # --- what its links ask of it ----------------------------------------------------------

    def find(self, link: Link, asked: wire.Opening) -> tuple[Any, Passage, float] | tuple[int, str]:
        """A clone of a shared end for who asks, or why not."""
        shared = self._shared.get(asked.name)
        if shared is None or self._closing:
            return UNKNOWN, f"{self.label} shares no {asked.name!r}; it shares: {self._listed()}"
        if shared.allow is not None and link.role not in shared.allow:
            return FORBIDDEN, f"{asked.name!r} is not for the role {link.role!r}"
        end = shared.ends.get(asked.receives)
        if end is None:
            here, instead = ("sender", "sender") if asked.receives else ("receiver", "receiver")
            return DIRECTION, (
                f"{asked.name!r} is a {here} here: others may "
                f"{'send' if asked.receives else 'receive'} on it; use `node.{instead}`"
            )
        assert shared.passage is not None
        why = mismatch(asked, shared.passage, end)
        if why:
            return TYPE, f"{asked.name!r}: {why} ({link.label} asks {self.label})"
        return end.clone(), shared.passage, end.statistics().max_buffer_size

    def port_closed(self) -> None:
        """Something may be at its end."""
        self._idle.set()
        for shared in list(self._shared.values()):
            if shared.until is not None and self._is_served(shared):
                self.unshare(shared.name)

    def _is_served(self, shared: Shared) -> bool:
        source = self._shared.get(cast(str, shared.until))
        if source is not None and not _has_ended(source):
            return False
        names = (shared.name, shared.until)
        return not any(
            port.name in names for link in self._links for port in link.connection.ports.values()
        )

    def link_event(self, link: Link, event: Any) -> None:
        """Something happened to a link."""
        peer, address = link.label, link.address
        if isinstance(event, wire.Suspected):
            self._tell(_status.PeerSuspect(peer, address))
        elif isinstance(event, wire.Recovered):
            self._tell(_status.PeerRecovered(peer, address))
        else:
            if link in self._links:
                self._links.remove(link)
            self._total.add(link.counters)
            if isinstance(event, wire.Left):
                self._tell(_status.PeerLeft(peer, address, event.text))
            else:
                self._lost += 1
                self._tell(_status.PeerLost(peer, address, event.why))

    def refused(self, address: str, error: Exception) -> None:
        """Somebody did not get in."""
        self._refused += 1
        self._tell(_status.PeerRefused("?", address, str(error)))

    # --- life ------------------------------------------------------------------------------

    def has_joined(self, terms: Terms, role: str, address: str, *, dialled: bool) -> Link:
        """A handshake was successful: the link that follows."""
        connection = Connection(
            dialled=dialled,
            largest=terms.value_limit,
            credit=terms.send_credit,
            grants=terms.receive_credit,
            heartbeat=terms.heartbeat / 1000,
            suspect=terms.suspect / 1000,
            lost=terms.lost / 1000,
            now=trio.current_time(),
        )
        link = Link(
            connection, self, peer=terms.peer_id, label=terms.peer_label, role=role, address=address
        )
        self._links.append(link)
        self._joined += 1
        self._tell(_status.PeerJoined(link.label, address, role))
        return link

    async def carry(self, stream: trio.abc.Stream, link: Link, leftover: bytes) -> None:
        """Serve a link until it is over."""
        try:
            await carry(stream, link, leftover)
        finally:
            link.lose("this program closed it")

    async def open(self) -> None:
        """Begin: the trio tasks of the node run in a nursery around the caller's block."""
        self._started = trio.current_time()
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        calls: csp.Channel[Any] = csp.Channel(csp.Call[str, NodeStatus], name=STATUS)
        shared = self._shared[STATUS] = Shared(STATUS)
        shared.passage = Passage(calls.type)
        shared.ends[False] = take_over(calls.sender())
        self.nursery.start_soon(self._serve_status, take_over(calls.receiver()))
        self.nursery.start_soon(self._watch_lag)

    @property
    def nursery(self) -> trio.Nursery:
        """Where the trio tasks of this node run; RuntimeError outside of its block."""
        if self._nursery is None:
            raise RuntimeError("a node is used inside of its `async with` block")
        return self._nursery

    async def _serve_status(self, calls: csp.Receiver[csp.Call[str, NodeStatus]]) -> None:
        with calls:
            await calls.serve(lambda request: self.status())

    async def _watch_lag(self) -> None:
        while True:
            due = trio.current_time() + 0.5
            await trio.sleep_until(due)
            self._lags.append(trio.current_time() - due)

    async def close(self) -> None:
        """No new work, wait for what is in work (at most `drain` seconds), say goodbye."""
        self._closing = True
        for name in [name for name in self._shared if name != STATUS]:
            if name in self._shared:
                self.unshare(name)
        for link in self._links:
            link.retire_receivers()
        with trio.move_on_after(self._drain):
            await self._drained()
        for link in self._links:
            link.connection.goodbye()
            link.poke()
        with trio.move_on_after(1.0, shield=True):
            while self._links and not all(link.over.is_set() for link in self._links):
                await trio.sleep(0.001)

    async def _drained(self) -> None:
        while any(_in_work(link) for link in self._links):
            self._idle = trio.Event()
            with trio.move_on_after(0.1):
                await self._idle.wait()

    async def leave(self, error: BaseException | None) -> bool:
        """The end of the node's block; true if `error` was a cancel of its own making."""
        try:
            if error is None:
                await self.close()
            else:
                for link in self._links:
                    link.connection.goodbye(f"it failed: {type(error).__name__}"[:200])
                    link.poke()
                with trio.move_on_after(0.2, shield=True):
                    while self._links and not all(link.over.is_set() for link in self._links):
                        await trio.sleep(0.001)
        finally:
            self._closing = True
            for link in list(self._links):
                link.lose("this program has closed its node")
            for shared in self._shared.values():
                for end in shared.ends.values():
                    end.close()
            self._shared.clear()
            for listener in self._listeners:
                listener.close()
            scope = self.nursery.cancel_scope
            scope.cancel()
            self._nursery = None
        if error is not None and not isinstance(error, Exception):  # it may hold a cancel of ours
            return bool(await self._manager.__aexit__(type(error), error, error.__traceback__))
        scope.shield = True  # what it waits for was cancelled just now
        await self._manager.__aexit__(None, None, None)
        return False


def _is(link: Link, peer: str | None) -> bool:
    return peer is None or link.label.startswith(peer)


def _described(shared: Shared) -> str:
    assert shared.passage is not None
    ways = {True: "receive", False: "send"}
    return f"{shared.passage.described} ({', '.join(ways[way] for way in sorted(shared.ends))})"


def _has_ended(shared: Shared) -> bool:
    """True if nothing can come through it any more, and nothing is in work."""
    statistics: csp.Statistics = shared.any_end().statistics()
    return (
        statistics.open_send_channels == 0
        and statistics.current_buffer_used == 0
        and statistics.tasks_waiting_send == 0
    )


def _in_work(link: Link) -> bool:
    return any(port.values for port in link.connection.ports.values() if port.name != STATUS)


def _link_status(link: Link) -> LinkStatus:
    items = [port.oldest() for port in link.ports.values() if isinstance(port, Outlet)]
    ages = [age for age in items if age is not None]
    return LinkStatus(
        peer=link.label,
        address=link.address,
        role=link.role,
        state="suspect" if link.suspected else "alive",
        ports=sorted(port.name for port in link.connection.ports.values() if port.name != STATUS),
        counters=link.counters,
        p50=link.round_trips.percentile(50),
        p99=link.round_trips.percentile(99),
        oldest=max(ages, default=None),
        credit=link.connection.credit_left(),
    )


def own_label() -> str:
    """What this program calls itself."""
    return label_of(sys.argv[0] if sys.argv else "python", socket.gethostname(), os.getpid())
