"""What counts is the bit that is expected next; confirmed is everything."""

from csp import Receiver, Sender, process


@process
async def receiver(packets: Receiver[tuple[int, str]], acks: Sender[int], out: Sender[str]) -> None:
    expected = 0
    async for bit, text in packets:
        if bit == expected:
            await out.send(text)
            expected = 1 - expected
        await acks.send(bit)
