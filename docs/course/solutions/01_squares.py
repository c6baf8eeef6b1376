"""`async for` takes number after number, and ends with the channel."""

from csp import Receiver, Sender, process


@process
async def squares(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await out.send(number * number)
