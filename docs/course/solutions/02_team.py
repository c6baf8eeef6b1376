"""`3 * worker(...)` is three copies side by side; the ends are cloned for them."""

import trio

from csp import Receiver, Sender, process


@process
async def worker(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await trio.sleep(1)
        await out.send(number * number)


@process
async def team(inp: Receiver[int], out: Sender[int]) -> None:
    await (3 * worker(inp, out))
