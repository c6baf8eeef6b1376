"""How a program joins the network: it listens (`serve`), or it connects (`connect`).

Invariant: a stream belongs to nobody until its handshake is over; whatever fails before that closes
it, is counted, and touches no other link.
"""

from __future__ import annotations

import random
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, cast

import trio

import csp

from ._certificate import Certificate
from ._errors import HandshakeError, NetworkError
from ._handshake import client_tls, open_as_client, open_as_server, server_tls, time_limit
from ._hello import Hello
from ._node import Node, own_label
from ._secret import Secret, as_roles, as_secret
from ._transport import Address, Listening, dial

HANDSHAKE = 5.0  # seconds
STRANGERS = 64  # connections without a finished handshake
STRANGERS_OF_ADDRESS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds between attempts to connect again
REFUSALS = 5  # in a row, of a server that had let us in before
DRAIN = 10.0

AnySecret = Secret | str | bytes


class _Block:
    """`async with` around a node."""

    _node: Node

    async def _enter(self) -> Node:
        raise NotImplementedError

    async def __aenter__(self) -> Node:
        return await self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        return await self._node.leave(error)


class _Serving(_Block):
    def __init__(
        self,
        address: Address,
        roles: dict[str, Secret],
        certificate: Certificate | None,
        hello: Hello,
        drain: float,
    ) -> None:
        self._address, self._roles, self._certificate = address, roles, certificate
        self._node = Node(hello, drain=drain, roles=roles)
        self._strangers: list[tuple[str, trio.CancelScope]] = []

    async def _enter(self) -> Node:
        for secret in self._roles.values():
            await secret.key()
        listening = await Listening.start(self._address)
        node = self._node
        node.address = str(listening.address)
        await node.open()
        node.nursery.start_soon(listening.serve, self._let_in)
        return node

    async def _let_in(self, stream: trio.abc.Stream, peer: str) -> None:
        node = self._node
        scope = self._admit(peer)
        entry = (peer.rpartition(":")[0], scope)
        opened = None
        try:
            with scope:
                opened = await self._shake_hands(stream)
        except (HandshakeError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            node.refused(peer, error)
            return
        finally:
            if entry in self._strangers:
                self._strangers.remove(entry)
        if opened is None:
            node.refused(
                peer, HandshakeError("too many connections without a handshake: the oldest goes")
            )
            return
        stream, terms, role, leftover = opened
        link = node.has_joined(terms, role, peer, dialled=False)
        await node.carry(stream, link, leftover)

    def _admit(self, peer: str) -> trio.CancelScope:
        """Room for one more stranger: the oldest goes, of this address or of all."""
        host = peer.rpartition(":")[0]
        same = [each for each in self._strangers if each[0] == host]
        crowded = same if len(same) >= STRANGERS_OF_ADDRESS else self._strangers
        if len(same) >= STRANGERS_OF_ADDRESS or len(self._strangers) >= STRANGERS:
            oldest = crowded[0]
            self._strangers.remove(oldest)
            oldest[1].cancel()
        scope = trio.CancelScope()
        self._strangers.append((host, scope))
        return scope

    async def _shake_hands(self, stream: Any) -> tuple[Any, Any, str, bytes]:
        with time_limit(HANDSHAKE):
            der = b""
            if self._certificate is not None:
                stream, der = await server_tls(stream, self._certificate)
            terms, role, leftover = await open_as_server(stream, self._roles, self._node.hello, der)
        return stream, terms, role, leftover


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
) -> _Serving:
    """Listen for other nodes: `async with netchannels.serve("0.0.0.0:5000", secret=...) as node:`.

    `address` is "HOST:PORT" (":5000" is loopback, port 0 a free one, see `node.address`) or
    "unix:PATH", whose directory only you may enter.  `secret` is that of the network, or a dict
    of one secret for each role.  Links are encrypted with TLS 1.3 and proved with the secret;
    `plain=True` leaves the encryption out, on loopback only; a Unix socket needs none.
    `certificate` is your own, see `netchannels.user_contexts`.  `heartbeat`, `suspect`, `lost` are
    seconds: how often a sign of life is sent, after how long a silence a node gets no new work,
    and after how long it is given up (at most 60).  `largest` is the longest value in bytes (at
    most 64 MiB), `drain` how many seconds the end of the block waits for work that others do.

    Raises ValueError for arguments that are none of these, SecretError for a bad secret, OSError
    if it cannot listen there, NetworkError for `plain=True` where others can listen.

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
    return _Serving(where, as_roles(secret), certificate, hello, _seconds(drain))


class _Connecting(_Block):
    def __init__(
        self,
        address: Address,
        secret: Secret,
        plain: bool,
        context: ssl.SSLContext | None,
        hello: Hello,
        drain: float,
    ) -> None:
        self._address, self._secret, self._plain = address, secret, plain
        self._context, self._hello, self._drain = context, hello, drain

    async def _enter(self) -> Node:
        self._node = await self.connected()
        return self._node

    async def connected(self) -> Node:
        """A node with its link."""
        node = Node(self._hello, drain=self._drain)
        await self._secret.key()
        with time_limit(HANDSHAKE * 2):
            try:
                stream: Any = await dial(self._address)
            except OSError as error:
                raise NetworkError(
                    f"nobody answers at {self._address}: {_first_line(error)}; is the other program "
                    f"running, and its port open?"
                ) from error
            der = b""
            if not self._plain:
                host = self._address.host if self._context is not None else None
                stream, der = await client_tls(stream, self._context, host=host)
            terms, leftover = await open_as_client(stream, self._secret, self._hello, der)
        node.address = str(self._address)
        await node.open()
        link = node.has_joined(terms, "", str(self._address), dialled=True)
        node.nursery.start_soon(node.carry, stream, link, leftover)
        return node

    async def __aiter__(self) -> AsyncIterator[_Reconnected]:
        pause, refusals = FIRST_PAUSE, 0
        came_in = False  # once: the secret is right then
        while True:
            try:
                node = await self.connected()
            except NetworkError as error:
                refusals = refusals + 1 if isinstance(error, HandshakeError) else 0
                if refusals > (REFUSALS if came_in else 0):
                    raise
                await trio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause, refusals, came_in = FIRST_PAUSE, 0, True
            block = _Reconnected(node)
            yield block
            if not block.came_off:
                return
            await trio.sleep(pause * random.uniform(0.5, 1.5))


class _Reconnected(_Block):
    """A node of `async for node in connect(...)`: its block absorbs the loss of its link."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.came_off = False

    async def _enter(self) -> Node:
        return self._node

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        absorbed = await super().__aexit__(kind, error, tb)
        if isinstance(error, BaseException) and _is_loss(error):
            self.came_off = True
        return absorbed or self.came_off


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
) -> _Connecting:
    """Connect to a node that serves: `async with netchannels.connect("host:5000", secret=...) as node:`.

    `async for node in connect(...): async with node: ...` is for programs that come back: the
    block absorbs the loss of its link, and the loop connects again (after 0.1 s to 30 s); it ends
    with the first block that ends otherwise.  Arguments as for `serve`; `context` is your own,
    see `netchannels.user_contexts`.

    Raises NetworkError if nobody answers there, HandshakeError if the other side is none of ours,
    and what `serve` raises for its arguments.
    """
    where = Address.parse(address)
    if where.port == 0 and not where.path:
        raise ValueError(f"connect to a port from 1 to 65535, not {address!r}")
    _check_plain(plain, where)
    hello = _hello(label, heartbeat, suspect, lost, largest)
    bare = plain or bool(where.path)
    return _Connecting(where, as_secret(secret), bare, context, hello, _seconds(drain))


