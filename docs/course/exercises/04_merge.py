"""Pass on what comes from either input, as it comes.

    left  --str-->[       ]
    right --str-->[ merge ]--str--> out

You do not know which of them sends first, or how often.  When both have ended it ends.
"""

from csp import Alternation, Receiver, Sender, process


@process
async def merge(
    left: Receiver[str], right: Receiver[str], out: Sender[str]
) -> None: ...  # write this
