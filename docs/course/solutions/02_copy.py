"""`Par` of two operations is done when both are done, in whatever order."""

from csp import Par, Receiver, Sender, process


@process
async def copy(inp: Receiver[int], left: Sender[int], right: Sender[int]) -> None:
    async for value in inp:
        await Par(left.send(value), right.send(value))