class _Over(_Block):
    def __init__(
        self,
        stream: trio.abc.Stream,
        roles: dict[str, Secret],
        dialled: bool,
        hello: Hello,
        drain: float,
    ) -> None:
        self._stream, self._roles, self._dialled = stream, roles, dialled
        self._node = Node(hello, drain=drain, roles=roles)

    async def _enter(self) -> Node:
        node, hello = self._node, self._node.hello
        if self._dialled:
            (secret,) = self._roles.values()
            terms, leftover = await open_as_client(self._stream, secret, hello)
            role = ""
        else:
            terms, role, leftover = await open_as_server(self._stream, self._roles, hello)
        await node.open()
        link = node.has_joined(terms, role, "", dialled=self._dialled)
        node.nursery.start_soon(node.carry, self._stream, link, leftover)
        return node


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
) -> _Over:
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
    return _Over(stream, {"": as_secret(secret)}, dialled, hello, _seconds(drain))


def _check_plain(plain: bool, where: Address) -> None:
    if plain and not where.is_local():
        raise NetworkError(
            f"plain=True is for loopback: at {where} others could read and change everything; "
            f"leave it out, and the link is encrypted"
        )


def _hello(label: str | None, heartbeat: float, suspect: float, lost: float, largest: int) -> Hello:
    return Hello(
        uuid.uuid4().bytes,
        value_limit=largest,
        heartbeat=_milliseconds(heartbeat),
        suspect=_milliseconds(suspect),
        lost=_milliseconds(lost),
        label=own_label() if label is None else label,
    )


def _milliseconds(seconds: float) -> int:
    return round(_seconds(seconds) * 1000)


def _seconds(value: float) -> float:
    if not value >= 0 or value == float("inf"):
        raise ValueError(f"a time is 0 or more seconds, not {value!r}")
    return value


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
