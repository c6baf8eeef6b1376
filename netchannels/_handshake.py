"""Who gets in: TLS if wanted, two hellos, and a proof in each direction that one secret is shared.

    client -> server   hello
    server -> client   hello
    client -> server   HMAC-SHA256(key, "client", both hellos, hash of the server's certificate)
    server -> client   HMAC-SHA256(key of the client's role, "server", the same)

(HMAC: RFC 2104; the key: `_secret`.)  The nonces in the hellos make a proof worthless in any other
handshake, the role in it when it is sent back, the certificate's hash when somebody stands in
the middle with a certificate of his own.  The server proves itself last, so that a stranger who
dials gets nothing made with the secret.

Invariant: whatever fails closes the stream and raises `HandshakeError`; nothing is sent that says why.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import math
import secrets
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager

import trio

from ._certificate import Certificate, client_context
from ._errors import HandshakeError
from ._hello import HTTP_CAME, Hello, Terms, agree, missing, name, size
from ._secret import PROTOCOL, Secret

TIME_LIMIT = 5.0  # seconds
SIZE_LIMIT = 512  # bytes each way, behind TLS
PROOF = 32  # bytes
FULL, DOUBTFUL = 10, 5  # tries: a server without room hangs up, one that refuses a proof as well

TLSStream = trio.SSLStream[trio.abc.Stream]


# --- the proofs --------------------------------------------------------------------------------


async def open_as_server(
    stream: trio.abc.Stream,
    roles: Mapping[str, Secret],
    hello: Hello,
    certificate_der: bytes = b"",
    *,
    timeout: float = TIME_LIMIT,
) -> tuple[Terms, str, bytes]:
    """Let the peer in, if it has the secret of one of the roles: the terms, its role, and the
    bytes that came behind its proof.

    `roles` maps names of roles to secrets, no two equal (`as_roles`); `hello` says what this node
    wants, and gets a new nonce; `certificate_der` is what the server showed in TLS, empty without
    TLS; `timeout` is for all of it, in seconds.

    Raises `HandshakeError`, and closes the stream, when the peer has none of the secrets, speaks
    another protocol or version, sends too much, or has not finished in time; whatever it raises,
    also when cancelled, the stream is closed.

    >>> import trio.testing
    >>> from netchannels._secret import as_roles
    >>> async def main() -> None:
    ...     roles = as_roles({"worker": b"a secret for workers", "admin": b"another for admins"})
    ...     here, there = trio.testing.memory_stream_pair()
    ...     async with trio.open_nursery() as nursery:
    ...         nursery.start_soon(open_as_client, there, roles["admin"], Hello(b"c" * 16))
    ...         _, role, _ = await open_as_server(here, roles, Hello(b"s" * 16))
    ...     print(role)
    >>> trio.run(main)
    admin
    """
    async with _closed_on_failure(stream):
        keys = {role: await secret.key() for role, secret in roles.items()}  # in our own time
        hello = _with_nonce(hello)
        inbox = _Inbox(stream)
        inbox.if_lost = (
            "the other side hung up before it had said hello: a port scanner or a health check?"
        )
        with time_limit(timeout), _losses_explained(inbox):
            heard = await inbox.hello()
            theirs, said = Hello.decode(heard), hello.encode()
            inbox.if_lost = (
                f"{name(theirs)} hung up instead of proving that it has the secret: its own error "
                "says why"
            )
            await stream.send_all(said)  # also to itself or another version: they can say so
            terms = agree(hello, theirs)
            script = _script(heard, said, certificate_der)
            role = _role(await inbox.take(PROOF), keys, script)
            if role is None:
                raise HandshakeError(
                    f"{name(theirs)} does not have the secret: give both sides the same one; if "
                    "they have it, somebody stands between them"
                )
            await stream.send_all(_prove(keys[role], b"server", script))
    return terms, role, bytes(inbox.data)


async def open_as_client(
    stream: trio.abc.Stream,
    secret: Secret,
    hello: Hello,
    server_der: bytes = b"",
    *,
    timeout: float = TIME_LIMIT,
) -> tuple[Terms, bytes]:
    """Get in at a server that has the same secret: the terms, and the bytes behind its proof.

    `hello` says what this node wants, and gets a new nonce; `server_der` is the certificate that
    the server showed in TLS, empty without TLS; `timeout` is for all of it, in seconds.

    Raises `HandshakeError`, and closes the stream, when the server cannot prove that it has the
    secret, hangs up, speaks another protocol or version, sends too much, or has not finished in
    time; whatever it raises, also when cancelled, the stream is closed.

    >>> import trio.testing
    >>> from netchannels._secret import as_roles
    >>> async def main() -> None:
    ...     secret = Secret("one secret for everybody")
    ...     here, there = trio.testing.memory_stream_pair()
    ...     async with trio.open_nursery() as nursery:
    ...         nursery.start_soon(open_as_server, there, as_roles(secret), Hello(b"s" * 16))
    ...         terms, _ = await open_as_client(here, secret, Hello(b"c" * 16))
    ...     print(terms.peer_id)
    >>> trio.run(main)
    b'ssssssssssssssss'
    """
    async with _closed_on_failure(stream):
        key = await secret.key()
        hello = _with_nonce(hello)
        inbox, said = _Inbox(stream), hello.encode()
        inbox.if_lost = (
            "the server hung up without a hello: it is none of ours, is full, or `plain=True` is "
            "set on this side only"
        )
        with time_limit(timeout), _losses_explained(inbox):
            await stream.send_all(said)
            heard = await inbox.hello()
            terms = agree(hello, Hello.decode(heard))
            script = _script(said, heard, server_der)
            inbox.if_lost = (
                "the server hung up when it saw the proof: give both sides the same secret; if "
                "they have it, somebody stands between them"
            )
            inbox.tries = DOUBTFUL
            await stream.send_all(_prove(key, b"client", script))
            if not hmac.compare_digest(await inbox.take(PROOF), _prove(key, b"server", script)):
                raise HandshakeError(
                    "the server does not have the secret: somebody else answers at this address, "
                    "or stands between; do not go on"
                )
    return terms, bytes(inbox.data)


class _Inbox:
    """What the other side sends until the handshake is over.

    Invariant: at most `SIZE_LIMIT` bytes are read, and `data` holds those not yet taken.
    `if_lost` is what it means when the stream breaks now, `tries` how often that is put up with.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.data = bytearray()
        self.room = SIZE_LIMIT
        self.if_lost = ""
        self.tries = FULL

    async def hello(self) -> bytes:
        while lacking := missing(bytes(self.data)):
            await self._more(lacking)
        return await self.take(size(bytes(self.data)))

    async def take(self, count: int) -> bytes:
        while len(self.data) < count:
            await self._more(count - len(self.data))
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken

    async def _more(self, lacking: int) -> None:
        assert lacking <= self.room, "a hello and a proof fit"
        chunk = await self.stream.receive_some(self.room)
        if not chunk:
            raise trio.BrokenResourceError("closed by the other side")
        self.room -= len(chunk)
        self.data += chunk


