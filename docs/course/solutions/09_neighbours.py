"""Two phases a step: all look, then all change."""

from csp import Member, process


@process
async def cell(index: int, values: list[int], steps: int, phase: Member) -> None:
    for _ in range(steps):
        new = values[index - 1] + values[(index + 1) % len(values)]
        await phase.sync()  # all have looked
        values[index] = new
        await phase.sync()  # all have changed
