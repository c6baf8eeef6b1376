"""A program that misbehaves: `python -m benchmarks.peers.troublemaker WHAT ADDRESS`, until it is killed.

It prints 1 once it is at work.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable

import trio

import netchannels

AT_ONCE = 8  # of those that do the same again and again
ASIDE = 2_000  # idle connections


async def _dial(address: str) -> trio.SocketStream:
    host, _, port = address.rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


async def _say(address: str, data: bytes) -> None:
    """Say something, and wait until the other side hangs up."""
    try:
        async with await _dial(address) as stream:
            await stream.send_all(data)
            while await stream.receive_some():
                pass
    except (trio.BrokenResourceError, OSError):
        return


async def idle(address: str) -> None:
    """Keep connections open that say nothing; one that was closed is opened again."""
    limit = trio.CapacityLimiter(ASIDE // AT_ONCE)
    async with trio.open_nursery() as nursery:

        async def keep() -> None:
            async with limit:
                await _say(address, b"")

        while True:
            async with limit:
                nursery.start_soon(keep)
            await trio.sleep(0.001)


async def slow(address: str) -> None:
    """A byte a second."""
    try:
        async with await _dial(address) as stream:
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03":
                await stream.send_all(bytes((byte,)))
                await trio.sleep(1)
    except (trio.BrokenResourceError, OSError):
        return


async def noise(address: str) -> None:
    """Bytes that mean nothing."""
    await _say(address, os.urandom(10_000))


async def page(address: str) -> None:
    """What a browser says."""
    await _say(address, b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n")


async def secret(address: str) -> None:
    """Somebody with the secret of another network."""
    try:
        async with netchannels.connect(address, secret=ANOTHER):
            return
    except netchannels.NetworkError:
        return


ANOTHER = netchannels.Secret("the secret of some other network")
STRANGERS: dict[str, Callable[[str], Awaitable[None]]] = {
    each.__name__: each for each in (idle, slow, noise, secret, page)
}


async def main(what: str, address: str) -> None:
    """Misbehave until somebody kills this program."""

    async def again() -> None:
        while True:
            await STRANGERS[what](address)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(again)
        await trio.sleep(0.5)
        print(1, flush=True)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
