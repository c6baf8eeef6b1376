"""Both run side by side; the ends go to the processes that use them."""

from csp import Channel, Par, Receiver, Sender, process


@process
async def double(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await out.send(2 * number)


@process
async def increment(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await out.send(number + 1)


@process
async def chain(inp: Receiver[int], out: Sender[int]) -> None:
    middle = Channel(int, name="middle")
    await Par(double(inp, middle.sender()), increment(middle.receiver(), out))
