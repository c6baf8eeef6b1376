"""Pass on what comes while the valve is open.  It is open at the start.

    control --bool-->[       ]
    inp -----int---->[ valve ]--int--> out

False on `control` closes it, True opens it.  While it is closed nothing is taken from `inp`: nothing is lost,
whoever sends waits.  It ends when both have ended.
"""

from csp import Alternation, Receiver, Sender, process


@process
async def valve(control: Receiver[bool], inp: Receiver[int], out: Sender[int]) -> None:
    is_open = True
    ...  # write this