def _with_nonce(hello: Hello) -> Hello:
    return dataclasses.replace(hello, nonce=secrets.token_bytes(32))


def _script(client_hello: bytes, server_hello: bytes, der: bytes) -> bytes:
    """What both prove to have seen; the hellos say their lengths, so it can be read in one way."""
    return client_hello + server_hello + hashlib.sha256(der).digest()


def _prove(key: bytes, side: bytes, script: bytes) -> bytes:
    return hmac.digest(key, PROTOCOL + b" " + side + b"\0" + script, "sha256")


def _role(proof: bytes, keys: Mapping[str, bytes], script: bytes) -> str | None:
    """The role whose key made the proof; as much work whichever it is, or none."""
    found: str | None = None
    for role, key in keys.items():
        if hmac.compare_digest(proof, _prove(key, b"client", script)):
            found = role
    return found


# --- TLS ---------------------------------------------------------------------------------------


async def server_tls(
    stream: trio.abc.Stream, certificate: Certificate, *, timeout: float = TIME_LIMIT
) -> tuple[TLSStream, bytes]:
    """Speak TLS as a server: the wrapped stream, and the certificate shown, for the proof.

    Raises `HandshakeError`, and closes the stream, when the other side does not speak TLS 1.3,
    hangs up, or has not finished in `timeout` seconds; with the user's own authority, also when
    it has no certificate of it.  Whatever it raises, the stream is closed.

    >>> import trio.testing
    >>> async def main() -> None:
    ...     here, there = trio.testing.memory_stream_pair()
    ...     async with trio.open_nursery() as nursery:
    ...         nursery.start_soon(server_tls, there, Certificate.fresh())
    ...         tls, der = await client_tls(here)
    ...     print(type(tls).__name__, len(der) > 200)
    >>> trio.run(main)
    SSLStream True
    """
    tls = TLSStream(stream, certificate.server_context(), server_side=True)
    await _shake_hands(tls, timeout)
    return tls, certificate.der


