"""A ring of cells: in each step every cell becomes the sum of its two neighbours.

    ... [ cell 0 ][ cell 1 ][ cell 2 ] ... and around to cell 0

All cells share the list `values`; cell `index` writes `values[index]` only.  Nobody may change a value before all
have looked at it: that is what `phase` is for.
"""

from csp import Member, process


@process
async def cell(index: int, values: list[int], steps: int, phase: Member) -> None: ...  # write this
