"""Readers and writers: any number may read at once, who writes must be alone.

    --read------->[         ]<--write-------
    --done_read-->[ library ]<--done_write--

Somebody comes in when his message on `read` or `write` is taken.  When all channels have ended it ends.
"""

from csp import Alternation, Receiver, process


@process
async def library(
    read: Receiver[str],
    done_read: Receiver[str],
    write: Receiver[str],
    done_write: Receiver[str],
) -> None:
    readers, writing = 0, False
    ...  # write this
