"""A pool: a function, placed on many programs, that is called like a channel of calls.

Invariants:
* a request is in one place: it waits, is in hand of one member, or sleeps before another attempt.
* what is lost with a program counts an attempt only for a request that was alone at work there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar, cast, overload

import trio

import csp
from csp.lowlevel import current_kernel, protected

from ._asking import One, Outcomes, Replies, Shown, Source
from ._attempts import Attempts, Backoff
from ._batches import AROUND, MUCH, Answers, Failure, decoded, encoded, too_long
from ._codec import Codec, EncodeFailed, codec
from ._members import InHand, Member, WorkerStatus
from ._numbers import as_number
from ._rate import Rate
from ._requests import Request, Waiting
from ._secret import draw
from ._sizes import Sizes
from ._staff import Staff
from .placement._program import Placement
from .placement._said import hear
from .placement._site import GRACE, Orders, opened
from .placement._target import Target, types_of

Q = TypeVar("Q")
A = TypeVar("A")

LARGEST = 62 * 1024 * 1024  # bytes of a request or reply
TIMEOUT, PRIORITY = "timeout is more than 0 seconds", "priority is a number"


class PoolFailed(RuntimeError):
    """No program of the pool is left, and none is started any more.

    The message has how the last one ended, and the last lines that it wrote.

    >>> issubclass(PoolFailed, RuntimeError)
    True
    """


class Pool(Generic[Q, A]):
    """Calls a function in other programs; made by `pool`, used inside of its block.

    >>> from rich.filesize import decimal  # decimal(size: int) -> str
    >>> from netchannels import Cores
    >>> async def main() -> None:
    ...     async with pool(decimal, workers=Cores(1)) as running:
    ...         print([text async for text in running.map([1, 2_000])])
    >>> csp.run(main)
    ['1 byte', '2.0 kB']
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        workers: Placement,
        *,
        timeout: float,
        attempts: Attempts,
        restarts: int,
        rate: Rate,
        largest: int,
    ) -> None:
        self._target: Target = Target.of(function)
        self._name: str = self._target.name.partition(":")[2]
        request, reply = types_of(function)
        self._codecs: tuple[Codec, Codec] = codec(request), codec(reply)
        self._placement: Placement = workers
        self._timeout: float = timeout
        self._largest: int = largest
        self._attempts: Attempts = attempts
        self._restarts: int = restarts
        self._rate: Rate = rate
        self._ticks: bool = False  # somebody waits for the rate
        self._secret: str = draw()
        self._sizes: Sizes = Sizes()
        self._waiting: Waiting = Waiting()
        self._sources: list[Source] = []
        self._resting: set[Request] = set()  # before another attempt
        self._failed: PoolFailed | None = None
        self._is_open: bool = False
        self._kernel: Any = None  # of the run that has opened it
        self._opened: Any = None
        self._nursery: Any = None
        self._staff: Any = None

    # --- its block -------------------------------------------------------------------------

    @protected
    async def __aenter__(self) -> Pool[Q, A]:
        self._opened = opened(
            self._placement.open(),
            secret=self._secret,
            label="pool",
            largest=self._largest + AROUND,
        )
        site, node = await self._opened.__aenter__()
        self._nursery = node._inside.nursery
        self._staff = Staff(
            site,
            node,
            self._nursery,
            self,
            orders=self._orders,
            hear=lambda member, stream, line: hear(member.name(), stream, line),
            restarts=self._restarts,
        )
        self._is_open, self._kernel = True, current_kernel()
        self._staff.scale(site.size)
        return self

    @protected
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None:
        self._is_open = False
        try:
            with trio.CancelScope(shield=True):
                await self._staff.leave(GRACE if error is None else 0)
        except BaseException as struck:  # Ctrl-C
            await self._close(struck)
            raise
        return await self._close(error)

    async def _close(self, error: BaseException | None) -> bool | None:
        closed = csp.CallFailed("the pool was closed before it was served")
        for source in list(self._sources):
            source.fail(closed)
        for request in [*self._waiting.take_all(), *self._resting]:
            request.answer(b"", closed)
        kind, tb = (type(error), error.__traceback__) if error is not None else (None, None)
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
        """What the function returns for `request`, computed in one of the programs.

        `timeout` is how many seconds it may run (default: that of the pool), not how long it may wait;
        of requests that wait those with the highest `priority` go first.  Cancelling the call ends
        the work: an `async def` is cancelled, a `def` gets a second, then its program is replaced.

        Raises csp.RequestFailed if the function raised, ran for too long or lost its program as often as it
        may; csp.ChannelTypeError for a request of another type, EncodeFailed for one that cannot travel
        (both are TypeErrors, and nothing was sent); PoolFailed if no program is left; ValueError for a timeout of 0 or less; RuntimeError outside of the pool's block, and in another run.
        """
        self._check_open()
        one = One()
        data = self._encoded(request)
        asked = Request(one, request, data, self._limit(timeout), as_number(priority, PRIORITY))
        kernel = current_kernel()
        await kernel.cancel_point()
        self._add(asked)
        try:
            await one.latch.wait(kernel)
        except BaseException:
            self.give_up(asked)
            raise
        if asked.error is not None:
            raise asked.error
        try:
            return cast(A, self._decoded(asked.data))
        except TypeError as error:
            raise csp.RequestFailed(str(error)) from None

    def map(
        self,
        requests: Iterable[Q] | AsyncIterable[Q],
        /,
        *,
        ordered: bool = True,
        progress: bool = False,
        timeout: float | None = None,
        priority: float = 0,
    ) -> AsyncIterator[A]:
        """Yield what the function returns for each request, by default in the order of the requests.

        Requests are drawn when a program is free for them: they may be endless, or come over time.
        At most 1,000 finished replies wait for a slow reader.  `progress=True` shows a bar on a
        terminal.  `timeout` and `priority` as for `call`; maps of one priority take turns.

        Raises the first failure when its turn comes, as `call`, and cancels the rest; so does leaving the
        loop.  What the iteration of `requests` raises is raised once the replies to those
        before are read.  Raises TypeError for what is no iterable.
        """
        source = self._source(requests, ordered, timeout, priority)
        return Replies[A](source, self._decoded, self._bar(requests, progress))

    def outcomes(
        self,
        requests: Iterable[Q] | AsyncIterable[Q],
        /,
        *,
        progress: bool = False,
        timeout: float | None = None,
        priority: float = 0,
    ) -> AsyncIterator[csp.Outcome[Q, A]]:
        """Yield a `csp.Outcome` of each request as it is over: `request`, `reply`, `error`.

        Goes on when a request fails.  Otherwise as `map`.
        """
        source = self._source(requests, False, timeout, priority)
        return Outcomes[Q, A](source, self._decoded, self._bar(requests, progress))

    def _bar(self, requests: Any, progress: bool) -> Shown | None:
        if not progress:
            return None
        from ._progress import Bar  # rich takes a while, and most programs have no bar

        return Bar(self._name, requests)

    def scale(self, n: int, /) -> None:
        """Have `n` programs from now on: more are started, those too many leave when they have
        done what they have.

        Slots that were given up are tried again.  Raises ValueError for less than 0, RuntimeError
        outside of the pool's block.
        """
        self._check_open()
        if not isinstance(cast(object, n), int) or n < 0:
            raise ValueError(f"the number of programs is 0 or more, not {n!r}")
        self._failed = None
        self._staff.scale(n)

    def statistics(self) -> list[WorkerStatus]:
        """What each worker has done so far, restarts included, by their numbers."""
        self._check_open()
        return [slot.status() for slot in sorted(self._staff.slots, key=lambda slot: slot.number)]

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("a pool is used inside of its `async with` block")
        if current_kernel() is not self._kernel:
            raise RuntimeError(
                "a pool is used in the run that has opened it, and this is another one: from its thread "
                "use `trio.from_thread.run(pool.call, request, trio_token=...)`, or open a pool here"
            )

    def _encoded(self, request: Any) -> bytes:
        data = encoded(request, self._codecs[0], self._name)
        if len(data) > self._largest:
            raise EncodeFailed(too_long("request", len(data), self._largest))
        return data

    def _decoded(self, data: bytes) -> Any:
        return decoded(data, self._codecs[1], self._name)

    def _limit(self, timeout: float | None) -> float:
        """As a batch has it: 0 for none."""
        seconds = self._timeout if timeout is None else as_number(timeout, TIMEOUT, above=0)
        return 0.0 if seconds == math.inf else seconds

    def _source(
        self, requests: Any, ordered: bool, timeout: float | None, priority: float
    ) -> Source:
        self._check_open()
        if not isinstance(requests, (Iterable, AsyncIterable)):
            raise TypeError(f"requests is an iterable or async iterable, not {requests!r}")
        return Source(
            self,
            cast(Any, requests),
            self._encoded,
            ordered=ordered,
            timeout=self._limit(timeout),
            priority=as_number(priority, PRIORITY),
        )

    # --- what who asks tells ---------------------------------------------------------------

    def begin(self, source: Source) -> None:
        """There is something to draw from."""
        if self._failed is not None:
            source.fail(self._failed)
        elif not self._is_open:
            source.fail(RuntimeError("the pool is closed"))
        else:
            self._sources.append(source)
            self._wake_all()

    def news(self) -> None:
        """There may be more to draw."""
        self._wake_one()

    def end(self, source: Source) -> None:
        """There is nothing more to draw."""
        if source in self._sources:
            self._sources.remove(source)

    def give_up(self, request: Request) -> None:
        """Nobody waits for it any more."""
        if request.over:
            return
        request.over = True
        hand: InHand | None = request.hand
        if hand is not None:
            hand.give_up()
        elif request.number and request not in self._resting:
            self._waiting.give_up()

    def _add(self, request: Request) -> None:
        """It waits, for the first time or again."""
        if request.over:
            return
        if self._failed is not None:
            request.answer(b"", self._failed)
            return
        if not request.number:
            self._waiting.number(request)
        self._waiting.add(request)
        self._wake_one()

    def _wake_one(self) -> None:
        """The member with the least to do looks for work."""
        waiting = [member for member in self._staff.members.values() if member.waits]
        if waiting:
            min(waiting, key=lambda member: len(member.in_hand)).wake()

    def _wake_all(self) -> None:
        for member in self._staff.members.values():
            member.wake()

    # --- what its staff asks ---------------------------------------------------------------

    def take(self, member: Member) -> InHand | None:
        """What a free program works on next."""
        sizes = self._sizes
        members = [other for other in self._staff.members.values() if other.joined]
        waiting = len(self._waiting) + sum(source.waiting() for source in self._sources)
        if member.in_hand:  # others that have nothing come first, and full batches are better
            idle = sum(not other.in_hand for other in self._staff.members.values())
            if not sizes.are_short or waiting < max(sizes.size, idle + 1):
                return None
        if waiting <= 0:
            return None
        now = trio.current_time()
        pause = self._rate.pause(now)
        if pause:
            self._look_again(now + pause)
            return None
        most = max(int(min(sizes.most(waiting, len(members)), self._rate.left(now))), 1)
        most_bytes = MUCH // 4
        requests: list[Request] = []
        while not requests:
            source = self._next_source()
            first = self._waiting.first()
            if first is not None and (source is None or source.priority <= first.priority):
                requests = self._waiting.take(most, most_bytes)
            elif source is not None:
                requests = source.draw(most, most_bytes)
                for request in requests:
                    self._waiting.number(request)
            else:
                return None
        self._rate.spend(len(requests))
        return InHand(requests, member)

    def _look_again(self, at: float) -> None:
        async def wait() -> None:
            await trio.sleep_until(at)
            self._ticks = False
            self._wake_all()

        if not self._ticks:
            self._ticks = True
            self._nursery.start_soon(wait)

    def _next_source(self) -> Source | None:
        """The one with the highest priority; those of one priority take turns."""
        ready = [source for source in self._sources if source.waiting()]
        if not ready:
            return None
        best = max(ready, key=lambda source: source.priority)
        if len(ready) > 1:
            self._sources.remove(best)
            self._sources.append(best)
        return best

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
                request.answer(answers.replies[number])
            else:
                self._request_failed(request, member, failure)
        for request in work.requests[done:]:
            self._add(request)

    def _request_failed(self, request: Request, member: Member, failure: Failure) -> None:
        request.history += (member.happened(failure.text),)
        request.attempts += 1
        self._try_again(request, self._attempts.after(request, failure))

    def _try_again(self, request: Request, decided: float | Exception) -> None:
        if request.over:
            return
        if isinstance(decided, Exception):
            request.answer(b"", decided)
        elif decided > 0:
            self._nursery.start_soon(self._later, request, decided)
        else:
            self._add(request)

    async def _later(self, request: Request, seconds: float) -> None:
        request.hand = None
        self._resting.add(request)
        await trio.sleep(seconds)
        self._resting.discard(request)
        self._add(request)

    def given_back(self, work: list[InHand]) -> None:
        """Batches come back untried."""
        for in_hand in work:
            for request in in_hand.requests:
                self._add(request)

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
                    self._add(request)
        self.given_back(work)

    def nobody_is_left(self, member: Member) -> None:
        """The last program has ended, and no other one will be started."""
        said = "".join(f"\n    {line}" for line in member.said)
        self._failed = PoolFailed(
            f"no worker of the pool is left; the last one, {member.label}: {member.how or 'it left'}{said}"
        )
        for source in list(self._sources):
            source.fail(self._failed)
        for request in self._waiting.take_all():
            request.answer(b"", self._failed)


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
    rate: float = ...,
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
    rate: float = ...,
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
    rate: float = math.inf,
    largest: int = LARGEST,
) -> Any:
    """Place a function on many programs: `async with netchannels.pool(f, workers=Cores(4)) as pool:`.

    `function` has one parameter with an annotation and an annotated result, by whose types values travel;
    it stands at the top of a file, for it is imported by the programs.  A `def` runs in a thread
    of its program, an `async def` or a process in its loop; one request after the other.

    * `workers`: where the programs run: `Cores(n)`, `Hosts([...])`, `DaskCluster(client)`.
    * `timeout`: how many seconds a request may run.  An `async def` is cancelled then; the program of a
      `def` is replaced.
    * `max_attempts`: how often a request is tried that has lost its program or has run for too long;
      with `retry_errors` also one whose function raised.  `backoff` is the pause before the second
      attempt in seconds, doubled from then on, each spread by half; or a function from the number of
      attempts to seconds.
    * `restarts`: after how many programs in a row that ended before they were free for work their
      place is given up.  Others are started again after 0.1 s, doubled up to 30 s.
    * `rate`: how many requests may begin in a second.
    * `largest`: the longest request or reply in bytes, at most 62 MiB.

    The end of the block ends all programs, in any case; what they write arrives here, line by line and
    labelled, and what they log is logged here.  A worker that is killed loses and doubles nothing: each
    request has one outcome, though it may have run more than once.

    Raises TypeError for a function that the programs could not import, or with several parameters,
    and for `workers` that are no placement;
    TypeRefused (a TypeError) for types that cannot travel; ValueError for numbers out of range, TypeError for
    what is no number.

    >>> import shutil
    >>> from netchannels import Cores
    >>> pool(lambda path: shutil.disk_usage(path).free, workers=Cores(2))
    Traceback (most recent call last):
        ...
    TypeError: a lambda has no name by which another program could import it: write it with `def` at the top of a file
    """
    if not isinstance(cast(object, workers), Placement):
        raise TypeError(f"workers is a placement, like Cores(4), not {workers!r}")
    if not isinstance(cast(object, restarts), int) or restarts < 1:
        raise ValueError(f"restarts is 1 or more, not {restarts!r}")
    if not isinstance(cast(object, largest), int) or not 0 < largest <= LARGEST:
        raise ValueError(f"largest is from 1 to {LARGEST:,} bytes, not {largest!r}")
    return Pool[Any, Any](
        function,
        workers,
        timeout=math.inf if timeout is None else as_number(timeout, TIMEOUT, above=0),
        attempts=Attempts(max_attempts, backoff, retry_errors),
        restarts=restarts,
        rate=Rate(rate),
        largest=largest,
    )
