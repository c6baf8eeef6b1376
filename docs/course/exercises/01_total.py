"""Add up all numbers that come, and return the sum when there are no more.

    inp --int-->[ total ]

Given 1, 2, 3 it returns 6; given nothing, 0.
"""

from csp import Receiver, process


@process
async def total(inp: Receiver[int]) -> int: ...  # write this
