"""A receiver from elsewhere is a receiver: it serves calls as any other."""

from csp import Call
from netchannels import Node


async def worker(node: Node) -> None:
    with await node.receiver("square", Call[int, int], wait=5) as calls:
        await calls.serve(lambda number: number * number)
