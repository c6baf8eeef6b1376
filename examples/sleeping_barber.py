"""The sleeping barber: one barber, a few chairs, customers who come when they like.

csp run examples/sleeping_barber.py [--arg chairs=2]

    customer ----->[        ]
    customer ----->[ barber ]          in an extended rendezvous, one at a time
    customer ----->[        ]

What it teaches: the extended rendezvous.  A customer's `send` returns when the haircut is finished, not when
it begins; so nobody has to tell him.  A barber without customers waits in his own loop: that is his sleep.
The line of waiting customers is the line of senders of the channel, and who finds it too long goes away.

Customers come every 10 milliseconds, a haircut takes 27.

Source: E. W. Dijkstra, Cooperating Sequential Processes (1965).
"""

import trio

from csp import Channel, Par, Receiver, Sender, process

TICK = 0.01  # seconds


@process
async def barber(shop: Receiver[int]) -> list[int]:
    """Returns whose hair was cut, in order."""
    served: list[int] = []
    while True:
        try:
            async with shop.extended() as customer:
                await trio.sleep(2.7 * TICK)
                served.append(customer)
        except trio.EndOfChannel:  # the street is empty
            return served


@process
async def customer(number: int, chairs: int, shop: Sender[int]) -> bool:
    """Returns whether his hair was cut."""
    await trio.sleep(number * TICK)
    seen = shop.statistics()
    barber_sleeps = seen.tasks_waiting_receive > 0
    if not barber_sleeps and seen.tasks_waiting_send >= chairs:
        return False
    await shop.send(number)
    return True


async def main(customers: int = 10, chairs: int = 2) -> list[int]:
    """Whose hair was cut."""
    shop = Channel(int, name="shop")
    served, cut = await Par(
        barber(shop.receiver()),
        Par(*(customer(number, chairs, shop.sender()) for number in range(customers))),
    )
    assert served == [number for number in range(customers) if cut[number]]
    return served
