"""A `Timeout` restarts at each selection and never drops out, so the loop needs a guard for the end."""

from csp import Alternation, Receiver, Sender, Timeout, process


@process
async def silence(seconds: float, inp: Receiver[str], out: Sender[str]) -> None:
    quiet = Timeout(seconds)
    async for guard, text in Alternation(inp, inp.ended(), quiet):
        if guard is quiet:
            await out.send("silence")
        elif text is None:  # inp has ended
            break
        else:
            await out.send(text)
