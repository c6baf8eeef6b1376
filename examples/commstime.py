"""CommsTime: four processes in a ring; how long does one communication take?

csp run examples/commstime.py [--arg rounds=100000]

Three of the four come from `csp.patterns`; the fourth measures.  `prefix` starts the ring with a 0,
`seq_delta` copies each number to the consumer and to `successor`, which sends the next one back:

    +-->[ prefix(0) ]--a-->[ seq_delta ]--d-->[ consumer ]
    |                            |
    +----c----[ successor ]<--b--+

What it teaches: a ring needs a first value, or it deadlocks; and nobody says when to stop: when the
consumer has had its numbers, `seq_delta` finds nobody to send to, and the others follow.

Source: P. H. Welch, in the benchmarks of occam and JCSP.
"""

import time

from csp import Channel, Receiver, Spawn, process
from csp.patterns import prefix, seq_delta, successor


@process
async def consumer(feed: Receiver[int], rounds: int) -> tuple[int, float]:
    started = time.perf_counter()
    for _ in range(rounds - 1):
        await feed.receive()
    last = await feed.receive()
    return last, (time.perf_counter() - started) / (4 * rounds)


async def measure(rounds: int) -> tuple[int, float]:
    """The last number, and the seconds of one communication."""
    a, b, c, d = (Channel(int, name=name) for name in "abcd")
    async with Spawn() as spawn:
        spawn(prefix(0, c.receiver(), a.sender()))
        spawn(seq_delta(a.receiver(), [d.sender(), b.sender()]))
        spawn(successor(b.receiver(), c.sender()))
        return await spawn(consumer(d.receiver(), rounds))


async def main(rounds: int = 100_000) -> int:
    last, seconds = await measure(rounds)
    print(f"{seconds * 1e6:.2f} microseconds a communication")
    return last
