"""The inside of a node: what its links, and `serve` and `connect`, use of it; users see `Node`.

Invariants:
* a link is in `links` from its handshake until it is over.
* the end of a node: nothing new is taken, what is in work is waited for, then it says goodbye.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import trio

import csp
from csp.lowlevel import protected, take_over

from . import _status
from ._counters import Counters
from ._hello import Hello
from ._link import UNKNOWN, Link
from ._news import News
from ._passage import Passage
from ._ports import Outlet
from ._shared import STATUS, Shares
from ._status import LinkStatus, NodeStatus
from ._transport import carry
from .wire import Connection, events

if TYPE_CHECKING:
    from ._entrance import Joined

OUTSIDE = "a node is used inside of its `async with` block"
LAST_WORDS, LAST_WORDS_IN_FAILURE = 1.0, 0.2  # seconds for a goodbye to get away


class Inside:
    """What a node shares, its links, and its life; `drain` is in seconds."""

    def __init__(
        self, hello: Hello, *, drain: float, roles: Iterable[str] = ("",), address: str = ""
    ) -> None:
        self.hello: Hello = hello
        self.label: str = hello.label
        self.address: str = address
        self.links: list[Link] = []
        self.shares: Shares = Shares(roles)
        self.news: News = News()
        self._drain = drain
        self._past = Counters()  # of links that are over
        self._joined = self._lost = self._refused = 0
        self._started = 0.0
        self._lags: deque[float] = deque(maxlen=10)
        self._idle = trio.Event()  # set whenever something may have come to its end
        self._nursery: trio.Nursery | None = None
        self._manager: Any = None
        self._closing = False  # nothing new
        self._gone = False  # it has said goodbye

    # --- what its links ask of it ----------------------------------------------------------

    @property
    def node_id(self) -> bytes:
        """16 random bytes that tell this node apart."""
        return self.hello.node_id

    def find(
        self, link: Link, asked: events.Opening
    ) -> tuple[Any, Passage, float] | tuple[int, str]:
        """A clone of a shared end for who asks, or why not."""
        if self._closing:
            return UNKNOWN, f"{self.label} is about to leave, and shares nothing any more"
        return self.shares.find(link, asked, self.label)

    def port_closed(self) -> None:
        """Something may be at its end."""
        self._idle.set()
        self.shares.remove_served(
            {port.name for link in self.links for port in link.connection.ports.values()}
        )

    def link_event(self, link: Link, event: Any) -> None:
        """Something happened to a link."""
        peer, address = link.label, link.address
        if isinstance(event, events.Suspected):
            self.news.tell(_status.PeerSuspect(peer, address))
        elif isinstance(event, events.Recovered):
            self.news.tell(_status.PeerRecovered(peer, address))
        elif link in self.links:
            self.links.remove(link)
            self._past.add(link.counters)
            if isinstance(event, events.Left):
                self.news.tell(_status.PeerLeft(peer, address, event.text))
            elif self._gone:
                self.news.tell(_status.PeerLeft(peer, address, "this program said goodbye"))
            else:
                self._lost += 1
                self.news.tell(_status.PeerLost(peer, address, event.why))

    # --- who comes -------------------------------------------------------------------------

    def join(self, joined: Joined) -> Link:
        """A handshake was successful: the link that follows."""
        terms = joined.terms
        connection = Connection(
            dialled=joined.dialled,
            largest=terms.value_limit,
            credit=terms.send_credit,
            grants=terms.receive_credit,
            heartbeat=terms.heartbeat / 1000,
            suspect=terms.suspect / 1000,
            lost=terms.lost / 1000,
            now=trio.current_time(),
        )
        link = Link(
            connection,
            self,
            peer=terms.peer_id,
            label=terms.peer_label,
            role=joined.role,
            address=joined.address,
        )
        self.links.append(link)
        self._joined += 1
        self.news.tell(_status.PeerJoined(link.label, link.address, link.role))
        return link

    async def carry(self, joined: Joined, link: Link) -> None:
        """Serve a link until it is over."""
        try:
            await carry(joined.stream, link, joined.leftover, process=_whole_process)
        finally:
            link.lose("this program closed it")

    def refused(self, address: str, error: Exception) -> None:
        """Somebody did not get in."""
        self._refused += 1
        self.news.tell(_status.PeerRefused("?", address, str(error)))

    # --- its state -------------------------------------------------------------------------

    def status(self, role: str | None = None) -> NodeStatus:
        """Everything at this moment; for a role, only the names that are for it."""
        shared = self.shares.described(role)
        told = None if role is None else frozenset(shared)
        total = Counters()
        for counters in (self._past, *(link.counters for link in self.links)):
            total.add(counters)
        return NodeStatus(
            label=self.label,
            address=self.address,
            uptime=trio.current_time() - self._started,
            shared=shared,
            links=[_link_status(link, told) for link in self.links],
            total=total,
            joined=self._joined,
            lost=self._lost,
            refused=self._refused,
            lag=max(self._lags, default=0.0),
        )

    async def _serve_status(
        self, role: str | None, calls: csp.Receiver[csp.Call[str, NodeStatus]]
    ) -> None:
        with calls:
            await calls.serve(lambda request: self.status(role))

    @protected
    async def _watch_lag(self) -> None:
        while True:
            due = trio.current_time() + 0.5
            await trio.sleep_until(due)
            self._lags.append(trio.current_time() - due)

    # --- life ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin: the trio tasks of the node run in a nursery around the caller's block."""
        self._started = trio.current_time()
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        for role in self.shares.roles:
            calls: csp.Channel[Any] = csp.Channel(csp.Call[str, NodeStatus], name=STATUS)
            self.shares.add_status(role, calls.sender())
            self.nursery.start_soon(self._serve_status, role or None, take_over(calls.receiver()))
        self.nursery.start_soon(self._watch_lag)

    @property
    def nursery(self) -> trio.Nursery:
        """Where the trio tasks of this node run; RuntimeError outside of its block."""
        if self._nursery is None:
            raise RuntimeError(OUTSIDE)
        return self._nursery

    def check_open(self) -> None:
        """Raises RuntimeError outside of the node's block."""
        if self._nursery is None:
            raise RuntimeError(OUTSIDE)

    async def leave(self, error: BaseException | None) -> bool:
        """The end of the node's block; true if `error` was a cancel of its own making."""
        self._closing = True
        struck: BaseException | None = None  # a cancel while it leaves
        try:
            if error is None:
                self.shares.remove_all(status=False)
                for link in self.links:
                    link.retire_receivers()
                with trio.move_on_after(self._drain):
                    await self._drained()
                await self._say_goodbye("", LAST_WORDS)
            else:
                text = f"it failed: {type(error).__name__}"[:200]
                await self._say_goodbye(text, LAST_WORDS_IN_FAILURE)
        except BaseException as late:
            struck = error = late
        for link in list(self.links):
            link.lose("this program has closed its node")
        self.shares.remove_all(status=True)
        self.news.close()
        scope = self.nursery.cancel_scope
        scope.cancel()
        self._nursery = None
        absorbed = False
        if error is not None and not isinstance(error, Exception):  # it may hold a cancel of ours
            absorbed = bool(await self._manager.__aexit__(type(error), error, error.__traceback__))
        else:
            scope.shield = True  # what it waits for was cancelled just now
            await self._manager.__aexit__(None, None, None)
        if struck is not None and not absorbed:
            raise struck
        return absorbed

    async def _drained(self) -> None:
        while any(_in_work(link) for link in self.links):
            self._idle = trio.Event()
            with trio.move_on_after(0.1):
                await self._idle.wait()

    async def _say_goodbye(self, text: str, seconds: float) -> None:
        self._gone = True
        links = list(self.links)
        for link in links:
            link.connection.goodbye(text)
            link.poke()
        with trio.move_on_after(seconds, shield=True):
            for link in links:
                await link.over.wait()


def _whole_process(work: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A process that Ctrl-C does not strike: main gets it, while the link stands to say goodbye.

    Nor does it strike between the process and its first step: that one would never be run.
    """
    whole = protected(work)

    @functools.wraps(work)
    async def run(*args: Any) -> None:
        await whole(*args)

    process = csp.process(run)

    @protected
    async def begin(*args: Any) -> None:
        await process(*args)

    return begin


def _in_work(link: Link) -> bool:
    return any(port.values for port in link.connection.ports.values() if port.name != STATUS)


def _link_status(link: Link, told: frozenset[str] | None) -> LinkStatus:
    """`told`: the names that may be shown, if not all."""
    items = [port.oldest() for port in link.ports.values() if isinstance(port, Outlet)]
    ages = [age for age in items if age is not None]
    return LinkStatus(
        peer=link.label,
        address=link.address,
        role=link.role,
        state="suspect" if link.suspected else "alive",
        ports=sorted(
            port.name
            for port in link.connection.ports.values()
            if port.name != STATUS and (told is None or port.name in told)
        ),
        counters=link.counters,
        p50=link.round_trips.percentile(50),
        p99=link.round_trips.percentile(99),
        oldest=max(ages, default=None),
        credit=link.connection.credit_left(),
    )
