"""The receiver of the alternating bit protocol: packets may come twice, each text is passed on once.

    packets --(bit, text)-->[ receiver ]--str--> out
    acks <--bit-------------[          ]

Bits alternate, beginning with 0.  Every packet is confirmed by its bit on `acks`, also one that came before: it came
again because its confirmation was lost.
"""

from csp import Receiver, Sender, process


@process
async def receiver(
    packets: Receiver[tuple[int, str]], acks: Sender[int], out: Sender[str]
) -> None: ...  # write this
