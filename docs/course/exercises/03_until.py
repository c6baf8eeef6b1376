"""Pass on what comes, until a negative number comes; that one is not passed on, and all ends.

    inp --int-->[ until_negative ]--int--> out

Whoever sends to `inp` may be endless.  It is told by the end of this process that nobody receives any more.
"""

from csp import Receiver, Sender, process


@process
async def until_negative(inp: Receiver[int], out: Sender[int]) -> None: ...  # write this
