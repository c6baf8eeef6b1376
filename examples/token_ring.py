"""A token ring: who has the token may use what only one may use.

csp run examples/token_ring.py                     everybody in turn
csp run examples/token_ring.py --arg token=no      nobody ever has it: a deadlock, and you are told

    +-->[ station 0 ]-->[ station 1 ]-->[ station 2 ]--+
    |                                                  |
    +--------------------------------------------------+

What it teaches: mutual exclusion without a lock, for a message is in one place at a time; and how a ring
ends.  The station that has the last turn keeps the token and ends.  Its neighbour then waits for somebody
who has gone, and ends too, and so around.  A ring needs a first message from outside: without it all wait.

Source: G. Le Lann, Distributed Systems: Towards a Formal Approach (1977); the token rings of PyCSP's examples.
"""

from csp import Channel, Par, Receiver, Sender, process
from csp.patterns import collect, emit


@process
async def station(
    number: int, token: Receiver[int], neighbour: Sender[int], use: Sender[int]
) -> None:
    """The token says how many turns there are left."""
    async for turns in token:
        await use.send(number)  # nobody else is here now
        if turns == 1:
            break
        await neighbour.send(turns - 1)


async def main(stations: int = 3, rounds: int = 2, token: bool = True) -> list[int]:
    """Who used it, in order."""
    ring = [Channel(int, name=f"to {number}") for number in range(stations)]
    used = Channel(int, name="used")
    running = [
        station(n, ring[n].receiver(), ring[(n + 1) % stations].sender(), used.sender()).named(
            f"station {n}"
        )
        for n in range(stations)
    ]
    first = emit([stations * rounds] if token else [], ring[0].sender())
    return (await Par(Par(*running), first, collect(used.receiver())))[2]
