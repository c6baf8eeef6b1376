"""A farm: `workers` servers answer the requests, several at once; the replies come in the order of the requests.

    [ farm ]<--int, int-->[ server ]
            <------------>[ server ]

`await function(request)` returns the reply.  Return the list of the replies.
"""

from collections.abc import Awaitable, Callable

from csp import Call, Channel, Par, Receiver, Sender, process


@process
async def server(
    function: Callable[[int], Awaitable[int]], calls: Receiver[Call[int, int]]
) -> None: ...  # write this


@process
async def ask(requests: list[int], calls: Sender[Call[int, int]]) -> list[int]: ...  # write this


async def farm(
    function: Callable[[int], Awaitable[int]], requests: list[int], workers: int
) -> list[int]: ...  # write this
