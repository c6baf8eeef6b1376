"""Dining philosophers: five forks, five philosophers, each needs two forks.

csp run examples/dining.py                            deadlocks, and you are told who waits for whom
csp run examples/dining.py --arg cure=footman         a footman seats four at a time
csp run examples/dining.py --arg cure=left-handed     one of them takes the other fork first

    fork 0 <--left-- philosopher 0 --right--> fork 4
    fork 1 <--left-- philosopher 1 --right--> fork 0      and so on, round the table

What it teaches: a ring of processes, each of which has one thing and waits for the next, waits for ever; and
two ways to break the ring.  A footman leaves one seat empty, so somebody always gets both forks: one process
more, which all have to ask.  A left-handed philosopher takes his forks in the other order: he never
holds the one that his neighbour waits for while he waits himself, and nobody has to be asked.

Without a cure the footman is there too, but seats all five.

Source: E. W. Dijkstra, Hierarchical Ordering of Sequential Processes (1971); C. A. R. Hoare, Communicating
Sequential Processes (1985), 2.5, has the footman (by C. S. Scholten).
"""

import trio

from csp import Alternation, Channel, Par, Receiver, Sender, process


@process
async def fork(left: Receiver[str], right: Receiver[str]) -> None:
    async for side, _ in Alternation(left, right):
        await side.receive()  # put back by the one who took it


@process
async def philosopher(
    meals: int, first: Sender[str], second: Sender[str], enter: Sender[str], leave: Sender[str]
) -> int:
    for _ in range(meals):
        await enter.send("please")
        await first.send("take")
        await trio.sleep(0.01)  # reaches for the other: long enough for all to hold one
        await second.send("take")
        await first.send("put back")
        await second.send("put back")
        await leave.send("thanks")
    return meals


@process
async def footman(seats: int, enter: Receiver[str], leave: Receiver[str]) -> None:
    seated = 0
    free = enter.when(lambda: seated < seats)
    async for side, _ in Alternation(free, leave):
        seated += 1 if side is enter else -1


CURES = ("none", "footman", "left-handed")


async def main(cure: str = "none", meals: int = 3) -> int:
    """How many meals were eaten."""
    if cure not in CURES:
        raise ValueError(f"cure is one of {', '.join(CURES)}, not {cure}")
    people = 5
    lefts = [Channel(str, name=f"left of {i}") for i in range(people)]
    rights = [Channel(str, name=f"right of {i}") for i in range(people)]
    enter, leave = Channel(str, name="enter"), Channel(str, name="leave")
    in_order = [(lefts[i], rights[i]) for i in range(people)]
    if cure == "left-handed":
        in_order[0] = (rights[0], lefts[0])
    values = await Par(
        Par(
            *(
                fork(lefts[i].receiver(), rights[(i + 1) % people].receiver()).named(f"fork {i}")
                for i in range(people)
            )
        ),
        Par(
            *(
                philosopher(
                    meals, first.sender(), second.sender(), enter.sender(), leave.sender()
                ).named(f"philosopher {i}")
                for i, (first, second) in enumerate(in_order)
            )
        ),
        footman(people - 1 if cure == "footman" else people, enter.receiver(), leave.receiver()),
    )
    return sum(values[1])
