"""A bounded buffer: takes while it has room, gives while it has something.

csp run examples/bounded_buffer.py
csp run examples/bounded_buffer.py --arg conditions=no     gives what it has not, and you are told

    [ producer ]--put-->[ buffer(size) ]--get-->[ consumer ]

What it teaches: an alternation waits for both sides at once, an input guard and an output guard; a
condition says when a guard counts.  `get.offer(items.popleft)` takes an item out only when a consumer is
there to have it.  When the producer has ended the guard `put` drops out, and when the last item is gone no
guard is left: the loop ends by itself.

(`Channel(int, buffer=3)` is a channel with such a buffer inside.)

Source: E. W. Dijkstra's producer and consumer; C. A. R. Hoare, Communicating Sequential Processes (1978), 5.1.
"""

from collections import deque

from csp import Alternation, Channel, Par, Receiver, Sender, process
from csp.patterns import collect, emit


@process
async def buffer(size: int, put: Receiver[int], get: Sender[int]) -> int:
    """Returns how full it was at most."""
    items, fullest = deque[int](), 0
    has_room = put.when(lambda: len(items) < size)
    has_some = get.offer(items.popleft).when(lambda: items)
    async for end, item in Alternation(has_room, has_some):
        if end is put:
            items.append(item)
            fullest = max(fullest, len(items))
    return fullest


@process
async def careless_buffer(size: int, put: Receiver[int], get: Sender[int]) -> int:
    """Has forgotten the conditions."""
    items = deque[int]()
    async for end, item in Alternation(put, get.offer(items.popleft)):
        if end is put:
            items.append(item)
    return size


async def main(count: int = 10, size: int = 3, conditions: bool = True) -> list[int]:
    """What the consumer got."""
    put, get = Channel(int, name="put"), Channel(int, name="get")
    make = buffer if conditions else careless_buffer
    _, fullest, got = await Par(
        emit(range(count), put.sender()),
        make(size, put.receiver(), get.sender()),
        collect(get.receiver()),
    )
    assert fullest <= size
    return got
