"""The entrance of a node: a stream becomes that of a peer, or it is closed.

Invariants:
* a stream belongs to nobody until its handshake is over; whatever fails before that closes it, and
  touches no link.
* `_strangers` are the connections without a finished handshake, the oldest first: at most
  `STRANGERS`, and `STRANGERS_OF_ADDRESS` from one address.
* who comes spends a token of `rate`, who gets as far as the proof `PROOF` more; who gets in has
  them back.  So all strangers together cost the node a twentieth of its time, whatever they do.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import trio

from ._address import Address
from ._certificate import Certificate
from ._errors import HandshakeError, NetworkError
from ._handshake import client_tls, open_as_client, open_as_server, server_tls, time_limit
from ._hello import Hello, Terms
from ._rate import Rate
from ._secret import Secret
from ._transport import dial

DIAL = 10.0  # seconds
HANDSHAKE = 5.0  # seconds
STRANGERS = 64
STRANGERS_OF_ADDRESS = 32
BURST, RATE = 1000.0, 50.0  # tokens, each about a millisecond of work
PROOF = 3.0  # tokens: keys are agreed on and signed


class Joined(NamedTuple):
    """A stream behind its handshake, and what was agreed on."""

    stream: trio.abc.Stream
    terms: Terms
    role: str
    leftover: bytes  # what has come behind the handshake
    address: str
    dialled: bool


class Entrance:
    """Where a node that listens lets others in."""

    def __init__(
        self, roles: Mapping[str, Secret], certificate: Certificate | None, hello: Hello
    ) -> None:
        self._roles, self._certificate, self._hello = roles, certificate, hello
        self._strangers: list[tuple[str, trio.CancelScope]] = []
        self.rate: Rate = Rate(RATE, burst=BURST)

    async def prepare(self) -> None:
        """Compute the keys, so that nobody's handshake waits for them."""
        for secret in self._roles.values():
            await secret.key()

    async def room(self) -> None:
        """Wait until one more may come."""
        while pause := self.rate.pause(trio.current_time()):
            await trio.sleep(pause)
        self.rate.spend(1)

    async def let_in(self, stream: Any, address: str) -> Joined:
        """Shake hands with whoever has connected from `address`.

        Raises HandshakeError, and closes the stream, when that fails or others need the room.
        """
        scope = self._admit(address)
        entry = (_host(address), scope)
        try:
            with scope:
                return await self._shake_hands(stream, address)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise HandshakeError("the other side hung up") from error
        finally:
            if entry in self._strangers:
                self._strangers.remove(entry)
        raise HandshakeError("too many connections without a handshake: the oldest goes")

    def _admit(self, address: str) -> trio.CancelScope:
        """Room for one more stranger: the oldest goes, of this address or of all."""
        host = _host(address)
        same = [each for each in self._strangers if each[0] == host]
        crowded = same if len(same) >= STRANGERS_OF_ADDRESS else self._strangers
        if len(same) >= STRANGERS_OF_ADDRESS or len(self._strangers) >= STRANGERS:
            oldest = crowded[0]
            self._strangers.remove(oldest)
            oldest[1].cancel()
        scope = trio.CancelScope()
        self._strangers.append((host, scope))
        return scope

    async def _shake_hands(self, stream: Any, address: str) -> Joined:
        with time_limit(HANDSHAKE):
            der = b""
            if self._certificate is not None:
                stream, der = await server_tls(stream, self._certificate)
            self.rate.spend(PROOF)
            terms, role, leftover = await open_as_server(stream, self._roles, self._hello, der)
        self.rate.give_back(1 + PROOF)
        return Joined(stream, terms, role, leftover, address, False)


async def go_in(
    address: Address, secret: Secret, hello: Hello, *, plain: bool, context: ssl.SSLContext | None
) -> Joined:
    """Dial a node that listens, and shake hands.

    Raises NetworkError if nobody answers there, HandshakeError if it is none of ours.
    """
    await secret.key()
    stream = await _dialled(address)
    with time_limit(HANDSHAKE):
        der = b""
        if not plain:
            host = address.host if context is not None else None
            stream, der = await client_tls(stream, context, host=host)
        terms, leftover = await open_as_client(stream, secret, hello, der)
    return Joined(stream, terms, "", leftover, str(address), True)


async def _dialled(address: Address) -> Any:
    why = f"no answer in {DIAL:g} s"
    with trio.move_on_after(DIAL):
        try:
            return await dial(address)
        except OSError as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
    raise NetworkError(
        f"nobody answers at {address}: {why}; is the other program running, and its port open?"
    )


async def shake_hands_over(
    stream: trio.abc.Stream, roles: Mapping[str, Secret], hello: Hello, *, dialled: bool
) -> Joined:
    """Shake hands over a stream that is there already; raises HandshakeError."""
    if dialled:
        (secret,) = roles.values()
        terms, leftover = await open_as_client(stream, secret, hello)
        return Joined(stream, terms, "", leftover, "", True)
    terms, role, leftover = await open_as_server(stream, roles, hello)
    return Joined(stream, terms, role, leftover, "", False)


def _host(address: str) -> str:
    return address.rpartition(":")[0]
