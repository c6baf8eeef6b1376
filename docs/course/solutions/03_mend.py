"""`network` kept a sender for itself, so that the channel never ended.  Now the one sender goes to `count_to`."""

from csp import Channel, Par, Receiver, Sender, process


@process
async def count_to(last: int, out: Sender[int]) -> None:
    for number in range(1, last + 1):
        await out.send(number)


@process
async def total(inp: Receiver[int]) -> int:
    return sum([number async for number in inp])


async def network(last: int) -> int:
    numbers = Channel(int, name="numbers")
    _, result = await Par(count_to(last, numbers.sender()), total(numbers.receiver()))
    return result
