"""Two traders exchange their goods, and wait for each other for ever.  Mend `trader`.

    [ trader ]--there-->[ trader ]
    [        ]<--back---[        ]

Both run the same process, so it is no cure that one of them receives first.
"""

from csp import Par, Receiver, Sender, process


@process
async def trader(goods: str, out: Sender[str], inp: Receiver[str]) -> str:
    await out.send(goods)
    got = await inp.receive()
    return got
