"""Who gets in, and everybody who does not: over memory streams, plain and with real TLS."""

import datetime
import hashlib
import hmac
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from trio.testing import MockClock, memory_stream_pair

from netchannels import _handshake
from netchannels._certificate import Certificate, client_context, user_contexts
from netchannels._errors import HandshakeError
from netchannels._handshake import (
    client_tls,
    open_as_client,
    open_as_server,
    server_tls,
    time_limit,
)
from netchannels._hello import Hello, missing, size
from netchannels._secret import Secret

WORKER, ADMIN = Secret("a secret for workers"), Secret("another for admins")
STRANGER = Secret("of somebody unknown")
ONE, ROLES = {"": WORKER}, {"worker": WORKER, "admin": ADMIN}
SERVER = Hello(b"s" * 16, label="farm.py@ant:1", credit=1000)
CLIENT = Hello(b"c" * 16, label="worker.py@bee:2", credit=2000)
HELLO_SIZE, PROOF = len(CLIENT.encode()), 32
CERTIFICATE = Certificate.fresh()

Step = Callable[[], Awaitable[Any]]


@pytest.fixture(autouse=True, scope="module")
def _keys() -> None:
    """Computed before any clock runs."""
    for known in (WORKER, ADMIN, STRANGER):
        trio.run(known.key)


async def outcome(step: Step) -> Any:
    """What the step returns, or the HandshakeError that it raises."""
    try:
        return await step()
    except HandshakeError as error:
        return error


async def both(one: Step, other: Step) -> list[Any]:
    """The outcomes of two steps that run side by side."""
    found: list[Any] = [None, None]

    async def note(at: int, step: Step) -> None:
        found[at] = await outcome(step)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, 0, one)
        nursery.start_soon(note, 1, other)
    return found


async def over_tls(
    here: trio.abc.Stream, there: trio.abc.Stream
) -> tuple[_handshake.TLSStream, bytes, _handshake.TLSStream, bytes]:
    """The streams and certificates as the server and the client see them."""
    (server, shown), (client, seen) = await both(
        partial(server_tls, here, CERTIFICATE), partial(client_tls, there)
    )
    return server, shown, client, seen


async def exactly(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = await stream.receive_some(count - len(data))
        assert chunk, "closed too early"
        data += chunk
    return data


async def hello_from(stream: trio.abc.Stream) -> bytes:
    data = b""
    while lacking := missing(data):
        data += await exactly(stream, lacking)
    return data


async def everything(stream: trio.abc.Stream) -> bytes:
    """All that still comes, until the other side closes or breaks."""
    data = b""
    try:
        while chunk := await stream.receive_some(1000):
            data += chunk
    except trio.BrokenResourceError:
        pass  # closed without a goodbye: what came, came
    return data


async def assert_closed(stream: trio.abc.Stream) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")


class Relay(trio.abc.Stream):
    """A stream that keeps what went through, and may change it on the way in or out."""

    def __init__(self, stream: trio.abc.Stream, change: Callable[[int, int], int] | None = None):
        self.stream, self.change = stream, change or (lambda at, byte: byte)
        self.sent, self.received = b"", b""

    async def send_all(self, data: Any) -> None:
        start = len(self.sent)
        self.sent += bytes(data)
        await self.stream.send_all(
            bytes(self.change(start + i, byte) for i, byte in enumerate(bytes(data)))
        )

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self.stream.receive_some(max_bytes))
        self.received += data
        return data

    async def aclose(self) -> None:
        await self.stream.aclose()


# --- who gets in ---------------------------------------------------------------------------------


@pytest.mark.trio
async def test_two_nodes_with_one_secret_agree_on_terms() -> None:
    here, there = memory_stream_pair()
    (at_server, role, rest), (at_client, behind) = await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, there, WORKER, CLIENT)
    )
    assert (role, rest, behind) == ("", b"", b"")
    assert (at_server.peer_id, at_client.peer_id) == (CLIENT.node_id, SERVER.node_id)
    assert (at_server.peer_label, at_client.peer_label) == (CLIENT.label, SERVER.label)
    assert (at_server.send_credit, at_client.send_credit) == (2000, 1000)
    assert at_server.version == at_client.version == 1


@pytest.mark.trio
async def test_the_streams_work_when_the_handshake_over_tls_is_done() -> None:
    server, shown, client, seen = await over_tls(*memory_stream_pair())
    assert shown == seen == CERTIFICATE.der
    await both(
        partial(open_as_server, server, ONE, SERVER, shown),
        partial(open_as_client, client, WORKER, CLIENT, seen),
    )
    await both(partial(server.send_all, b"to client"), partial(client.send_all, b"to server"))
    assert await exactly(client, 9) == b"to client"
    assert await exactly(server, 9) == b"to server"


