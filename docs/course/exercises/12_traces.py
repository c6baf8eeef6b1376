"""Is this a trace of a buffer of `size` places?  A trace is what may be seen of a process, in order.

    --in-->[ buffer(size) ]--out-->

A trace is a list of ("in", value) and ("out", value).  A buffer gives what it took, in that order, once, and never
holds more than `size` values.  A trace may stop anywhere.
"""

Event = tuple[str, int]


def is_buffer(size: int, trace: list[Event]) -> bool: ...  # write this
