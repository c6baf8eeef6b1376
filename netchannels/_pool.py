"""A pool: a function, placed on many programs, that is called like a channel of calls.

Invariants:
* a request is in one place: it waits, is in hand of one member, or sleeps before another attempt.
* what is lost with a program counts an attempt only for a request that was alone at work there.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar, cast, overload

import trio

import csp

from ._attempts import Attempts, Backoff
from ._batches import Answers, Failure
from ._codec import codec
from ._intake import Intake
from ._members import InHand, Member, WorkerStatus
from ._requests import Request, Waiting
from ._sizes import Sizes
from ._staff import Staff, opened
from .placement._program import GRACE, Orders, Placement
from .placement._target import Target, types_of

Q = TypeVar("Q")
A = TypeVar("A")

LARGEST = 64 * 1024 * 1024  # bytes of a request or reply, with what is around it
MARGIN = 1024
RECORD = "\x1e"

LOG = logging.getLogger("netchannels")


class PoolFailed(RuntimeError):
    """No program of the pool is left, and none is started any more.

    The message has how the last one ended, and the last lines that it wrote.

    >>> issubclass(PoolFailed, RuntimeError)
    True
    """


class Pool(Generic[Q, A]):
    """Calls a function in other programs; made by `pool`, used inside of its block."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        workers: Placement,
        *,
        timeout: float,
        attempts: Attempts,
        restarts: int,
        largest: int,
    ) -> None:
        self._target = Target.of(function)
        request, reply = types_of(function)
        self._codecs = codec(request), codec(reply)
        self._kind: Any = csp.Call[request, reply]
        self._placement, self._timeout, self._largest = workers, timeout, largest
        self._attempts, self._restarts = attempts, restarts
        self._secret = secrets.token_urlsafe(32)
        self._waiting = Waiting()
        self._sizes = Sizes()
        self._intakes: dict[tuple[float, float, bool], Intake] = {}
        self._failed: PoolFailed | None = None
        self._is_open = False
        self._opened: Any = None
        self._nursery: Any = None
        self._staff: Any = None

    # --- its block -------------------------------------------------------------------------

    async def __aenter__(self) -> Pool[Q, A]:
        self._opened = opened(self._placement, secret=self._secret, largest=self._largest)
        site, node = await self._opened.__aenter__()
        self._nursery = node._inside.nursery
        self._staff = Staff(
            site,
            node,
            self._nursery,
            self,
            orders=self._orders,
            hear=_hear,
            restarts=self._restarts,
        )
        self._is_open = True
        self._staff.scale(site.size)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None:
        self._is_open = False
        with trio.CancelScope(shield=True):
            await self._staff.leave(GRACE if error is None else 0)
        for intake in self._intakes.values():
            intake.close()
        for request in self._waiting.take_all():
            self._give(request, None, csp.CallFailed("the pool was closed before it was served"))
        return cast("bool | None", await self._opened.__aexit__(kind, error, tb))

    def _orders(self, name: str) -> Orders:
        return Orders(
            target=self._target.name,
            file=self._target.file,
            name=name,
            label=name,
            secret=self._secret,
            largest=self._largest,
            types="".join(codec.fingerprint.hex() for codec in self._codecs),
            path=tuple(sys.path),
        )

    # --- its use ---------------------------------------------------------------------------

    async def call(self, request: Q, /, *, timeout: float | None = None, priority: float = 0) -> A:
        """The result of the function for one request."""
        return cast(A, await self._intake(timeout, priority, False).sender.call(request))

    def map(
        self,
        requests: Iterable[Q] | AsyncIterable[Q],
        /,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        priority: float = 0,
    ) -> AsyncIterator[A]:
        """The results for many requests."""
        sender = self._intake(timeout, priority, True).sender
        return sender.map(requests, ordered=ordered)

    def outcomes(
        self,
        requests: Iterable[Q] | AsyncIterable[Q],
        /,
        *,
        timeout: float | None = None,
        priority: float = 0,
    ) -> AsyncIterator[csp.Outcome[Q, A]]:
        """What becomes of many requests, each as it is over."""
        return self._intake(timeout, priority, True).sender.outcomes(requests)

    def scale(self, n: int, /) -> None:
        """So many programs from now on."""
        self._check_open()
        self._failed = None
        self._staff.scale(n)

    def statistics(self) -> list[WorkerStatus]:
        """What each worker has done."""
        self._check_open()
        return [slot.status() for slot in self._staff.slots]

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("a pool is used inside of its `async with` block")

    # --- requests come in ------------------------------------------------------------------

    def _intake(self, timeout: float | None, priority: float, bounded: bool) -> Intake:
        self._check_open()
        timeout = self._timeout if timeout is None else timeout
        key = (timeout, priority, bounded)
        known = self._intakes.get(key)
        if known is None:
            known = self._intakes[key] = Intake(
                self._kind,
                self._codecs,
                name=self._target.name.partition(":")[2],
                timeout=0.0 if timeout == math.inf else timeout,
                priority=priority,
                may=self._has_room if bounded else lambda: True,
                taken=self._taken,
                given_up=self._given_up,
            )
        return known

    def _has_room(self) -> bool:
        return len(self._waiting) < self._sizes.room(len(self._staff.slots))

    def _taken(self, request: Request) -> None:
        if self._failed is not None:
            self._give(request, None, self._failed)
        else:
            self._waiting.add(request)
            self._wake_one()

    def _given_up(self, request: Request) -> None:
        work: InHand | None = request.batch
        if work is None:
            self._waiting.give_up(request)
        elif len(work.requests) == 1 and work.member is not None:
            work.member.session.cancel()

    def _give(self, request: Request, reply: bytes | None, error: Exception | None) -> None:
        if not request.over:
            request.over = True
            request.answer(reply, error)

    def _wait_again(self, request: Request) -> None:
        if not request.over:
            self._taken(request)

    def _wake_one(self) -> None:
        """The member with the least to do looks for work."""
        waiting = [member for member in self._staff.members.values() if member.waits]
        if waiting:
            min(waiting, key=lambda member: len(member.in_hand)).wake()

    # --- what its staff asks ---------------------------------------------------------------

    def take(self, member: Member) -> InHand | None:
        """What a free program works on next."""
        members = [other for other in self._staff.members.values() if other.joined]
        idle = sum(not other.in_hand for other in members if other is not member)
        waiting = len(self._waiting)
        if member.in_hand:  # the others come first
            waiting -= idle
        if waiting <= 0:
            return None
        most = self._sizes.most(waiting, len(members))
        requests = self._waiting.take(most, self._sizes.most_bytes(self._largest))
        for intake in self._intakes.values():
            intake.ask()
        return InHand(requests, member) if requests else None

    def joined(self, member: Member) -> None:
        """A program is free for work."""

    def answered(self, member: Member, work: InHand, answers: Answers) -> None:
        """A batch has its answers."""
        done = len(answers.replies)
        share = member.share
        share.requests += done
        share.failures += len(answers.failures)
        share.busy += answers.seconds
        if done:
            self._sizes.measured(done, answers.seconds)
        failures = answers.failures
        for number, request in enumerate(work.requests[:done]):
            failure = failures.get(number) if failures else None
            if failure is None:
                self._give(request, answers.replies[number], None)
            else:
                self._request_failed(request, member, failure)
        for request in work.requests[done:]:
            self._wait_again(request)

    def _request_failed(self, request: Request, member: Member, failure: Failure) -> None:
        request.history += (member.happened(failure.text),)
        request.attempts += 1
        self._try_again(request, self._attempts.after(request, failure))

    def _try_again(self, request: Request, decided: float | Exception) -> None:
        if request.over:
            return
        if isinstance(decided, Exception):
            self._give(request, None, decided)
        elif decided > 0:
            self._nursery.start_soon(self._later, request, decided)
        else:
            self._wait_again(request)

    async def _later(self, request: Request, seconds: float) -> None:
        await trio.sleep(seconds)
        self._wait_again(request)

    def given_back(self, work: list[InHand]) -> None:
        """Batches come back untried."""
        for in_hand in work:
            for request in in_hand.requests:
                self._wait_again(request)

    def lost(self, member: Member) -> None:
        """A program has ended, with what it has in hand."""
        work = list(member.in_hand)
        member.in_hand.clear()
        if work and not member.blameless and self._is_open:
            first = work.pop(0)
            if len(first.requests) == 1:
                request = first.requests[0]
                request.history += (member.happened(member.how or "lost"),)
                request.attempts += 1
                self._try_again(request, self._attempts.after_loss(request))
            else:
                for request in first.requests:
                    request.alone = True
                    self._wait_again(request)
        self.given_back(work)

    def nobody_is_left(self, member: Member) -> None:
        """The last program has ended, and no other one will be started."""
        said = "".join(f"\n    {line}" for line in member.said)
        self._failed = PoolFailed(
            f"no worker of the pool is left; the last one, {member.label}: {member.how or 'lost'}{said}"
        )
        for request in self._waiting.take_all():
            self._give(request, None, self._failed)


