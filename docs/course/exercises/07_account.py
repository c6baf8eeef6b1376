"""A bank account: a request is an amount to pay in, or to pay out if it is negative; the reply is the balance.

    caller <--int, int-->[ account ]

It begins with 0.  If there is not enough for a payment it raises ValueError("not enough"): the caller gets
CallFailed, the balance stays, and the account goes on.
"""

from csp import Call, Receiver, process


@process
async def account(calls: Receiver[Call[int, int]]) -> None:
    balance = 0
    ...  # write this
