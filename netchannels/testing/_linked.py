"""Two nodes in one program, for tests: a link without a network, with or without faults."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from netchannels import Node, Secret, over

from ._faults import FaultyStream, faulty_pair

SECRET = Secret("the secret of nodes that are linked for a test")


@asynccontextmanager
async def linked(
    streams: tuple[FaultyStream, FaultyStream] | None = None, **options: Any
) -> AsyncGenerator[tuple[Node, Node]]:
    """Two nodes, `home` and `there`, joined by a link in memory: `async with linked() as (a, b):`.

    `streams` is what they are joined by, `faulty_pair()` if not given; `options` are those of
    `netchannels.serve` for both.  A test clock works: nothing leaves the program.

    >>> import trio
    >>> async def main() -> None:
    ...     async with linked() as (home, there):
    ...         print(home.label, there.label)
    >>> trio.run(main)
    home there
    """
    SECRET._derived()  # here, not in a thread: a test clock would run on meanwhile
    here, far = streams or faulty_pair()
    there = over(far, dialled=True, secret=SECRET, label="there", **options)
    home = over(here, dialled=False, secret=SECRET, label="home", **options)
    ready, done = trio.Event(), trio.Event()
    nodes: list[Node] = []

    async def other() -> None:
        async with there as node:
            nodes.append(node)
            ready.set()
            await done.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        try:
            async with home as node:
                await ready.wait()
                yield node, nodes[0]
                done.set()
        finally:
            done.set()
