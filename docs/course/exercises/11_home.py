"""A home: share a channel of numbers with another program, and send 1, 2 and so on up to `last`.

    [ home ]--int-- numbers ==link==> somebody elsewhere

The name under which it is found is "numbers".  Behind the last number the channel ends.
"""

from csp import Channel
from netchannels import Node


async def home(node: Node, last: int) -> None: ...  # write this
