"""The coordinator of a two-phase commit: all commit, or none does, also if somebody crashes.

    [ coordinator ]--orders--> participants      "prepare", then "commit" or "abort"
    [             ]<--votes---                   True or False

Send "prepare" to all and hear all votes.  The decision is "commit" if all have voted True, else "abort"; a
participant that has crashed (`Abandoned`) counts as a no.  Send the decision to all that are still there (else:
`ChannelEnded`), and return it.
"""

from csp import Abandoned, ChannelEnded, Receiver, Sender, process


@process
async def coordinator(
    orders: list[Sender[str]], votes: list[Receiver[bool]]
) -> str: ...  # write this
