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
    """The bytes of one link that are not written yet.

    >>> outbox = Outbox()
    >>> outbox.put(b"first, ")
    >>> outbox.put(b"second")
    >>> outbox.take(), outbox.take()
    (b'first, second', b'')
    """

    def __init__(self) -> None:
        self._ready: list[bytes | memoryview] = []
        self._waiting: deque[Port] = deque()
        self._chunk = CHUNK  # grows while one port alone has data

    def __bool__(self) -> bool:
        return bool(self._ready or self._waiting)

    def waiting(self) -> tuple[Port, ...]:
        """The ports of which not everything is written."""
        return tuple(self._waiting)

    def put(self, data: bytes, port: Port | None = None) -> None:
        """A complete frame; it waits behind what its port has queued."""
        if port is not None and port.queue:
            port.queue.append((data, NOTHING))
        else:
            self._ready.append(data)

    def put_long(
        self, port: Port, kind: Kind, id: int, prefix: bytes, value: bytes, flags: int
    ) -> None:
        """A value that is longer than a chunk, and therefore cut."""
        view = memoryview(value)
        body = b"".join((prefix, TOTAL.pack(len(value)), view[:CHUNK]))
        first = HEADER.pack(len(body), kind, flags | MORE, port.number, id) + body
        if not port.queue:
            self._waiting.append(port)
        port.queue.append((first, NOTHING))
        port.queue.append((HEADER.pack(0, Kind.DATA, 0, port.number, id), view[CHUNK:]))

    def take(self, least: int = 64 * 1024) -> bytes:
        """The next bytes to write: what is ready, and chunks up to about `least` bytes."""
        out, self._ready = self._ready, []
        if self._waiting:
            size = sum(map(len, out))
            while self._waiting and size < least:
                size += self._take_turn(out)
        return b"".join(out)

    def _take_turn(self, out: list[bytes | memoryview]) -> int:
        """The next port writes about a chunk: frames that are complete, or a piece of a value."""
        port = self._waiting.popleft()
        alone = not self._waiting
        self._chunk = min(self._chunk * 2, LONGEST_CHUNK) if alone else CHUNK
        size = 0
        while port.queue and size < self._chunk:
            head, rest = port.queue.popleft()
            out.append(head)
            size += len(head)
            if rest:
                _, kind, flags, number, id = HEADER.unpack(head)
                chunk, rest = rest[: self._chunk], rest[self._chunk :]
                more = MORE if rest else 0
                out[-1] = HEADER.pack(len(chunk), kind, flags | more, number, id)
                out.append(chunk)
                size += len(chunk)
                if rest:
                    port.queue.appendleft((head, rest))
                    break
        if port.queue:
            self._waiting.append(port)
        return size
