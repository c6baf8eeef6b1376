"""A worker that loses nothing: a job whose work has failed is tried again.

    jobs --int-->[ worker(work) ]--int--> results

`await work(job)` returns the result, or raises.  Send each result.  When `jobs` has ended it ends.
"""

from collections.abc import Awaitable, Callable

from csp import Receiver, Sender, process


@process
async def worker(
    work: Callable[[int], Awaitable[int]], jobs: Receiver[int], results: Sender[int]
) -> None: ...  # write this
