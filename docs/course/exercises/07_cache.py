"""Answer requests from memory where you can; ask the slow server only for what is new.

    caller <--int, int-->[ cache ]<--int, int-->[ slow server ]

For the caller it is a server, for the slow server a caller.
"""

from csp import Call, Receiver, Sender, process


@process
async def cache(calls: Receiver[Call[int, int]], slow: Sender[Call[int, int]]) -> None:
    known: dict[int, int] = {}
    ...  # write this