@pytest.mark.trio
@pytest.mark.parametrize(("secret", "expected"), [(WORKER, "worker"), (ADMIN, "admin")])
async def test_a_client_has_the_role_of_its_secret(secret: Secret, expected: str) -> None:
    here, there = memory_stream_pair()
    (_, role, _), _ = await both(
        partial(open_as_server, here, ROLES, SERVER), partial(open_as_client, there, secret, CLIENT)
    )
    assert role == expected


@pytest.mark.parametrize("signer", [WORKER, ADMIN, STRANGER], ids=["first", "last", "none"])
def test_finding_the_role_is_the_same_work_whichever_it_is(
    signer: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {role: trio.run(secret.key) for role, secret in ROLES.items()}
    proof = _handshake._prove(trio.run(signer.key), b"client", b"script")
    digest, compare, done = hmac.digest, hmac.compare_digest, list[str]()

    def digesting(*args: Any) -> bytes:
        done.append("digest")
        return digest(*args)

    def comparing(a: bytes, b: bytes) -> bool:
        done.append("compare")
        return compare(a, b)

    monkeypatch.setattr(hmac, "digest", digesting)
    monkeypatch.setattr(hmac, "compare_digest", comparing)
    _handshake._role(proof, keys, b"script")
    assert done == ["digest", "compare"] * 2


@pytest.mark.trio
async def test_nonces_are_new_in_each_handshake_whatever_the_hello_says() -> None:
    nonces = set[bytes]()
    for _ in range(2):
        here, there = memory_stream_pair()
        relay = Relay(there)
        await both(
            partial(open_as_server, here, ONE, SERVER),
            partial(open_as_client, relay, WORKER, CLIENT),
        )
        nonces.add(Hello.decode(relay.sent[:HELLO_SIZE]).nonce)
        nonces.add(Hello.decode(relay.received[: size(relay.received)]).nonce)
    assert len(nonces) == 4


@pytest.mark.trio
async def test_the_proofs_are_the_hmac_that_is_written() -> None:
    here, there = memory_stream_pair()
    relay = Relay(there)
    await both(
        partial(open_as_server, here, ONE, SERVER, b"a certificate"),
        partial(open_as_client, relay, WORKER, CLIENT, b"a certificate"),
    )
    hello, proof = relay.sent[:HELLO_SIZE], relay.sent[HELLO_SIZE:]
    answer, server_proof = relay.received[:-PROOF], relay.received[-PROOF:]
    script = hello + answer + hashlib.sha256(b"a certificate").digest()
    key = await WORKER.key()
    assert proof == hmac.digest(key, b"netchannels/1 client\0" + script, "sha256")
    assert server_proof == hmac.digest(key, b"netchannels/1 server\0" + script, "sha256")


# --- what comes behind the handshake -------------------------------------------------------------


async def scripted_server(stream: trio.abc.Stream, key: bytes, behind: bytes) -> None:
    """A server by hand, that sends its proof and what is behind it at once."""
    heard, said = await hello_from(stream), SERVER.encode()
    await stream.send_all(said)
    await exactly(stream, PROOF)
    script = _handshake._script(heard, said, b"")
    await stream.send_all(_handshake._prove(key, b"server", script) + behind)


async def scripted_client(stream: trio.abc.Stream, key: bytes, behind: bytes) -> None:
    said = CLIENT.encode()
    await stream.send_all(said)
    script = _handshake._script(said, await hello_from(stream), b"")
    await stream.send_all(_handshake._prove(key, b"client", script) + behind)
    await exactly(stream, PROOF)


@pytest.mark.trio
@pytest.mark.parametrize("behind", [b"", b"w", b"x" * 10_000], ids=len)
async def test_no_byte_behind_the_handshake_is_lost(behind: bytes) -> None:
    key = await WORKER.key()
    here, there = memory_stream_pair()
    _, (_, came) = await both(
        partial(scripted_server, here, key, behind), partial(open_as_client, there, WORKER, CLIENT)
    )
    await here.aclose()
    assert came + await everything(there) == behind

    here, there = memory_stream_pair()
    (_, _, came), _ = await both(
        partial(open_as_server, here, ONE, SERVER), partial(scripted_client, there, key, behind)
    )
    await there.aclose()
    assert came + await everything(here) == behind


@pytest.mark.trio
async def test_bytes_in_one_piece_with_the_proof_are_handed_over() -> None:
    here, there = memory_stream_pair()
    _, (_, came) = await both(
        partial(scripted_server, here, await WORKER.key(), b"welcome"),
        partial(open_as_client, there, WORKER, CLIENT),
    )
    assert came == b"welcome"


# --- wrong secrets ---------------------------------------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize("roles", [ONE, ROLES], ids=["one", "roles"])
async def test_a_wrong_secret_is_refused_on_both_sides(roles: dict[str, Secret]) -> None:
    here, there = memory_stream_pair()
    server, client = await both(
        partial(open_as_server, here, roles, SERVER),
        partial(open_as_client, there, STRANGER, CLIENT),
    )
    assert str(server).startswith("`worker.py@bee:2` does not have the secret")
    assert "give both sides the same secret" in str(client)
    await assert_closed(here)
    await assert_closed(there)


@pytest.mark.trio
@pytest.mark.parametrize("proof", [b"\0" * PROOF, b"x" * PROOF])
async def test_a_stranger_gets_a_hello_and_nothing_else(proof: bytes) -> None:
    here, there = memory_stream_pair()

    async def stranger() -> bytes:
        await there.send_all(CLIENT.encode() + proof)
        return await everything(there)

    refused, got = await both(partial(open_as_server, here, ONE, SERVER), stranger)
    assert "does not have the secret" in str(refused)
    assert size(got) == len(got)
    assert Hello.decode(got).node_id == SERVER.node_id


@pytest.mark.trio
async def test_a_server_without_the_secret_is_refused() -> None:
    here, there = memory_stream_pair()
    _, refused = await both(
        partial(scripted_server, here, await STRANGER.key(), b"come in"),
        partial(open_as_client, there, WORKER, CLIENT),
    )
    assert "the server does not have the secret" in str(refused)
    await assert_closed(there)


@pytest.mark.trio
async def test_a_proof_of_another_role_does_not_make_a_server() -> None:
    """A worker that plays server for an admin: both know the farm, not the same secret."""
    here, there = memory_stream_pair()
    server, client = await both(
        partial(open_as_server, here, {"worker": WORKER}, SERVER),
        partial(open_as_client, there, ADMIN, CLIENT),
    )
    assert isinstance(server, HandshakeError)
    assert isinstance(client, HandshakeError)


# --- proofs that were made for something else ------------------------------------------------------


@pytest.mark.trio
async def test_a_proof_that_is_replayed_is_refused() -> None:
    here, there = memory_stream_pair()
    relay = Relay(there)
    await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, relay, WORKER, CLIENT)
    )
    here, there = memory_stream_pair()
    await there.send_all(relay.sent)
    refused = await outcome(partial(open_as_server, here, ONE, SERVER))
    assert "does not have the secret" in str(refused)


