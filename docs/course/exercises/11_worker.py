"""A worker: ask for the calls that another program shares as "square", and answer them until there are no more.

    [ worker ]<==link==-- square: int, int -- somebody elsewhere

The reply to a request is its square.  The name may come later than the worker: wait up to 5 seconds for it.
"""

from csp import Call
from netchannels import Node


async def worker(node: Node) -> None: ...  # write this
