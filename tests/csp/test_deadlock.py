"""Deadlocks are reported, and nothing else is."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import (
    Alternation,
    Barrier,
    Broadcast,
    Call,
    Channel,
    Deadline,
    Every,
    Flag,
    Member,
    Par,
    Receiver,
    Running,
    Sender,
    Seq,
    Spawn,
    Timeout,
    Wait,
    patterns,
    process,
)
from csp._deadlock import SHOWN, Judge
from csp._kernel import HOLDER

Main = Callable[[], Awaitable[object]]

both_paths = pytest.mark.parametrize("lend", [True, False])


@process
async def pass_on(feed: Receiver[int], out: Sender[int]) -> None:
    async for number in feed:
        await out.send(number)


@process
async def consumer(feed: Receiver[int]) -> None:
    async for _ in feed:
        pass


@both_paths
def test_two_processes_that_wait_for_each_other_are_named(lend: bool) -> None:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        left = pass_on(a.receiver(), b.sender()).named("left")
        await Par(left, pass_on(b.receiver(), a.sender()).named("right"))

    with pytest.raises(csp.Deadlock) as caught:
        csp.run(main, lend=lend)
    assert "`left` waits to receive from `a`, whose only sender `right` holds" in str(caught.value)
    assert "test_deadlock.py:" in str(caught.value)


@both_paths
def test_a_process_of_csps_own_is_named_with_the_place_of_its_call(lend: bool) -> None:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        there = patterns.identity(a.receiver(), b.sender()).named("there")
        back = patterns.identity(b.receiver(), a.sender()).named("back")
        await Par(there, back)

    with pytest.raises(csp.Deadlock) as caught:
        csp.run(main, lend=lend)
    lines = str(caught.value).splitlines()[1:]
    told = [re.sub(r"py:\d+", "py:9", line) for line in lines]
    assert sorted(told) == [
        "  `back` waits to receive from `b`, whose only sender `there` holds (called at test_deadlock.py:9)",
        "  `main` waits for `back`, `there`, at test_deadlock.py:9",
        "  `there` waits to receive from `a`, whose only sender `back` holds (called at test_deadlock.py:9)",
    ]


@both_paths
def test_an_end_that_main_forgot_is_named(lend: bool) -> None:
    async def main() -> None:
        jobs = Channel(int, name="jobs")
        tx = jobs.sender()
        async with Spawn() as spawn:
            spawn(consumer(jobs.receiver()))
            await tx.send(1)

    with pytest.raises(csp.Deadlock) as caught:
        csp.run(main, lend=lend)
    first = str(caught.value).splitlines()[0]
    assert "`main` waits for `consumer`" in first
    assert "`consumer` waits to receive from `jobs`, whose only sender `main` holds" in first
    assert "with tx:" in first


@both_paths
def test_a_part_of_the_network_may_be_stuck_while_the_rest_is_busy(lend: bool) -> None:
    @process
    async def busy() -> None:
        while True:
            await trio.sleep(0.01)

    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        ring = Par(pass_on(a.receiver(), b.sender()), pass_on(b.receiver(), a.sender()))
        await Par(busy(), ring)

    with pytest.raises(csp.Deadlock):
        csp.run(main, lend=lend)


@both_paths
def test_a_wait_that_a_timeout_ends_is_no_deadlock(lend: bool) -> None:
    async def main() -> str:
        jobs = Channel(int, name="jobs")
        with jobs.sender(), jobs.receiver() as rx:
            with trio.move_on_after(5):
                await rx.receive()
            timer = Timeout(5)
            choice = await Alternation(rx, timer).select()
            return "timeout" if choice.guard is timer else "value"

    assert csp.run(main, lend=lend, clock=MockClock(autojump_threshold=0)) == "timeout"


def test_a_detached_end_is_never_judged() -> None:
    async def main() -> int:
        channel = Channel(int, name="c")
        tx, rx = channel.sender(), channel.receiver()
        tx.detach()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, csp.from_thread.send, tx, 7)
            value = await rx.receive()
        tx.retire()
        rx.retire()
        return value

    assert csp.run(main) == 7


def test_warn_reports_and_goes_on() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender(), channel.receiver() as rx:
            with trio.CancelScope() as scope:

                async def later() -> None:
                    await trio.sleep(1)
                    scope.cancel()

                async with Spawn() as spawn:
                    spawn(consumer(rx.clone()))
                    trio.lowlevel.spawn_system_task(later)

    with pytest.warns(RuntimeWarning, match="`consumer` waits to receive"):
        csp.run(main, deadlock="warn")


# --- a table of networks -----------------------------------------------------------------------
#
# Each network has a place where it depends on a `switch`: with one setting it is stuck, with the
# other it could go on, and does so, after a while in which all but one wait.

NAP = 1.0  # seconds of a clock that runs fast and never jumps, so that trio goes idle


@process
async def source(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


@process
async def napper(*ends: Any) -> None:
    """Holds ends for a while."""
    await trio.sleep(NAP)


def ints(*names: str) -> list[Channel[int]]:
    return [Channel(int, name=name) for name in names]


async def a_ring(stuck: bool) -> None:
    """Of four; stuck if nobody puts a value in, else one naps before he does."""

    @process
    async def starts(feed: Receiver[int], out: Sender[int]) -> None:
        if not stuck:
            await trio.sleep(NAP)
            await out.send(1)
        async for _ in feed:
            return

    links = ints("a", "b", "c", "d")
    parts: list[csp.Process[None]] = [starts(links[3].receiver(), links[0].sender()).named("p0")]
    for i in range(1, 4):
        parts.append(pass_on(links[i - 1].receiver(), links[i].sender()).named(f"p{i}"))
    await Par(*parts)


async def a_diamond(stuck: bool) -> None:
    """Two on the left before the first on the right; stuck without room for one on the left."""

    @process
    async def splits(left: Sender[int], right: Sender[int]) -> None:
        for out in (left, left, right):
            await out.send(1)

    @process
    async def joins(left: Receiver[int], right: Receiver[int]) -> None:
        for feed in (right, left, left):
            if not stuck:
                await trio.sleep(NAP)
            await feed.receive()

    a, b, d = ints("a", "b", "d")
    c = Channel(int, name="c", buffer=0 if stuck else 1)
    await Par(
        splits(a.sender(), b.sender()),
        pass_on(a.receiver(), c.sender()).named("left"),
        pass_on(b.receiver(), d.sender()).named("right"),
        joins(c.receiver(), d.receiver()),
    )


async def a_barrier_and_a_channel(stuck: bool) -> None:
    """One meets before it sends, one receives before it meets, or naps instead."""

    @process
    async def meets_first(member: Member, out: Sender[int]) -> None:
        await member.sync()
        await out.send(1)

    @process
    async def receives_first(member: Member, feed: Receiver[int]) -> None:
        if stuck:
            await feed.receive()
        await trio.sleep(NAP)
        await member.sync()
        if not stuck:
            await feed.receive()

    (c,), b = ints("c"), Barrier(name="b")
    await Par(meets_first(b.member(), c.sender()), receives_first(b.member(), c.receiver()))


async def a_barrier_in_an_alternation(stuck: bool) -> None:
    """A member that is offered in a selection and one that is held by whoever waits or naps."""

    @process
    async def selects(member: Member, feed: Receiver[int]) -> None:
        await Alternation(member, feed).select()

    @process
    async def keeps(member: Member, out: Sender[int], feed: Receiver[int]) -> None:
        if stuck:
            await feed.receive()
        await trio.sleep(NAP)

    (c, d), b = ints("c", "d"), Barrier(name="b")
    with d.sender():
        await Par(selects(b.member(), c.receiver()), keeps(b.member(), c.sender(), d.receiver()))


async def a_lease_held_while_waiting(stuck: bool) -> None:
    """The boss waits for the job to come back, the worker for the boss or for a while."""

    @process
    async def boss(jobs: Sender[int], back: Receiver[int], go: Sender[int]) -> None:
        await jobs.send(7)
        jobs.retire()
        async for _ in back:
            await go.send(1)

    @process
    async def worker(jobs: Receiver[int], go: Receiver[int]) -> None:
        async with jobs.lease():
            if stuck:
                await go.receive()
            await trio.sleep(NAP)

    jobs, go = ints("jobs", "go")
    await Par(
        boss(jobs.sender(), jobs.receiver(), go.sender()), worker(jobs.receiver(), go.receiver())
    )


async def a_reader_of_failures(stuck: bool) -> None:
    """He waits for a value to fail, in the hands of whoever waits for him, or for a while."""
    jobs = Channel(int, name="jobs", buffer=1, max_attempts=1)

    @process
    async def reads(failed: Receiver[Any], out: Sender[int]) -> None:
        async for _ in failed:
            pass

    @process
    async def worker(jobs: Receiver[int], feed: Receiver[int]) -> None:
        async with jobs.lease():
            if stuck:
                await feed.receive()
            await trio.sleep(NAP)
            raise ValueError

    (c,) = ints("c")
    with jobs.sender() as tx:
        await tx.send(7)
    await Par(reads(jobs.failed.receiver(), c.sender()), worker(jobs.receiver(), c.receiver()))


async def failures_to_come(stuck: bool) -> None:
    """Nobody works yet; whoever may send a job waits for the reader of failures, or naps."""
    jobs = Channel(int, name="jobs")

    @process
    async def sends(jobs: Sender[int], feed: Receiver[int]) -> None:
        if stuck:
            await feed.receive()
        await trio.sleep(NAP)

    @process
    async def reads(failed: Receiver[Any], out: Sender[int]) -> None:
        async for _ in failed:
            pass

    (c,) = ints("c")
    failed = jobs.failed.receiver()
    await Par(sends(jobs.sender(), c.receiver()), reads(failed, c.sender()))


async def an_extended_rendezvous(stuck: bool) -> None:
    """The receiver works with the value and waits for its sender, or for a while."""

    @process
    async def sends(out: Sender[int], then: Sender[int]) -> None:
        await out.send(1)

    @process
    async def works(feed: Receiver[int], then: Receiver[int]) -> None:
        async with feed.extended():
            if stuck:
                await then.receive()
            await trio.sleep(NAP)

    c, d = ints("c", "d")
    await Par(sends(c.sender(), d.sender()), works(c.receiver(), d.receiver()))


async def a_cycle_of_calls(stuck: bool) -> None:
    """Each of two servers asks the other; stuck unless there is a second one of the left."""
    left: Channel[Call[int, int]] = Channel(Call[int, int], name="left")
    right: Channel[Call[int, int]] = Channel(Call[int, int], name="right")

    @process
    async def server(mine: Receiver[Call[int, int]], other: Sender[Call[int, int]]) -> None:
        async def answer(request: int) -> int:
            if not request:
                await trio.sleep(NAP)
                return 0
            return await other.call(request - 1)

        await mine.serve(answer)

    @process
    async def client(calls: Sender[Call[int, int]]) -> None:
        assert await calls.call(2) == 0

    async with Spawn() as spawn:
        for i in range(1 if stuck else 2):
            named = server(left.receiver(), right.sender()).named(f"left{i}")
            spawn(named, background=True)
        spawn(server(right.receiver(), left.sender()).named("right"), background=True)
        spawn(client(left.sender()))


async def many_calls(stuck: bool) -> None:
    """The caller of a map; the server waits for him, or for a while, before it accepts."""
    calls: Channel[Call[int, int]] = Channel(Call[int, int], name="calls")
    (c,) = ints("c")

    @process
    async def caller(calls: Sender[Call[int, int]], out: Sender[int]) -> None:
        assert [reply async for reply in calls.map([1, 2])] == [1, 2]

    @process
    async def server(calls: Receiver[Call[int, int]], feed: Receiver[int]) -> None:
        if stuck:
            await feed.receive()
        await trio.sleep(NAP)
        await calls.serve(lambda request: request)

    await Par(caller(calls.sender(), c.sender()), server(calls.receiver(), c.receiver()))


def an_alternation_with(timer: Callable[[], Any]) -> Any:
    async def network(stuck: bool) -> None:
        """A timer frees the selection, unless its condition is false."""

        @process
        async def selects(feed: Receiver[int], out: Sender[int]) -> None:
            await Alternation(feed, timer().when(lambda: not stuck)).select()

        c, d = ints("c", "d")
        await Par(selects(c.receiver(), d.sender()), pass_on(d.receiver(), c.sender()))

    return network


async def a_background_process(stuck: bool) -> None:
    """Who waits for a server that waits as well is stuck; a server that naps will answer."""

    @process
    async def serves(feed: Receiver[int], out: Sender[int]) -> None:
        if not stuck:
            await trio.sleep(NAP)
            await out.send(1)
        async for _ in feed:
            await out.send(1)

    @process
    async def asks(out: Sender[int], feed: Receiver[int]) -> None:
        await feed.receive()
        await out.send(1)

    c, d = ints("c", "d")
    async with Spawn() as spawn:
        spawn(serves(c.receiver(), d.sender()), background=True)
        spawn(asks(c.sender(), d.receiver()))


async def an_end_in_a_value(stuck: bool) -> None:
    """The only sender arrives in a value; stuck once whoever took it waits, not on its way."""

    @process
    async def takes(ends: Receiver[Sender[int]], feed: Receiver[int]) -> None:
        if not stuck:
            await trio.sleep(NAP)
        async with await ends.receive() as end:  # type: ignore[attr-defined]
            if stuck:
                await feed.receive()
            await end.send(1)

    @process
    async def gets(feed: Receiver[int], out: Sender[int]) -> None:
        await feed.receive()

    c, d = ints("c", "d")
    ends = Channel[Sender[int]](name="ends", buffer=1)
    with ends.sender() as out:
        await out.send(c.sender())
    await Par(takes(ends.receiver(), d.receiver()), gets(c.receiver(), d.sender()))


async def a_wait_for_a_process(stuck: bool) -> None:
    """One waits for the end of another, which waits for the first or for a while."""

    @process
    async def waits(running: Running[None], out: Sender[int]) -> None:
        await Alternation(Wait(running)).select()

    @process
    async def lasts(feed: Receiver[int]) -> None:
        if stuck:
            await feed.receive()
        await trio.sleep(NAP)

    (c,) = ints("c")
    async with Spawn() as spawn:
        spawn(waits(spawn(lasts(c.receiver())), c.sender()))


async def a_broadcast(stuck: bool) -> None:
    """One of two receivers does not take the tick: it waits for the sender, or for a while."""

    @process
    async def ticks(out: Sender[int], then: Sender[int]) -> None:
        await out.send(1)

    @process
    async def late(feed: Receiver[int], then: Receiver[int]) -> None:
        if stuck:
            await then.receive()
        await trio.sleep(NAP)
        await feed.receive()

    (c,), b = ints("c"), Broadcast(int, name="b")
    await Par(
        ticks(b.sender(), c.sender()),
        consumer(b.receiver()),
        late(b.receiver(), c.receiver()),
    )


async def steps_of_a_seq(stuck: bool) -> None:
    """A later step would send what this one waits for; or another process naps with an end."""
    (c,) = ints("c")
    out = c.sender()

    @process
    async def first(feed: Receiver[int]) -> None:
        await feed.receive()

    if stuck:
        await Seq(first(c.receiver()), source(out, 1))
    else:
        await Par(Seq(napper(), source(out, 1)), first(c.receiver()))


@process
async def meets(member: Member, *ends: Any) -> None:
    await member.sync()


async def a_member_of_a_later_step(stuck: bool) -> None:
    """Two wait for a member whose step has not begun: the one before it waits, or naps."""
    (c,), b = ints("c"), Barrier(name="b")
    before = consumer(c.receiver()).named("before") if stuck else napper(c.receiver())
    await Par(Seq(before, meets(b.member())), meets(b.member(), c.sender()), meets(b.member()))


async def a_member_of_several_steps(stuck: bool) -> None:
    """It counts once, in whatever step; another member waits for main, or its holder naps."""
    (c,), b = ints("c"), Barrier(name="b")
    member, other = b.member(), b.member()
    with c.sender():
        steps = Seq(meets(member), meets(member))
        if stuck:
            await Par(steps, holds(other, c.receiver()))
        else:
            await Par(steps, napper(other))


@process
async def gets_one(feed: Receiver[int]) -> None:
    await feed.receive()


@process
async def holds(member: Member, until: Receiver[int]) -> None:
    async for _ in until:
        pass


async def steps_beside_steps(stuck: bool) -> None:
    """What is to come waits for the steps before it only, however deep they stand."""
    c, d = ints("c", "d")
    inner = Seq(consumer(d.receiver()) if stuck else napper(), source(c.sender(), 1))
    with d.sender():
        await Par(Seq(napper(), Par(inner, napper())), gets_one(c.receiver()))


async def trio_tasks_of_a_process(stuck: bool) -> None:
    """A process with a free trio task is free."""

    @process
    async def twofold(feed: Receiver[int], out: Sender[int]) -> None:
        async def helps() -> None:
            await trio.sleep(NAP)
            await out.send(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.receive)
            if not stuck:
                nursery.start_soon(helps)

    c, d = ints("c", "d")
    await Par(twofold(c.receiver(), d.sender()), pass_on(d.receiver(), c.sender()))


async def a_full_buffer(stuck: bool) -> None:
    """Its only receiver is in the hands of whoever fills it, or of one who naps."""
    c = Channel(int, name="c", buffer=2)

    @process
    async def fills(out: Sender[int], feed: Receiver[int]) -> None:
        for number in range(3):
            await out.send(number)

    @process
    async def empties(feed: Receiver[int]) -> None:
        await trio.sleep(NAP)
        async for _ in feed:
            pass

    if stuck:
        await fills(c.sender(), c.receiver())
    else:
        await Par(source(c.sender(), 1, 2, 3), empties(c.receiver()))


async def a_channel_without_an_end(stuck: bool) -> None:
    """Whoever made it could make an end later, but not while he waits for it."""
    (c,) = ints("c")
    async with Spawn() as spawn:
        spawn(consumer(c.receiver()))
        if not stuck:
            await trio.sleep(NAP)
            c.sender().retire()


async def a_detached_end(stuck: bool) -> None:
    """Its own channel is never judged, the other channels of whoever uses it are."""
    c, d, e = ints("c", "d", "e")
    tx = e.sender()
    tx.detach()

    @process
    async def selects(feed: Receiver[int], outside: Receiver[int], out: Sender[int]) -> None:
        if stuck:
            await feed.receive()
        async for _ in Alternation(feed, outside):
            return

    async def thread() -> None:
        await trio.sleep(NAP)
        await trio.to_thread.run_sync(csp.from_thread.send, tx, 7)

    with tx:
        async with trio.open_nursery() as nursery:
            if not stuck:
                nursery.start_soon(thread)
            await Par(
                selects(c.receiver(), e.receiver(), d.sender()),
                pass_on(d.receiver(), c.sender()),
            )


NETWORKS: dict[str, tuple[Any, set[str], list[str]]] = {
    # the network, who is stuck, and what is said
    "ring": (a_ring, {"p0", "p1", "p2", "p3"}, ["`p2` waits to receive from `b`, whose only sender `p1`"]),
    "diamond": (a_diamond, {"splits", "left", "right", "joins"},
                ["`splits` waits to send to `a`, whose only receiver `left` holds",
                 "`joins` waits to receive from `d`, whose only sender `right` holds"]),
    "barrier": (a_barrier_and_a_channel, {"meets_first", "receives_first"},
                ["`meets_first` waits at `b` for all its members",
                 "`receives_first` waits to receive from `c`, whose only sender `meets_first`"]),
    "barrier guard": (a_barrier_in_an_alternation, {"selects", "keeps"},
                      ["`selects` waits at `b` or waits to receive from `c`, whose only sender `keeps`",
                       "`keeps` waits to receive from `d`, whose only sender `main` holds"]),
    "lease": (a_lease_held_while_waiting, {"boss", "worker"},
              ["`worker` waits to receive from `go`, whose only sender `boss` holds",
               "`boss` waits to receive from `jobs`"]),
    "failures": (a_reader_of_failures, {"reads", "worker"},
                 ["`worker` waits to receive from `c`, whose only sender `reads` holds",
                  "`reads` waits to receive from `jobs.failed`"]),
    "no failures": (failures_to_come, {"reads", "sends"}, []),
    "extended": (an_extended_rendezvous, {"sends", "works"},
                 ["`sends` waits for the end of an extended rendezvous on `c`"]),
    "calls": (a_cycle_of_calls, {"client", "left0", "right"},
              ["`client` waits for a reply on `left`", "`left0` waits for a reply on `right`",
               "`right` waits to send to `left`, whose only receiver `left0` holds"]),
    "map": (many_calls, {"caller", "server"}, ["`caller` waits for replies on `calls`"]),
    "timeout": (an_alternation_with(lambda: Timeout(NAP)), {"selects", "pass_on"}, []),
    "every": (an_alternation_with(lambda: Every(NAP)), {"selects", "pass_on"}, []),
    "deadline": (an_alternation_with(lambda: Deadline(trio.current_time() + NAP)),
                 {"selects", "pass_on"}, ["`selects` waits to receive from `c`"]),
    "background": (a_background_process, {"serves", "asks"},
                   ["`asks` waits to receive from `d`, whose only sender `serves` holds"]),
    "value": (an_end_in_a_value, {"takes", "gets"},
              ["`gets` waits to receive from `c`, whose only sender `takes` holds"]),
    "wait": (a_wait_for_a_process, {"waits", "lasts"}, ["`waits` waits for `lasts`"]),
    "broadcast": (a_broadcast, {"ticks", "consumer", "late"},
                  ["`late` waits to receive from `c`, whose only sender `ticks` holds"]),
    "seq": (steps_of_a_seq, {"first"}, ["`first` waits to receive from `c`, whose only sender `main`"]),
    "later member": (a_member_of_a_later_step, {"before", "meets"},
                     ["`before` waits to receive from `c`, whose only sender `meets` holds"]),
    "member of steps": (a_member_of_several_steps, {"meets", "holds"},
                        ["`holds` waits to receive from `c`, whose only sender `main` holds"]),
    "steps": (steps_beside_steps, {"consumer", "gets_one"}, []),
    "trio tasks": (trio_tasks_of_a_process, {"twofold", "pass_on"}, []),
    "buffer": (a_full_buffer, {"fills"}, ["`fills` waits to send to `c`, whose only receiver `fills`"]),
    "no end": (a_channel_without_an_end, {"consumer"},
               ["`consumer` waits to receive from `c`, which has no sender"]),
    "detached": (a_detached_end, {"selects", "pass_on"}, ["`selects` waits to receive from `c`"]),
}  # fmt: skip

networks = pytest.mark.parametrize("name", list(NETWORKS))


def run_fast(main: Any, *args: Any, lend: bool = True) -> Any:
    return csp.run(main, *args, lend=lend, clock=MockClock(rate=50))


@both_paths
@networks
def test_a_network_that_is_stuck_is_reported_with_all_who_are_in_it(name: str, lend: bool) -> None:
    network, stuck, said = NETWORKS[name]

    async def main() -> None:
        await network(True)

    with pytest.raises(csp.Deadlock) as caught:
        run_fast(main, lend=lend)
    first, *lines = str(caught.value).splitlines()
    assert {re.findall(r"`([^`]+)`", line)[0] for line in lines} == stuck | {"main"}
    for words in said:
        assert any(line.startswith("  " + words) for line in lines), words
    assert set(re.findall(r"(?:^|; )`([^`]+)` waits", first)) <= stuck | {"main"}


@both_paths
@networks
def test_a_network_that_can_go_on_is_not_reported_while_all_but_one_wait(
    name: str, lend: bool
) -> None:
    network, _, _ = NETWORKS[name]

    async def main() -> str:
        began = trio.current_time()
        await network(False)
        assert trio.current_time() >= began + NAP * 0.99  # there was time to look
        return "over"

    assert run_fast(main, lend=lend) == "over"


# --- help that cannot be seen ------------------------------------------------------------------


@process
async def waits_for_help(
    rx: Receiver[int], member: Member, event: Any, flag: Flag, how: str
) -> None:
    if how == "event":
        await event.wait()
    elif how == "flag":
        await Alternation(Wait(flag), rx).select()
    elif how == "member":
        await member.sync()
    else:
        await rx.receive()


@both_paths
@pytest.mark.parametrize("how", ["event", "flag", "member", "sender"])
def test_help_of_a_plain_trio_task_may_always_come(lend: bool, how: str) -> None:
    async def main() -> str:
        (c,), b, flag, event = ints("c"), Barrier(name="b"), Flag(), trio.Event()

        async def helper(task_status: trio.TaskStatus[None]) -> None:
            with c.sender() as tx, b.member() as member:
                task_status.started()
                await trio.sleep(NAP)
                event.set()
                flag.set()
                if how == "member":
                    await member.sync()
                elif how == "sender":
                    await tx.send(1)

        async with trio.open_nursery() as outside:
            token = HOLDER.set(None)
            await outside.start(helper)
            HOLDER.reset(token)
            await waits_for_help(c.receiver(), b.member(), event, flag, how)
        return "over"

    assert run_fast(main, lend=lend) == "over"


@both_paths
def test_servers_that_wait_for_each_other_are_idle_as_long_as_nobody_else_waits(lend: bool) -> None:
    async def main() -> str:
        a, b = ints("a", "b")
        async with Spawn() as spawn:
            spawn(pass_on(a.receiver(), b.sender()), background=True)
            spawn(pass_on(b.receiver(), a.sender()), background=True)
            spawn(napper())
        return "over"

    assert run_fast(main, lend=lend) == "over"


# --- the report --------------------------------------------------------------------------------


def report(*parts: Callable[[Channel[int]], csp.Process[Any]]) -> str:
    """Of processes that all wait for one channel."""

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender(), channel.receiver():
            await Par(*(part(channel) for part in parts))

    with pytest.raises(csp.Deadlock) as caught:
        run_fast(main)
    return str(caught.value)


def test_equal_lines_are_counted() -> None:
    text = report(lambda c: 1_200 * consumer(c.receiver()))
    lines = [line for line in text.splitlines() if line.startswith("  `consumer`")]
    assert len(lines) == 1
    assert lines[0].endswith(" (x 1,200)")


def test_of_many_lines_the_first_are_shown() -> None:
    def part(i: int) -> Callable[[Channel[int]], csp.Process[Any]]:
        return lambda c: consumer(c.receiver()).named(f"c{i}")

    _, *lines = report(*(part(i) for i in range(30))).splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[-1] == f"  and {31 - SHOWN} more"


def test_of_many_who_hold_the_other_end_the_first_five_are_named() -> None:
    def part(i: int) -> Callable[[Channel[int]], csp.Process[Any]]:
        return lambda c: keeps_and_receives(c.sender(), c.receiver()).named(f"c{i}")

    text = report(*(part(i) for i in range(8)))
    assert "whose senders `c0`, `c1`, `c2`, `c3`, `c4` and 4 more hold" in text


@process
async def keeps_and_receives(out: Sender[int], feed: Receiver[int]) -> None:
    await feed.receive()


def test_who_is_only_held_up_is_listed_and_not_part_of_the_cycle() -> None:
    async def main() -> None:
        a, b, c = ints("a", "b", "c")
        ring = (
            pass_on(a.receiver(), b.sender()).named("left"),
            pass_on(b.receiver(), a.sender()).named("right"),
        )
        with c.sender():
            await Par(consumer(c.receiver()).named("held up"), *ring)

    with pytest.raises(csp.Deadlock) as caught:
        run_fast(main)
    first, *lines = str(caught.value).splitlines()
    assert any(line.startswith("  `held up` waits") for line in lines)
    assert first.count("` waits") == len(set(re.findall(r"`([^`]+)` waits", first)))


def test_the_same_program_has_the_same_report() -> None:
    async def main() -> None:
        count = 40
        channels = ints(*(f"c{i:02}" for i in range(count)))
        await Par(
            *(
                pass_on(channels[i].receiver(), channels[(i + 1) % count].sender()).named(
                    f"p{i:02}"
                )
                for i in reversed(range(count))
            )
        )

    with pytest.raises(csp.Deadlock) as caught:
        run_fast(main)
    first, outermost, *lines = str(caught.value).splitlines()
    assert first.startswith("`p00` waits")
    assert outermost.startswith("  `main` waits")
    assert lines == sorted(lines)


# --- when it looks -----------------------------------------------------------------------------


class Looks:
    """A judge over a kernel whose stuck set is what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stuck: dict[Any, list[Any]] = {}
        self.time, self.looks = 0.0, 0
        self.reported: list[csp.Deadlock] = []
        kernel: Any = SimpleNamespace(clock=lambda: self.time, soon=lambda f, *args: f(*args))
        kernel.holders = set[object]()
        kernel.judge = self.judge = Judge(kernel, self.reported.append)
        self.kernel = kernel
        monkeypatch.setattr("csp._deadlock.stuck_set", self.look)

    def look(self, kernel: Any) -> dict[Any, list[Any]]:
        self.looks += 1
        return self.stuck

    def wait(self, key: int) -> None:
        """From now on one process waits, with an offer of that key."""
        wait = SimpleNamespace(key=key, text="waits", where=str, needs_all=False, helpers=())
        self.stuck = {SimpleNamespace(name="p").name: [wait]}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    monkeypatch.setattr("csp._deadlock.deadlock", lambda waits: csp.Deadlock("stuck"))
    return Looks(monkeypatch)


