"""A node, as its user sees it: share channels, use those of others, watch."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import csp

from ._inside import Inside
from ._link import Link
from ._lookup import look_up
from ._numbers import as_number
from ._passage import Passage
from ._shared import STATUS
from ._status import NodeEvent, NodeStatus

if TYPE_CHECKING:
    from typing_extensions import TypeForm

T = TypeVar("T")


class Node:
    """A program in the network: made by `serve` and `connect`, used inside of their block.

    >>> import trio
    >>> from netchannels.testing import linked
    >>> async def main() -> None:
    ...     async with linked() as (home, there):
    ...         numbers = csp.Channel(int, name="numbers")
    ...         home.share("numbers", numbers.receiver())
    ...         receiver = await there.receiver("numbers", int)
    ...         with numbers.sender() as sender:
    ...             async with trio.open_nursery() as nursery:
    ...                 nursery.start_soon(sender.send, 17)
    ...                 print(await receiver.receive())
    >>> trio.run(main)
    17
    """

    __slots__ = ("_inside",)

    def __init__(self, inside: Inside, /) -> None:
        self._inside: Inside = inside

    def __repr__(self) -> str:
        return f"<node {self.label} at {self.address}>"

    @property
    def label(self) -> str:
        """What others call it: `program@host:pid`, or what was given."""
        return self._inside.label

    @property
    def address(self) -> str:
        """Where it listens, or what it has connected to; "" over a stream of your own."""
        return self._inside.address

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
        work and no remote end is attached.  `allow` names the roles that may use this end.

        Raises ValueError for a name that is taken, too long (128 bytes) or reserved, and for
        `allow` where all have one secret; TypeError for what is no end; TypeRefused if the type
        of the channel cannot travel; NetworkError for an end whose home is another program;
        EndClosed if the end is not yours; RuntimeError outside of the node's block.
        """
        self._inside.check_open()
        self._inside.shares.add(name, end, until, allow)

    def unshare(self, name: str, /) -> None:
        """Share no more what has this name; remote ends that are attached already stay.

        Raises NameRefused (a LookupError) if nothing is shared under it.
        """
        self._inside.shares.remove(name)

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
        received; TypeRefused if the types differ or cannot travel; csp.LinkLost if no link is
        left; ValueError for a name of more than 128 bytes, a prefetch or a `wait` below 0;
        RuntimeError outside of the node's block.
        """
        if not isinstance(cast(object, prefetch), int) or prefetch < 0:
            raise ValueError(f"prefetch is 0 or more, not {prefetch!r}")
        passage = Passage(kind)
        link, number = await self._look_up(name, passage, True, peer, wait)
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
        link, number = await self._look_up(name, passage, False, peer, wait)
        return _sender(link, number, name, passage)

    async def _look_up(
        self, name: str, passage: Passage, receives: bool, peer: str | None, wait: float
    ) -> tuple[Link, int]:
        inside = self._inside
        inside.check_open()
        return await look_up(
            lambda: inside.links,
            name,
            passage,
            receives=receives,
            peer=peer,
            wait=as_number(wait, "wait is 0 or more seconds", least=0),
        )

    async def names(self) -> dict[str, str]:
        """What the nodes on the other side of all links share: names, with what they carry.

        Raises csp.LinkLost if a link is lost meanwhile, RuntimeError outside of the node's block.
        """
        self._inside.check_open()
        found: dict[str, str] = {}
        for link in list(self._inside.links):
            found |= (await self._status_of([link], None)).shared
        return found

    # --- watching --------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """The state of this node now."""
        return self._inside.status()

    async def status_of(self, peer: str) -> NodeStatus:
        """The state of the node with that label (or its beginning), asked through a link.

        Raises csp.LinkLost if there is no such link, or it is lost meanwhile; NameRefused (a
        LookupError) if the label fits several; RuntimeError outside of the node's block.
        """
        self._inside.check_open()
        return await self._status_of(self._inside.links, peer)

    async def _status_of(self, links: list[Link], peer: str | None) -> NodeStatus:
        passage = Passage(csp.Call[str, NodeStatus])
        link, number = await look_up(lambda: links, STATUS, passage, receives=False, peer=peer)
        with _sender(link, number, STATUS, passage) as calls:
            status: NodeStatus = await calls.call("status")
        return status

    def events(self) -> csp.Receiver[NodeEvent]:
        """What happens to the links of this node from now on, for the caller.

        A listener that is slow finds the latest 1,000.  It ends with the node.
        """
        self._inside.check_open()
        return self._inside.news.listen()

    def busy(self, seconds: float) -> Awaitable[None]:
        """Announce that this program may be silent for so many seconds: nobody suspects it.

        Before a computation that keeps the program from its channels, write `await node.busy(60)`:
        it returns when the announcement is written on all links.  Without the `await` it is
        written when the others have their turn.  0 takes it back.  Raises ValueError for less than
        0.
        """
        seconds = as_number(seconds, "seconds is 0 or more", least=0)
        links = list(self._inside.links)
        for link in links:
            link.connection.busy(seconds)
            link.poke()
        return _Written(links)


class _Written:
    """What waits until everything is written; nothing is amiss if nobody waits for it."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        for link in self._links:
            await link.written()


def _sender(link: Link, number: int, name: str, passage: Passage) -> csp.Sender[Any]:
    channel: csp.Channel[Any] = csp.Channel(passage.kind, name=name, max_attempts=math.inf)
    near = channel.sender()
    link.attach_sender(number, channel.receiver(), passage)
    return near
