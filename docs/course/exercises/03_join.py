"""Pass on all that comes from `first` until it has ended, then all that comes from `second`.

first  --str-->[      ]
second --str-->[ join ]--str--> out
"""

from csp import Receiver, Sender, process


@process
async def join(
    first: Receiver[str], second: Receiver[str], out: Sender[str]
) -> None: ...  # write this
