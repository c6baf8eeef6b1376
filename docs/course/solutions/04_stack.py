"""An output guard with a condition: `items.pop` is called only when somebody is there to take the value."""

from csp import Alternation, Receiver, Sender, process


@process
async def stack(push: Receiver[int], pop: Sender[int]) -> None:
    items: list[int] = []
    newest = pop.offer(items.pop).when(lambda: items)
    async for end, value in Alternation(push, newest):
        if end is push:
            items.append(value)
