"""How a program joins the network: it listens (`serve`), or it connects (`connect`)."""

from __future__ import annotations

import logging
import os
import random
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import trio

import csp
from csp.lowlevel import protected

from ._address import Address
from ._certificate import Certificate
from ._entrance import Entrance, Joined, go_in, shake_hands_over
from ._errors import HandshakeError, NetworkError
from ._handshake import DOUBTFUL
from ._hello import Hello, label_of
from ._inside import Inside
from ._node import Node
from ._numbers import as_number
from ._secret import Secret, as_roles, as_secret
from ._transport import Listening

if TYPE_CHECKING:
    import ssl

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds between attempts to connect again
DRAIN = 10.0

LOG = logging.getLogger("netchannels")

AnySecret = Secret | str | bytes


class _Block:
    """`async with` around a node."""

    _inside: Inside

    async def _enter(self) -> None:
        raise NotImplementedError

    @protected
    async def __aenter__(self) -> Node:
        await self._enter()
        return Node(self._inside)

    @protected
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        return await self._inside.leave(error)


async def _open_with(inside: Inside, joined: Joined) -> None:
    """Begin with one link."""
    await inside.open()
    link = inside.join(joined)
    inside.nursery.start_soon(inside.carry, joined, link)


# --- listening -------------------------------------------------------------------------------


class _Serving(_Block):
    def __init__(self, address: Address, entrance: Entrance, inside: Inside) -> None:
        self._address, self._entrance, self._inside = address, entrance, inside

    async def _enter(self) -> None:
        await self._entrance.prepare()
        listening = await Listening.start(self._address)
        inside = self._inside
        inside.address = str(listening.address)
        await inside.open()
        inside.nursery.start_soon(listening.serve, self._let_in, self._entrance.room)

    async def _let_in(self, stream: trio.abc.Stream, address: str) -> None:
        inside = self._inside
        try:
            joined = await self._entrance.let_in(stream, address)
        except HandshakeError as error:
            inside.refused(address, error)
        else:
            await inside.carry(joined, inside.join(joined))


def serve(
    address: str = "127.0.0.1:0",
    /,
    *,
    secret: AnySecret | Mapping[str, AnySecret],
    plain: bool = False,
    certificate: Certificate | None = None,
    label: str | None = None,
    heartbeat: float = 2.0,
    suspect: float = 5.0,
    lost: float = 10.0,
    largest: int = 1024 * 1024 + 64 * 1024,
    drain: float = DRAIN,
) -> AbstractAsyncContextManager[Node]:
    """Listen for other nodes: `async with netchannels.serve("0.0.0.0:5000", secret=...) as node:`.

    `address` is "HOST:PORT" (":5000" is loopback, port 0 a free one, see `node.address`) or
    "unix:PATH", whose directory only you may enter.  `secret` is that of the network, or a dict
    of one secret for each role.  Links are encrypted with TLS 1.3 and proved with the secret;
    `plain=True` leaves the encryption out, on loopback only; a Unix socket needs none.
    `certificate` is your own, see `netchannels.user_contexts`.  `heartbeat`, `suspect`, `lost` are
    seconds: how often a sign of life is sent, after how long a silence a node gets no new work,
    and after how long it is given up (at most 60).  `largest` is the longest value in bytes (at
    most 64 MiB), `drain` how many seconds the end of the block waits for work that others do.

    Raises ValueError or TypeError for arguments that are none of these, SecretError for a bad secret,
    OSError if it cannot listen there, NetworkError for `plain=True` where others can listen.

    >>> import trio
    >>> async def main() -> None:
    ...     async with serve("127.0.0.1:0", secret="a secret for this test") as node:
    ...         print(node.address.partition(":")[0])
    >>> trio.run(main)
    127.0.0.1
    """
    where = Address.parse(address)
    _check_plain(plain, where)
    if plain or where.path:
        certificate = None
    elif certificate is None:
        certificate = Certificate.fresh()
    hello = _hello(label, heartbeat, suspect, lost, largest)
    roles = as_roles(secret)
    inside = Inside(hello, drain=_seconds(drain), roles=roles)
    return _Serving(where, Entrance(roles, certificate, hello), inside)


# --- connecting ------------------------------------------------------------------------------


