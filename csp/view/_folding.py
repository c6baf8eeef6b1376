"""Repetitions, folded while they come: `a b a b a b` is one body, three times.

Invariant: what is kept does not grow while the last items repeat themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar, cast

T = TypeVar("T")

LONGEST = 16  # items of a body


class Repeated(Generic[T]):
    """A body of items, some of which may be repeated themselves, and how often it came.

    >>> folded = Folding[str](lambda letter: letter)
    >>> for letter in "abab":
    ...     folded.add(letter)
    >>> [(item.body, item.times) for item in folded.items if isinstance(item, Repeated)]
    [(['a', 'b'], 2)]
    """

    __slots__ = ("body", "key", "times")

    def __init__(self, body: list[T | Repeated[T]], keys: tuple[Hashable, ...], times: int) -> None:
        self.body: list[T | Repeated[T]] = body
        self.key: tuple[Hashable, ...] = keys
        self.times: int = times


class Folding(Generic[T]):
    """Items in order; those with equal keys that come again and again are folded into one.

    `again(first, later)` hears of each item that is folded away, for what shall be kept of it.
    """

    def __init__(
        self, key: Callable[[T], Hashable], again: Callable[[T, T], object] | None = None
    ) -> None:
        self.items: list[T | Repeated[T]] = []
        self._key, self._again = key, again
        self._keys: list[Hashable] = []  # of the items, side by side

    def add(self, item: T) -> None:
        """One more item."""
        self.items.append(item)
        self._keys.append(self._key(item))
        while self._fold():
            pass

    def _fold(self) -> bool:
        items, keys = self.items, self._keys
        for length in range(1, min(LONGEST, len(items) - 1) + 1):
            tail = tuple(keys[-length:])
            before = items[-length - 1]
            if isinstance(before, Repeated):
                loop = cast("Repeated[T]", before)
                if loop.key == tail:
                    self._drop(loop.body, length)
                    loop.times += 1
                    self._keys[-1] = (loop.key, loop.times)
                    return True
            if 2 * length <= len(items) and tuple(keys[-2 * length : -length]) == tail:
                body = items[-2 * length : -length]
                self._drop(body, length)
                items[-length:] = [Repeated(body, tail, 2)]
                keys[-length:] = [(tail, 2)]
                return True
        return False

    def _drop(self, body: list[T | Repeated[T]], length: int) -> None:
        """The last items came before, as `body`."""
        later = self.items[-length:]
        del self.items[-length:], self._keys[-length:]
        if self._again is not None:
            for first, second in zip(plain(body), plain(later), strict=True):
                self._again(first, second)

    def rows(self) -> int:
        """How many items are kept, those inside of bodies included."""
        return sum(1 for _ in plain(self.items))


def plain(items: list[T | Repeated[T]]) -> Iterator[T]:
    """The items, those inside of bodies once.

    >>> folded = Folding[str](lambda letter: letter)
    >>> for letter in "abab":
    ...     folded.add(letter)
    >>> list(plain(folded.items))
    ['a', 'b']
    """
    for item in items:
        if isinstance(item, Repeated):
            yield from plain(cast("Repeated[T]", item).body)
        else:
            yield item