@pytest.mark.trio
async def test_a_server_that_replays_another_is_refused() -> None:
    here, there = memory_stream_pair()
    relay = Relay(there)
    await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, relay, WORKER, CLIENT)
    )
    here, there = memory_stream_pair()
    await here.send_all(relay.received)
    refused = await outcome(partial(open_as_client, there, WORKER, CLIENT))
    assert "the server does not have the secret" in str(refused)


@pytest.mark.trio
async def test_a_proof_that_is_sent_back_is_refused() -> None:
    here, there = memory_stream_pair()

    async def mirror() -> None:
        await hello_from(here)
        await here.send_all(SERVER.encode())
        await here.send_all(await exactly(here, PROOF))

    _, refused = await both(mirror, partial(open_as_client, there, WORKER, CLIENT))
    assert "the server does not have the secret" in str(refused)


@pytest.mark.trio
async def test_two_servers_that_are_joined_prove_nothing_to_each_other() -> None:
    """Who has no secret passes on the hello of one: each server waits for a proof, none is first."""
    one, one_there = memory_stream_pair()
    two, two_there = memory_stream_pair()

    async def join() -> None:
        await one_there.send_all(CLIENT.encode())
        hello = await hello_from(one_there)
        await two_there.send_all(hello)
        await hello_from(two_there)
        await one_there.send_all(bytes(PROOF))
        await two_there.send_all(bytes(PROOF))
        assert await everything(one_there) == b""
        assert await everything(two_there) == b""

    async with trio.open_nursery() as nursery:
        nursery.start_soon(join)
        other = Hello(b"o" * 16)
        first, second = await both(
            partial(open_as_server, one, ONE, SERVER), partial(open_as_server, two, ONE, other)
        )
    assert isinstance(first, HandshakeError)
    assert isinstance(second, HandshakeError)


