"""Let three workers share the work: three values are worked on at the same time.

    inp --int-->[ worker ]--int--> out
        ------->[ worker ]------->
        ------->[ worker ]------->

`worker` takes a second for a value.  Six values take `team` two seconds.  Their order is not asked for.
"""

import trio

from csp import Receiver, Sender, process


@process
async def worker(inp: Receiver[int], out: Sender[int]) -> None:
    async for number in inp:
        await trio.sleep(1)
        await out.send(number * number)


@process
async def team(inp: Receiver[int], out: Sender[int]) -> None: ...  # write this
