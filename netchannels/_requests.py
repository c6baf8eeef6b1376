"""Requests of a pool: what one of them has been through, and those that wait.

Invariants:
* a request is over once: answered, or given up by who asked.
* of those that wait the one with the highest priority comes first, among equals the oldest; one
  that comes back from a lost program keeps its place.
"""

from __future__ import annotations

import heapq
from typing import Any, Protocol


class Asker(Protocol):
    """Who waits for the answer to a request."""

    def answered(self, request: Request, /) -> None:
        """It is over: `data` has the reply, or `error` why there is none."""
        ...


class Request:
    """One request: `value` is what was asked for, `data` its bytes, later those of the reply."""

    __slots__ = (
        "alone", "asker", "attempts", "data", "error", "hand", "history", "number", "over",
        "priority", "timeout", "value",
    )  # fmt: skip

    def __init__(
        self, asker: Asker, value: Any, data: bytes, timeout: float, priority: float
    ) -> None:
        self.asker: Asker = asker
        self.value: Any = value
        self.data: bytes = data
        self.timeout: float = timeout
        self.priority: float = priority
        self.number: int = 0  # its place in line
        self.attempts: int = 0
        self.history: tuple[str, ...] = ()
        self.alone: bool = False  # it may be what a program was lost with
        self.over: bool = False
        self.error: Exception | None = None
        self.hand: Any = None  # what it was sent with

    def answer(self, data: bytes, error: Exception | None = None) -> None:
        """It has its reply, or there will be none."""
        if not self.over:
            self.over = True
            self.data, self.error = data, error
            self.asker.answered(self)


class Waiting:
    """The requests that wait in line; those that were given up meanwhile are passed over."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Request]] = []
        self._numbers: int = 0
        self._given_up: int = 0  # of those in the heap

    def __len__(self) -> int:
        return len(self._heap) - self._given_up

    def number(self, request: Request) -> None:
        """Give it its place in line."""
        self._numbers += 1
        request.number = self._numbers

    def add(self, request: Request) -> None:
        """It waits from now on, or again."""
        request.hand = None
        heapq.heappush(self._heap, (-request.priority, request.number, request))

    def give_up(self) -> None:
        """One of those that wait is over."""
        self._given_up += 1

    def first(self) -> Request | None:
        """The one whose turn it is."""
        heap = self._heap
        while heap and heap[0][2].over:
            heapq.heappop(heap)
            self._given_up -= 1
        return heap[0][2] if heap else None

    def take(self, most: int, most_bytes: int) -> list[Request]:
        """The first ones, of one time limit, or one that shall be alone."""
        taken: list[Request] = []
        size = 0
        while len(taken) < most and (request := self.first()) is not None:
            size += len(request.data)
            other = taken and (request.alone or request.timeout != taken[0].timeout)
            if other or (taken and size > most_bytes):
                break
            heapq.heappop(self._heap)
            taken.append(request)
            if request.alone:
                break
        return taken

    def take_all(self) -> list[Request]:
        """All of them."""
        found = [request for _, _, request in sorted(self._heap) if not request.over]
        self._heap.clear()
        self._given_up = 0
        return found
