"""A server may call another one while its own caller waits, as long as there is no circle of them."""

from csp import Call, Receiver, Sender, process


@process
async def cache(calls: Receiver[Call[int, int]], slow: Sender[Call[int, int]]) -> None:
    known: dict[int, int] = {}
    while True:
        async with calls.accept() as call:
            if call.request not in known:
                known[call.request] = await slow.call(call.request)
            call.reply(known[call.request])
