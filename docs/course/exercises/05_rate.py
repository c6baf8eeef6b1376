"""Every second, send how many values have come in that second.

    inp --int-->[ rate ]--int--> out

Values after 0.1, 0.2, 0.3 and 1.5 seconds: it sends 3, then 1.  When `inp` has ended it ends, and what came
in a second that is not over is not sent.
"""

from csp import Alternation, Every, Receiver, Sender, process


@process
async def rate(inp: Receiver[int], out: Sender[int]) -> None:
    count = 0
    ...  # write this
