"""A lift: goes on in its direction while anybody wants it there, and hears its buttons all the time.

csp run examples/lift.py
csp run examples/lift.py --arg impatient=yes     somebody presses again and again

    buttons --floor-->[ lift ]

What it teaches: timers as guards.  While it travels, or stands with its door open, the lift waits for the
clock and for the buttons, whichever comes first.  It waits for a `Deadline`, a point in time: a `Timeout`
starts anew with each selection, so that an impatient passenger could hold a door open for ever.

It starts on floor 0, takes 10 milliseconds for a floor, and 20 at each stop.

Source: D. E. Knuth, The Art of Computer Programming, 2.2.5, whose elevator follows the same rule.
"""

import trio

from csp import Alternation, Channel, Deadline, EndOfChannel, Par, Receiver, Sender, process

TICK = 0.01  # seconds
PRESSED = [(0.0, 3), (1.5, 5), (2.5, 1), (4.5, 2), (15.5, 0)]  # when, in ticks, and which floor


@process
async def press(presses: list[tuple[float, int]], out: Sender[int]) -> None:
    started = trio.current_time()
    for when, floor in presses:
        await trio.sleep_until(started + when * TICK)
        await out.send(floor)


@process
async def lift(buttons: Receiver[int]) -> list[int]:
    """Returns the floors at which it stopped, in order."""
    stops: list[int] = []
    wanted = set[int]()
    here, step = 0, 1

    async def spend(ticks: int) -> None:
        over = Deadline(trio.current_time() + ticks * TICK)
        async for choice in Alternation(buttons, over):
            if not buttons.chosen(choice):
                return
            wanted.add(choice.value)

    while True:
        if not wanted:
            try:
                wanted.add(await buttons.receive())
            except EndOfChannel:
                return stops
        if here in wanted:
            stops.append(here)
            await spend(2)
            wanted.remove(here)  # also if it was pressed while the door was open
        else:
            if not any((floor - here) * step > 0 for floor in wanted):
                step = -step
            await spend(1)
            here += step


async def main(impatient: bool = False) -> list[int]:
    """The floors at which the lift stopped."""
    buttons = Channel(int, name="buttons")
    again = [(3.25 + 0.25 * n, 3) for n in range(6)] if impatient else []  # its door is open there
    stops, _, _ = await Par(
        lift(buttons.receiver()), press(PRESSED, buttons.sender()), press(again, buttons.sender())
    )
    return stops
