"""Send start, start - 1 and so on down to 1, then end.

    [ countdown(start) ]--int--> out

With start 3 it sends 3, 2, 1; with start 0 it sends nothing.
"""

from csp import Sender, process


@process
async def countdown(start: int, out: Sender[int]) -> None: ...  # write this
