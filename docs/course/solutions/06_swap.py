"""Send and receive side by side: neither has to come first."""

from csp import Par, Receiver, Sender, process


@process
async def trader(goods: str, out: Sender[str], inp: Receiver[str]) -> str:
    _, got = await Par(out.send(goods), inp.receive())
    return got
