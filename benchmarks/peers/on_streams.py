"""Bare trio streams with msgspec: the least that a program between two programs has to do.

A message is four bytes of length and msgpack.  Both programs run as one trio task each, so nothing
here chooses, cancels, limits, or survives anything.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable

import msgspec
import trio

from .elsewhere import elsewhere

WARM = 50
READ = 256 * 1024
BATCH = 256  # messages in one write
MIB = 1 << 20

Serving = Callable[[trio.SocketStream], Awaitable[None]]

encode = msgspec.msgpack.Encoder().encode
decode_bytes = msgspec.msgpack.Decoder(bytes).decode
decode_int = msgspec.msgpack.Decoder(int).decode


def framed(data: bytes) -> bytes:
    """Its length, and the data."""
    return len(data).to_bytes(4, "big") + data


class Messages:
    """Cuts what a stream brings into messages."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.pending = b""

    async def some(self) -> list[bytes]:
        """What is complete; an empty list at the end of the stream."""
        while True:
            data = await self.stream.receive_some(READ)
            if not data:
                return []
            data = self.pending + data
            at, found = 0, list[bytes]()
            while len(data) >= at + 4:
                end = at + 4 + int.from_bytes(data[at : at + 4], "big")
                if end > len(data):
                    break
                found.append(data[at + 4 : end])
                at = end
            self.pending = data[at:]
            if found:
                return found


# --- in this program ---------------------------------------------------------------------------


def _beside(word: str, serving: Serving) -> list[float]:
    """Serve the other program over a stream; what it says."""

    async def main() -> list[float]:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = listener.socket.getsockname()[1]
        with elsewhere("on_streams", word, port) as other:
            async with await listener.accept() as stream:
                stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
                await serving(stream)
            await listener.aclose()
            return await trio.to_thread.run_sync(other.said)

    return trio.run(main)


def round_trip(rounds: int) -> float:
    """The seconds of a message of 64 bytes and its answer."""
    taken: list[float] = []

    async def ask(stream: trio.SocketStream) -> None:
        messages, value = Messages(stream), bytes(64)
        for number in range(WARM + rounds):
            if number == WARM:
                started = time.perf_counter()
            await stream.send_all(framed(encode(value)))
            await messages.some()
        taken.append((time.perf_counter() - started) / rounds)

    _beside("answer", ask)
    return taken[0]


def one_way(rounds: int) -> float:
    """The seconds of one of many small values, written in batches."""

    async def send(stream: trio.SocketStream) -> None:
        for first in range(0, rounds + BATCH, BATCH):
            await stream.send_all(b"".join([framed(encode(first + i)) for i in range(BATCH)]))

    return _beside("take", send)[0]


def one_by_one(rounds: int) -> float:
    """The same, of values that come from one trio task and go to another one in the other program."""

    async def send(stream: trio.SocketStream) -> None:
        out, values = trio.open_memory_channel[int](BATCH)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, values, stream)
            async with out:
                for number in range(WARM + rounds):
                    await out.send(number)

    return _beside("pass", send)[0]


async def write(values: trio.MemoryReceiveChannel[int], stream: trio.SocketStream) -> None:
    """Write what is there in one piece, again and again."""
    async for value in values:
        batch = [framed(encode(value))]
        while len(batch) < BATCH:
            try:
                batch.append(framed(encode(values.receive_nowait())))
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        await stream.send_all(b"".join(batch))


def bulk(rounds: int) -> float:
    """The seconds of a mebibyte."""

    async def send(stream: trio.SocketStream) -> None:
        value = bytes(MIB)
        for _ in range(rounds + 1):
            await stream.send_all(value)

    return _beside("read", send)[0]


# --- in the other program ----------------------------------------------------------------------


async def answer(stream: trio.SocketStream) -> None:
    """Answer each message, once it was read."""
    messages = Messages(stream)
    while found := await messages.some():
        for data in found:
            decode_bytes(data)
            await stream.send_all(framed(encode(None)))


async def take(stream: trio.SocketStream) -> None:
    """Read values to the end; say how long one took."""
    messages, count, started = Messages(stream), 0, 0.0
    while found := await messages.some():
        for data in found:
            decode_int(data)
            count += 1
            if count == WARM:
                started = time.perf_counter()
    print((time.perf_counter() - started) / (count - WARM))


async def pass_on(stream: trio.SocketStream) -> None:
    """Read values to the end and hand each to a trio task, which says how long one took."""
    messages = Messages(stream)
    out, values = trio.open_memory_channel[int](BATCH)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count, values)
        async with out:
            while found := await messages.some():
                for data in found:
                    await out.send(decode_int(data))


async def count(values: trio.MemoryReceiveChannel[int]) -> None:
    """Take values to the end; say how long one took."""
    for _ in range(WARM):
        await values.receive()
    taken, started = 0, time.perf_counter()
    async for _ in values:
        taken += 1
    print((time.perf_counter() - started) / taken)


async def read(stream: trio.SocketStream) -> None:
    """Read bytes to the end; say how long a mebibyte took."""
    size = 0
    await stream.receive_some(READ)
    started = time.perf_counter()
    while data := await stream.receive_some(READ):
        size += len(data)
    print((time.perf_counter() - started) / size * MIB)


async def main(word: str, port: str) -> None:
    """Connect, and do what the word says."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(port))
    stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    async with stream:
        work = {"answer": answer, "take": take, "pass": pass_on, "read": read}
        await work[word](stream)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
