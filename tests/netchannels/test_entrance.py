"""Who gets in, how many wait at the door, and what those hear who do not get in."""

from __future__ import annotations

import contextlib
import math
import socket
from typing import Any

import pytest
import trio
import trio.testing

from netchannels._address import Address
from netchannels._certificate import Certificate
from netchannels._entrance import (
    BURST,
    PROOF,
    STRANGERS,
    STRANGERS_OF_ADDRESS,
    Entrance,
    Joined,
    go_in,
    shake_hands_over,
)
from netchannels._errors import HandshakeError, NetworkError
from netchannels._hello import Hello
from netchannels._secret import Secret
from netchannels._transport import Listening

pytestmark = pytest.mark.trio

WORKERS, ADMINS = Secret("a secret for workers"), Secret("another one for admins")
ROLES = {"worker": WORKERS, "admin": ADMINS}
HERE, THERE = Hello(b"h" * 16, label="home"), Hello(b"t" * 16, label="there")


async def met(secret: Secret, certificate: Certificate | None) -> tuple[Joined, Joined]:
    """What both sides of a TCP connection have agreed on."""
    listening = await Listening.start(Address.parse(":0"))
    entrance = Entrance(ROLES, certificate, HERE)
    await entrance.prepare()
    let_in: list[Joined] = []
    came = trio.Event()

    async def handle(stream: Any, address: str) -> None:
        let_in.append(await entrance.let_in(stream, address))
        came.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.serve, handle, entrance.room)
        joined = await go_in(
            listening.address, secret, THERE, plain=certificate is None, context=None
        )
        await came.wait()
        nursery.cancel_scope.cancel()
    for each in (joined, *let_in):
        await trio.aclose_forcefully(each.stream)
    return let_in[0], joined


@pytest.mark.parametrize("certificate", [None, Certificate.fresh()], ids=["plain", "tls"])
async def test_both_sides_know_each_other_afterwards(certificate: Certificate | None) -> None:
    here, there = await met(ADMINS, certificate)
    assert (here.role, here.terms.peer_label, here.dialled) == ("admin", "there", False)
    assert (there.role, there.terms.peer_label, there.dialled) == ("", "home", True)
    assert here.address.startswith("127.0.0.1:")
    assert isinstance(here.stream, trio.SSLStream) is (certificate is not None)


async def test_of_one_address_the_oldest_stranger_makes_room() -> None:
    entrance = Entrance(ROLES, None, HERE)
    await entrance.prepare()
    told: list[int] = []

    async def stranger(number: int) -> None:
        here, _there = trio.testing.memory_stream_pair()
        with pytest.raises(HandshakeError, match="oldest goes"):
            await entrance.let_in(here, f"10.0.0.9:{number}")
        told.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(STRANGERS_OF_ADDRESS + 2):
            nursery.start_soon(stranger, number)
            await trio.testing.wait_all_tasks_blocked()
        assert told == [0, 1]
        nursery.cancel_scope.cancel()


async def test_of_many_addresses_the_oldest_of_all_makes_room() -> None:
    entrance = Entrance(ROLES, None, HERE)
    await entrance.prepare()
    told: list[int] = []

    async def stranger(number: int) -> None:
        here, _there = trio.testing.memory_stream_pair()
        with pytest.raises(HandshakeError, match="oldest goes"):
            await entrance.let_in(here, f"10.0.0.{number}:4711")
        told.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(STRANGERS + 1):
            nursery.start_soon(stranger, number)
            await trio.testing.wait_all_tasks_blocked()
        assert told == [0]
        nursery.cancel_scope.cancel()


async def test_who_got_in_is_no_stranger_any_more() -> None:
    entrance = Entrance(ROLES, None, HERE)
    await entrance.prepare()
    for number in range(STRANGERS_OF_ADDRESS + 2):
        here, there = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(entrance.let_in, here, f"10.0.0.9:{number}")
            joined = await shake_hands_over(there, {"": WORKERS}, THERE, dialled=True)
        assert joined.terms.peer_label == "home"


async def test_strangers_spend_tokens_and_who_gets_in_has_them_back(mock_clock: object) -> None:
    """Whoever has the wrong secret costs the node more than he who hangs up at once."""
    entrance = Entrance(ROLES, None, HERE)
    await entrance.prepare()
    left: list[float] = []

    async def comes(secret: Secret | None) -> None:
        here, there = trio.testing.memory_stream_pair()
        await entrance.room()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(is_let_in, here)
            if secret is None:
                await there.aclose()
            else:
                nursery.start_soon(knocks, there, secret)
        left.append(entrance.rate.left(trio.current_time()))

    async def is_let_in(stream: Any) -> None:
        with contextlib.suppress(HandshakeError):
            await entrance.let_in(stream, "10.0.0.9:1")

    async def knocks(stream: Any, secret: Secret) -> None:
        with contextlib.suppress(HandshakeError):
            await shake_hands_over(stream, {"": secret}, THERE, dialled=True)

    await comes(WORKERS)
    await comes(None)
    await comes(Secret("the secret of some other network"))
    assert left == [BURST, BURST - 1 - PROOF, BURST - 2 - 2 * PROOF]


async def test_who_hangs_up_is_told_as_a_failed_handshake() -> None:
    entrance = Entrance(ROLES, None, HERE)
    here, there = trio.testing.memory_stream_pair()
    await there.aclose()
    with pytest.raises(HandshakeError, match="hung up"):
        await entrance.let_in(here, "10.0.0.9:1")


async def test_where_nobody_listens_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", free.getsockname()[1])
        with pytest.raises(NetworkError, match="nobody answers at 127.0.0.1:.*is the other"):
            await go_in(address, WORKERS, THERE, plain=True, context=None)


async def test_a_name_that_nobody_knows_is_told() -> None:
    with pytest.raises(NetworkError, match="nobody answers at no.such.host.invalid:5000"):
        await go_in(Address("no.such.host.invalid", 5000), WORKERS, THERE, plain=True, context=None)


async def hung_up_after(count: int) -> HandshakeError:
    """What a client makes of a server that takes so many bytes and hangs up."""
    here, there = trio.testing.memory_stream_pair()
    failed: list[HandshakeError] = []

    async def client() -> None:
        try:
            await shake_hands_over(here, {"": WORKERS}, THERE, dialled=True)
        except HandshakeError as error:
            failed.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(client)
        left = count
        while left:
            left -= len(await there.receive_some(left))
            if count > len(THERE.encode()) and left == count - len(THERE.encode()):
                await there.send_all(HERE.encode())
        await there.aclose()
    return failed[0]


async def test_a_server_that_hangs_up_early_may_be_full_so_it_is_tried_again() -> None:
    error = await hung_up_after(len(THERE.encode()))
    assert "is full" in str(error)
    assert 5 < error.tries < math.inf


async def test_one_that_hangs_up_at_the_proof_most_likely_refuses_it() -> None:
    error = await hung_up_after(len(THERE.encode()) + 32)
    assert "same secret" in str(error)
    assert 1 < error.tries <= 5
