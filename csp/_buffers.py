"""Buffers: what a channel does with values that nobody waits for.

Invariant: a value is put only when `full` is false, and got only when the length is positive.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any


class Buffer:
    """Keeps up to `size` values, first in, first out; the base of the three kinds."""

    __slots__ = ("peak", "size", "values")

    def __init__(self, size: float, /) -> None:
        if size != math.inf and (not isinstance(size, int) or isinstance(size, bool)):
            raise TypeError(f"a buffer size is an int or math.inf, not {size!r}")
        if size < self._least():
            raise ValueError(f"a {type(self).__name__} buffer holds {self._least()} or more values")
        self.size: float = size
        self.values: deque[Any] = deque()
        self.peak: int = 0  # the most values it ever held

    @staticmethod
    def _least() -> int:
        return 1

    @property
    def full(self) -> bool:
        """True when a sender has to wait."""
        return len(self.values) >= self.size

    def put(self, value: Any) -> Any:
        """Store a value; returns the one that was dropped for it, or None."""
        self.values.append(value)
        if len(self.values) > self.peak:
            self.peak = len(self.values)
        return None

    def get(self) -> Any:
        """Remove and return the oldest value."""
        return self.values.popleft()

    def empty_copy(self) -> Buffer:
        """A new buffer of the same kind and size: a `Channel` never shares one."""
        return type(self)(self.size)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size})"


class Fifo(Buffer):
    """Keeps up to `size` values (an int, or `math.inf`); a sender waits when it is full.

    >>> Fifo(10)
    Fifo(10)
    """

    __slots__ = ()

    @staticmethod
    def _least() -> int:
        return 0


class Sliding(Buffer):
    """Keeps the newest `size` values: the oldest is dropped, a sender never waits.

    >>> Sliding(1)
    Sliding(1)
    """

    __slots__ = ()

    @property
    def full(self) -> bool:
        return False

    def put(self, value: Any) -> Any:
        """Store a value in the place of the oldest."""
        dropped = self.values.popleft() if len(self.values) >= self.size else None
        super().put(value)
        return dropped


class Dropping(Buffer):
    """Keeps the first `size` values: a newer one is dropped, a sender never waits.

    >>> Dropping(1)
    Dropping(1)
    """

    __slots__ = ()

    @property
    def full(self) -> bool:
        return False

    def put(self, value: Any) -> Any:
        """Store a value if there is room."""
        return value if len(self.values) >= self.size else super().put(value)