def test_a_set_is_reported_when_it_is_found_stuck_twice_with_the_same_offers(looks: Looks) -> None:
    looks.wait(1)
    looks.judge(True, 10)
    assert looks.reported == []
    looks.judge(True, 0)  # the second look does not rest
    assert [str(error) for error in looks.reported] == ["stuck"]
    assert looks.kernel.judge is None


@pytest.mark.parametrize("between", [2, None])
def test_who_has_moved_between_two_looks_is_not_reported(looks: Looks, between: int | None) -> None:
    for key in (1, between, 1):
        if key is None:
            looks.stuck = {}
        else:
            looks.wait(key)
        looks.judge(True, 10)
        looks.time += 10
    assert looks.looks == 3
    assert looks.reported == []


@pytest.mark.parametrize(
    ("idle", "timeout", "after", "looked"),
    [
        (True, 0.0, 0.005, False),
        (True, 0.0, 0.015, True),
        (True, math.inf, 0.005, True),  # trio would not wake up again by itself
        (False, 0.0, 0.9, False),
        (False, math.inf, 0.9, False),
        (False, 0.0, 1.1, True),
    ],
)
def test_it_rests_after_a_look(
    looks: Looks, idle: bool, timeout: float, after: float, looked: bool
) -> None:
    looks.judge(True, 0.0)
    looks.time += after
    looks.judge(idle, timeout)
    assert looks.looks == (2 if looked else 1)


