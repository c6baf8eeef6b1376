"""Requests of a pool: what one of them has been through, and those that wait.

Invariants:
* a request is over once: answered, or given up by who asked.
* of those that wait the one with the highest priority comes first, among equals the oldest; one
  that comes back from a lost program keeps its place.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Request:
    """One request, encoded; `answer(reply, error)` tells who waits for it."""

    __slots__ = (
        "alone", "answer", "attempts", "batch", "data", "history", "number", "over", "priority",
        "timeout",
    )  # fmt: skip

    def __init__(
        self,
        data: bytes,
        answer: Callable[[Any, Exception | None], object],
        *,
        timeout: float,
        priority: float,
    ) -> None:
        self.data: bytes = data
        self.answer: Callable[[Any, Exception | None], object] = answer
        self.timeout: float = timeout
        self.priority: float = priority
        self.number: int = 0
        self.attempts: int = 0
        self.history: tuple[str, ...] = ()
        self.alone: bool = False  # it may be what a program was lost with
        self.over: bool = False
        self.batch: Any = None  # the one that it is in


class Waiting:
    """The requests that wait; those that were given up meanwhile are passed over."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Request]] = []
        self._numbers = 0
        self._given_up = 0  # of those in the heap

    def __len__(self) -> int:
        return len(self._heap) - self._given_up

    def add(self, request: Request) -> None:
        """It waits from now on, or again."""
        if not request.number:
            self._numbers += 1
            request.number = self._numbers
        request.batch = None
        heapq.heappush(self._heap, (-request.priority, request.number, request))

    def give_up(self, request: Request) -> None:
        """Nobody wants it any more: it is over, and was waiting."""
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
        while len(taken) < most:
            request = self.first()
            if request is None:
                break
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
