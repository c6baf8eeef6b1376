"""A fair selection over guards that are all ready: seconds of one, with the refill of its channel.

Every channel holds one value; what a selection takes is put back, so all guards stay ready.
"""

from __future__ import annotations

import time

import csp
from csp import Alternation, Channel, Receiver, Sender, process

from . import go
from .measure import Candidate


@process
async def select(feeds: list[Receiver[int]], outs: list[Sender[int]], rounds: int) -> float:
    alternation = Alternation(*feeds)
    refill = dict(zip(feeds, outs, strict=True))
    for out in outs:
        await out.send(1)
    for _ in feeds:
        choice = await alternation.select()
        await refill[choice.guard].send(1)
    started = time.perf_counter()
    for _ in range(rounds):
        choice = await alternation.select()
        await refill[choice.guard].send(1)
    return (time.perf_counter() - started) / rounds


async def network(guards: int, rounds: int) -> float:
    """One process that holds both ends of all channels."""
    channels = [Channel(int, name=f"c{i}", buffer=1) for i in range(guards)]
    return await select(
        [channel.receiver() for channel in channels],
        [channel.sender() for channel in channels],
        rounds,
    )


def candidates(rounds: int) -> dict[str, Candidate]:
    """csp over 10 and 100 guards, Go over 100."""
    return {
        "csp, 10 guards": lambda: csp.run(network, 10, rounds),
        "csp, 100 guards": lambda: csp.run(network, 100, rounds),
        "Go reflect.Select, 100 guards": lambda: go.measure("selection.go", 100, rounds),
    }