@pytest.mark.trio
async def test_an_echo_is_told_that_it_dialled_itself() -> None:
    here, there = memory_stream_pair()

    async def echo() -> None:
        await here.send_all(await hello_from(here))

    _, refused = await both(echo, partial(open_as_client, there, WORKER, CLIENT))
    assert "you dialled yourself" in str(refused)


async def pump(source: trio.abc.Stream, to: trio.abc.Stream) -> None:
    try:
        while chunk := await source.receive_some(1000):
            await to.send_all(chunk)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # one of them gave up: the other will see it
    await trio.aclose_forcefully(to)


@pytest.mark.trio
async def test_a_man_in_the_middle_with_his_own_certificate_is_noticed_by_both() -> None:
    here, middle_there = memory_stream_pair()
    middle_here, there = memory_stream_pair()
    his = Certificate.fresh()

    async def server() -> Any:
        tls, der = await server_tls(here, CERTIFICATE)
        return await open_as_server(tls, ONE, SERVER, der)

    async def client() -> Any:
        tls, der = await client_tls(there)
        return await open_as_client(tls, WORKER, CLIENT, der)

    async def middle() -> None:
        (to_client, _), (to_server, _) = await both(
            partial(server_tls, middle_here, his), partial(client_tls, middle_there)
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump, to_client, to_server)
            nursery.start_soon(pump, to_server, to_client)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(middle)
        at_server, at_client = await both(server, client)
        nursery.cancel_scope.cancel()
    assert "somebody stands between" in str(at_server)
    assert "somebody stands between" in str(at_client)


@pytest.mark.trio
async def test_who_only_passes_on_the_bytes_is_not_in_the_way() -> None:
    here, middle_there = memory_stream_pair()
    middle_here, there = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump, middle_here, middle_there)
        nursery.start_soon(pump, middle_there, middle_here)
        server, shown, client, seen = await over_tls(here, there)
        at_server, at_client = await both(
            partial(open_as_server, server, ONE, SERVER, shown),
            partial(open_as_client, client, WORKER, CLIENT, seen),
        )
        nursery.cancel_scope.cancel()
    assert not isinstance(at_server, HandshakeError)
    assert not isinstance(at_client, HandshakeError)


# --- bytes that are changed or cut on the way ------------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize("at", range(HELLO_SIZE + PROOF))
async def test_a_byte_of_the_client_that_is_changed_keeps_both_out(
    at: int, autojump_clock: MockClock
) -> None:
    here, there = memory_stream_pair()
    relay = Relay(there, lambda i, byte: byte ^ 1 if i == at else byte)
    found = await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, relay, WORKER, CLIENT)
    )
    assert [type(each) for each in found] == [HandshakeError, HandshakeError]


@pytest.mark.trio
@pytest.mark.parametrize("at", range(len(SERVER.encode()) + PROOF))
async def test_a_byte_of_the_server_that_is_changed_keeps_the_client_out(
    at: int, autojump_clock: MockClock
) -> None:
    here, there = memory_stream_pair()
    relay = Relay(here, lambda i, byte: byte ^ 1 if i == at else byte)
    at_server, at_client = await both(
        partial(open_as_server, relay, ONE, SERVER), partial(open_as_client, there, WORKER, CLIENT)
    )
    assert isinstance(at_client, HandshakeError)
    in_its_proof = at >= len(SERVER.encode())  # by then the client has proved itself
    assert isinstance(at_server, HandshakeError) != in_its_proof


@pytest.mark.trio
@pytest.mark.parametrize("length", range(HELLO_SIZE + PROOF))
async def test_a_client_that_hangs_up_anywhere_is_out(length: int) -> None:
    here, there = memory_stream_pair()
    await there.send_all((CLIENT.encode() + bytes(PROOF))[:length])
    await there.send_eof()
    refused = await outcome(partial(open_as_server, here, ONE, SERVER))
    said = "hung up before it had said hello" if length < HELLO_SIZE else "hung up instead"
    assert said in str(refused)