async def client_tls(
    stream: trio.abc.Stream,
    context: ssl.SSLContext | None = None,
    *,
    host: str | None = None,
    timeout: float = TIME_LIMIT,
) -> tuple[TLSStream, bytes]:
    """Speak TLS as a client: the wrapped stream, and the certificate of the server, for the proof.

    Without a `context` any certificate is taken, since the proof comes next.  With that of
    `user_contexts`, `host` is the name or IP address that was dialled, which the certificate must be for.

    Raises `HandshakeError`, and closes the stream, when the other side does not speak TLS 1.3,
    hangs up, has a certificate that the context refuses, or has not finished in `timeout` seconds.
    Whatever it raises, the stream is closed.

    >>> import trio.testing
    >>> async def main() -> None:
    ...     here, there = trio.testing.memory_stream_pair()
    ...     await there.send_all(b"no TLS at all")
    ...     try:
    ...         await client_tls(here)
    ...     except HandshakeError as error:
    ...         print(error)
    >>> trio.run(main)
    the other side does not speak TLS: is `plain=True` set there?
    """
    tls = TLSStream(stream, context or client_context(), server_hostname=host)
    await _shake_hands(tls, timeout)
    der: bytes | None = tls.getpeercert(binary_form=True)
    if der is None:  # only a context that is none of ours allows it
        await trio.aclose_forcefully(tls)
        raise HandshakeError("the server shows no certificate: use the contexts of netchannels")
    return tls, der


async def _shake_hands(tls: TLSStream, timeout: float) -> None:
    async with _closed_on_failure(tls):
        with time_limit(timeout), _losses_explained():
            await tls.do_handshake()


# --- failing -----------------------------------------------------------------------------------


@asynccontextmanager
async def _closed_on_failure(stream: trio.abc.Stream) -> AsyncGenerator[None, None]:
    try:
        yield
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


@contextmanager
def time_limit(seconds: float) -> Generator[None, None, None]:
    """Raise `HandshakeError` if the block, which may do several of these steps, takes longer.

    >>> import trio.testing
    >>> async def main() -> None:
    ...     here, there = trio.testing.memory_stream_pair()
    ...     try:
    ...         with time_limit(0.01):
    ...             await client_tls(here)
    ...     except HandshakeError as error:
    ...         print(error)
    >>> trio.run(main)
    the other side did not finish the handshake in 0.01 s: is it one of ours?
    """
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise HandshakeError(
            f"the other side did not finish the handshake in {seconds:g} s: is it one of ours?",
            tries=math.inf,
        )


@contextmanager
def _losses_explained(inbox: _Inbox | None = None) -> Generator[None, None, None]:
    """A broken stream is a failed handshake: in TLS, or where the inbox knows what it means."""
    try:
        yield
    except trio.BrokenResourceError as error:
        refused = _tls_failure(error)
        if refused:
            raise HandshakeError(refused) from error
        if inbox is None:
            raise HandshakeError(_HUNG_UP, tries=FULL) from error
        raise HandshakeError(inbox.if_lost, tries=inbox.tries) from error


_HUNG_UP = "the other side hung up in the TLS handshake: is `plain=True` set there?"
_NO_TLS = "the other side does not speak TLS: is `plain=True` set there?"
_OLD_TLS = "the other side speaks no TLS 1.3: update its Python or OpenSSL"
_OURS_REFUSED = (
    "the other side refused our certificate: give both sides certificates of one authority, or "
    "neither"
)

_MEANINGS = {  # of the reasons that OpenSSL 1.1.1 to 3.x gives
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "HTTP_REQUEST": HTTP_CAME,
    "HTTPS_PROXY_REQUEST": HTTP_CAME,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "the other side shows no certificate, and this one wants one of its authority: use "
        "`user_contexts` on both sides"
    ),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _OURS_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": _OURS_REFUSED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OURS_REFUSED,
    "UNEXPECTED_EOF_WHILE_READING": "",
}


def _tls_failure(error: BaseException | None) -> str:
    """What TLS says of a broken stream, and what to do; "" when the stream just ended."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    if error is None or isinstance(error, ssl.SSLEOFError):
        return ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of the other side was refused ({error.verify_message}): look at its "
            "certificate, at the authority given here, and at the host that was dialled"
        )
    return _MEANINGS.get(error.reason, f"TLS failed ({error.reason}): look at both sides")
