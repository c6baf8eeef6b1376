"""How a program joins: arguments, secrets and roles, addresses, coming back."""

from __future__ import annotations

import gc
import math
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import csp
import netchannels
from netchannels import HandshakeError, NameRefused, NetworkError, SecretError
from netchannels.testing import faulty_pair

pytestmark = pytest.mark.trio
SECRET = netchannels.Secret("a secret for those who join")
ROLES = {"worker": "a secret for workers", "admin": "another one for admins"}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"secret": "short"}, SecretError, "16 characters"),
        ({"plain": True, "address": "0.0.0.0:5000"}, NetworkError, "plain=True is for loopback"),
        ({"address": "nowhere"}, ValueError, "HOST:PORT"),
        ({"heartbeat": -1}, ValueError, "0 or more seconds"),
        ({"lost": math.inf}, ValueError, "0 or more seconds"),
        ({"suspect": 1}, ValueError, "heartbeat < suspect < lost"),
        ({"largest": 0}, ValueError, "value limit"),
        ({"largest": 2**27}, ValueError, "64 MiB"),
        ({"label": "x" * 65}, ValueError, "64 bytes"),
        ({"drain": -1}, ValueError, "0 or more seconds"),
        ({"heartbeat": "2"}, TypeError, "a time is 0 or more seconds, not '2'"),
        ({"lost": None}, TypeError, "a time is 0 or more seconds, not None"),
        ({"largest": "1 MiB"}, TypeError, "largest is a number of bytes, not '1 MiB'"),
        ({"largest": 1.5}, TypeError, "largest is a number of bytes"),
        ({"label": 3}, TypeError, "label is text, not 3"),
    ],
)
async def test_a_wrong_argument_is_told_before_anything_is_opened(
    options: dict[str, Any], error: type[Exception], match: str
) -> None:
    options = {"secret": SECRET, "address": "127.0.0.1:5000"} | options
    address = options.pop("address")
    for join in (netchannels.serve, netchannels.connect):
        with pytest.raises(error, match=match):
            join(address, **options)  # type: ignore[operator]


async def test_one_connects_to_a_port_that_there_is() -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        netchannels.connect("127.0.0.1:0", secret=SECRET)


async def test_an_address_that_is_taken_is_an_os_error() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as node:
        with pytest.raises(OSError):
            async with netchannels.serve(node.address, secret=SECRET, plain=True):
                raise AssertionError("two listen at one address")


async def test_a_link_is_encrypted_unless_it_is_plain() -> None:
    async with netchannels.serve(secret=SECRET) as home:
        with pytest.raises(HandshakeError):
            async with netchannels.connect(home.address, secret=SECRET, plain=True):
                raise AssertionError("it got in without TLS")
        async with netchannels.connect(home.address, secret=SECRET) as node:
            assert await node.names() == {}


async def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    key = tmp_path / "farm.key"
    netchannels.keygen(key)
    async with netchannels.serve(secret=netchannels.secret(key)) as home:
        async with netchannels.connect(home.address, secret=netchannels.secret(key)) as node:
            assert await node.names() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
async def test_nodes_meet_over_a_unix_socket(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    address = f"unix:{tmp_path}/farm"
    async with netchannels.serve(address, secret=SECRET) as home:
        assert home.address == address
        async with netchannels.connect(address, secret=SECRET) as node:
            assert await node.names() == {}
            assert node.address == address


# --- roles -----------------------------------------------------------------------------------


async def test_an_end_is_for_the_roles_that_it_names() -> None:
    async with netchannels.serve(secret=ROLES, plain=True) as home:
        numbers = csp.Channel(int, name="numbers", buffer=1)
        home.share("numbers", numbers.receiver(), allow={"worker"})
        home.share("numbers", numbers.sender(), allow=["admin"])
        for role, may, may_not in (
            ("worker", "receiver", "sender"),
            ("admin", "sender", "receiver"),
        ):
            async with netchannels.connect(home.address, secret=ROLES[role], plain=True) as node:
                (await getattr(node, may)("numbers", int)).close()
                with pytest.raises(NameRefused, match=f"not for the role '{role}'"):
                    await getattr(node, may_not)("numbers", int)


async def test_a_node_sees_the_roles_of_those_who_came() -> None:
    async with netchannels.serve(secret=ROLES, plain=True) as home:
        with home.events() as events:
            async with netchannels.connect(home.address, secret=ROLES["admin"], plain=True):
                joined = await events.receive()
                assert isinstance(joined, netchannels.PeerJoined)
                assert joined.role == "admin"
                assert home.status().links[0].role == "admin"


async def test_a_role_that_no_secret_has_is_an_error() -> None:
    async with netchannels.serve(secret=ROLES, plain=True) as home:
        numbers = csp.Channel(int, name="numbers")
        with numbers.receiver() as receiver:
            with pytest.raises(ValueError, match=r"roles of this node: \['admin', 'worker'\]"):
                home.share("numbers", receiver, allow={"boss"})


async def test_one_role_may_be_given_as_a_text() -> None:
    async with netchannels.serve(secret=ROLES, plain=True) as home:
        numbers = csp.Channel(int, name="numbers")
        home.share("numbers", numbers.receiver(), allow="worker")
        async with netchannels.connect(home.address, secret=ROLES["worker"], plain=True) as node:
            (await node.receiver("numbers", int)).close()


# --- over a stream ---------------------------------------------------------------------------


async def test_over_a_stream_both_sides_need_the_secret() -> None:
    here, there = faulty_pair()
    failed: list[Exception] = []

    async def dial() -> None:
        try:
            async with netchannels.over(there, dialled=True, secret="quite another one"):
                raise AssertionError("it got in")
        except HandshakeError as error:
            failed.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial)
        with pytest.raises(HandshakeError, match="does not have the secret"):
            async with netchannels.over(here, dialled=False, secret=SECRET):
                raise AssertionError("somebody got in")
    assert failed