def _hear(member: Member, stream: str, line: str) -> None:
    """What a program writes is written here, with its label; its log records are logged here."""
    if line.startswith(RECORD):
        try:
            name, level, text = json.loads(line[1:])
        except ValueError:
            pass
        else:
            logging.getLogger(str(name)).log(int(level), "%s: %s", member.label, text)
            return
    print(f"{member.label}: {line}", file=sys.stdout if stream == "stdout" else sys.stderr)


@overload
def pool(
    function: Callable[[Q], Awaitable[A]],
    /,
    *,
    workers: Placement,
    timeout: float | None = ...,
    max_attempts: int = ...,
    backoff: Backoff = ...,
    retry_errors: bool = ...,
    restarts: int = ...,
    largest: int = ...,
) -> AbstractAsyncContextManager[Pool[Q, A]]: ...
@overload
def pool(
    function: Callable[[Q], A],
    /,
    *,
    workers: Placement,
    timeout: float | None = ...,
    max_attempts: int = ...,
    backoff: Backoff = ...,
    retry_errors: bool = ...,
    restarts: int = ...,
    largest: int = ...,
) -> AbstractAsyncContextManager[Pool[Q, A]]: ...
def pool(
    function: Callable[[Any], Any],
    /,
    *,
    workers: Placement,
    timeout: float | None = None,
    max_attempts: int = 3,
    backoff: Backoff = 0.0,
    retry_errors: bool = False,
    restarts: int = 10,
    largest: int = LARGEST,
) -> Any:
    """Place a function on many programs: `async with netchannels.pool(f, workers=Cores(4)) as pool:`."""
    return Pool[Any, Any](
        function,
        workers,
        timeout=math.inf if timeout is None else timeout,
        attempts=Attempts(max_attempts, backoff, retry_errors),
        restarts=restarts,
        largest=largest,
    )
