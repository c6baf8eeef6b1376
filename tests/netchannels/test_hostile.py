"""Strangers and hostile peers against a node that serves, while workers that have joined are at work.

Invariants:
* a stranger gets in never; each is counted (`status().refused`) and told (`PeerRefused`).
* a peer that has the secret and breaks the protocol ends its own link, no other one.
* a value that cannot be read fails, and its link lives.
* what any of them costs in memory is bounded.
* the workers go on: they answer calls during the attack and after it.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import socket
import ssl
import struct
import sys
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import csp
import netchannels
from netchannels import _entrance
from netchannels._handshake import client_tls, open_as_client
from netchannels._hello import Hello
from netchannels.wire import Connection, Kind
from netchannels.wire.events import Answered, Opened
from netchannels.wire.frames import HEADER, frame

NIGHTLY = bool(os.environ.get("NIGHTLY"))
SECRET = netchannels.Secret("a secret that strangers do not have")
Calls = csp.Call[int, int]
MOST_MEMORY = 24 * 2**20  # bytes, the attacker's own included


class Home:
    """A node with two workers and a process that keeps them at work."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.replies = 0
        self.inbox: list[Any] = []

    async def keeps_working(self, count: int = 50) -> None:
        """Return when so many more calls were answered."""
        wanted = self.replies + count
        with trio.fail_after(20):
            while self.replies < wanted:
                await trio.sleep(0.001)


@asynccontextmanager
async def at_work(*, plain: bool = False) -> AsyncGenerator[Home]:
    async with netchannels.serve(secret=SECRET, plain=plain, drain=1) as node:
        home = Home(node)
        calls, inbox = (
            csp.Channel(Calls, name="square", max_attempts=99),
            csp.Channel(list[int], name="inbox"),
        )
        node.share("square", calls.receiver())
        node.share("inbox", inbox.sender())

        async def worker(label: str) -> None:
            async with netchannels.connect(
                node.address, secret=SECRET, plain=plain, label=label
            ) as there:
                with await there.receiver("square", Calls) as server:
                    await server.serve(lambda value: value * value)

        async def caller() -> None:
            with calls.sender() as tx:
                while not over.is_set():
                    assert await tx.call(home.replies) == home.replies**2
                    home.replies += 1
                    await trio.lowlevel.checkpoint()

        async def reads() -> None:
            with inbox.receiver() as rx:
                async for value in rx:
                    home.inbox.append(value)

        over = trio.Event()
        async with trio.open_nursery() as nursery:
            for label in ("one", "two"):
                nursery.start_soon(worker, label)
            nursery.start_soon(caller)
            nursery.start_soon(reads)
            await home.keeps_working()
            yield home
            await home.keeps_working()
            assert {"one", "two"} <= {link.peer for link in node.status().links}
            over.set()
            node.unshare("inbox")


async def has_joined(node: Any, label: str) -> None:
    """Return when a node with that label has a link."""
    with trio.fail_after(10):
        while label not in {link.peer for link in node.status().links}:
            await trio.sleep(0.01)


# --- strangers -----------------------------------------------------------------------------------


async def dial(node: Any) -> trio.SocketStream:
    host, port = node.address.split(":")
    return await trio.open_tcp_stream(host, int(port))


async def says(node: Any, data: bytes) -> bytes:
    """Say something and read until the other side hangs up."""
    heard = b""
    async with await dial(node) as stream:
        try:
            if data:
                await stream.send_all(data)
            await stream.send_eof()
            with trio.fail_after(10):
                while piece := await stream.receive_some():
                    heard += piece
        except trio.BrokenResourceError:
            pass
    return heard


async def scans(node: Any) -> None:
    """A port scanner."""
    await (await dial(node)).aclose()


async def resets(node: Any) -> None:
    """A port scanner that does not even say goodbye."""
    stream = await dial(node)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


