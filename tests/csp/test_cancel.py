"""A cancel at every step of every operation: cancelled = did not happen, committed = delivered.

It strikes at every step, as `csp.testing.cancel_at_every_step` counts them: nothing watches, so
turns are lent and the short ways of `send` and `receive` are taken.  Or it strikes at every event,
in the midst of an operation: an observer cancels, and its presence closes the short ways.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio._core import _run
from trio.testing import MockClock

import csp
from csp import (
    Alternation,
    Barrier,
    Call,
    CallFailed,
    Channel,
    Deadline,
    Every,
    Flag,
    Member,
    Par,
    Poisoned,
    Receiver,
    Sender,
    Seq,
    Skip,
    Spawn,
    Timeout,
    Wait,
    process,
)
from csp.lowlevel import TrioKernel, current_kernel, on_event
from csp.testing import cancel_at_every_step

Scenario = Callable[[trio.CancelScope], Awaitable[object]]

COUNT = 3  # values a victim sends or receives
HANG = 1000.0  # seconds of the mock clock after which a run counts as hung


async def _struck_at_event(scenario: Scenario, at: int) -> bool:
    scope = trio.CancelScope()
    events = itertools.count(1)
    struck = False

    def strike(event: object) -> None:
        nonlocal struck
        if next(events) == at:
            struck = True
            scope.cancel()

    try:
        with on_event(strike):
            await scenario(scope)
    except BaseException as error:
        error.add_note(f"cancelled at event {at}")
        raise
    return struck


def at_every(strike: str, scenario: Scenario, *, lend: bool) -> int:
    """Run `scenario` in virtual time, cancelled at its 1st, 2nd ... step or event."""
    seeds = itertools.count(1)

    async def timed(scope: trio.CancelScope) -> None:
        _run._r.seed(next(seeds))  # trio throws dice for the order of its tasks
        with trio.fail_after(HANG):
            await scenario(scope)

    clock = MockClock(autojump_threshold=0)
    if strike == "step":
        return cancel_at_every_step(timed, lend=lend, clock=clock)
    for at in itertools.count(1):
        if not csp.run(_struck_at_event, timed, at, lend=lend, clock=clock):
            return at
    raise AssertionError


paths = pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
strikes = pytest.mark.parametrize("strike", ["step", "event"])
victims = pytest.mark.parametrize("victim", ["sender", "receiver"])


async def pause() -> None:
    """A place where a cancel may strike, in the middle of a block."""
    await trio.lowlevel.checkpoint()


# --- send, receive and alternation -------------------------------------------------------------
#
# A way to send returns once its value was sent, a way to receive returns a value; nothing is
# awaited between the commitment and the note in the log.

Way = Callable[[Any, list[int]], Awaitable[None]]


async def by_send(out: Sender[int], sent: list[int]) -> None:
    for number in range(COUNT):
        await out.send(number)
        sent.append(number)


async def by_offer(out: Sender[int], sent: list[int]) -> None:
    with Alternation(out.offer(lambda: len(sent))) as alternation:
        for _ in range(COUNT):
            sent.append((await alternation.select()).value)


async def by_pri_offer(out: Sender[int], sent: list[int]) -> None:
    for _ in range(COUNT):
        sent.append((await Alternation(out.offer(lambda: len(sent))).pri_select()).value)


async def by_mixed_offer(out: Sender[int], sent: list[int]) -> None:
    silent = Channel(int, name="silent")
    with silent.sender(), silent.receiver() as never:
        late = Deadline(trio.current_time() + 2000)
        guards = never, Timeout(500), out.offer(lambda: len(sent)), Wait(Flag()), late
        async for guard, value in Alternation(*guards):  # type: ignore[call-overload]
            assert guard is out
            sent.append(value)
            if len(sent) == COUNT:
                return


async def by_polling_offer(out: Sender[int], sent: list[int]) -> None:
    async for guard, value in Alternation(Skip(), out.offer(lambda: len(sent))):
        if guard is out:
            assert value is not None
            sent.append(value)
            if len(sent) == COUNT:
                return
        else:
            await pause()


SENDING = [by_send, by_offer, by_pri_offer, by_mixed_offer, by_polling_offer]


async def by_receive(feed: Receiver[int], got: list[int]) -> None:
    for _ in range(COUNT):
        got.append(await feed.receive())


async def by_iteration(feed: Receiver[int], got: list[int]) -> None:
    async for number in feed:
        got.append(number)


async def by_guard(feed: Receiver[int], got: list[int]) -> None:
    async for choice in Alternation(feed):
        got.append(choice.value)


async def by_pri_guard(feed: Receiver[int], got: list[int]) -> None:
    for _ in range(COUNT):
        choice = await Alternation(feed, Every(300)).pri_select()
        if choice.value is None:
            return
        got.append(choice.value)


async def by_mixed_guard(feed: Receiver[int], got: list[int]) -> None:
    silent = Channel(int, name="silent")
    with silent.sender() as out, silent.receiver() as never:
        guards = Timeout(500), feed, out.offer(lambda: 1), never, feed.ended()
        async for guard, value in Alternation(*guards, priority=True):  # type: ignore[call-overload]
            if value is None:
                return
            assert guard is feed
            got.append(value)


async def by_lease(feed: Receiver[int], got: list[int]) -> None:
    async for job in feed.leases():
        async with job:
            await pause()
            got.append(job.value)


async def by_lease_that_pauses_at_its_end(feed: Receiver[int], got: list[int]) -> None:
    for _ in range(COUNT):
        async with feed.lease() as job:
            got.append(job.value)
            try:
                await pause()
            except trio.Cancelled:
                got.pop()
                raise


async def by_leasing(feed: Receiver[int], got: list[int]) -> None:
    async for choice in Alternation(feed.leasing()):
        async with choice.value as job:
            await pause()
            got.append(job.value)


async def by_extended(feed: Receiver[int], got: list[int]) -> None:
    for _ in range(COUNT):
        async with feed.extended() as number:
            await pause()
            got.append(number)


RECEIVING = [
    by_receive,
    by_iteration,
    by_guard,
    by_pri_guard,
    by_mixed_guard,
    by_lease,
    by_lease_that_pauses_at_its_end,
    by_leasing,
    by_extended,
]


@process
async def sender(out: Sender[int], way: Way, sent: list[int], scope: trio.CancelScope) -> None:
    with scope:
        await way(out, sent)


@process
async def receiver(feed: Receiver[int], way: Way, got: list[int], scope: trio.CancelScope) -> None:
    with scope:
        await way(feed, got)
    got.extend([number async for number in feed])


@pytest.mark.parametrize(("strike", "buffer"), [("step", 0), ("step", 1), ("event", 0)])
@paths
@victims
@pytest.mark.parametrize("sending", SENDING)
@pytest.mark.parametrize("receiving", RECEIVING)
def test_nothing_is_lost_or_doubled(
    strike: str, buffer: int, lend: bool, victim: str, sending: Way, receiving: Way
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c", buffer=buffer)
        sent: list[Any] = []
        got: list[Any] = []
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)
        await Par(
            sender(channel.sender(), sending, sent, scopes[0]),
            receiver(channel.receiver(), receiving, got, scopes[1]),
        )
        assert got[: len(sent)] == sent == list(range(len(sent)))
        if victim == "receiver":
            assert got == list(range(COUNT))
        elif receiving is by_extended and buffer == 0:
            assert len(got) <= len(sent) + 1  # all or nothing holds until the block begins
        else:
            assert got == sent
        assert channel._core.ends == (0, 0)
        assert channel._core.held == 0

    assert at_every(strike, scenario, lend=lend) > 3


@strikes
@paths
@victims
@pytest.mark.parametrize("rivals", [1, 2])
def test_the_others_get_what_the_cancelled_one_did_not(
    strike: str, lend: bool, victim: str, rivals: int
) -> None:
    """Several on the side of the victim: its place in the line is taken by the next."""

    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c")
        logs: list[list[int]] = [[] for _ in range(rivals + 1)]
        other: list[Any] = []

        def calm() -> trio.CancelScope:
            return trio.CancelScope()

        async with Spawn() as spawn:
            if victim == "sender":
                spawn(receiver(channel.receiver(), by_iteration, other, calm()))
                for i, log in enumerate(logs):
                    spawn(sender(channel.sender(), by_send, log, calm() if i else scope))
            else:
                for i, log in enumerate(logs):
                    spawn(receiver(channel.receiver(), by_iteration, log, calm() if i else scope))
                spawn(sender(channel.sender(), by_send, other, calm()))
        assert sorted(number for log in logs for number in log) == sorted(other)

    assert at_every(strike, scenario, lend=lend) > 4


@strikes
@paths
@victims
def test_both_sides_in_alternations_that_hold_both_directions(
    strike: str, lend: bool, victim: str
) -> None:
    @process
    async def both(
        feed: Receiver[int], out: Sender[int], log: list[tuple[str, int]], scope: trio.CancelScope
    ) -> None:
        made: list[int] = []

        def produce() -> int:
            made.append(len(made))
            return made[-1]

        with scope:
            async for guard, value in Alternation(feed, out.offer(produce), Timeout(500)):
                if value is None:
                    return
                log.append(("in" if guard is feed else "out", value))
                if len(log) == 2 * COUNT:
                    return

    async def scenario(scope: trio.CancelScope) -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        one: list[Any] = []
        two: list[Any] = []
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)
        await Par(
            both(a.receiver(), b.sender(), one, scopes[0]),
            both(b.receiver(), a.sender(), two, scopes[1]),
        )
        for here, there in ((one, two), (two, one)):
            sent = [value for what, value in here if what == "out"]
            assert sent == [value for what, value in there if what == "in"]

    assert at_every(strike, scenario, lend=lend) > 4


# --- extended rendezvous: the sender is the victim while the block runs -------------------------


@strikes
@paths
def test_a_cancelled_sender_ends_the_block_and_not_the_process(strike: str, lend: bool) -> None:
    @process
    async def works(feed: Receiver[int], log: list[str]) -> None:
        async with feed.extended():
            log.append("begun")
            await pause()
            await pause()
            log.append("done")
        log.append("behind")
        log.extend([f"{number}" async for number in feed])

    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c")
        log: list[Any] = []
        sent: list[Any] = []
        rest: list[Any] = []
        async with Spawn() as spawn:
            later = channel.sender()
            spawn(works(channel.receiver(), log))
            spawn(sender(channel.sender(), by_send, sent, scope))
            await trio.sleep(1)
            spawn(sender(later, by_send, rest, trio.CancelScope()))
        assert rest == list(range(COUNT))
        assert "behind" in log
        numbers = [int(text) for text in log if text.isdigit()]
        blocks = log.count("done")  # a value was in each block that was done, or it was dropped
        assert len(numbers) + 1 in (len(sent) + len(rest), len(sent) + len(rest) + 1)
        assert blocks or not sent or scope.cancel_called

    assert at_every(strike, scenario, lend=lend) > 4


@paths
def test_no_block_runs_with_the_value_of_a_cancelled_sender(lend: bool) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        @process
        async def works(feed: Receiver[int]) -> None:
            while True:
                async with feed.extended():
                    too_late = scope.cancel_called  # then it is cancelled in a moment
                    await trio.sleep(1)
                    assert not too_late

        channel = Channel(int, name="c")
        sent: list[Any] = []
        await Par(works(channel.receiver()), sender(channel.sender(), by_send, sent, scope))

    assert at_every("step", scenario, lend=lend) > 4


# --- calls -------------------------------------------------------------------------------------


@process
async def serves(
    calls: Receiver[Call[int, int]], how: str, done: list[int], scope: trio.CancelScope
) -> None:
    async def answer(request: int) -> int:
        await pause()
        done.append(request)
        return request * 2

    with scope:
        if how == "serve":
            await calls.serve(answer)
        elif how == "accept":
            while True:
                async with calls.accept() as call:
                    call.reply(await answer(call.request))
        else:
            async for choice in Alternation(calls.accepting()):
                async with choice.value as call:
                    call.reply(await answer(call.request))
    await calls.serve(answer)


@process
async def asks(
    calls: Sender[Call[int, int]], how: str, log: list[Any], scope: trio.CancelScope
) -> None:
    with scope:
        if how == "call":
            for number in range(COUNT):
                try:
                    log.append((number, await calls.call(number)))
                except CallFailed:
                    log.append((number, None))
        elif how == "outcomes":
            async for each in calls.outcomes(range(COUNT)):
                log.append((each.request, None if each.error else each.reply))
        else:
            try:
                async for reply in calls.map(range(COUNT), ordered=how == "map"):
                    log.append((reply // 2, reply))
            except CallFailed:
                log.append((-1, None))
    while True:  # the channel works as before
        try:
            log.append((100, await calls.call(100)))
            return
        except CallFailed:
            log.append((100, None))


@strikes
@paths
@pytest.mark.parametrize("buffer", [0, 1])
@victims
@pytest.mark.parametrize("asking", ["call", "outcomes", "map", "unordered"])
@pytest.mark.parametrize("serving", ["serve", "accept", "accepting"])
def test_a_call_is_answered_or_fails(
    strike: str, lend: bool, buffer: int, victim: str, asking: str, serving: str
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        calls: Channel[Call[int, int]] = Channel(Call[int, int], name="calls", buffer=buffer)
        log: list[Any] = []
        done: list[Any] = []
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)
        await Par(
            asks(calls.sender(), asking, log, scopes[0]),
            serves(calls.receiver(), serving, done, scopes[1]),
        )
        assert log[-1] == (100, 200)
        replies = [(request, reply) for request, reply in log if reply is not None]
        assert all(reply == 2 * request for request, reply in replies)
        requests = [request for request, _ in replies]
        assert len(set(requests)) == len(requests)
        assert set(requests) <= set(done)  # answered = its block ended well
        if victim == "receiver":
            assert [r for r, reply in log if reply is None][1:] == []  # one at most was struck
        if asking == "map":
            assert requests == sorted(requests)
        assert calls._core.ends == (0, 0)

    assert at_every(strike, scenario, lend=lend) > 4


@strikes
@paths
def test_a_cancelled_caller_ends_the_block_of_its_server(strike: str, lend: bool) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        calls: Channel[Call[int, int]] = Channel(Call[int, int], name="calls")
        seen: list[Any] = []

        @process
        async def works(server: Receiver[Call[int, int]]) -> None:
            while True:
                async with server.accept() as call:
                    seen.append(call.request)
                    if call.request == 0:
                        await trio.sleep(10)
                    call.reply(call.request)

        @process
        async def asks_once(client: Sender[Call[int, int]]) -> None:
            with scope:
                assert await client.call(0) == 0
                seen.append("answered")
            now = trio.current_time()
            assert await client.call(1) == 1
            assert trio.current_time() < now + 5

        await Par(works(calls.receiver()), asks_once(calls.sender()))
        assert seen[-1] == 1
        assert ("answered" in seen) != scope.cancelled_caught

    assert at_every(strike, scenario, lend=lend) > 4


# --- barriers ----------------------------------------------------------------------------------


@strikes
@paths
@pytest.mark.parametrize("how", ["sync", "guard"])
def test_a_cancelled_member_has_not_met_the_others(strike: str, lend: bool, how: str) -> None:
    counts = [0, 0, 0]

    @process
    async def meets(member: Member, i: int, how: str, scope: trio.CancelScope) -> None:
        try:
            with scope:
                alternation = Alternation(member, Timeout(500))
                for _ in range(COUNT):
                    if how == "sync":
                        await member.sync()
                    else:
                        assert (await alternation.select()).guard is member
                    counts[i] += 1
        finally:
            if scope.cancelled_caught:
                assert all(count <= counts[i] for count in counts)

    async def scenario(scope: trio.CancelScope) -> None:
        counts[:] = [0, 0, 0]
        barrier = Barrier(name="b")
        calm = [scope, trio.CancelScope(), trio.CancelScope()]
        members = [barrier.member() for _ in calm]
        await Par(*(meets(member, i, how, calm[i]) for i, member in enumerate(members)))
        assert counts[1:] == [COUNT, COUNT]
        assert barrier._core.ends[0] == 0

    assert at_every(strike, scenario, lend=lend) > 4


# --- processes ---------------------------------------------------------------------------------


@process
async def puts(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


@process
async def takes(feed: Receiver[int]) -> list[int]:
    return [number async for number in feed]


@process
async def counts_up(feed: Receiver[int], got: list[int]) -> None:
    try:
        async for number in feed:
            got.append(number)
    except csp.Abandoned:
        got.append(-1)


@strikes
@paths
@pytest.mark.parametrize("how", ["par", "seq", "copies", "spawn", "background", "await", "running"])
def test_a_cancelled_composition_retires_all_its_ends(strike: str, lend: bool, how: str) -> None:
    async def compose(out: Sender[int]) -> None:
        if how == "par":
            await Par(puts(out, 0, 1))
        elif how == "seq":
            await Seq(puts(out, 0), puts(out, 1))
        elif how == "copies":
            await (2 * puts(out, 0))
        elif how == "await":
            await puts(out, 0, 1)
        elif how == "running":
            async with Spawn() as spawn:
                running = spawn(puts(out, 0, 1))
                assert await running is None
        else:
            async with Spawn() as spawn:
                spawn(puts(out, 0, 1), background=how == "background")
                await trio.sleep(1)

    @process
    async def composes(out: Sender[int], scope: trio.CancelScope) -> None:
        with scope:
            await compose(out)

    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c")
        got: list[Any] = []
        await Par(composes(channel.sender(), scope), counts_up(channel.receiver(), got))
        kept = [number for number in got if number != -1]
        expected = [0, 0] if how == "copies" else [0, 1]
        assert kept == expected[: len(kept)]
        assert channel._core.ends == (0, 0)
        if not scope.cancelled_caught:
            assert kept == expected

    assert at_every(strike, scenario, lend=lend) > 3


@strikes
@paths
def test_operations_side_by_side_happen_once_or_not(strike: str, lend: bool) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        left, right = Channel(int, name="left"), Channel(int, name="right")
        got: list[Any] = []

        @process
        async def both(out: Sender[int], feed: Receiver[int]) -> None:
            with scope:
                await Par(out.send(1), feed.receive())
            out.retire()
            got.extend([number async for number in feed])

        await Par(
            both(left.sender(), right.receiver()), puts(right.sender(), 1), takes(left.receiver())
        )
        assert got in ([], [1])
        assert left._core.ends == right._core.ends == (0, 0)

    assert at_every(strike, scenario, lend=lend) > 3


@strikes
@paths
def test_whoever_waits_for_a_process_or_flag_may_be_cancelled(strike: str, lend: bool) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        channel, flag = Channel(int, name="c"), Flag()
        seen: list[Any] = []

        @process
        async def waits(running: Any) -> None:
            with scope:
                seen.append(await running)
                async for choice in Alternation(Wait(running), Wait(flag)):
                    seen.append(choice.value)

        async with Spawn() as spawn:
            running = spawn(takes(channel.receiver()))
            spawn(waits(running))
            spawn(puts(channel.sender(), 1, 2))
            await trio.sleep(1)
            flag.set()
        assert seen == [[1, 2], [1, 2], None][: len(seen)]
        assert running.result() == [1, 2]
        assert not flag._latch.waiting

    assert at_every(strike, scenario, lend=lend) > 3


# --- ends in values, poison --------------------------------------------------------------------


@strikes
@paths
@pytest.mark.parametrize("buffer", [0, 1])
@pytest.mark.parametrize("how", ["receive", "guard", "lease", "extended"])
@victims
def test_an_end_that_travels_is_in_one_pair_of_hands(
    strike: str, lend: bool, buffer: int, how: str, victim: str
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        numbers = Channel(int, name="numbers", buffer=9)
        ends = Channel[Sender[int]](name="ends", buffer=buffer)
        uses: list[Any] = []
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)

        @process
        async def gives(out: Sender[Sender[int]], end: Sender[int]) -> None:
            with scopes[0]:
                await out.send(end)
            try:
                end.send_nowait(1)
                uses.append("giver")
            except csp.EndClosed:
                pass

        async def take(feed: Receiver[Sender[int]]) -> None:
            if how == "receive":
                with await feed.receive() as end:
                    end.send_nowait(2)
            elif how == "guard":
                with (await Alternation(feed).select()).value as end:
                    end.send_nowait(2)
            elif how == "lease":
                async with feed.lease() as job:
                    await pause()
                    with job.value as end:
                        end.send_nowait(2)
            else:
                async with feed.extended() as end:
                    await pause()
                    if victim == "sender" and buffer == 0:  # may be the giver's again by now
                        try:
                            end.send_nowait(2)
                        except csp.EndClosed:
                            return
                    else:
                        end.send_nowait(2)
                    end.retire()
            uses.append("taker")

        @process
        async def gets(feed: Receiver[Sender[int]]) -> None:
            with scopes[1]:
                await take(feed)
            async for end in feed:
                with end:
                    end.send_nowait(3)
                uses.append("taker")

        await Par(gives(ends.sender(), numbers.sender()), gets(ends.receiver()))
        extended_block = how == "extended" and buffer == 0 and victim == "sender"
        assert len(uses) == 1 or (extended_block and len(uses) <= 2)
        assert numbers._core.ends[0] == 0, uses
        assert ends._core.ends == (0, 0)

    assert at_every(strike, scenario, lend=lend) > 2


@strikes
@paths
@victims
def test_poison_and_a_cancel_at_once(strike: str, lend: bool, victim: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c")
        sent: list[Any] = []
        got: list[Any] = []
        seen: list[Any] = []
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)

        @process
        async def kills(out: Sender[int]) -> None:
            await pause()
            await out.send(99)
            out.poison("enough")

        @process(passes_poison=False)
        async def sends(out: Sender[int]) -> None:
            try:
                with scopes[0]:
                    for number in range(10):
                        await out.send(number)
                        sent.append(number)
                seen.append("cancelled")
            except Poisoned as error:
                seen.append(error.reason)

        @process(passes_poison=False)
        async def receives(feed: Receiver[int]) -> None:
            try:
                with scopes[1]:
                    async for number in feed:
                        got.append(number)
                seen.append("cancelled")
                async for number in feed:
                    got.append(number)
            except Poisoned as error:
                seen.append(error.reason)

        await Par(sends(channel.sender()), receives(channel.receiver()), kills(channel.sender()))
        assert [number for number in got if number != 99] == sent
        assert "enough" in seen
        assert channel._core.ends == (0, 0)

    assert at_every(strike, scenario, lend=lend) > 4


# --- plain trio tasks, the main task -----------------------------------------------------------


@strikes
@paths
@pytest.mark.parametrize("buffer", [0, 1])
@victims
@pytest.mark.parametrize("sending", [by_send, by_offer])
@pytest.mark.parametrize("receiving", [by_iteration, by_guard, by_lease, by_extended])
def test_nothing_is_lost_in_trio_tasks_of_a_process(
    strike: str, lend: bool, buffer: int, victim: str, sending: Way, receiving: Way
) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c", buffer=buffer)
        sent: list[Any] = []
        got: list[Any] = []
        out, feed = channel.sender(), channel.receiver()
        calm = trio.CancelScope()
        scopes = (scope, calm) if victim == "sender" else (calm, scope)

        async def send() -> None:
            with out, scopes[0]:
                await sending(out, sent)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            with feed:
                with scopes[1], contextlib.suppress(csp.EndOfChannel):
                    await receiving(feed, got)
                got.extend([number async for number in feed])
        assert got[: len(sent)] == sent
        if receiving is not by_extended or victim == "receiver" or buffer:
            assert got == sent

    assert at_every(strike, scenario, lend=lend) > 4


def test_the_steps_that_are_counted_are_lent() -> None:
    """The count does not switch off what it counts."""
    lent: list[int] = []

    async def scenario(scope: trio.CancelScope) -> None:
        channel = Channel(int, name="c")
        with scope:
            await Par(puts(channel.sender(), *range(20)), takes(channel.receiver()))
        kernel = current_kernel()
        assert isinstance(kernel, TrioKernel)
        assert kernel.hook is None
        lent.append(kernel.lent_steps)

    assert at_every("step", scenario, lend=True) > 4
    assert lent[-1] > 4
