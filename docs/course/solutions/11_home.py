"""What is shared is a receiver; what is sent to the channel goes to whoever has asked for it."""

from csp import Channel
from netchannels import Node


async def home(node: Node, last: int) -> None:
    numbers = Channel(int, name="numbers")
    node.share("numbers", numbers.receiver())
    with numbers.sender() as out:
        for number in range(1, last + 1):
            await out.send(number)
