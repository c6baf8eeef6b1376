"""Streams: listening, dialling, and the three trio tasks of a link."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from netchannels._address import Address
from netchannels._errors import NetworkError
from netchannels._transport import ROOM, Listening, carry, dial

pytestmark = pytest.mark.trio
unix = pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory that only its owner may enter."""
    tmp_path.chmod(0o700)
    return tmp_path


async def echoes(address: Address) -> str:
    """Listen there, dial, and say what came back and from whom."""
    heard: list[str] = []

    async def answer(stream: trio.abc.Stream, peer: str) -> None:
        heard.append(peer)
        await stream.send_all(await stream.receive_some())

    listening = await Listening.start(address)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.serve, answer, trio.lowlevel.checkpoint)
        stream = await dial(listening.address)
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        await stream.aclose()
        nursery.cancel_scope.cancel()
    return heard[0]


async def test_port_0_takes_a_free_one_on_loopback() -> None:
    listening = await Listening.start(Address.parse(":0"))
    assert listening.address.host == "127.0.0.1"
    assert listening.address.port > 0
    with trio.CancelScope() as scope:
        scope.cancel()
        await listening.serve(_nobody, trio.lowlevel.checkpoint)


async def _nobody(stream: trio.abc.Stream, peer: str) -> None:
    raise AssertionError("nobody came")


async def test_a_handler_hears_from_where_the_stream_comes() -> None:
    assert (await echoes(Address.parse("127.0.0.1:0"))).startswith("127.0.0.1:")


@unix
async def test_a_unix_socket_is_there_while_it_is_served(private: Path) -> None:
    path = private / "socket"
    assert await echoes(Address.parse(f"unix:{path}")) == f"unix:{path}"
    assert not path.exists()


@unix
async def test_a_unix_socket_has_room_for_a_chunk_on_both_sides(private: Path) -> None:
    address = Address.parse(f"unix:{private}/socket")
    listening = await Listening.start(address)
    rooms: list[int] = []

    async def look(stream: Any, _: str) -> None:
        async with stream:
            rooms.append(stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.serve, look, trio.lowlevel.checkpoint)
        stream: Any = await dial(address)
        async with stream:
            rooms.append(stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
            assert await stream.receive_some() == b""
        nursery.cancel_scope.cancel()
    with socket.socket(socket.AF_UNIX) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        assert rooms == [other.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)] * 2


@unix
async def test_a_unix_socket_that_others_can_reach_is_refused(private: Path) -> None:
    private.chmod(0o755)
    with pytest.raises(NetworkError, match="chmod 700"):
        await Listening.start(Address.parse(f"unix:{private}/socket"))


@unix
async def test_the_socket_of_a_killed_program_is_taken_over(private: Path) -> None:
    path = private / "socket"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(os.fspath(path))
    assert path.exists()
    assert await echoes(Address.parse(f"unix:{path}"))


@unix
async def test_the_socket_of_a_program_that_runs_is_not(private: Path) -> None:
    path = private / "socket"
    with socket.socket(socket.AF_UNIX) as of_other:
        of_other.bind(os.fspath(path))
        of_other.listen(1)
        with pytest.raises(OSError, match="in use"):
            await Listening.start(Address.parse(f"unix:{path}"))
    assert path.exists()


async def test_where_another_program_listens_is_said() -> None:
    listening = await Listening.start(Address("127.0.0.1", 0))
    with pytest.raises(OSError) as caught:
        await Listening.start(listening.address)
    assert caught.value.__notes__ == [
        f"another program listens at {listening.address} already: end it, or take another port"
    ]
    for listener in listening._listeners:
        await listener.aclose()


@unix
async def test_where_a_unix_socket_cannot_be_made_is_said(private: Path) -> None:
    address = Address.parse(f"unix:{private}/nowhere/node")
    with pytest.raises(FileNotFoundError) as caught:
        await Listening.start(address)
    assert caught.value.__notes__ == [f"this was the attempt to listen at {address}"]


async def test_dialling_where_nobody_listens_is_an_os_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(OSError):
            await dial(Address("127.0.0.1", port))


# --- the three trio tasks -----------------------------------------------------------------------


