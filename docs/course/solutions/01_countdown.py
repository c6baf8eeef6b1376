"""When the function returns its end of `out` retires: whoever receives sees the end of the channel."""

from csp import Sender, process


@process
async def countdown(start: int, out: Sender[int]) -> None:
    for number in range(start, 0, -1):
        await out.send(number)
