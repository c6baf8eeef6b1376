"""The work on a batch, in the program that does it: an `async def` in the loop, a `def` in a thread.

Invariants:
* requests run one after the other; the answer to a batch is written before the next one begins, so
  that a program which dies was at work on the oldest batch that it has not answered.
* before any of them begins, the other side knows for how long this program may be silent.
"""

from __future__ import annotations

import inspect
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol, cast

import trio

import csp

from ._batches import MUCH, OVERRAN, RAISED, Answers, Batch, Batches, Failure, too_long
from ._codec import Codec
from ._errors import in_words
from .placement._site import RENEWED, SILENT

LONG = 0.2  # seconds after which no further request of a batch is begun
LATE = 1.0  # seconds that the loop gets to see an overrun, before the guard ends the program


class Guard(Protocol):
    """Ends the program, whatever holds it, unless it is told again in time."""

    def expect(self, seconds: float, /) -> None:
        """There will be a sign of life within so many seconds."""
        ...

    def end(self) -> None:
        """End the program now."""
        ...


class Unguarded:
    """A guard for a program that is not ours to end."""

    def expect(self, seconds: float, /) -> None:
        """Nothing to do."""

    def end(self) -> None:
        """Nothing to do."""


class Work:
    """Answers batches with a function of one request; `busy(seconds)` announces silence."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        codecs: tuple[Codec, Codec],
        *,
        is_async: bool,
        largest: int,
        busy: Callable[[float], Awaitable[object]],
        guard: Guard,
    ) -> None:
        self._function, self._is_async = function, is_async
        self._request, self._reply = codecs
        self._largest, self._busy, self._guard = largest, busy, guard
        self._run: _Run | None = None
        self.leaves = False  # something runs that cannot be stopped
        self.enough: csp.Flag = csp.Flag()  # set it: no further batch is begun

    async def serve(self, batches: csp.Receiver[Batches]) -> None:
        """Answer batches until there will be no more, or `enough`, or this program has to end."""
        calls = batches.accepting()
        choices = csp.Alternation(csp.Wait(self.enough), batches.ended(), calls, priority=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._renew)
            async for guard, accepted in choices:
                if guard is not batches or not hasattr(accepted, "__aenter__"):
                    break
                async with cast(Any, accepted) as call:
                    call.reply(await self._answers(call.request))
                if self.leaves:
                    break
            nursery.cancel_scope.cancel()

    async def _renew(self) -> None:
        """While the loop runs the program is not silent, however long a request takes."""
        while True:
            run = self._run
            if run is not None and run.timeout:
                self._guard.expect(run.time_left() + LATE)
            else:
                self._expect_for_long()
            if run is not None:
                await self._announce(run)
            else:
                await self._busy(0)
            await trio.sleep(RENEWED)

    async def _announce(self, run: _Run) -> None:
        """From now on this program may be silent; the answers before are written as well."""
        await self._busy(run.timeout + LATE if run.timeout else SILENT + RENEWED)

    def _expect_for_long(self) -> None:
        self._guard.expect(SILENT + 2 * RENEWED)

    async def _answers(self, batch: Batch) -> Answers:
        if not batch.requests:
            return Answers([])
        run = self._run = _Run(batch, self._largest)
        try:
            await self._announce(run)
            if self._is_async:
                await self._in_loop(run)
            elif run.timeout:
                await self._in_thread_for_a_time(run)
            else:
                await trio.to_thread.run_sync(self._in_thread, run)
        finally:
            self._run = None
            if run.timeout:
                self._expect_for_long()
        return run.answers(leaves=self.leaves)

    def _begun(self, run: _Run) -> Iterator[bytes]:
        for data in run.requests():
            if run.timeout:
                self._guard.expect(run.timeout + LATE)
            yield data

    # --- in the loop -----------------------------------------------------------------------

    async def _in_loop(self, run: _Run) -> None:
        for data in self._begun(run):
            with trio.move_on_after(run.timeout or float("inf")) as scope:
                try:
                    answer = self._function(self._request.decode(data))
                    run.done(
                        self._reply.encode(await answer if inspect.isawaitable(answer) else answer)
                    )
                except BaseException as error:
                    if _is_ours(error):
                        raise
                    run.failed(Failure(RAISED, *in_words(error)))
            if scope.cancelled_caught:
                run.failed(Failure(OVERRAN, f"it ran longer than {run.timeout:g} s"))

    # --- in a thread -----------------------------------------------------------------------

    def _in_thread(self, run: _Run) -> None:
        run.thread = threading.get_ident()
        for data in self._begun(run):
            try:
                run.done(self._reply.encode(self._function(self._request.decode(data))))
            except BaseException as error:
                run.failed(Failure(RAISED, *in_words(error)))

    async def _in_thread_for_a_time(self, run: _Run) -> None:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.shield = True  # a thread goes on when its caller is cancelled
            nursery.start_soon(self._watch, run, nursery.cancel_scope)
            await trio.to_thread.run_sync(self._in_thread, run, abandon_on_cancel=True)
            nursery.cancel_scope.cancel()

    async def _watch(self, run: _Run, scope: trio.CancelScope) -> None:
        while not run.has_overrun():
            await trio.sleep(run.time_left())
        self.leaves = True
        run.failed(Failure(OVERRAN, f"it ran longer than {run.timeout:g} s", run.where_it_is()))
        scope.cancel()


def _is_ours(error: BaseException) -> bool:
    """True for what is about this program, though it was raised in a function of the user."""
    kinds = (trio.Cancelled, KeyboardInterrupt)
    if isinstance(error, BaseExceptionGroup):
        return cast(Any, error).subgroup(kinds) is not None
    return isinstance(error, kinds)


class _Run:
    """A batch at work.

    Invariant: `_replies` has one entry for each request that is over, whether it failed or not.
    """

    def __init__(self, batch: Batch, largest: int) -> None:
        self.timeout = batch.timeout
        self.thread = 0
        self._batch, self._largest = batch, largest
        self._replies: list[bytes] = []
        self._failures: dict[int, Failure] = {}
        self._bytes = 0
        self._started = self._begun = time.perf_counter()
        self._closed = False
        self._lock = threading.Lock()

    def requests(self) -> Iterator[bytes]:
        """Those that are begun, one after the other."""
        for data in self._batch.requests:
            self._begun = now = time.perf_counter()
            if self._replies and (now - self._started > LONG or self._bytes > MUCH):
                return
            yield data
            if self._closed:
                return

    def done(self, reply: bytes) -> None:
        """The request that runs has a reply."""
        if len(reply) > self._largest:
            self.failed(Failure(RAISED, too_long("reply", len(reply), self._largest)))
        else:
            self._add(reply, None)

    def failed(self, failure: Failure) -> None:
        """The request that runs has none."""
        self._add(b"", failure)

    def _add(self, reply: bytes, failure: Failure | None) -> None:
        with self._lock:  # the loop closes what a thread may end at the same moment
            if self._closed:
                return
            if failure is not None:
                self._failures[len(self._replies)] = failure
                self._closed = failure.kind == OVERRAN and self.thread != 0
            self._replies.append(reply)
            self._bytes += len(reply)

    def time_left(self) -> float:
        """How many seconds the present request may still run."""
        return max(self._begun + self.timeout - time.perf_counter(), 0.0)

    def has_overrun(self) -> bool:
        """True if the present request has run for too long."""
        return self.time_left() <= 0

    def where_it_is(self) -> str:
        """Where the thread is at this moment."""
        frame = sys._current_frames().get(self.thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else ""

    def answers(self, *, leaves: bool) -> Answers:
        """What became of them."""
        seconds = time.perf_counter() - self._started
        return Answers(self._replies, self._failures, seconds, leaves)
