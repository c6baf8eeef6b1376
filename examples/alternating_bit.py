"""The alternating bit protocol: all values, once and in order, over lines that lose and double.

csp run examples/alternating_bit.py [--arg loss=0.4] [--arg seed=1]
csp run examples/alternating_bit.py --arg bit=no      without the bit letters arrive more than once

    [        ]--packet-->[ line ]--packet-->[          ]
    [ sender ]                              [ receiver ]--> values
    [        ]<--bit-----[ line ]<--bit-----[          ]

What it teaches: a protocol, and why each of its parts is there.  What may be lost is sent again after a while
(a `Timeout`); what is sent again may arrive twice, so packets carry a bit that tells a new one from an old
one; and what is confirmed carries that bit as well, or a late confirmation would count for the next value.

The sender waits for three things at once: that a bit comes back, that the line takes the packet, that time
is up.  If it only sent, then only waited for the bit, both lines could be full, and all four would wait.

Source: K. A. Bartlett, R. A. Scantlebury and P. T. Wilkinson, A Note on Reliable Full-Duplex Transmission over
Half-Duplex Links (1969).
"""

import contextlib
import random
from dataclasses import dataclass
from typing import TypeVar

from csp import Alternation, Channel, NoReceivers, Par, Receiver, Sender, Timeout, process

PATIENCE = 0.01  # seconds
T = TypeVar("T")


@dataclass(frozen=True)
class Packet:
    bit: bool
    value: str


@process
async def sender(text: str, packets: Sender[Packet], bits: Receiver[bool]) -> int:
    """Returns how many packets it took."""
    count = 0
    for number, value in enumerate(text):
        count += await deliver(Packet(number % 2 == 1, value), packets, bits)
    return count


async def deliver(packet: Packet, packets: Sender[Packet], bits: Receiver[bool]) -> int:
    """Send a packet until it is confirmed; returns how often."""
    count, due = 0, True
    again = Timeout(PATIENCE)
    send = packets.offer(lambda: packet).when(lambda: due)
    async for guard, bit in Alternation(bits, send, again):
        if guard is packets:
            count, due = count + 1, False
        elif guard is again:
            due = True
        elif bit == packet.bit:
            break
    return count


@process
async def receiver(check: bool, packets: Receiver[Packet], bits: Sender[bool]) -> str:
    """Returns the text."""
    values: list[str] = []
    expected = False
    with contextlib.suppress(NoReceivers):  # the sender has all its confirmations, and is gone
        async for packet in packets:
            if packet.bit == expected or not check:
                values.append(packet.value)
                expected = not expected
            await bits.send(packet.bit)
    return "".join(values)


@process
async def line(loss: float, seed: int, inp: Receiver[T], out: Sender[T]) -> None:
    """Loses some, doubles some."""
    dice = random.Random(seed)
    async for value in inp:
        for _ in range(dice.choices([0, 1, 2], [loss, 0.9 - loss, 0.1])[0]):
            await out.send(value)


async def main(
    text: str = "the quick brown fox", loss: float = 0.4, seed: int = 1, bit: bool = True
) -> str:
    """The text as it arrived."""
    sent, arrived = Channel(Packet, name="sent"), Channel(Packet, name="arrived")
    confirmed, heard = Channel(bool, name="confirmed"), Channel(bool, name="heard")
    count, _, _, received = await Par(
        sender(text, sent.sender(), heard.receiver()),
        line(loss, seed, sent.receiver(), arrived.sender()),
        line(loss, seed + 1, confirmed.receiver(), heard.sender()),
        receiver(bit, arrived.receiver(), confirmed.sender()),
    )
    print(f"{count} packets for {len(text)} letters")
    return received
