"""What is written next: small frames in batches, long values in chunks that others may overtake.

Invariants:
* frames of one port leave in the order in which they were given.
* `_ready` are complete frames; `_waiting` the ports that have a queue, each once, in turn.
"""

from __future__ import annotations

from collections import deque

from .frames import CHUNK, HEADER, LONGEST_CHUNK, MORE, TOTAL, Kind
from .port import Port

NOTHING = memoryview(b"")


class Outbox:
    """The bytes of one link that are not written yet."""

    def __init__(self) -> None:
        self._ready = bytearray()
        self._waiting: deque[Port] = deque()
        self._chunk = CHUNK  # grows while one port alone has data

    def __bool__(self) -> bool:
        return bool(self._ready or self._waiting)

    def put(self, data: bytes, port: Port | None = None) -> None:
        """A complete frame; it waits behind what its port has queued."""
        if port is not None and port.queue:
            port.queue.append((data, NOTHING))
        else:
            self._ready += data

    def put_long(
        self, port: Port, kind: Kind, id: int, prefix: bytes, value: bytes, flags: int
    ) -> None:
        """A value that is cut into chunks."""
        view = memoryview(value)
        body = prefix + TOTAL.pack(len(value)) + view[:CHUNK]
        first = HEADER.pack(len(body), kind, flags | MORE, port.number, id) + body
        rest = view[CHUNK:]
        if not port.queue:
            self._waiting.append(port)
        port.queue.append((first, NOTHING))
        port.queue.append((HEADER.pack(0, Kind.DATA, 0, port.number, id), rest))

    def forget(self, port: Port) -> None:
        """Nothing of this port is written any more."""
        if port.queue:
            port.queue.clear()
            self._waiting.remove(port)

    def take(self, least: int = 64 * 1024) -> bytes:
        """The next bytes to write: what is ready, and chunks up to about `least` bytes."""
        out = self._ready
        self._ready = bytearray()
        while self._waiting and len(out) < least:
            port = self._waiting.popleft()
            alone = not self._waiting
            self._chunk = min(self._chunk * 2, LONGEST_CHUNK) if alone else CHUNK
            self._take_chunk(port, out)
            if port.queue:
                self._waiting.append(port)
        return bytes(out)

    def _take_chunk(self, port: Port, out: bytearray) -> None:
        """One chunk of the value at the head of the queue, or the complete frames there."""
        while port.queue:
            head, rest = port.queue.popleft()
            if not rest:
                out += head
                continue
            _, kind, flags, number, id = HEADER.unpack(head)
            chunk, rest = rest[: self._chunk], rest[self._chunk :]
            out += HEADER.pack(len(chunk), kind, flags | MORE if rest else flags, number, id)
            out += chunk
            if rest:
                port.queue.appendleft((head, rest))
            return
