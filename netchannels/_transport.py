"""Streams: listening and dialling, and the three trio tasks that serve a link.

Nothing is decided here: bytes go from the stream to the link and back, and its clock is looked at.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import ssl
import stat
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import trio

from ._address import Address
from ._errors import NetworkError

LOG = logging.getLogger("netchannels")
ROOM = 256 * 1024  # bytes that a Unix socket takes before its reader has read: a chunk at once
READ = 512 * 1024  # bytes at most: all that such a socket holds, as Linux doubles what it is told
GRACE = 1.0  # seconds to write the last bytes

Handler = Callable[[trio.abc.Stream, str], Awaitable[None]]


async def dial(address: Address) -> trio.abc.Stream:
    """Connect to a listening node; raises OSError."""
    if address.path:
        _need_unix_sockets()
        return _roomy(await trio.open_unix_socket(address.path))
    stream = await trio.open_tcp_stream(address.host or "127.0.0.1", address.port)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return stream


def _roomy(stream: trio.SocketStream) -> trio.SocketStream:
    """A Unix socket with room for a chunk, where systems give 8 KiB (macOS) to 208 (Linux).

    A TCP socket finds its size by itself, and would not once it is told one.
    """
    with contextlib.suppress(OSError):  # its peer has gone already: reading will tell
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            stream.setsockopt(socket.SOL_SOCKET, option, ROOM)
    return stream


class Listening:
    """The sockets on which a node listens."""

    def __init__(self, listeners: list[Any], address: Address) -> None:
        self._listeners = listeners
        self.address = address

    @classmethod
    async def start(cls, address: Address) -> Listening:
        """Listen at `address`.

        Raises OSError if that is not possible, with a note that says where, NetworkError for a Unix socket
        that others can reach.
        """
        if not address.path and not address.host:
            address = Address("127.0.0.1", address.port)
        try:
            if address.path:
                return cls([await _listen_unix(address.path)], address)
            listeners = await trio.open_tcp_listeners(address.port, host=address.host)
        except OSError as error:
            error.add_note(_cannot_listen(address, error))
            raise
        port = cast(int, listeners[0].socket.getsockname()[1])
        return cls(list(listeners), Address(address.host, port))

    async def serve(self, handler: Handler, room: Callable[[], Awaitable[None]]) -> None:
        """Call `handler(stream, peer)` for each connection, until cancelled; first wait for `room()`."""

        async def handle(stream: Any) -> None:
            if self.address.path:
                _roomy(stream)
            await handler(stream, peer_of(stream, self.address))

        try:
            await trio.serve_listeners(handle, [_Paced(each, room) for each in self._listeners])
        finally:
            with trio.CancelScope(shield=True):
                for listener in self._listeners:
                    await listener.aclose()
            if self.address.path:
                remove_socket(self.address.path)


def _cannot_listen(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"another program listens at {address} already: end it, or take another port"
    return f"this was the attempt to listen at {address}"


class _Paced(trio.abc.Listener[Any]):
    """A listener that accepts when there is room; what comes meanwhile waits in the system's queue."""

    def __init__(self, listener: Any, room: Callable[[], Awaitable[None]]) -> None:
        self._listener, self._room = listener, room

    async def accept(self) -> Any:
        await self._room()
        return await self._listener.accept()

    async def aclose(self) -> None:
        await self._listener.aclose()


def peer_of(stream: Any, address: Address) -> str:
    """Who is on the other side of a stream, as far as the socket knows."""
    if address.path:
        return f"unix:{address.path}"
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "?"
    return str(Address(host, port))


def _need_unix_sockets() -> None:
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        raise NetworkError("there are no Unix sockets here: use 127.0.0.1:PORT")


async def _listen_unix(path: str) -> trio.SocketListener:
    _need_unix_sockets()
    directory = os.path.dirname(os.path.abspath(path))
    if stat.S_IMODE(os.stat(directory).st_mode) & 0o077:
        raise NetworkError(
            f"others can reach the socket in {directory}: `chmod 700` it, or make a new directory"
        )
    if os.path.exists(path) and await _is_dead(path):
        remove_socket(path)
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        await sock.bind(path)
        sock.listen(64)
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(sock)