@pytest.mark.trio
@pytest.mark.parametrize("length", range(len(SERVER.encode()) + PROOF))
async def test_a_server_that_hangs_up_anywhere_is_left(length: int) -> None:
    here, there = memory_stream_pair()
    await here.send_all((SERVER.encode() + bytes(PROOF))[:length])
    await here.send_eof()
    refused = await outcome(partial(open_as_client, there, WORKER, CLIENT))
    whole = length >= len(SERVER.encode())
    assert ("when it saw the proof" if whole else "without a hello") in str(refused)


# --- other versions, and oneself -------------------------------------------------------------------


@pytest.mark.trio
async def test_versions_that_do_not_meet_are_named_on_both_sides() -> None:
    here, there = memory_stream_pair()
    newer = Hello(b"c" * 16, lowest=2, highest=3, label="new.py@bee:2")
    server, client = await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, there, WORKER, newer)
    )
    assert "`new.py@bee:2` speaks versions 2 to 3 of the protocol, this side version 1" in str(
        server
    )
    assert "`farm.py@ant:1` speaks version 1 of the protocol, this side versions 2 to 3" in str(
        client
    )


@pytest.mark.trio
async def test_the_highest_common_version_is_agreed_on() -> None:
    here, there = memory_stream_pair()
    (at_server, _, _), (at_client, _) = await both(
        partial(open_as_server, here, ONE, Hello(b"s" * 16, lowest=1, highest=2)),
        partial(open_as_client, there, WORKER, Hello(b"c" * 16, lowest=2, highest=9)),
    )
    assert at_server.version == at_client.version == 2


@pytest.mark.trio
async def test_a_node_that_dials_itself_is_told_so_on_both_sides() -> None:
    here, there = memory_stream_pair()
    found = await both(
        partial(open_as_server, here, ONE, SERVER), partial(open_as_client, there, WORKER, SERVER)
    )
    assert all("you dialled yourself" in str(each) for each in found)


# --- other protocols ---------------------------------------------------------------------------------


@pytest.mark.trio
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: ant\r\n\r\n", "an HTTP request came"),
        (b"G", "something else than netchannels came, b'G'"),
        (b"hello, is anybody there?\n", "b'hello, is anybod'"),
        (b"CSPX" + bytes(200), "something else"),
        (b"\0" * 600, "something else"),
    ],
)
async def test_another_protocol_is_named_and_gets_no_answer(data: bytes, said: str) -> None:
    here, there = memory_stream_pair()
    await there.send_all(data)
    refused = await outcome(partial(open_as_server, here, ONE, SERVER))
    assert said in str(refused)
    assert await everything(there) == b""


@pytest.mark.trio
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: ant\r\n\r\n", "an HTTP request came"),
        (b"CONNECT ant:1 HTTP/1.1\r\n\r\n", "an HTTP request came"),
        (b"hello, is anybody there?\n", "does not speak TLS: is `plain=True` set there?"),
        (b"\x16\x03\x01\xff\xff" + b"x" * 50, "does not speak TLS"),
        (b"\x16\x03\x01\x00\x05hello", "TLS failed"),
    ],
)
async def test_another_protocol_at_tls_is_named_and_gets_no_answer(data: bytes, said: str) -> None:
    here, there = memory_stream_pair()
    await there.send_all(data)
    refused = await outcome(partial(server_tls, here, CERTIFICATE))
    assert said in str(refused)
    assert await everything(there) == b""
    await assert_closed(here)


@pytest.mark.trio
async def test_a_web_server_that_was_dialled_is_named() -> None:
    here, there = memory_stream_pair()
    await here.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    refused = await outcome(partial(open_as_client, there, WORKER, CLIENT))
    assert "an HTTP server is there" in str(refused)


@pytest.mark.trio
async def test_a_plain_client_at_a_server_with_tls_is_told_on_both_sides() -> None:
    here, there = memory_stream_pair()
    server, client = await both(
        partial(server_tls, here, CERTIFICATE), partial(open_as_client, there, WORKER, CLIENT)
    )
    assert "does not speak TLS: is `plain=True` set there?" in str(server)
    assert "`plain=True` is set on this side only" in str(client)


@pytest.mark.trio
async def test_a_client_with_tls_at_a_plain_server_is_told_on_both_sides() -> None:
    here, there = memory_stream_pair()
    server, client = await both(
        partial(open_as_server, here, ONE, SERVER), partial(client_tls, there)
    )
    assert "TLS came, but `plain=True` is set here" in str(server)
    assert "is `plain=True` set there?" in str(client)
    await assert_closed(there)


