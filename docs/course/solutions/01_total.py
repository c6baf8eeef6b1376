"""A process may return a value: `await` and `Par` hand it on."""

from csp import Receiver, process


@process
async def total(inp: Receiver[int]) -> int:
    result = 0
    async for number in inp:
        result += number
    return result
