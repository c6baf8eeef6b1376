"""Hillis and Steele's scan: as many rounds as the length has binary digits, each with two phases."""

from csp import Member, process


@process
async def adder(index: int, values: list[int], phase: Member) -> None:
    distance = 1
    while distance < len(values):
        more = values[index - distance] if index >= distance else 0
        await phase.sync()
        values[index] += more
        await phase.sync()
        distance *= 2
