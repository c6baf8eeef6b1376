"""Channels whose ends are on linked nodes, with links that are cut and made anew, against an oracle.

The channel stays at its home; nodes come and go.  The oracle knows of each value what its sender was
told and who has taken it:
* a send that returned was taken in the end; one that was cancelled, or has lost its link, by nobody.
* plain values on a channel without a buffer are taken once at most, whatever is cut.
* nothing hangs, and no link ends but those that were cut.
* the counters of a home add up: what was sent was taken, has come back, or nobody knows.
* in the end nothing is left: no value in work, no party in a line, no bytes of credit.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio
import trio.testing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import csp
from netchannels.testing import faulty_pair, linked

T = TypeVar("T")
SLOTS = st.sampled_from([0, 1])
PLACES = st.sampled_from(["home", 0, 1])
MODES = st.sampled_from(["take", "take", "select", "lease", "extended"])


class Loop:
    """A trio run in a thread of its own, which does one thing after another."""

    def __init__(self) -> None:
        self.clock = trio.testing.MockClock()
        self.ready, self.done = threading.Event(), trio.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait()

    def _run(self) -> None:
        try:
            trio.run(self._main, clock=self.clock)
        except BaseException as error:
            self.error = error

    async def _main(self) -> None:
        self.token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self.nursery:
            self.ready.set()
            await self.done.wait()

    def do(self, what: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Do it, and return when nothing moves any more."""

        async def and_settle() -> T:
            result = await what(*args)
            await trio.testing.wait_all_tasks_blocked()
            return result

        try:
            return trio.from_thread.run(and_settle, trio_token=self.token)
        except trio.RunFinishedError:  # a trio task of the test has failed
            self.thread.join(20)
            assert self.error is not None
            raise self.error from None

    async def pass_time(self, seconds: int) -> None:
        """The clock goes on, a second at a time."""
        for _ in range(seconds):
            self.clock.jump(1)
            await trio.testing.wait_all_tasks_blocked()

    def end(self) -> None:
        """The run ends; whatever failed in it is raised."""
        if self.thread.is_alive():
            trio.from_thread.run_sync(self.done.set, trio_token=self.token)
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


@dataclass(eq=False)
class Value:
    """One value: what its sender was told, and who has it or had it."""

    number: int
    place: Any
    told: str = "pending"
    taken: int = 0  # for good, or its work was done
    begun: int = 0
    plain: bool = True  # nobody has ever had it in work


@dataclass(eq=False)
class Operation:
    """One that goes on."""

    what: str
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    finish: trio.Event = field(default_factory=trio.Event)  # the work on a value may end
    fails: bool = False
    holds: Value | None = None


@dataclass(eq=False)
class Pair:
    """Two linked nodes: one at the home of the channel, one elsewhere."""

    streams: Any
    links: list[Any] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)
    was_cut: bool = False  # or silent for a while
    held: set[int] = field(default_factory=set)  # sides that hear nothing now
    close: trio.Event = field(default_factory=trio.Event)


