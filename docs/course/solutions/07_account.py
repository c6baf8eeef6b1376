"""An error in the block of `accept` goes to the caller; the server goes on with the next call."""

from csp import Call, Receiver, process


@process
async def account(calls: Receiver[Call[int, int]]) -> None:
    balance = 0
    while True:
        async with calls.accept() as call:
            if balance + call.request < 0:
                raise ValueError("not enough")
            balance += call.request
            call.reply(balance)