class Link:
    """Says `out`, notes what it hears; over when it has heard `b"over"` or is lost."""

    label = "there"

    def __init__(self, *out: bytes, last_words: bool = False) -> None:
        self.out = list(out)
        self.heard: list[bytes] = []
        self.last_words = last_words
        self.lost = ""
        self.ticks = 0
        self.parts = 0
        self.steps: list[str] = []
        self.over = trio.Event()

    def receive(self, data: bytes) -> None:
        self.heard.append(data)
        if data == b"bug":
            raise ZeroDivisionError
        if data == b"over":
            self.lose("it is over")
        if data == b"long":
            self.parts = 2

    def hand_out(self) -> bool:
        self.steps.append("part")
        self.parts = max(self.parts - 1, 0)
        return self.parts > 0

    def data_to_send(self) -> bytes:
        return self.out.pop(0) if self.out else b""

    def has_said_all(self) -> bool:
        return self.last_words

    async def wait_writable(self) -> None:
        await trio.sleep_forever()

    async def let_write(self) -> None:
        await trio.lowlevel.checkpoint()
        self.steps.append("turn")

    def next_tick(self) -> float:
        return trio.current_time() + 1

    def tick(self) -> None:
        self.ticks += 1

    def lose(self, why: str) -> None:
        self.lost = self.lost or why
        self.over.set()


async def carried(link: Link, *said: bytes, end: bool = False) -> bytes:
    """Carry a link while the other side says this; what it had to say itself."""
    here, there = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry, here, link)
        for data in said:
            await trio.testing.wait_all_tasks_blocked()
            await there.send_all(data)
        if end:
            await there.send_eof()
        await link.over.wait()
    heard = b""
    while chunk := await there.receive_some():
        heard += chunk
    return heard


async def test_bytes_go_both_ways_until_the_link_is_over() -> None:
    link = Link(b"a", b"b")
    assert await carried(link, b"1", b"over") == b"ab"
    assert link.heard == [b"1", b"over"]


async def test_others_have_their_turn_between_the_parts_of_what_has_arrived() -> None:
    link = Link()
    await carried(link, b"long", b"over")
    assert link.steps[:4] == ["turn", "part", "turn", "part"]


async def test_the_end_of_the_stream_is_told_as_no_bytes() -> None:
    link = Link()

    async def give_up() -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        link.lose("enough")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        await carried(link, end=True)
    assert link.heard == [b""]


async def test_a_goodbye_is_written_before_the_stream_is_closed() -> None:
    assert await carried(Link(b"words, ", b"goodbye", last_words=True)) == b"words, goodbye"


async def test_a_broken_stream_loses_the_link() -> None:
    here, _there = trio.testing.memory_stream_pair()
    link = Link()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry, here, link)
        await trio.testing.wait_all_tasks_blocked()
        await trio.aclose_forcefully(here)
    assert link.lost


async def test_a_cancelled_program_closes_its_streams() -> None:
    here, there = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry, here, Link())
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert await there.receive_some() == b""


async def test_the_end_of_a_killed_program_is_the_end_of_its_stream() -> None:
    class Killed(trio.abc.ReceiveStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise trio.BrokenResourceError from ssl.SSLEOFError("EOF in violation of protocol")

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    link = Link()
    stream = trio.StapledStream(trio.testing.MemorySendStream(), Killed())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry, stream, link)
        await trio.testing.wait_all_tasks_blocked()
        link.lose("enough")
    assert link.heard == [b""]


async def test_what_came_behind_the_handshake_is_heard_first() -> None:
    here, there = trio.testing.memory_stream_pair()
    link = Link()
    await there.send_all(b"over")
    await carry(here, link, b"first")
    assert link.heard == [b"first", b"over"]


async def test_a_mistake_of_ours_ends_this_link_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = Link()
    with caplog.at_level(logging.ERROR, "netchannels"):
        await carried(link, b"bug")
    assert "see the log" in link.lost
    assert "ZeroDivisionError" in caplog.text


async def test_the_clock_of_the_link_is_looked_at(
    autojump_clock: trio.testing.MockClock,
) -> None:
    link = Link()
    here, _there = trio.testing.memory_stream_pair()
    with trio.move_on_after(10.5):
        await carry(here, link)
    assert link.ticks == 10
