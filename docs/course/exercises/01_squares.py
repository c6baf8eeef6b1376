"""Send the square of each number that comes.

    inp --int-->[ squares ]--int--> out

Given 1, 2, 3 it sends 1, 4, 9.  When `inp` has ended it ends.
"""

from csp import Receiver, Sender, process


@process
async def squares(inp: Receiver[int], out: Sender[int]) -> None: ...  # write this
