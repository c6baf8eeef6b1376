"""Pass on what comes; whenever nothing has come for so many seconds, send "silence".

    inp --str-->[ silence(seconds) ]--str--> out

With 1 second, "a" at once and "b" after 2.5 seconds: it sends "a", "silence", "silence", "b".
When `inp` has ended it ends.
"""

from csp import Alternation, Receiver, Sender, Timeout, process


@process
async def silence(seconds: float, inp: Receiver[str], out: Sender[str]) -> None: ...  # write this
