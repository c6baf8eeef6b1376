"""Dining philosophers: five forks, five philosophers, each needs two forks.

csp run examples/dining.py                     deadlocks, and you are told who waits for whom
csp run examples/dining.py --arg cure=yes      a butler seats four at a time
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
async def butler(seats: int, enter: Receiver[str], leave: Receiver[str]) -> None:
    seated = 0
    free = enter.when(lambda: seated < seats)
    async for side, _ in Alternation(free, leave):
        seated += 1 if side is enter else -1


async def main(cure: bool = False, meals: int = 3) -> int:
    people = 5
    lefts = [Channel(str, name=f"left of {i}") for i in range(people)]
    rights = [Channel(str, name=f"right of {i}") for i in range(people)]
    enter, leave = Channel(str, name="enter"), Channel(str, name="leave")
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
                    meals, lefts[i].sender(), rights[i].sender(), enter.sender(), leave.sender()
                ).named(f"philosopher {i}")
                for i in range(people)
            )
        ),
        butler(people - 1 if cure else people, enter.receiver(), leave.receiver()),
    )
    return sum(values[1])
