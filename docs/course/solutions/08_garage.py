"""The rule of the shared thing is a condition; the count belongs to one process, so it needs no lock."""

from csp import Alternation, Receiver, process


@process
async def garage(places: int, enter: Receiver[str], leave: Receiver[str]) -> int:
    cars, most = 0, 0
    has_room = enter.when(lambda: cars < places)
    async for end, _ in Alternation(has_room, leave):
        cars += 1 if end is enter else -1
        most = max(most, cars)
    return most