class Network(RuleBasedStateMachine):
    """A channel, two places from which it is used over links, and the home itself."""

    @initialize(room=st.sampled_from([0, 0, 0, 2, math.inf]))
    def begin(self, room: float) -> None:
        self.loop = Loop()
        self.room = room
        self.values: list[Value] = []
        self.operations: list[Operation] = []
        self.pairs: dict[int, Pair] = {}
        self.old: list[Pair] = []
        self.loop.do(self._begin)

    async def _begin(self) -> None:
        self.channel = csp.Channel(int, name="it", buffer=self.room, max_attempts=math.inf)
        self.tx, self.rx = self.channel.sender(), self.channel.receiver()

    # --- nodes -----------------------------------------------------------------------------

    @rule(slot=SLOTS, prefetch=st.sampled_from([0, 0, 2]))
    def join(self, slot: int, prefetch: int) -> None:
        if slot not in self.pairs:
            pair = self.pairs[slot] = Pair(faulty_pair())
            self.loop.do(self._start, pair, prefetch)
            assert set(pair.ends) == {"tx", "rx"}

    async def _start(self, pair: Pair, prefetch: int) -> None:
        self.loop.nursery.start_soon(self._keep, pair, prefetch)

    async def _keep(self, pair: Pair, prefetch: int) -> None:
        async with linked(pair.streams) as (home, there):
            pair.links = [home._inside.links[0], there._inside.links[0]]
            home.share("it", self.rx.clone())
            home.share("it", self.tx.clone())
            pair.ends["rx"] = await there.receiver("it", int, prefetch=prefetch)
            pair.ends["tx"] = await there.sender("it", int)
            home.unshare("it")
            await pair.close.wait()
            for end in pair.ends.values():
                end.close()
            await trio.sleep(1)  # the ports are closed, as long as the link stands

    @rule(slot=SLOTS, side=SLOTS, after=st.sampled_from([0, 0, 1, 18, 30, 60, 100]))
    def cut(self, slot: int, side: int, after: int) -> None:
        pair = self.pairs.get(slot)
        if pair is not None:
            pair.was_cut = True
            self.loop.do(self._cut, pair, side, after)
            if pair.links[0].lost:
                self._bury(slot)

    async def _cut(self, pair: Pair, side: int, after: int) -> None:
        pair.streams[side].cut(after_bytes=after)

    @rule(slot=SLOTS, side=SLOTS)
    def hold(self, slot: int, side: int) -> None:
        """What is said to that side stays on its way."""
        pair = self.pairs.get(slot)
        if pair is not None:
            pair.held.add(side)
            pair.streams[side].hold()

    @rule(slot=SLOTS, side=SLOTS)
    def release(self, slot: int, side: int) -> None:
        """It arrives."""
        pair = self.pairs.get(slot)
        if pair is not None and side in pair.held:
            self.loop.do(self._release, pair, side)

    async def _release(self, pair: Pair, side: int) -> None:
        pair.held.discard(side)
        pair.streams[side].release()

    def _bury(self, slot: int) -> None:
        pair = self.pairs.pop(slot)
        self.old.append(pair)
        self.loop.do(self._close, pair)

    async def _close(self, pair: Pair) -> None:
        pair.close.set()

    # --- operations ------------------------------------------------------------------------

    def _end(self, place: Any, which: str) -> Any:
        """A clone of an end there, None if there is none."""
        if place == "home":
            return self.tx.clone() if which == "tx" else self.rx.clone()
        pair = self.pairs.get(place)
        return None if pair is None else pair.ends[which].clone()

    @rule(place=PLACES)
    def send(self, place: Any) -> None:
        async def start() -> None:
            end = self._end(place, "tx")
            if end is not None:
                value = Value(len(self.values), place)
                self.values.append(value)
                operation = Operation("send", holds=value)
                self.operations.append(operation)
                self.loop.nursery.start_soon(self._send, operation, end, value)

        self.loop.do(start)

    async def _send(self, operation: Operation, tx: Any, value: Value) -> None:
        try:
            with tx, operation.scope:
                await tx.send(value.number)
                value.told = "returned"
        except csp.DeliveryUnknown:
            value.told = "unknown"
        except csp.LinkLost as error:
            value.told = {False: "lost"}[error.delivered]
        if value.told == "pending":
            assert operation.scope.cancelled_caught
            value.told = "cancelled"
        self.operations.remove(operation)

    @rule(place=PLACES, mode=MODES)
    def receive(self, place: Any, mode: str) -> None:
        async def start() -> None:
            end = self._end(place, "rx")
            if end is not None:
                operation = Operation(mode)
                self.operations.append(operation)
                self.loop.nursery.start_soon(self._receive, operation, end)

        self.loop.do(start)

    async def _receive(self, operation: Operation, rx: Any) -> None:
        try:
            with rx, operation.scope:
                await getattr(self, f"_{operation.what}")(operation, rx)
        except (csp.LinkLost, csp.EndOfChannel):
            pass
        self.operations.remove(operation)

    async def _take(self, operation: Operation, rx: Any) -> None:
        self.values[await rx.receive()].taken += 1

    async def _select(self, operation: Operation, rx: Any) -> None:
        with csp.Alternation(rx, csp.Timeout(1e9)) as alternation:
            self.values[(await alternation.select()).value].taken += 1

    async def _lease(self, operation: Operation, rx: Any) -> None:
        async with rx.lease() as job:
            await self._work(operation, job.value)

    async def _extended(self, operation: Operation, rx: Any) -> None:
        try:
            async with rx.extended() as number:
                await self._work(operation, number)
        except ArithmeticError:
            pass

    async def _work(self, operation: Operation, number: int) -> None:
        value = self.values[number]
        value.plain, value.begun, operation.holds = False, value.begun + 1, value
        await operation.finish.wait()
        if operation.fails:
            raise ArithmeticError
        value.taken += 1

    @precondition(lambda self: self.operations)
    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        operation = self.operations[which % len(self.operations)]

        async def strike() -> None:
            operation.scope.cancel()

        self.loop.do(strike)

    @rule(which=st.integers(0, 20), fails=st.sampled_from([False, False, True]))
    def finish(self, which: int, fails: bool) -> None:
        working = [each for each in self.operations if each.what != "send" and each.holds]
        if working:
            operation = working[which % len(working)]

            async def finish() -> None:
                operation.fails = fails
                operation.finish.set()

            self.loop.do(finish)

    @rule()
    def time_passes(self) -> None:
        for pair in self.pairs.values():
            pair.was_cut = pair.was_cut or bool(pair.held)
        self.loop.do(self.loop.pass_time, 2)
        for slot in list(self.pairs):
            if self.pairs[slot].links[0].lost:
                self._bury(slot)

    # --- the oracle ------------------------------------------------------------------------

    @invariant()
    def each_was_told_the_truth(self) -> None:
        for value in getattr(self, "values", ()):
            if value.plain and not self.room:
                most = {"cancelled": 0, "lost": 0}.get(value.told, 1)
                assert value.taken <= most, value
            elif value.told == "lost":
                assert value.taken == value.begun == 0, value

    @invariant()
    def only_what_was_cut_is_lost(self) -> None:
        for pair in getattr(self, "pairs", {}).values():
            assert pair.was_cut or not (pair.links[0].lost or pair.links[1].lost)

    @invariant()
    def counters_add_up(self) -> None:
        for pair in [*getattr(self, "pairs", {}).values(), *getattr(self, "old", ())]:
            for link in pair.links:
                counters = link.counters
                known = counters.taken + counters.unknown
                assert known <= counters.sent
                assert counters.retried <= counters.sent

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self._drain()
        finally:
            self.loop.end()

    def _drain(self) -> None:
        """Work ends, the home takes the rest: everything that was sent comes."""

        async def let_all_work_end() -> None:
            for pair in self.pairs.values():
                for side in list(pair.held):
                    await self._release(pair, side)
            for operation in self.operations:
                operation.finish.set()
                if operation.what != "send" and operation.holds is None:
                    operation.scope.cancel()

        async def take() -> None:
            self.loop.nursery.start_soon(self._take_all)

        async def close() -> None:
            for pair in self.pairs.values():
                pair.close.set()
            self.tx.close()

        self.loop.do(let_all_work_end)
        self.loop.do(self.loop.pass_time, 3)
        self.loop.do(take)
        self.loop.do(self.loop.pass_time, 3)
        self.loop.do(close)
        self.loop.do(self.loop.pass_time, 20)
        assert not self.operations, self.operations
        assert self.drained
        for value in self.values:
            if value.told == "returned":
                assert value.taken >= 1, value
                if value.plain and not self.room:
                    assert value.taken == 1, value
            assert value.told != "pending", value
        core = self.channel._core
        assert core.held == 0
        assert not core.front
        assert not core.buffer
        assert core.first is None
        assert (core.senders, core.receivers) == (0, 0)
        for pair in [*self.pairs.values(), *self.old]:
            for link in pair.links:
                assert not link.ports
                assert not link.asking
                if not pair.was_cut:
                    assert link.connection._sent == link.connection._kept == 0
                    assert not link.connection.ports
        self.each_was_told_the_truth()

    drained = False

    async def _take_all(self) -> None:
        with self.rx:
            async for number in self.rx:
                self.values[number].taken += 1
        self.drained = True


TestNetwork = Network.TestCase
TestNetwork.settings = settings(
    max_examples=1_000 if os.environ.get("NIGHTLY") else 60,
    stateful_step_count=40,
    deadline=None,
)
