"""Ends of channels that other programs share have the element type that was asked for."""

from typing import assert_type

import netchannels
from csp import Call, Channel, Receiver, Sender
from netchannels import Node, NodeEvent, NodeStatus


async def receiving(node: Node) -> None:
    numbers = await node.receiver("numbers", int)
    assert_type(numbers, Receiver[int])
    assert_type(await numbers.receive(), int)
    wide: Receiver[float] = numbers
    await wide.receive()
    text: Receiver[str] = numbers  # refused
    await text.receive()


async def sending(node: Node) -> None:
    numbers = await node.sender("numbers", int, peer="ant", wait=5)
    assert_type(numbers, Sender[int])
    await numbers.send(1)
    await numbers.send("one")  # refused


async def calling(node: Node) -> None:
    square = await node.sender("square", Call[int, str])
    assert_type(square, Sender[Call[int, str]])
    assert_type(await square.call(2), str)
    await square.call("2")  # refused


async def serving(node: Node) -> None:
    square = await node.receiver("square", Call[int, str])
    await square.serve(str)
    await square.serve(len)  # refused


async def options(node: Node) -> None:
    await node.receiver("numbers", int, prefetch=16)
    await node.sender("numbers", int, prefetch=16)  # refused
    await node.receiver("numbers", int, "ant")  # refused


def sharing(node: Node, numbers: Channel[int]) -> None:
    node.share("numbers", numbers.receiver(), until="jobs", allow={"worker"})
    node.share("numbers", numbers.sender())
    node.share("numbers", numbers)  # refused
    node.unshare("numbers")


async def watching(node: Node) -> None:
    assert_type(node.status(), NodeStatus)
    assert_type(await node.status_of("ant"), NodeStatus)
    assert_type(await node.names(), dict[str, str])
    async for event in node.events():
        assert_type(event, NodeEvent)
        match event:
            case netchannels.PeerLost():
                assert_type(event.why, str)
            case _:
                event.why  # refused


async def joining(address: str) -> None:
    async with netchannels.serve(secret="a secret for everybody") as home:
        assert_type(home, Node)
    async with netchannels.connect(address, secret="a secret for everybody") as node:
        assert_type(node, Node)
    async for again in netchannels.connect(address, secret="a secret for everybody"):
        async with again:
            assert_type(await again.receiver("numbers", int), Receiver[int])
    netchannels.serve()  # refused
    netchannels.connect(address, secret=17)  # refused
