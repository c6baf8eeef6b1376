"""The servers share the receiver of one channel of calls; `map` asks many of them and keeps the order."""

from collections.abc import Awaitable, Callable

from csp import Call, Channel, Par, Receiver, Sender, process


@process
async def server(
    function: Callable[[int], Awaitable[int]], calls: Receiver[Call[int, int]]
) -> None:
    await calls.serve(function)


@process
async def ask(requests: list[int], calls: Sender[Call[int, int]]) -> list[int]:
    return [reply async for reply in calls.map(requests)]


async def farm(
    function: Callable[[int], Awaitable[int]], requests: list[int], workers: int
) -> list[int]:
    calls = Channel(Call[int, int], name="calls")
    _, replies = await Par(
        workers * server(function, calls.receiver()), ask(requests, calls.sender())
    )
    return replies