def test_it_rests_longer_when_there_are_more_to_look_at(looks: Looks) -> None:
    """What the last look has cost does not tell what the next one will."""
    looks.judge(True, 0.0)
    looks.kernel.holders = range(10_000)
    for looked, timeout in ((1, 0.0), (2, math.inf)):
        looks.time += 1
        looks.judge(True, timeout)
        assert looks.looks == looked
    looks.time += 6
    looks.judge(True, 0.0)
    assert looks.looks == 3


# --- how it is described ------------------------------------------------------------------------


@process
async def trader(out: Sender[int], inp: Receiver[int]) -> None:
    await out.send(1)
    await inp.receive()


def reported(main: Any) -> str:
    with pytest.raises(csp.Deadlock) as caught:
        csp.run(main)
    return "\n".join([str(caught.value), *caught.value.__notes__])


def test_the_same_network_is_described_in_the_same_way_at_each_run() -> None:
    async def main() -> None:
        ways = [Channel(int, name=f"way {n}") for n in range(5)]
        ends = [(ways[n].sender(), ways[n - 1].receiver()) for n in range(5)]
        await Par(*(trader(*pair).named(f"trader {n}") for n, pair in enumerate(ends)))

    first = reported(main)
    assert "`trader 0` waits to send to `way 0`" in first.splitlines()[2]
    assert {reported(main) for _ in range(10)} == {first}


