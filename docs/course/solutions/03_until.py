"""The process ends, its ends retire, and the endless one before it gets NoReceivers, which ends it quietly."""

from csp import Receiver, Sender, process


@process
async def until_negative(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        if number < 0:
            break
        await out.send(number)