# --- coming back -----------------------------------------------------------------------------


def connecting(home: netchannels.Node, **options: Any) -> Any:
    options = {"secret": SECRET, "plain": True} | options
    return netchannels.connect(home.address, **options)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited each time before it dialled again."""
    told: list[float] = []

    async def pause(seconds: float) -> None:
        told.append(seconds)

    monkeypatch.setattr("netchannels._serve._pause", pause)
    return told


async def test_a_block_that_ends_ends_the_loop(pauses: list[float]) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        rounds = 0
        async for node in connecting(home):
            async with node:
                rounds += 1
                assert await node.names() == {}
        assert rounds == 1
    assert pauses == []


async def test_the_loss_of_the_link_is_absorbed_and_the_loop_dials_again(
    pauses: list[float],
) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        numbers = csp.Channel(int, name="numbers", buffer=1)
        home.share("numbers", numbers.receiver())
        rounds = 0
        async for node in connecting(home):
            async with node:
                receiver = await node.receiver("numbers", int)
                rounds += 1
                if rounds == 1:  # the home hangs up
                    home._inside.links[0].lose("for a test")
                else:
                    with numbers.sender() as sender:
                        await sender.send(7)
                await receiver.receive()
        assert rounds == 2
        assert home.status().joined == 2
    assert pauses == [0.1]


async def test_any_other_error_passes_on() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        with pytest.raises(ZeroDivisionError):
            async for node in connecting(home):
                async with node:
                    raise ZeroDivisionError


async def test_a_group_that_holds_more_than_the_loss_passes_on() -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        with pytest.raises(ExceptionGroup):
            async for node in connecting(home):
                async with node:
                    raise ExceptionGroup("", [csp.LinkLost("x"), ValueError("y")])


async def test_a_group_of_losses_is_absorbed(pauses: list[float]) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        rounds = 0
        async for node in connecting(home):
            async with node:
                rounds += 1
                if rounds == 1:
                    raise ExceptionGroup("", [csp.LinkLost("x"), csp.DeliveryUnknown("y")])
        assert rounds == 2
    assert pauses == [0.1]


async def test_a_server_that_is_not_there_yet_is_waited_for_and_the_log_says_so_once(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        address = home.address
    with trio.move_on_after(100):
        async for _ in netchannels.connect(address, secret=SECRET, plain=True):
            raise AssertionError("nobody listens there")
    assert trio.current_time() >= 100
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"nobody answers at {address}: ")
    assert said.endswith("; trying again")


async def test_a_loop_left_by_an_error_leaves_nothing_to_collect(
    recwarn: pytest.WarningsRecorder,
) -> None:
    gc.collect()  # what other tests have left
    recwarn.clear()
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        with pytest.raises(ZeroDivisionError):
            async for node in connecting(home):
                async with node:
                    raise ZeroDivisionError
        gc.collect()  # an async generator would be found unfinished
        await trio.testing.wait_all_tasks_blocked()
    assert not recwarn.list


async def test_a_wrong_secret_is_in_the_log_at_once_and_raised_after_a_few_attempts(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    async with netchannels.serve(secret=SECRET, plain=True) as home:
        with pytest.raises(HandshakeError, match="same secret"):
            async for _ in connecting(home, secret="quite another one"):
                raise AssertionError("it got in")
        assert 1 < home.status().refused <= 5
    assert pauses == [0.1] * 4
    (said,) = [record.getMessage() for record in caplog.records]
    assert "give both sides the same secret" in said


async def test_what_cannot_get_better_is_told_at_once() -> None:
    async def speak_http(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, speak_http, 0)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(HandshakeError, match="an HTTP server is there"):
            async for _ in netchannels.connect(f"localhost:{port}", secret=SECRET, plain=True):
                raise AssertionError("it got in")
        nursery.cancel_scope.cancel()


async def test_a_context_of_ones_own_is_asked_for_the_host() -> None:
    context = ssl.create_default_context()
    async with netchannels.serve(secret=SECRET) as home:
        with pytest.raises(HandshakeError, match="was refused"):
            async with netchannels.connect(home.address, secret=SECRET, context=context):
                raise AssertionError("it took a certificate that nobody signed")
