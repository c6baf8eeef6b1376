"""The extended rendezvous: the sender waits until the block has ended."""

import trio

from csp import Receiver, process


@process
async def printer(jobs: Receiver[int]) -> None:
    while True:
        async with jobs.extended() as pages:
            await trio.sleep(pages)
