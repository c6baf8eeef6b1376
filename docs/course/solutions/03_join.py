"""The end of a channel ends a loop, not the process: it goes on with the next one."""

from csp import Receiver, Sender, process


@process
async def join(first: Receiver[str], second: Receiver[str], out: Sender[str]) -> None:
    async for text in first:
        await out.send(text)
    async for text in second:
        await out.send(text)
