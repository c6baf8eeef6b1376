"""A printer: whoever sends it a number of pages waits until they are printed.

    --pages-->[ printer ]

A page takes a second: `trio.sleep(pages)`.  The `send` of the sender returns when the last page is out, not when
the printer has begun.  When the channel has ended it ends.
"""

import trio

from csp import Receiver, process


@process
async def printer(jobs: Receiver[int]) -> None: ...  # write this
