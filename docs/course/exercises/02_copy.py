"""Send each value to both outputs, whichever of them is received from first.

    inp --int-->[ copy ]--int--> left
                [      ]--int--> right

You do not know in which order the others receive.  When `inp` has ended it ends.
"""

from csp import Par, Receiver, Sender, process


@process
async def copy(inp: Receiver[int], left: Sender[int], right: Sender[int]) -> None: ...  # write this
