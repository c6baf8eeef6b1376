"""Running totals with a process for each value: [1, 2, 3, 4] becomes [1, 3, 6, 10], in few rounds.

In the first round each adder adds the value 1 place to the left of its own to it, if there is one, in the next
the one 2 places to the left, then 4 and so on while there are so many places.  All adders go through all
rounds, also those that have nothing to add.
"""

from csp import Member, process


@process
async def adder(index: int, values: list[int], phase: Member) -> None: ...  # write this
