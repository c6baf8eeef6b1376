"""The sieve of Eratosthenes: one process for each prime, a pipeline that grows.

csp run examples/sieve.py [--arg count=25]
csp run examples/sieve.py --arg retire=no     main keeps an end: a deadlock, and you are told

    [ numbers ]-->[ strain 2 ]-->[ strain 3 ]-->[ strain 5 ]--> ... -->  main

What it teaches: a process network that grows while it runs, as each prime that arrives at its end is the
start of one more process; and how such a network ends.  `numbers` would go on for ever.  When main has its primes
it retires its end; the last `strain` finds nobody to send to and ends, then the one before, back to `numbers`.

Source: M. D. McIlroy; C. A. R. Hoare, Communicating Sequential Processes (1978), 6.1.
"""

from csp import Channel, Receiver, Sender, Spawn, process


@process
async def numbers(out: Sender[int]) -> None:
    number = 2
    while True:
        await out.send(number)
        number += 1


@process
async def strain(prime: int, feed: Receiver[int], out: Sender[int]) -> None:
    async for number in feed:
        if number % prime:
            await out.send(number)


async def main(count: int = 25, retire: bool = True) -> list[int]:
    """The first primes."""
    primes: list[int] = []
    async with Spawn() as spawn:
        first = Channel(int, name="from 2")
        spawn(numbers(first.sender()))
        feed = first.receiver()
        while len(primes) < count:
            prime = await feed.receive()
            primes.append(prime)
            rest = Channel(int, name=f"no multiples of {prime}")
            spawn(strain(prime, feed, rest.sender()))
            feed = rest.receiver()
        if retire:
            feed.retire()
    return primes
