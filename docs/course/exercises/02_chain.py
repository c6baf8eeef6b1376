"""Wire two processes into one: first `double`, then `increment`.

    inp --int-->[ double ]--middle-->[ increment ]--int--> out

Given 1, 2, 3 it sends 3, 5, 7.  `chain` needs a channel of its own; it does not send or receive itself.
"""

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
async def chain(inp: Receiver[int], out: Sender[int]) -> None: ...  # write this