class Connecting(_Block):
    """What `connect` returns: for `async with`, once, or `async for`, again and again."""

    def __init__(
        self,
        address: Address,
        secret: Secret,
        hello: Hello,
        *,
        plain: bool,
        context: ssl.SSLContext | None,
        drain: float,
    ) -> None:
        self._address, self._secret, self._hello = address, secret, hello
        self._plain, self._context, self._drain = plain, context, drain

    async def _connected(self) -> Joined:
        return await go_in(
            self._address, self._secret, self._hello, plain=self._plain, context=self._context
        )

    def _new_inside(self) -> Inside:
        return Inside(self._hello, drain=self._drain, address=str(self._address))

    async def _enter(self) -> None:
        joined = await self._connected()
        self._inside = self._new_inside()
        await _open_with(self._inside, joined)

    def __aiter__(self) -> AsyncIterator[Reconnected]:
        return _Again(self)

    async def reconnected(self) -> Reconnected:
        """A node whose link stands, and whose block was not entered yet."""
        joined = await self._connected()
        return Reconnected(self._new_inside(), joined)


class _Again(AsyncIterator["Reconnected"]):
    """The nodes of `async for node in connect(...)`: the next one when the link of the last is lost.

    No async generator, for that would have to be closed by whoever leaves the loop with an error.
    """

    def __init__(self, connecting: Connecting) -> None:
        self._connecting = connecting
        self._last: Reconnected | None = None

    async def __anext__(self) -> Reconnected:
        if self._last is not None:
            if not self._last.has_lost_its_link:
                raise StopAsyncIteration
            await _pause(FIRST_PAUSE)
        self._last = await self._next()
        return self._last

    async def _next(self) -> Reconnected:
        """Try until somebody lets us in; the log has each reason why not, once and at once.

        A refused proof is most likely a wrong secret, which waiting does not change: a few attempts
        in short order show that it was no server on its way down.
        """
        pause, refusals, told = FIRST_PAUSE, 0, ""
        while True:
            try:
                return await self._connecting.reconnected()
            except NetworkError as error:
                refusals = refusals + 1 if isinstance(error, HandshakeError) else 0
                if isinstance(error, HandshakeError) and refusals >= error.tries:
                    raise
                if str(error) != told:
                    told = str(error)
                    LOG.warning("%s; trying again", told)
                doubtful = isinstance(error, HandshakeError) and error.tries <= DOUBTFUL
            await _pause(FIRST_PAUSE if doubtful else pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _pause(seconds: float) -> None:
    """So long on average; many programs that lost one node do not come back at once."""
    await trio.sleep(seconds * random.uniform(0.5, 1.5))


class Reconnected(Node):
    """A node of `async for node in connect(...)`: its block absorbs the loss of its link."""

    __slots__ = ("_joined", "has_lost_its_link")

    def __init__(self, inside: Inside, joined: Joined, /) -> None:
        super().__init__(inside)
        self._joined = joined
        self.has_lost_its_link = False

    @protected
    async def __aenter__(self) -> Node:
        await _open_with(self._inside, self._joined)
        return self

    @protected
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        absorbed = await self._inside.leave(error)
        self.has_lost_its_link = error is not None and _is_loss(error)
        return absorbed or self.has_lost_its_link


def _is_loss(error: BaseException) -> bool:
    """True for the loss of a link, also in a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        parts: tuple[BaseException, ...] = cast(Any, error).exceptions
        return all(_is_loss(part) for part in parts)
    return isinstance(error, (csp.LinkLost, csp.DeliveryUnknown))


def connect(
    address: str,
    /,
    *,
    secret: AnySecret,
    plain: bool = False,
    context: ssl.SSLContext | None = None,
    label: str | None = None,
    heartbeat: float = 2.0,
    suspect: float = 5.0,
    lost: float = 10.0,
    largest: int = 1024 * 1024 + 64 * 1024,
    drain: float = DRAIN,
) -> Connecting:
    """Connect to a node that serves: `async with netchannels.connect("host:5000", secret=...) as node:`.

    `async for node in connect(...): async with node: ...` is for programs that come back: the
    block absorbs the loss of its link, and the loop connects again (after 0.1 s to 30 s; the log
    of `netchannels` says why it has to wait); it ends with the first block that ends otherwise,
    and raises HandshakeError where trying again would not help.  Arguments as for `serve`; `context` is your own, see `netchannels.user_contexts`.

    Raises NetworkError if nobody answers there, HandshakeError if the other side is none of ours,
    and what `serve` raises for its arguments.

    >>> import trio
    >>> async def main() -> None:
    ...     async with serve(secret="a secret for this test", label="home") as home:
    ...         async with connect(home.address, secret="a secret for this test") as node:
    ...             print(node.status().links[0].peer)
    >>> trio.run(main)
    home
    """
    where = Address.parse(address)
    if where.port == 0 and not where.path:
        raise ValueError(f"connect to a port from 1 to 65535, not {address!r}")
    _check_plain(plain, where)
    hello = _hello(label, heartbeat, suspect, lost, largest)
    bare = plain or bool(where.path)
    return Connecting(
        where, as_secret(secret), hello, plain=bare, context=context, drain=_seconds(drain)
    )


# --- over a stream ---------------------------------------------------------------------------


class _Over(_Block):
    def __init__(
        self, stream: trio.abc.Stream, roles: dict[str, Secret], dialled: bool, inside: Inside
    ) -> None:
        self._stream, self._roles, self._dialled, self._inside = stream, roles, dialled, inside

    async def _enter(self) -> None:
        inside = self._inside
        joined = await shake_hands_over(
            self._stream, self._roles, inside.hello, dialled=self._dialled
        )
        await _open_with(inside, joined)


def over(
    stream: trio.abc.Stream,
    /,
    *,
    dialled: bool,
    secret: AnySecret,
    label: str | None = None,
    heartbeat: float = 2.0,
    suspect: float = 5.0,
    lost: float = 10.0,
    largest: int = 1024 * 1024 + 64 * 1024,
    drain: float = DRAIN,
) -> AbstractAsyncContextManager[Node]:
    """A node whose one link runs over a stream that you have: a pipe, a tunnel, a test's.

    `dialled` is true on one side and false on the other.  Both prove that they have the secret;
    nothing is encrypted: use it where nobody else can read or write the stream, which the end of
    the block closes.  The other arguments are those of `serve`.

    >>> import trio
    >>> import trio.testing
    >>> async def main() -> None:
    ...     here, there = trio.testing.memory_stream_pair()
    ...     async with trio.open_nursery() as nursery:
    ...         async def other() -> None:
    ...             async with over(there, dialled=True, secret="a secret for tests", label="b") as node:
    ...                 print(node)
    ...         nursery.start_soon(other)
    ...         async with over(here, dialled=False, secret="a secret for tests", label="a"):
    ...             pass
    >>> trio.run(main)
    <node b at >
    """
    hello = _hello(label, heartbeat, suspect, lost, largest)
    inside = Inside(hello, drain=_seconds(drain))
    return _Over(stream, {"": as_secret(secret)}, dialled, inside)


def _check_plain(plain: bool, where: Address) -> None:
    if plain and not where.is_local():
        raise NetworkError(
            f"plain=True is for loopback: at {where} others could read and change everything; "
            f"leave it out, and the link is encrypted"
        )


def _hello(label: str | None, heartbeat: float, suspect: float, lost: float, largest: int) -> Hello:
    if not isinstance(cast(object, largest), int):
        raise TypeError(f"largest is a number of bytes, not {largest!r}")
    if label is not None and not isinstance(cast(object, label), str):
        raise TypeError(f"label is text, not {label!r}")
    return Hello(
        uuid.uuid4().bytes,
        value_limit=largest,
        heartbeat=_milliseconds(heartbeat),
        suspect=_milliseconds(suspect),
        lost=_milliseconds(lost),
        label=_own_label() if label is None else label,
    )


def _milliseconds(seconds: float) -> int:
    return round(_seconds(seconds) * 1000)


def _seconds(value: float) -> float:
    promise = "a time is 0 or more seconds"
    seconds = as_number(value, promise, least=0)
    if seconds == float("inf"):
        raise ValueError(f"{promise}, not {value!r}")
    return seconds


def _own_label() -> str:
    """What this program calls itself."""
    return label_of(sys.argv[0] if sys.argv else "python", socket.gethostname(), os.getpid())
