"""The sieve of Eratosthenes: one process for each prime, a pipeline that grows.

csp run examples/sieve.py [--arg count=25]
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


async def main(count: int = 25) -> list[int]:
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
        feed.retire()
    return primes
