"""A condition: `inp` counts only while the valve is open."""

from csp import Alternation, Receiver, Sender, process


@process
async def valve(control: Receiver[bool], inp: Receiver[int], out: Sender[int]) -> None:
    is_open = True
    while_open = inp.when(lambda: is_open)
    async for choice in Alternation(control, while_open):
        if control.chosen(choice):
            is_open = choice.value
        elif inp.chosen(choice):
            await out.send(choice.value)
