"""A stack: takes what is pushed at any time, and gives the newest value to whoever pops.

    push --int-->[ stack ]--int--> pop

With nothing on it, it does not offer anything.  When `push` has ended it gives what is left, and ends.
"""

from csp import Alternation, Receiver, Sender, process


@process
async def stack(push: Receiver[int], pop: Sender[int]) -> None:
    items: list[int] = []
    ...  # write this
