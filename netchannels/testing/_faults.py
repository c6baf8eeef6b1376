"""Streams with faults: late, in pieces, slow, held, deaf, cut.  All in trio's time, so that
`trio.testing.MockClock` makes them instant; all chance comes from a seed.

Invariants of a `FaultyStream`:
* bytes keep their order and none is invented; they are lost only by `cut` and `half_open`.
* a cancelled `receive_some` loses nothing: what had arrived waits in `_chunk` for the next one.
"""

from __future__ import annotations

import contextlib
import operator
import random
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Generator
from typing import Literal, TypeVar, cast

import trio
import trio.testing

Direction = Literal["send", "receive", "both"]

T = TypeVar("T")

_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger 0: RST, not FIN


class _Flow:
    """The bytes of one direction of a pair that were sent and not yet handed over."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.unread = 0
        self._changed = trio.Event()

    @property
    def room(self) -> int:
        return self.capacity - self.unread

    def take(self, size: int) -> None:
        self.unread -= size
        self.wake()

    def wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def change(self) -> None:
        await self._changed.wait()


class FaultyStream(trio.abc.HalfCloseableStream):
    """A stream around another one, which does what it is told to suffer.

    `delay`, `pieces`, `slow` and `hold` act on what this side receives; `half_open` and `cut` on
    either direction.  They add up, may be called at any time, also while somebody waits in
    `receive_some`, and last until `mend()`; only `cut` is for ever.

    `seed` fixes what is drawn by `delay` and `pieces`.

    >>> import trio, trio.testing
    >>> async def main() -> list[bytes]:
    ...     left, right = trio.testing.memory_stream_pair()
    ...     faulty = FaultyStream(right)
    ...     faulty.pieces(2)
    ...     await left.send_all(b"abc")
    ...     await left.send_eof()
    ...     return [piece async for piece in faulty]
    >>> trio.run(main)
    [b'ab', b'c']
    """

    def __init__(self, stream: trio.abc.HalfCloseableStream, *, seed: int = 0) -> None:
        self.stream = stream
        self._random = random.Random(seed)
        self._peer: FaultyStream | None = None  # of a pair
        self._outflow: _Flow | None = None
        self._inflow: _Flow | None = None
        self._busy: dict[str, trio.CancelScope] = {}  # what goes on, so that it can be broken off
        self._closed = False
        self._cut = False
        self._drains = False  # what had been sent before the cut may still be received
        self._allowed: dict[str, int] = {}  # direction -> bytes until the cut
        self._chunk: bytes | None = None  # it has arrived, and was not handed over yet
        self._due = 0.0  # when it may be
        self._free_at = 0.0  # when a slow reader takes the next piece
        self._released = trio.Event()
        self._released.set()
        self._mended = trio.Event()
        self._reset()

    def _reset(self) -> None:
        self._delays = (0.0, 0.0)
        self._pieces: tuple[int, int] | None = None
        self._rate: float | None = None
        self._vanishes = {"send": False, "receive": False}

    # --- faults ----------------------------------------------------------------------------------

    def delay(self, seconds: float, longest: float | None = None) -> None:
        """Hand over each chunk `seconds` after it arrived, or a time between that and `longest`.

        The next chunk is looked for when one has been handed over: a chunk is what was there then.
        Raises ValueError unless 0 <= seconds <= longest.

        >>> import trio, trio.testing
        >>> async def main() -> float:
        ...     a, b = faulty_pair()
        ...     b.delay(30)
        ...     await a.send_all(b"late")
        ...     start = trio.current_time()
        ...     await b.receive_some()
        ...     return trio.current_time() - start
        >>> trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        30.0
        """
        longest = seconds if longest is None else longest
        if not 0 <= seconds <= longest:
            raise ValueError(f"a delay is from 0 upwards: not {seconds} to {longest} seconds")
        self._delays = (seconds, longest)

    def pieces(self, size: int = 1, largest: int | None = None) -> None:
        """Hand over at most `size` bytes at a time, or a number between that and `largest`.

        Raises ValueError unless 1 <= size <= largest.

        >>> import trio
        >>> async def main() -> bytes:
        ...     a, b = faulty_pair()
        ...     b.pieces()
        ...     await a.send_all(b"xyz")
        ...     return await b.receive_some()
        >>> trio.run(main)
        b'x'
        """
        largest = size if largest is None else largest
        if not 1 <= size <= largest:
            raise ValueError(f"a piece has one byte or more: not {size} to {largest}")
        self._pieces = (size, largest)

    def slow(self, bytes_per_second: float) -> None:
        """Read no faster than that, in pieces of a tenth of a second, or of one byte.

        Raises ValueError unless it is above 0.

        >>> import trio, trio.testing
        >>> async def main() -> float:
        ...     a, b = faulty_pair()
        ...     b.slow(10)
        ...     await a.send_all(b"x" * 51)
        ...     await a.send_eof()
        ...     start = trio.current_time()
        ...     async for _ in b:
        ...         pass
        ...     return round(trio.current_time() - start, 1)
        >>> trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        5.1
        """
        if not bytes_per_second > 0:
            raise ValueError(f"a slow reader reads: not {bytes_per_second} bytes per second")
        self._rate = bytes_per_second

    def hold(self) -> None:
        """Hand over nothing, not even an end of file, until `release()`.

        >>> import trio, trio.testing
        >>> async def main() -> bytes:
        ...     a, b = faulty_pair()
        ...     b.hold()
        ...     await a.send_all(b"later")
        ...     with trio.move_on_after(60):
        ...         await b.receive_some()
        ...     b.release()
        ...     return await b.receive_some()
        >>> trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        b'later'
        """
        if self._released.is_set():
            self._released = trio.Event()

    def release(self) -> None:
        """End `hold()`: what was held is handed over, in order."""
        self._released.set()

    def half_open(self, direction: Direction = "both") -> None:
        """Let bytes vanish without a word, and the end of file with them, as on a line whose other
        end has lost its power: what is sent never arrives, what arrives is never seen.

        Raises ValueError for any other direction than "send", "receive" or "both".

        >>> import trio, trio.testing
        >>> async def main() -> str:
        ...     a, b = faulty_pair()
        ...     a.half_open("send")
        ...     await a.send_all(b"nobody gets this")
        ...     with trio.move_on_after(3600):
        ...         await b.receive_some()
        ...         return "arrived"
        ...     return "an hour of silence"
        >>> trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        'an hour of silence'
        """
        for each in _directions(direction):
            self._vanishes[each] = True
        if self._vanishes["receive"]:
            self._drop()
        if self._outflow is not None:
            self._outflow.wake()  # whoever waits there for room need not

    def cut(self, *, after_bytes: int = 0, direction: Literal["send", "receive"] = "send") -> None:
        """Break the connection: at once, or when `after_bytes` more have passed in `direction`.

        From then on both sides of a pair get `trio.BrokenResourceError`; bytes on their way are
        lost, but the last of `after_bytes` sent can still be received.  A socket is closed with a
        reset, which may cost its other side the last bytes; a stream of another kind is closed
        where it can be without waiting, and its other side sees what that makes of it.

        Raises ValueError if `after_bytes` is negative.

        >>> import trio
        >>> async def main() -> bytes:
        ...     a, b = faulty_pair()
        ...     a.cut(after_bytes=3)
        ...     try:
        ...         await a.send_all(b"abcdef")
        ...     except trio.BrokenResourceError:
        ...         return await b.receive_some()
        ...     return b"not cut"
        >>> trio.run(main)
        b'abc'
        """
        if after_bytes < 0:
            raise ValueError(f"a cut after {after_bytes} bytes would have been before now")
        if after_bytes:
            self._allowed[_one(direction)] = after_bytes
        else:
            self._break(lose=True)

    def mend(self) -> None:
        """End every fault but a cut that has happened.  What has vanished does not come back.

        >>> import trio
        >>> async def main() -> bytes:
        ...     a, b = faulty_pair()
        ...     a.half_open()
        ...     await a.send_all(b"lost")
        ...     a.mend()
        ...     await a.send_all(b"found")
        ...     return await b.receive_some()
        >>> trio.run(main)
        b'found'
        """
        self._reset()
        self._allowed.clear()
        self._due = self._free_at = 0.0
        self.release()
        self._mended.set()
        self._mended = trio.Event()

    # --- the stream ------------------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        with self._alone("send"):
            await trio.lowlevel.checkpoint()
            self._refuse_send()
            with memoryview(data) as view:
                await self._send(bytes(view))

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        with self._alone("send"):
            await trio.lowlevel.checkpoint()
            self._refuse_send()
            await self._room()
            await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """See `trio.abc.HalfCloseableStream`."""
        with self._alone("send"):
            await trio.lowlevel.checkpoint()
            self._refuse_send()
            if not self._vanishes["send"]:
                await self.stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """See `trio.abc.ReceiveStream`."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be 1 or more")
        piece = b""
        with self._alone("receive"):
            await trio.lowlevel.checkpoint()
            self._refuse_receive()
            await self._arrival()
            piece = self._hand_over(max_bytes)
        return piece

    async def aclose(self) -> None:
        """Close it, as `trio.abc.AsyncResource` says.  The other side of a pair does not learn of
        it while what is sent vanishes.
        """
        self._closed = True
        for scope in self._busy.values():
            scope.cancel()
        if self._inflow is not None:
            self._inflow.wake()
        if self._peer is not None and self._vanishes["send"]:
            await trio.lowlevel.checkpoint()
        else:
            await self.stream.aclose()

    # --- sending ---------------------------------------------------------------------------------

    async def _send(self, data: bytes) -> None:
        allowed = self._allowed.get("send", len(data))
        rest = data[allowed:]
        data = data[:allowed]
        while data:
            piece = data[: await self._room()]
            if self._vanishes["send"]:
                break
            await self.stream.send_all(piece)
            if self._outflow is not None:
                self._outflow.unread += len(piece)
            self._count("send", len(piece))
            data = data[len(piece) :]
        self._count("send", len(data))  # vanished
        if rest:
            raise self._broken()

    async def _room(self) -> int | None:
        """Wait until the other side of a pair has room; how many bytes, None if nobody counts."""
        flow = self._outflow
        if flow is None:
            return None
        while flow.room <= 0 and not self._vanishes["send"] and not self._deserted:
            await flow.change()
        return max(flow.room, 1)

    @property
    def _deserted(self) -> bool:
        """The other side of the pair is closed, and this one may know it."""
        peer = self._peer
        return peer is not None and peer._closed and not peer._vanishes["send"]

    # --- receiving -------------------------------------------------------------------------------

    async def _arrival(self) -> None:
        """Return when there is a chunk that may be handed over."""
        while True:
            if self._chunk is None:
                chunk = await self._next_chunk()
                if self._cut and not chunk:  # no end of file: the end of what could be read
                    raise self._broken()
                self._chunk = chunk
                self._due = trio.current_time() + self._random.uniform(*self._delays)
            elif not self._released.is_set():
                await self._released.wait()
            elif (until := max(self._due, self._free_at)) > trio.current_time():
                with trio.move_on_at(until):
                    await self._mended.wait()
            else:
                return

    async def _next_chunk(self) -> bytes:
        while True:
            chunk = bytes(await self.stream.receive_some())
            if not self._vanishes["receive"]:
                return chunk
            if chunk:
                self._swallow(len(chunk))
            else:
                await self._mended.wait()

    def _hand_over(self, max_bytes: int | None) -> bytes:
        chunk = self._chunk or b""
        limits = [len(chunk), max_bytes or len(chunk), self._allowed.get("receive", len(chunk))]
        if self._pieces is not None:
            limits.append(self._random.randint(*self._pieces))
        if self._rate is not None:
            limits.append(max(1, int(self._rate / 10)))
        piece = chunk[: min(limits)]
        self._chunk = chunk[len(piece) :] or None
        if self._rate is not None:
            self._free_at = trio.current_time() + len(piece) / self._rate
        self._swallow(len(piece))
        self._count("receive", len(piece))
        return piece

    def _swallow(self, size: int) -> None:
        if self._inflow is not None:
            self._inflow.take(size)

    def _drop(self) -> None:
        """Let vanish what has arrived and was not handed over."""
        if self._chunk is not None:
            self._swallow(len(self._chunk))
            self._chunk = None

    # --- breaking --------------------------------------------------------------------------------

    def _count(self, direction: str, size: int) -> None:
        if direction in self._allowed:
            self._allowed[direction] -= size
            if not self._allowed[direction]:
                self._break(lose=direction == "receive")

    def _break(self, lose: bool) -> None:
        """Cut both sides; the other one may still read what was sent, unless that is lost."""
        self._cut_here(drains=False)
        _abort(self.stream)
        if self._peer is not None:
            self._peer._cut_here(drains=not lose)

    def _cut_here(self, drains: bool) -> None:
        if self._cut:
            return
        self._cut, self._drains = True, drains
        self._allowed.clear()
        for direction, scope in self._busy.items():
            if direction == "send" or not drains:
                scope.cancel()

    def _refuse_send(self) -> None:
        if self._closed or self._cut:
            raise self._broken()

    def _refuse_receive(self) -> None:
        if self._closed or (self._cut and not self._drains):
            raise self._broken()

    def _broken(self) -> Exception:
        if self._closed:
            return trio.ClosedResourceError("this faulty stream was closed here")
        return trio.BrokenResourceError("this faulty stream was cut")

    @contextlib.contextmanager
    def _alone(self, direction: str) -> Generator[None]:
        """For one trio task at a time, until the stream is closed or cut."""
        if direction in self._busy:
            raise trio.BusyResourceError(f"another trio task is in {direction} on this stream")
        with trio.CancelScope() as scope:
            self._busy[direction] = scope
            try:
                yield
            finally:
                del self._busy[direction]
        if scope.cancelled_caught:
            raise self._broken()