async def asks_for_a_page(node: Any) -> None:
    await says(node, b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n")


async def speaks_plain(node: Any) -> None:
    assert b"CSPN" not in await says(node, Hello(b"x" * 16).encode())


async def speaks_noise(node: Any) -> None:
    await says(node, random.Random(1).randbytes(100_000))


async def speaks_old_tls(node: Any) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(trio.BrokenResourceError):
        await trio.SSLStream(await dial(node), context).do_handshake()


async def has_another_secret(node: Any) -> None:
    with pytest.raises(netchannels.HandshakeError, match="same secret"):
        async with netchannels.connect(node.address, secret="some other secret altogether"):
            pass


async def floods_the_handshake(node: Any) -> None:
    """It speaks TLS, and then without end."""
    stream, _ = await client_tls(await dial(node))
    try:
        for _ in range(100):
            await stream.send_all(bytes(10_000))
    except trio.BrokenResourceError:
        pass
    await trio.aclose_forcefully(stream)


STRANGERS = [
    scans, resets, asks_for_a_page, speaks_plain, speaks_noise, speaks_old_tls,
    has_another_secret, floods_the_handshake,
]  # fmt: skip


@pytest.mark.parametrize("attack", STRANGERS)
def test_a_stranger_does_not_get_in_and_is_told_of(attack: Any) -> None:
    async def main() -> None:
        async with at_work() as home:
            node = home.node
            with node.events() as events, trio.fail_after(20):
                for times in range(1, 4):
                    await attack(node)
                    told = await events.receive()
                    assert isinstance(told, netchannels.PeerRefused), told
                    assert told.why
                    assert node.status().refused == times
            assert (node.status().joined, node.status().lost) == (2, 0)

    trio.run(main)


def test_what_a_good_worker_has_said_does_not_let_a_stranger_in() -> None:
    """He has recorded a handshake (on a link in plain text), and says the same again."""

    async def main() -> None:
        async with at_work(plain=True) as home:
            recorded = bytearray()

            async def passes_on(stream: trio.SocketStream) -> None:
                async with await dial(home.node) as onward, trio.open_nursery() as nursery:

                    async def back() -> None:
                        async for piece in onward:
                            await stream.send_all(piece)
                        nursery.cancel_scope.cancel()

                    nursery.start_soon(back)
                    async for piece in stream:
                        recorded.extend(piece)
                        await onward.send_all(piece)
                    nursery.cancel_scope.cancel()

            async with trio.open_nursery() as nursery:
                (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
                nursery.start_soon(trio.serve_listeners, passes_on, [listener])
                address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
                async with netchannels.connect(address, secret=SECRET, plain=True, label="good"):
                    await has_joined(home.node, "good")
                nursery.cancel_scope.cancel()
            assert home.node.status().joined == 3
            for _ in range(3):
                heard = await says(home.node, bytes(recorded))
                assert len(heard) < 200  # a hello, no proof
            assert home.node.status().joined == 3
            assert home.node.status().refused == 3

    trio.run(main)


def test_a_program_that_has_dialled_itself_or_an_echo_is_refused() -> None:
    async def echoes(stream: trio.SocketStream) -> None:
        async for piece in stream:
            await stream.send_all(piece)

    async def main() -> None:
        async with at_work(plain=True), trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, echoes, [listener])
            address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
            with pytest.raises(netchannels.HandshakeError, match="dialled yourself"):
                async with netchannels.connect(address, secret=SECRET, plain=True):
                    pass
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_idle_connections_are_bounded_and_keep_no_worker_out() -> None:
    count = 2_000 if NIGHTLY else 300

    async def main() -> None:
        async with at_work() as home:
            node, streams = home.node, list[trio.SocketStream]()
            for _ in range(count):
                streams.append(await dial(node))
                if len(streams) % 100 == 0:
                    await home.keeps_working(5)
            with trio.fail_after(60):  # behind those that have come before it, 50 a second
                async for third in netchannels.connect(node.address, secret=SECRET, label="three"):
                    async with third:
                        await has_joined(node, "three")
            with trio.fail_after(60):
                while node.status().refused < count - _entrance.STRANGERS_OF_ADDRESS:
                    await trio.sleep(0.01)
            for stream in streams:
                await stream.aclose()
            with trio.fail_after(60):
                while node.status().refused < count:
                    await trio.sleep(0.01)
            assert node.status().lost == 0

    trio.run(main)


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is no address of other systems")
def test_idle_connections_from_many_addresses_are_bounded() -> None:
    async def main() -> None:
        async with at_work() as home:
            node, streams = home.node, list[Any]()
            port = int(node.address.split(":")[1])
            for host in range(2, 22):
                for _ in range(5):
                    stream = trio.socket.socket()
                    await stream.bind((f"127.0.0.{host}", 0))
                    await stream.connect(("127.0.0.1", port))
                    streams.append(stream)
            with trio.fail_after(10):
                while node.status().refused < 100 - _entrance.STRANGERS:
                    await trio.sleep(0.01)
            async with netchannels.connect(node.address, secret=SECRET, label="three"):
                await has_joined(node, "three")
            for stream in streams:
                stream.close()
            with trio.fail_after(10):
                while node.status().refused < 100:
                    await trio.sleep(0.01)

    trio.run(main)


@pytest.mark.parametrize(
    "secret_words", [b"", b"CSPN\1\1"], ids=["nothing", "the first of a hello"]
)
def test_who_says_a_byte_now_and_then_has_the_time_of_a_handshake(
    secret_words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_entrance, "HANDSHAKE", 0.3)

    async def main() -> None:
        async with at_work(plain=True) as home:
            stream = await dial(home.node)
            said = 0
            with trio.fail_after(10), pytest.raises(trio.BrokenResourceError):
                while True:
                    await stream.send_all((secret_words + bytes(1_000))[said : said + 1])
                    said += 1
                    await trio.sleep(0.05)
            await stream.aclose()
            assert said < 60
            assert home.node.status().refused == 1

    trio.run(main)


# --- peers that have the secret ------------------------------------------------------------------


class Traitor:
    """A link of somebody who has the secret, and writes what he wants."""

    def __init__(self, stream: Any, terms: Any, leftover: bytes) -> None:
        self.stream = stream
        self.connection = Connection(
            dialled=True, largest=terms.value_limit, now=trio.current_time()
        )
        self.connection.receive_data(leftover, trio.current_time())

    async def writes(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def hears(self, kind: type) -> Any:
        """Say what is to be said, and wait for an event."""
        while True:
            while data := self.connection.data_to_send():
                await self.writes(data)
            for event in self.connection.events():
                if isinstance(event, kind):
                    return event
            self.connection.receive_data(await self.stream.receive_some(), trio.current_time())

    async def opens(self, name: str, kind: Any, *, receives: bool) -> int:
        from netchannels._passage import Passage

        port = self.connection.open(name, receives=receives, fingerprint=Passage(kind).fingerprint)
        assert (await self.hears(Opened)).port == port
        return port

    async def is_thrown_out(self) -> None:
        """The other side hangs up."""
        try:
            with trio.fail_after(20):
                while await self.stream.receive_some():
                    pass
        except trio.BrokenResourceError:
            pass


@asynccontextmanager
async def treason(home: Home) -> AsyncGenerator[Traitor]:
    stream = await dial(home.node)
    terms, leftover = await open_as_client(stream, SECRET, Hello(os.urandom(16), label="traitor"))
    async with stream:
        yield Traitor(stream, terms, leftover)


async def claims_4_gib(traitor: Traitor) -> None:
    await traitor.writes(HEADER.pack(2**32 - 1, Kind.DELIVER, 0, 1, 1) + bytes(1_000))


async def claims_a_value_of_4_gib(traitor: Traitor) -> None:
    port = await traitor.opens("inbox", list[int], receives=False)
    body = b"\0" + b"\xff\xff\xff\xff" + bytes(16 * 1024)
    await traitor.writes(HEADER.pack(len(body), Kind.DELIVER, 1, port, 1) + body)


async def writes_noise(traitor: Traitor) -> None:
    await traitor.writes(random.Random(2).randbytes(100_000))


async def floods_with_pings(traitor: Traitor) -> None:
    pings = frame(Kind.PING, id=1) * 10_000
    for _ in range(200):
        await traitor.writes(pings)


async def floods_with_wants(traitor: Traitor) -> None:
    port = await traitor.opens("square", Calls, receives=True)
    wants = frame(Kind.WANT, port, 1) * 10_000
    for _ in range(200):
        await traitor.writes(wants)


async def wants_everything(traitor: Traitor) -> None:
    port = await traitor.opens("square", Calls, receives=True)
    await traitor.writes(frame(Kind.WANT, port, 2**40))


async def floods_with_opens(traitor: Traitor) -> None:
    body = b'["no such name","",""]'
    for start in range(1, 200_001, 2_000):
        await traitor.writes(
            b"".join(frame(Kind.OPEN, port, 1, body) for port in range(start, start + 2_000, 2))
        )


async def opens_everything(traitor: Traitor) -> None:
    from netchannels._passage import Passage

    body = b'["inbox","%s",""]' % Passage(list[int]).fingerprint.hex().encode()
    for port in range(1, 2 * 3_000, 2):
        await traitor.writes(frame(Kind.OPEN, port, 0, body))


async def answers_what_was_not_asked(traitor: Traitor) -> None:
    port = await traitor.opens("square", Calls, receives=True)
    await traitor.writes(frame(Kind.DONE, port, 77, b"\0"))


async def delivers_what_nobody_wants(traitor: Traitor) -> None:
    port = await traitor.opens("inbox", list[int], receives=False)
    values = b"".join(frame(Kind.DELIVER, port, id, b"\0\x90") for id in range(1, 1_000))
    await traitor.writes(values)


TREASONS: list[Callable[[Traitor], Awaitable[None]]] = [
    claims_4_gib, claims_a_value_of_4_gib, writes_noise, floods_with_pings, floods_with_wants,
    wants_everything, floods_with_opens, opens_everything, answers_what_was_not_asked,
    delivers_what_nobody_wants,
]  # fmt: skip


@pytest.mark.parametrize("attack", TREASONS)
def test_a_peer_that_breaks_the_protocol_ends_its_own_link_only(attack: Any) -> None:
    async def main() -> None:
        async with at_work(plain=True) as home:
            node = home.node
            with node.events() as events:
                gc.collect()
                tracemalloc.start()
                try:
                    async with treason(home) as traitor:
                        assert isinstance(await events.receive(), netchannels.PeerJoined)
                        try:
                            with trio.fail_after(20):
                                await attack(traitor)
                        except trio.BrokenResourceError:
                            pass
                        await traitor.is_thrown_out()
                        _, peak = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
                assert peak < MOST_MEMORY
                with trio.fail_after(20):
                    told = await events.receive()
                assert isinstance(told, netchannels.PeerLost)
                assert told.peer == "traitor"
                assert "broke the protocol" in told.why
                assert node.status().lost == 1

    trio.run(main)


def test_a_peer_that_does_not_read_costs_no_more_than_the_limits() -> None:
    """It asks again and again, and hears no answer."""

    async def main() -> None:
        async with at_work(plain=True) as home:
            gc.collect()
            tracemalloc.start()
            try:
                async with treason(home) as traitor:
                    pings = frame(Kind.PING, id=1) * 100
                    try:
                        for _ in range(10_000):
                            await traitor.writes(pings)
                            await trio.sleep(0.001)
                    except trio.BrokenResourceError:
                        pass
                    _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < MOST_MEMORY
            assert home.node.status().lost == 1

    trio.run(main)


class Evil:
    """What a pickle would run."""

    def __reduce__(self) -> Any:
        return (os.abort, ())


UNREADABLE = {
    "another type": b"\xa5hello",
    "a list of texts": b"\x91\xa5hello",
    "a bomb of lists": b"\x91" * 100_000 + b"\xc0",
    "a bomb of maps": b"\x81\xa1a" * 100_000 + b"\xc0",
    "a claim of 4 billion items": b"\xdd\xff\xff\xff\xff",
    "a claim of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "nothing": b"",
    "two values": b"\x90\x90",
    "an extension": b"\xc7\x08\x01" + bytes(8),
    "a pickle": pickle.dumps(Evil()),
    "noise": random.Random(3).randbytes(1_000),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_value_that_cannot_be_read_fails_and_its_link_lives(data: bytes) -> None:
    async def main() -> None:
        async with at_work(plain=True) as home:
            async with treason(home) as traitor:
                port = await traitor.opens("inbox", list[int], receives=False)
                with trio.fail_after(10):
                    while not traitor.connection.may_deliver(port):
                        traitor.connection.receive_data(
                            await traitor.stream.receive_some(), trio.current_time()
                        )
                    traitor.connection.deliver(port, data)
                    failed = await traitor.hears(Answered)
                    assert failed.kind == Kind.FAIL
                    assert b"cannot be read" in failed.body
                    traitor.connection.deliver(port, b"\x93\x01\x02\x03")
                    assert (await traitor.hears(Answered)).kind == Kind.ACCEPT
                    while not home.inbox:
                        await trio.sleep(0.001)
                    assert home.inbox == [[1, 2, 3]]
                assert home.node.status().lost == 0

    trio.run(main)
