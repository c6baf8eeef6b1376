"""Leader election: equal nodes in a ring agree on one of them.

csp run examples/leader_election.py [--arg nodes=7] [--arg seed=1]
csp run examples/leader_election.py --arg buffer=0        all send, nobody receives: a deadlock

    +-->[ node 4 ]-->[ node 0 ]-->[ node 6 ]-->[ node 2 ]--+
    |                                                      |
    +------------------------------------------------------+

What it teaches: a distributed algorithm, in which nobody sees more than what a neighbour sends.  Each node
proposes itself.  A node passes on proposals that are higher than itself and drops those that are lower; so
only the highest one comes all the way round, and its node tells the others.  Since all begin by sending
there must be room for one message on each way, or no node ever comes to receive.

Source: E. Chang and R. Roberts, An Improved Algorithm for Decentralized Extrema-Finding (1979).
"""

import random
from typing import NamedTuple

from csp import Channel, Par, Receiver, Sender, process


class Message(NamedTuple):
    elected: bool  # else it is a proposal
    node: int


@process
async def node(own: int, inp: Receiver[Message], out: Sender[Message]) -> tuple[int, int]:
    """Returns the leader, and how many messages this node has sent."""
    sent = 1
    await out.send(Message(False, own))
    while True:
        message = await inp.receive()
        if message == (True, own):
            return own, sent  # everybody knows
        if message == (False, own):
            message = Message(True, own)
        if message.elected or message.node >= own:
            await out.send(message)
            sent += 1
        if message.elected and message.node != own:
            return message.node, sent


async def main(nodes: int = 7, seed: int = 1, buffer: int = 1) -> tuple[int, int]:
    """The leader, and the number of messages it took."""
    ring = random.Random(seed).sample(range(nodes), nodes)
    ways = [Channel(Message, name=f"to {own}", buffer=buffer) for own in ring]
    results = await Par(
        *(
            node(own, ways[i].receiver(), ways[(i + 1) % nodes].sender()).named(f"node {own}")
            for i, own in enumerate(ring)
        )
    )
    leaders = {leader for leader, _ in results}
    assert len(leaders) == 1, "they do not agree"
    return leaders.pop(), sum(sent for _, sent in results)
