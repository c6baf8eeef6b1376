"""A crossed exchange: two processes give each other a value.

csp run examples/exchange.py                           both send and receive side by side
csp run examples/exchange.py --arg side_by_side=no     both send first: a deadlock, and you are told

    [ trader ]--there-->[ trader ]
    [        ]<--back---[        ]

What it teaches: a send waits for its receiver.  Two processes that both send before they receive wait for
each other for ever, and each of them looks right by itself.  `Par` leaves the order open: whichever of the
two communications is possible comes first, and then the other.  (One that sends first and one that receives
first would do too; but then they are not the same process.)

Source: occam's PAR; the "IO-PAR" processes of P. H. Welch, G. R. R. Justo and C. J. Willcock, Higher-Level
Paradigms for Deadlock-Free High-Performance Systems (1993).
"""

from csp import Channel, Par, Receiver, Sender, process


@process
async def trader(goods: str, out: Sender[str], inp: Receiver[str]) -> str:
    """Returns what it got for its goods."""
    _, got = await Par(out.send(goods), inp.receive())
    return got


@process
async def stubborn_trader(goods: str, out: Sender[str], inp: Receiver[str]) -> str:
    """Gives first, and only then takes."""
    await out.send(goods)
    return await inp.receive()


async def main(side_by_side: bool = True) -> tuple[str, str]:
    """What the two got."""
    there, back = Channel(str, name="there"), Channel(str, name="back")
    make = trader if side_by_side else stubborn_trader
    return await Par(
        make("wool", there.sender(), back.receiver()).named("shepherd"),
        make("bread", back.sender(), there.receiver()).named("baker"),
    )