def test_a_channel_without_the_other_end_needs_one() -> None:
    async def main() -> None:
        there, back = Channel(int, name="there"), Channel(int, name="back")
        await Par(trader(there.sender(), back.receiver()), trader(there.sender(), back.receiver()))

    said = reported(main)
    assert ", which has no receiver: make one and give it to a process\n" in said
    assert said.endswith("(csp explain no-other-end)")


@process
async def one_after_the_other() -> None:
    there = Channel(int, name="there")
    await pass_on(there.receiver(), Channel(int, name="out").sender())
    await consumer(there.receiver())


def test_who_waits_for_what_nobody_holds_is_named_first() -> None:
    async def main() -> None:
        back = Channel(int, name="back")
        await Par(one_after_the_other(), consumer(back.receiver()), held(back.sender()))

    @process
    async def held(out: Sender[int]) -> None:
        await one_after_the_other()

    said = reported(main)
    assert said.startswith("`pass_on` waits to receive from `there`, which has no sender: make one")
    assert said.endswith("(csp explain no-other-end)")


@both_paths
def test_who_awaits_a_process_inline_waits_at_that_line(
    lend: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        await one_after_the_other()

    monkeypatch.setenv("CSP_LEND", str(int(lend)))
    first = inspect.unwrap(one_after_the_other).__code__.co_firstlineno
    of_pass_on = inspect.unwrap(pass_on).__code__.co_firstlineno
    said = reported(main)
    assert f"  `one_after_the_other` waits for `pass_on`, at test_deadlock.py:{first + 3}\n" in said
    assert f"which has no sender, at test_deadlock.py:{of_pass_on + 2}\n" in said


def test_a_process_that_is_awaited_inline_waits_at_a_line_of_its_own() -> None:
    async def main() -> None:
        there, back = Channel(int, name="there"), Channel(int, name="back")
        await trader(there.sender(), back.receiver())

    line = inspect.unwrap(trader).__code__.co_firstlineno + 2
    assert f"which has no receiver, at test_deadlock.py:{line}" in reported(main)
