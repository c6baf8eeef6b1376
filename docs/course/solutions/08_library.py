"""Two conditions are the whole rule.  (Writers may starve: examples/readers_writers.py.)"""

from csp import Alternation, Receiver, process


@process
async def library(
    read: Receiver[str],
    done_read: Receiver[str],
    write: Receiver[str],
    done_write: Receiver[str],
) -> None:
    readers, writing = 0, False
    may_read = read.when(lambda: not writing)
    may_write = write.when(lambda: not writing and readers == 0)
    async for end, _ in Alternation(may_read, done_read, may_write, done_write):
        if end is read:
            readers += 1
        elif end is done_read:
            readers -= 1
        else:
            writing = end is write
