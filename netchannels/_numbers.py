"""Numbers that users give: seconds, rates, priorities."""

from __future__ import annotations

import math
from numbers import Real


def as_number(
    value: object, promise: str, *, least: float = -math.inf, above: float | None = None
) -> float:
    """`value` as a float.

    `promise` says what it should be, in the words of the error.  Raises TypeError for what is no
    number, ValueError for less than `least`, not more than `above`, or NaN.

    >>> as_number(5, "timeout is more than 0 seconds", above=0)
    5.0
    >>> try:
    ...     as_number("5", "timeout is more than 0 seconds", above=0)
    ... except TypeError as error:
    ...     print(error)
    timeout is more than 0 seconds, not '5'
    """
    if not isinstance(value, Real):
        raise TypeError(f"{promise}, not {value!r}")
    try:
        found = float(value)
    except OverflowError:  # an int of more than 300 digits
        found = math.nan
    if not found >= least or (above is not None and found <= above):
        raise ValueError(f"{promise}, not {value!r}")
    return found
