"""Who has crashed abandons its ends, and the coordinator is told: that is a no, not a crash of its own."""

from csp import Abandoned, ChannelEnded, Receiver, Sender, process


@process
async def coordinator(orders: list[Sender[str]], votes: list[Receiver[bool]]) -> str:
    for order in orders:
        await order.send("prepare")
    decision = "commit"
    for vote in votes:
        try:
            agreed = await vote.receive()
        except Abandoned:
            agreed = False
        if not agreed:
            decision = "abort"
    for order in orders:
        try:
            await order.send(decision)
        except ChannelEnded:  # it is no longer there, and needs not be told
            continue
    return decision
