"""An alternation waits for both; a guard whose channel has ended drops out."""

from csp import Alternation, Receiver, Sender, process


@process
async def merge(left: Receiver[str], right: Receiver[str], out: Sender[str]) -> None:
    async for _, text in Alternation(left, right):
        await out.send(text)