async def _is_dead(path: str) -> bool:
    """True if nobody listens on a socket that a killed program has left."""
    try:
        stream = await trio.open_unix_socket(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    await trio.aclose_forcefully(stream)
    return False


def remove_socket(path: str) -> None:
    """Remove the file of a Unix socket, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


class Carried(Protocol):
    """What is carried over a stream: a link, as its stream sees it."""

    label: str  # who is on the other side
    lost: str  # why it is lost, once it is
    over: trio.Event  # nothing more is read or written

    def receive(self, data: bytes, /) -> None:
        """Bytes have arrived, b"" at the end of the stream; `hand_out` what more they say."""
        ...

    def hand_out(self) -> bool:
        """Hand out the next part of what has arrived; true if there is more."""
        ...

    def data_to_send(self) -> bytes:
        """The next bytes to write, b"" if there are none now."""
        ...

    def has_said_all(self) -> bool:
        """True once nothing will follow what was written."""
        ...

    async def wait_writable(self) -> None:
        """Wait until there may be bytes to write."""
        ...

    async def let_write(self) -> None:
        """Let those go on who have got something, then the writer."""
        ...

    def next_tick(self) -> float:
        """When `tick` must be called at the latest, in seconds of trio's clock."""
        ...

    def tick(self) -> None:
        """Look at the clock."""
        ...

    def lose(self, why: str, /) -> None:
        """The stream is broken."""
        ...


async def carry(
    stream: trio.abc.Stream,
    link: Carried,
    leftover: bytes = b"",
    *,
    process: Callable[[Any], Any] = lambda work: work,
) -> None:
    """Serve a link over a stream until it is over, then close the stream.

    `process` makes a process of what reads, what writes and what looks at the clock: they and the
    processes of the channels then lend each other the turn, and an answer leaves in the pass in
    which it arises.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_contained, link, process(_look_at_clock), link)
            nursery.start_soon(_contained, link, process(_write), stream, link)
            nursery.start_soon(_contained, link, process(_read), stream, link, leftover)
            await link.over.wait()
            nursery.cancel_scope.cancel()
    finally:  # a cancelled program closes its streams as well
        with trio.move_on_after(GRACE, shield=True):
            await trio.aclose_forcefully(stream)


async def _contained(link: Carried, work: Callable[..., Awaitable[None]], *args: Any) -> None:
    """A mistake of ours that a peer has found ends its link only, and is told in the log."""
    try:
        await work(*args)
    except Exception:
        LOG.exception("the link to %s is closed: an error in netchannels", link.label)
        link.lose("an error in netchannels: see the log")


async def _read(stream: trio.abc.Stream, link: Carried, leftover: bytes) -> None:
    if leftover:
        await _hand_over(link, leftover)
    while True:
        try:
            data = await stream.receive_some(READ)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if not isinstance(error.__cause__, ssl.SSLEOFError):  # a program that was killed
                link.lose(_why(error))
                return
            data = b""
        await _hand_over(link, bytes(data))
        if not data or link.lost:
            return


async def _hand_over(link: Carried, data: bytes) -> None:
    """Others go on and write between the parts, so that both sides are at work at the same time."""
    link.receive(data)
    await link.let_write()
    while link.hand_out():
        await link.let_write()


async def _write(stream: trio.abc.Stream, link: Carried) -> None:
    try:
        while True:
            data = link.data_to_send()
            if data:
                await stream.send_all(data)
            elif link.has_said_all():
                link.over.set()
                return
            else:
                await link.wait_writable()
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        link.lose(_why(error))


async def _look_at_clock(link: Carried) -> None:
    while True:
        await trio.sleep_until(link.next_tick())
        link.tick()


def _why(error: BaseException) -> str:
    cause = error.__cause__
    return str(cause or error) or type(error).__name__
