"""A garage with so many places: a car comes in only while there is a free one, and leaves at any time.

    cars --enter-->[ garage(places) ]
    cars --leave-->[                ]

When both channels have ended it ends, and returns how many cars were in it at most.
"""

from csp import Alternation, Receiver, process


@process
async def garage(places: int, enter: Receiver[str], leave: Receiver[str]) -> int:
    cars, most = 0, 0
    ...  # write this
    return most