def faulty_pair(*, capacity: int = 65_536, seed: int = 0) -> tuple[FaultyStream, FaultyStream]:
    """Two connected faulty streams in memory.

    A sender waits while `capacity` bytes (1 or more, else ValueError) of its own are unread.  Both
    streams draw from generators of their own, made from `seed`.

    >>> import trio
    >>> async def main() -> tuple[bytes, bytes]:
    ...     a, b = faulty_pair()
    ...     await a.send_all(b"ping")
    ...     await b.send_all(b"pong")
    ...     return await b.receive_some(), await a.receive_some()
    >>> trio.run(main)
    (b'ping', b'pong')
    """
    if capacity < 1:
        raise ValueError(f"a pair holds one byte or more: not {capacity}")
    left, right = trio.testing.memory_stream_pair()
    a, b = FaultyStream(left, seed=2 * seed), FaultyStream(right, seed=2 * seed + 1)
    a._peer, b._peer = b, a
    a._outflow = b._inflow = _Flow(capacity)
    b._outflow = a._inflow = _Flow(capacity)
    return a, b


async def dial_twice(dial: Callable[[], Awaitable[T]]) -> tuple[T, T]:
    """Two connections made at the same time, as by a program that redials too early.

    If one of them fails, the other is closed and the exception group of trio's nursery raised.

    >>> import trio
    >>> async def main() -> bool:
    ...     async def dial() -> FaultyStream:
    ...         return faulty_pair()[0]
    ...     one, other = await dial_twice(dial)
    ...     return one is other
    >>> trio.run(main)
    False
    """
    made: list[T] = []

    async def once() -> None:
        made.append(await dial())

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(once)
            nursery.start_soon(once)
    except BaseException:
        for each in made:
            if isinstance(each, trio.abc.AsyncResource):
                await trio.aclose_forcefully(each)
        raise
    return made[0], made[1]


def _directions(direction: str) -> tuple[str, ...]:
    return ("send", "receive") if direction == "both" else (_one(direction),)


def _one(direction: str) -> str:
    if direction not in ("send", "receive"):
        raise ValueError(f'a direction is "send" or "receive": not {direction!r}')
    return direction


def _abort(stream: object) -> None:
    """Close a stream without waiting, where that can be done."""
    if isinstance(stream, FaultyStream):
        stream.cut()
    elif isinstance(stream, trio.SocketStream):
        with contextlib.suppress(OSError):  # the other side was faster
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        stream.socket.close()
    elif isinstance(stream, trio.StapledStream):
        stapled = cast("trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]", stream)
        _abort(stapled.send_stream)
        _abort(stapled.receive_stream)
    elif isinstance(stream, (trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream)):
        stream.close()