def tls_1_2(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.trio
async def test_a_client_that_speaks_tls_1_2_is_refused() -> None:
    here, there = memory_stream_pair()
    server, client = await both(
        partial(server_tls, here, CERTIFICATE),
        partial(client_tls, there, tls_1_2(client_context())),
    )
    assert "speaks no TLS 1.3" in str(server)
    assert isinstance(client, HandshakeError)


@pytest.mark.trio
async def test_a_server_that_speaks_tls_1_2_is_refused() -> None:
    here, there = memory_stream_pair()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = tls_1_2(Certificate.fresh().server_context())
    server = context.wrap_bio(incoming, outgoing, server_side=True)  # sends alerts, trio does not

    async def speak() -> None:
        incoming.write(bytes(await here.receive_some(5000)))
        with pytest.raises(ssl.SSLError):
            server.do_handshake()
        await here.send_all(outgoing.read())

    _, client = await both(speak, partial(client_tls, there))
    assert "speaks no TLS 1.3" in str(client)


# --- scanners, dribblers, floods ---------------------------------------------------------------------


@pytest.mark.trio
async def test_a_port_scanner_is_named() -> None:
    here, there = memory_stream_pair()
    await there.aclose()
    refused = await outcome(partial(open_as_server, here, ONE, SERVER))
    assert "a port scanner or a health check?" in str(refused)
    await assert_closed(here)


@pytest.mark.trio
async def test_a_port_scanner_at_tls_is_refused() -> None:
    here, there = memory_stream_pair()
    await there.aclose()
    refused = await outcome(partial(server_tls, here, CERTIFICATE))
    assert "hung up in the TLS handshake" in str(refused)
    await assert_closed(here)


@pytest.mark.trio
async def test_a_connection_that_is_reset_is_a_failed_handshake() -> None:
    class Reset(Relay):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise trio.BrokenResourceError("reset") from ConnectionResetError()

    for step in (
        partial(open_as_server, Reset(memory_stream_pair()[0]), ONE, SERVER),
        partial(open_as_client, Reset(memory_stream_pair()[0]), WORKER, CLIENT),
        partial(server_tls, Reset(memory_stream_pair()[0]), CERTIFICATE),
        partial(client_tls, Reset(memory_stream_pair()[0])),
    ):
        assert "hung up" in str(await outcome(step))


def steps(stream: trio.abc.Stream, **options: Any) -> dict[str, Step]:
    return {
        "server": partial(open_as_server, stream, ONE, SERVER, **options),
        "client": partial(open_as_client, stream, WORKER, CLIENT, **options),
        "server_tls": partial(server_tls, stream, CERTIFICATE, **options),
        "client_tls": partial(client_tls, stream, **options),
    }


STEPS = ["server", "client", "server_tls", "client_tls"]


@pytest.mark.trio
@pytest.mark.parametrize("step", STEPS)
async def test_who_is_silent_has_five_seconds(step: str, autojump_clock: MockClock) -> None:
    here, _there = memory_stream_pair()
    start = trio.current_time()
    refused = await outcome(steps(here)[step])
    assert "did not finish the handshake in 5 s" in str(refused)
    assert trio.current_time() - start == pytest.approx(5)
    await assert_closed(here)


@pytest.mark.trio
@pytest.mark.parametrize("step", STEPS)
async def test_the_time_can_be_set(step: str, autojump_clock: MockClock) -> None:
    here, _there = memory_stream_pair()
    start = trio.current_time()
    refused = await outcome(steps(here, timeout=0.5)[step])
    assert "in 0.5 s" in str(refused)
    assert trio.current_time() - start == pytest.approx(0.5)


async def dribble(stream: trio.abc.Stream, data: bytes) -> None:
    try:
        for byte in data:
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
    except trio.BrokenResourceError:
        pass  # thrown out


@pytest.mark.trio
@pytest.mark.parametrize("step", STEPS)
async def test_a_byte_a_second_is_too_slow(step: str, autojump_clock: MockClock) -> None:
    here, there = memory_stream_pair()
    hello = SERVER if step == "client" else CLIENT
    data = b"\x16\x03\x03\x01\x00" + bytes(100) if "tls" in step else hello.encode()
    start = trio.current_time()
    refused, _ = await both(steps(here)[step], partial(dribble, there, data))
    assert "did not finish the handshake in 5 s" in str(refused)
    assert trio.current_time() - start < 7


@pytest.mark.trio
async def test_who_is_slow_but_in_time_gets_in(autojump_clock: MockClock) -> None:
    class Slow(Relay):
        async def send_all(self, data: Any) -> None:
            for byte in bytes(data):
                await trio.sleep(0.02)
                await super().send_all(bytes([byte]))

    here, there = memory_stream_pair()
    at_server, at_client = await both(
        partial(open_as_server, here, ONE, SERVER),
        partial(open_as_client, Slow(there), WORKER, CLIENT),
    )
    assert not isinstance(at_server, HandshakeError)
    assert not isinstance(at_client, HandshakeError)


@pytest.mark.trio
async def test_a_peer_that_does_not_read_has_five_seconds(autojump_clock: MockClock) -> None:
    class Full(Relay):
        async def send_all(self, data: Any) -> None:
            await trio.sleep_forever()

    for step in ("client", "client_tls"):
        refused = await outcome(steps(Full(memory_stream_pair()[0]))[step])
        assert "did not finish" in str(refused)


@pytest.mark.trio
async def test_one_limit_can_stand_around_all_the_steps(autojump_clock: MockClock) -> None:
    here, there = memory_stream_pair()

    async def client() -> Any:
        with time_limit(3):
            await trio.sleep(2)  # to connect
            tls, der = await client_tls(there)
            return await open_as_client(tls, WORKER, CLIENT, der)

    server, client_found = await both(partial(server_tls, here, CERTIFICATE), client)
    assert not isinstance(server, HandshakeError)
    assert "in 3 s" in str(client_found)
    assert trio.current_time() == pytest.approx(3)
    await assert_closed(there)


@pytest.mark.trio
async def test_the_time_that_the_key_takes_is_not_the_peers(autojump_clock: MockClock) -> None:
    class Late(Secret):
        async def key(self) -> bytes:
            await trio.sleep(100)
            return await WORKER.key()

    here, there = memory_stream_pair()
    late = Late("a secret for workers")

    async def client() -> Any:
        await trio.sleep(100)
        return await open_as_client(there, WORKER, CLIENT)

    server, _ = await both(partial(open_as_server, here, {"": late}, SERVER), client)
    assert not isinstance(server, HandshakeError)


@pytest.mark.trio
@pytest.mark.parametrize("length", [0, 68, 473, 65535])
async def test_a_hello_of_an_impossible_size_is_refused_at_its_head(
    length: int, autojump_clock: MockClock
) -> None:
    here, there = memory_stream_pair()
    await there.send_all(b"CSPN\x01\x01" + length.to_bytes(2, "big"))
    refused = await outcome(partial(open_as_server, here, ONE, SERVER))
    assert f"it says that it has {length} bytes" in str(refused)
    assert trio.current_time() == 0


@pytest.mark.trio
@pytest.mark.parametrize("step", ["server", "client"])
async def test_no_more_than_512_bytes_are_read_of_a_flood(step: str) -> None:
    here, there = memory_stream_pair()
    hello = SERVER if step == "client" else CLIENT
    await there.send_all(hello.encode() + b"x" * 100_000)
    relay = Relay(here)
    refused = await outcome(steps(relay)[step])
    assert "does not have the secret" in str(refused)
    assert len(relay.received) <= 512


@pytest.mark.trio
async def test_the_largest_hello_of_a_later_version_gets_in() -> None:
    here, there = memory_stream_pair()
    hello = bytearray(Hello(b"c" * 16, highest=2).encode())
    hello += b"n" * (480 - len(hello))
    hello[6:8] = (480 - 8).to_bytes(2, "big")

    async def later() -> None:
        await there.send_all(hello)
        script = _handshake._script(bytes(hello), await hello_from(there), b"")
        await there.send_all(_handshake._prove(await WORKER.key(), b"client", script))
        await exactly(there, PROOF)

    (terms, _, rest), _ = await both(partial(open_as_server, here, ONE, SERVER), later)
    assert (terms.version, rest) == (1, b"")


@pytest.mark.trio
@pytest.mark.parametrize("step", STEPS)
async def test_a_handshake_that_is_cancelled_closes_the_stream(
    step: str, autojump_clock: MockClock
) -> None:
    here, _there = memory_stream_pair()
    with trio.move_on_after(1) as scope:
        await steps(here)[step]()
    assert scope.cancelled_caught
    await assert_closed(here)


# --- TLS, and the user's own authority ---------------------------------------------------------------


@pytest.mark.trio
async def test_no_session_is_resumed() -> None:
    server, _, client, _ = await over_tls(*memory_stream_pair())
    await both(partial(server.send_all, b"x"), partial(client.receive_some, 1))
    assert client.version() == server.version() == "TLSv1.3"
    assert client.session is None or not client.session.has_ticket


class Authority:
    """Signs certificates for programs, and writes their files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, directory.name)])
        self.cafile = directory / "ca.pem"
        directory.mkdir()
        self._write(self.cafile, self._sign(self.name, self.key, True))

    def files(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certfile, keyfile = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        self._write(certfile, self._sign(subject, key, False))
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        keyfile.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        return certfile, keyfile

    def contexts(self, name: str, trusted: Path) -> tuple[Certificate, ssl.SSLContext]:
        return user_contexts(*self.files(name), trusted)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName("ant.example"), address]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )

    def _write(self, path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


async def mutual(
    certificate: Certificate, context: ssl.SSLContext, host: str = "ant.example"
) -> list[Any]:
    """The outcomes of TLS and proof on both sides."""
    here, there = memory_stream_pair()

    async def server() -> Any:
        tls, der = await server_tls(here, certificate)
        return await open_as_server(tls, ONE, SERVER, der)

    async def client() -> Any:
        tls, der = await client_tls(there, context, host=host)
        return await open_as_client(tls, WORKER, CLIENT, der)

    return await both(server, client)


@pytest.mark.trio
@pytest.mark.parametrize("host", ["ant.example", "127.0.0.1"])
async def test_certificates_of_one_authority_get_in(tmp_path: Path, host: str) -> None:
    ours = Authority(tmp_path / "ours")
    certificate, _ = ours.contexts("server", ours.cafile)
    _, context = ours.contexts("client", ours.cafile)
    (at_server, _, _), (at_client, _) = await mutual(certificate, context, host)
    assert at_server.version == at_client.version == 1


@pytest.mark.trio
async def test_a_client_of_another_authority_is_refused(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    certificate, _ = ours.contexts("server", ours.cafile)
    _, context = others.contexts("client", ours.cafile)
    server, client = await mutual(certificate, context)
    assert "the certificate of the other side was refused" in str(server)
    assert isinstance(client, HandshakeError)


@pytest.mark.trio
async def test_a_server_of_another_authority_is_refused(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    certificate, _ = others.contexts("server", ours.cafile)
    _, context = ours.contexts("client", ours.cafile)
    server, client = await mutual(certificate, context)
    assert "the certificate of the other side was refused" in str(client)
    assert isinstance(server, HandshakeError)


@pytest.mark.trio
async def test_a_server_under_another_name_is_refused(tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours")
    certificate, context = ours.contexts("server", ours.cafile)
    _, client = await mutual(certificate, context, "bee.example")
    assert "bee.example" in str(client)


@pytest.mark.trio
async def test_a_server_that_shows_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No context of ours allows it, but a context may be given."""
    monkeypatch.setattr(ssl.SSLObject, "getpeercert", lambda self, binary_form=False: None)
    here, there = memory_stream_pair()
    _, client = await both(partial(server_tls, here, CERTIFICATE), partial(client_tls, there))
    assert "the server shows no certificate" in str(client)
    await assert_closed(there)


@pytest.mark.trio
async def test_a_client_without_a_certificate_is_refused(tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours")
    certificate, _ = ours.contexts("server", ours.cafile)
    server, client = await mutual(certificate, client_context())
    assert "shows no certificate" in str(server)
    assert isinstance(client, HandshakeError)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("alert", "said"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x30", "refused our certificate"),  # unknown authority
        (b"\x15\x03\x03\x00\x02\x02\x2a", "refused our certificate"),  # bad certificate
        (b"\x15\x03\x03\x00\x02\x02\x74", "refused our certificate"),  # certificate required
        (b"\x15\x03\x03\x00\x02\x02\x46", "speaks no TLS 1.3"),  # protocol version
        (b"\x15\x03\x03\x00\x02\x02\x50", "TLS failed (TLSV1_ALERT_INTERNAL_ERROR)"),
    ],
)
async def test_what_the_other_side_says_in_an_alert_is_explained(alert: bytes, said: str) -> None:
    here, there = memory_stream_pair()
    await here.send_all(alert)
    assert said in str(await outcome(partial(client_tls, there)))


@pytest.mark.trio
async def test_the_cause_is_kept_for_who_wants_to_know_more() -> None:
    here, there = memory_stream_pair()
    await here.send_all(b"no TLS at all")
    refused = await outcome(partial(client_tls, there))
    assert isinstance(refused.__cause__, trio.BrokenResourceError)
    assert isinstance(refused.__cause__.__cause__, ssl.SSLError)
