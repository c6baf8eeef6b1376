"""`Every` fires once a second, whatever else happens; a `Timeout` would start anew with each value."""

from csp import Alternation, Every, Receiver, Sender, process


@process
async def rate(inp: Receiver[int], out: Sender[int]) -> None:
    count = 0
    second = Every(1)
    async for guard, value in Alternation(inp, inp.ended(), second):
        if guard is second:
            await out.send(count)
            count = 0
        elif value is None:  # inp has ended
            break
        else:
            count += 1
