"""Barriers: the offers of all members commit together."""

import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Barrier,
    Channel,
    Member,
    Par,
    Receiver,
    Sender,
    Seq,
    Skip,
    Spawn,
    Timeout,
    process,
)
from csp.lowlevel import current_kernel
from csp.testing import cancel_at_every_step


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def lend(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def run(lend: bool) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=lend, clock=MockClock(autojump_threshold=0))


@process
async def syncs(member: Member, times: int = 1) -> str:
    for _ in range(times):
        await member.sync()
    return "done"


@process
async def selects(member: Member, times: int = 1) -> str:
    alternation = Alternation(member)
    for _ in range(times):
        await alternation.select()
    return "done"


@process
async def fails(member: Member) -> None:
    await trio.sleep(1)
    raise ValueError("broken")


# --- meeting ------------------------------------------------------------------------------------


def test_nobody_goes_on_before_all_members_wait(run: Any) -> None:
    @process
    async def runner(start: Member, delay: float) -> float:
        await trio.sleep(delay)
        await start.sync()
        return trio.current_time()

    async def main() -> Any:
        start, began = Barrier(name="start"), trio.current_time()
        times = await Par(*[runner(start.member(), delay) for delay in (1, 7, 3)])
        return [time - began for time in times]

    assert run(main) == pytest.approx([7, 7, 7])


@pytest.mark.parametrize("kinds", ["ss", "sg", "gg", "ssg", "sgg", "ggg"])
def test_members_meet_in_sync_and_in_alternations(run: Any, kinds: str) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        how = {"s": syncs, "g": selects}
        return await Par(*[how[kind](b.member(), 5) for kind in kinds])

    assert set(run(main)) == {"done"}


def test_the_phases_of_the_members_never_mix(run: Any) -> None:
    phases: list[int] = []

    @process
    async def member(b: Member, pause: int) -> None:
        for phase in range(10):
            phases.append(phase)
            await trio.sleep((phase * pause) % 3)
            await b.sync()

    async def main() -> None:
        b = Barrier(name="b")
        await Par(*[member(b.member(), pause) for pause in (1, 2, 5)])

    run(main)
    assert phases == [phase for phase in range(10) for _ in range(3)]


def test_one_member_alone_never_waits(run: Any) -> None:
    async def main() -> str:
        b = Barrier(name="b")
        with b.member() as member:
            await member.sync()
            await member.sync()
            choice = await Alternation(member).select()
            assert choice == (member, None)
        return "done"

    assert run(main) == "done"


def test_copies_of_a_process_get_members_of_their_own(run: Any) -> None:
    async def main() -> Any:
        return await (4 * syncs(Barrier(name="b").member(), 3))

    assert run(main) == ["done"] * 4


def test_a_clone_is_one_more_member(run: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        with b.member() as mine, mine.clone() as other:
            with trio.move_on_after(1) as scope:
                await mine.sync()
            assert scope.cancelled_caught
            return await Par(mine.sync(), other.sync())

    assert run(main) == (None, None)


def test_a_member_made_late_is_waited_for(run: Any) -> None:
    async def main() -> Any:
        b, began = Barrier(name="b"), trio.current_time()
        with b.member() as mine:
            async with Spawn() as spawn:
                running = spawn(syncs(b.member()))
                await trio.sleep(1)
                with b.member() as late:
                    with trio.move_on_after(1) as scope:
                        await mine.sync()
                    assert scope.cancelled_caught
                    await Par(mine.sync(), late.sync())
                await running
        return trio.current_time() - began

    assert run(main) == pytest.approx(2)


def test_a_member_travels_in_a_value(run: Any) -> None:
    @process
    async def guest(feed: Receiver[Member]) -> str:
        with await feed.receive() as member:
            await member.sync()
        return "met"

    async def main() -> Any:
        b = Barrier(name="b")
        ends: Any = Channel[Member](name="ends")
        with b.member() as mine:
            async with Spawn() as spawn:
                running = spawn(guest(ends.receiver()))
                with ends.sender() as out:
                    await out.send(b.member())
                await mine.sync()
                return await running

    assert run(main) == "met"


def test_the_steps_of_a_seq_share_one_member(run: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        member = b.member()
        return await Par(Seq(syncs(member), syncs(member, 2)), syncs(b.member(), 3))

    assert run(main) == (("done", "done"), "done")


def test_a_member_that_was_offered_in_vain_is_the_same_member_again(run: Any) -> None:
    async def main() -> bool:
        b = Barrier(name="b")
        ends: Any = Channel[Member](name="ends")
        with ends.sender() as out, ends.receiver(), b.member() as mine, b.member() as other:
            with trio.move_on_after(60) as hangs:
                async with trio.open_nursery() as nursery:
                    offer = trio.CancelScope()

                    async def send() -> None:
                        with offer:
                            await out.send(mine)

                    nursery.start_soon(send)
                    await wait_all_tasks_blocked()
                    nursery.start_soon(mine.sync)
                    nursery.start_soon(other.sync)
                    await wait_all_tasks_blocked()
                    offer.cancel()
            return hangs.cancelled_caught

    assert not run(main)


def test_members_work_under_a_plain_trio_run() -> None:
    async def main() -> None:
        b = Barrier(name="b")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(syncs, b.member())

    trio.run(main)


def test_two_barriers_know_nothing_of_each_other(run: Any) -> None:
    async def main() -> None:
        one, two = Barrier(name="b"), Barrier(name="b")
        with one.member() as a, two.member() as b:
            await a.sync()
            await b.sync()

    run(main)


# --- as a guard ---------------------------------------------------------------------------------


def test_a_member_is_a_guard_beside_timeouts_and_receivers(run: Any) -> None:
    @process
    async def other(member: Member, out: Sender[int]) -> None:
        await trio.sleep(5)
        await out.send(1)
        await member.sync()

    async def main() -> Any:
        b, channel, timer = Barrier(name="b"), Channel(int, name="c"), Timeout(3)
        with b.member() as mine, channel.receiver() as rx:
            alternation, order = Alternation(mine, rx, timer), list[str]()
            names = {id(mine): "member", id(rx): "receiver", id(timer): "timer"}
            async with Spawn() as spawn:
                spawn(other(b.member(), channel.sender()))
                for _ in range(3):
                    order.append(names[id((await alternation.select()).guard)])
        return order

    assert run(main) == ["timer", "receiver", "member"]


def test_a_selection_that_took_another_guard_has_not_synchronised(run: Any) -> None:
    async def main() -> None:
        b, timer = Barrier(name="b"), Timeout(1)
        with b.member() as one, b.member() as two:
            assert (await Alternation(one, timer).select()).guard is timer
            assert (await Alternation(two, timer).select()).guard is timer

    run(main)


def test_a_member_registered_but_not_selecting_does_not_wait(run: Any) -> None:
    async def main() -> None:
        b, timer = Barrier(name="b"), Timeout(0)
        with b.member() as one, b.member() as two:
            alternation = Alternation(one, timer)
            await alternation.select()
            with trio.move_on_after(1) as scope:
                await two.sync()
            assert scope.cancelled_caught

    run(main)


def test_a_member_that_is_not_ready_leaves_skip_its_turn(run: Any) -> None:
    async def main() -> None:
        b, skip = Barrier(name="b"), Skip()
        with b.member() as one, b.member():
            assert (await Alternation(one, skip).select()).guard is skip
        with b.member() as alone:
            assert (await Alternation(skip, alone).select()).guard is alone

    run(main)


def test_a_member_behind_a_condition_is_no_offer_while_that_is_false(run: Any) -> None:
    async def main() -> Any:
        b, timer, open_ = Barrier(name="b"), Timeout(3), list[bool]()
        with b.member() as mine:
            alternation = Alternation(mine.when(lambda: open_), timer)
            async with Spawn() as spawn:
                running = spawn(syncs(b.member()))
                assert (await alternation.select()).guard is timer
                open_.append(True)
                choice = await alternation.select()
                return choice == (mine, None), await running

    assert run(main) == (True, "done")


def test_a_fair_selection_takes_a_member_that_stays_ready_as_often_as_a_receiver(run: Any) -> None:
    async def main() -> int:
        b, channel = Barrier(name="b"), Channel(int, name="c", buffer=10)
        with b.member() as alone, channel.receiver() as rx, channel.sender() as tx:
            for number in range(10):
                tx.send_nowait(number)
            alternation = Alternation(rx, alone)
            return sum([(await alternation.select()).guard is alone for _ in range(8)])

    assert run(main) == 4


def test_one_alternation_offers_one_of_its_members_at_a_time(run: Any) -> None:
    async def main() -> None:
        b, timer = Barrier(name="b"), Timeout(1)
        with b.member() as one, b.member() as two:
            alternation = Alternation(one, two, timer)
            for select in (alternation.select, alternation.pri_select):
                assert (await select()).guard is timer

    run(main)


@pytest.mark.parametrize(
    "first",
    [
        "sync",
        "select",
    ],
)
def test_a_selection_on_two_members_meets_whoever_offers_one_of_them(run: Any, first: str) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        with b.member() as one, b.member() as two:
            chosen: list[Any] = []

            async def select() -> None:
                chosen.append((await Alternation(one, two).select()).guard)

            with trio.move_on_after(3):
                async with trio.open_nursery() as nursery:
                    for way in (two.sync, select) if first == "sync" else (select, two.sync):
                        nursery.start_soon(way)
                        await wait_all_tasks_blocked()
            return chosen == [one]

    assert run(main)


def test_members_of_two_barriers_in_one_alternation_meet_one_at_a_time(run: Any) -> None:
    async def main() -> Any:
        left, right = Barrier(name="left"), Barrier(name="right")
        with left.member() as a, right.member() as b:
            alternation = Alternation(a, b)
            async with Spawn() as spawn:
                waits = syncs(left.member())
                running = spawn(syncs(right.member()))
                choice = await alternation.select()
                assert await running == "done"
                right_again = right.member()
                spawn(waits)
                again = await alternation.select()
                right_again.retire()
            return choice.guard is b, again.guard is a

    assert run(main) == (True, True)


# --- leaving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [syncs, selects])
def test_a_member_that_retires_is_not_waited_for(run: Any, way: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        mine = b.member()
        async with Spawn() as spawn:
            running = [spawn(way(b.member())), spawn(syncs(b.member()))]
            await trio.sleep(1)
            mine.retire()
        return [each.result() for each in running]

    assert run(main) == ["done", "done"]


def test_a_process_that_ends_leaves_the_barrier(run: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        return await Par(*[syncs(b.member(), times) for times in (1, 2, 5)])

    assert run(main) == ("done", "done", "done")


def test_a_process_that_fails_leaves_the_barrier(run: Any) -> None:
    async def main() -> None:
        b = Barrier(name="b")
        with b.member() as mine:
            async with trio.open_nursery() as nursery:

                async def absorb() -> None:
                    with pytest.raises(ValueError):
                        await fails(b.member())

                nursery.start_soon(absorb)
                await wait_all_tasks_blocked()
                await mine.sync()

    run(main)


def test_a_cancelled_process_leaves_the_barrier(run: Any) -> None:
    async def main() -> str:
        b = Barrier(name="b")
        with b.member() as mine:
            async with Spawn() as spawn:
                running = spawn(syncs(b.member(), 100))
                await mine.sync()
                running.cancel()
                await mine.sync()
                await mine.sync()
        return "done"

    assert run(main) == "done"


def test_a_description_that_is_dropped_leaves_the_barrier(run: Any) -> None:
    async def main() -> None:
        b = Barrier(name="b")
        with b.member() as mine:
            syncs(b.member()).close()
            await (0 * syncs(b.member()))
            await mine.sync()

    run(main)


def test_a_member_that_is_collected_warns_and_leaves_the_barrier() -> None:
    async def main() -> None:
        b = Barrier(name="b")
        with b.member() as mine:
            with pytest.warns(ResourceWarning, match="member of .*`b` was dropped"):
                b.member()
                gc.collect()
            await mine.sync()

    trio.run(main)


def test_a_barrier_that_all_have_left_takes_new_members(run: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        first = await Par(syncs(b.member()), syncs(b.member()))
        return first, await Par(syncs(b.member()), syncs(b.member()))

    assert run(main) == (("done", "done"), ("done", "done"))


@pytest.mark.parametrize("way", ["sync", "select"])
def test_a_member_retired_while_it_waits_raises_end_closed_there(run: Any, way: str) -> None:
    async def main() -> None:
        b = Barrier(name="b")
        with b.member() as other:
            mine = b.member()
            async with trio.open_nursery() as nursery:

                async def wait() -> None:
                    with pytest.raises(csp.EndClosed, match="member of `b` was retired"):
                        await (mine.sync() if way == "sync" else Alternation(mine).select())

                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                mine.retire()
            await other.sync()

    run(main)


# --- poison -------------------------------------------------------------------------------------


def test_a_process_ended_by_poison_harms_no_other_member_but_by_poison(run: Any) -> None:
    @process
    async def phases(feed: Receiver[int], member: Member) -> None:
        async for _ in feed:
            await member.sync()

    @process
    async def waits(member: Member) -> None:
        await member.sync()

    async def main() -> None:
        b, channel = Barrier(name="b"), Channel(int, name="c")
        async with Spawn() as spawn:
            spawn(phases(channel.receiver(), b.member()))
            spawn(waits(b.member()))
            with channel.sender() as tx:
                await trio.sleep(1)
                tx.poison("enough")

    run(main)


# --- cancelling ---------------------------------------------------------------------------------


def test_a_cancelled_member_has_not_synchronised(run: Any) -> None:
    async def main() -> Any:
        b = Barrier(name="b")
        with b.member() as mine:
            async with Spawn() as spawn:
                running = spawn(syncs(b.member()))
                late = spawn(syncs(b.member()))
                with trio.move_on_after(1):
                    async with trio.open_nursery() as nursery:
                        with b.member():  # one more keeps them waiting
                            nursery.start_soon(mine.sync)
                            await trio.sleep_forever()
                with pytest.raises(RuntimeError, match="has not ended"):
                    running.result()
                await mine.sync()
                return await running, await late

    assert run(main) == ("done", "done")


@pytest.mark.parametrize("way", ["sync", "select"])
def test_cancelled_at_any_step_a_phase_happened_for_all_or_for_none(lend: bool, way: str) -> None:
    counts: set[int] = set()

    async def scenario(scope: trio.CancelScope) -> None:
        b, passed = Barrier(name="b"), list[int]()

        @process
        async def victim(member: Member) -> int:
            alternation, phases = Alternation(member), 0
            with scope:
                for _ in range(3):
                    await (member.sync() if way == "sync" else alternation.select())
                    phases += 1
            passed.append(phases)
            await trio.sleep(1)  # nobody may go on while it stays a member
            assert others == [phases, phases]
            return phases

        others = [0, 0]

        @process
        async def other(member: Member, index: int) -> None:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            while True:
                await member.sync()
                others[index] += 1

        async with Spawn() as spawn:
            running = spawn(victim(b.member()))
            for index in range(2):
                spawn(other(b.member(), index), background=True)
            counts.add(await running)

    runs = cancel_at_every_step(scenario, lend=lend, clock=MockClock(autojump_threshold=0))
    assert runs > 3
    assert 3 in counts
    assert len(counts) > 1


# --- what is refused ----------------------------------------------------------------------------


def test_a_member_of_another_process_may_not_be_used(run: Any) -> None:
    async def main() -> None:
        b = Barrier(name="b")
        mine = b.member()

        @process
        async def thief() -> None:
            for operation in (mine.sync, Alternation(mine).select):
                with pytest.raises(csp.EndClosed, match="`thief` was never given the member of"):
                    await operation()
            with pytest.raises(csp.EndClosed):
                mine.clone()

        with mine:
            await thief()

    run(main)


def test_a_member_that_was_given_away_may_not_be_used(run: Any) -> None:
    async def main() -> None:
        b = Barrier(name="b")
        mine = b.member()
        given = syncs(mine)
        for operation in (mine.sync, Alternation(mine).select):
            with pytest.raises(csp.EndClosed, match="you gave `b`'s member to `syncs`"):
                await operation()
        await given

    run(main)


def test_a_retired_member_may_not_be_used(run: Any) -> None:
    async def main() -> None:
        mine = Barrier(name="b").member()
        mine.retire()
        mine.retire()
        for operation in (mine.sync, Alternation(mine).select):
            with pytest.raises(csp.EndClosed, match="was retired"):
                await operation()

    run(main)


def test_a_member_where_an_end_of_a_channel_is_wanted_is_a_wiring_error(run: Any) -> None:
    @process
    async def wants(feed: Receiver[int]) -> None:
        raise AssertionError

    async def main() -> None:
        with Barrier(name="b").member() as mine:
            wrong: Any = mine
            with pytest.raises(csp.WiringError, match="b"):
                wants(wrong).close()
            await mine.sync()

    run(main)


def test_a_barrier_where_a_member_is_wanted_is_a_wiring_error(run: Any) -> None:
    async def main() -> None:
        wrong: Any = Barrier(name="b")
        with pytest.raises(csp.WiringError):
            syncs(wrong).close()

    run(main)


def test_a_barrier_itself_is_no_guard() -> None:
    wrong: Any = Barrier(name="b")
    with pytest.raises(TypeError, match="is no guard"):
        Alternation(wrong)


def test_a_barrier_shows_its_name() -> None:
    barrier = Barrier(name="start")
    assert (repr(barrier), barrier.name) == ("<Barrier start>", "start")
    assert "test_barrier.py:" in Barrier().name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with barrier.member() as member:
            assert repr(member) == "<member of start>"
        assert repr(member) == "<member of start (closed)>"


def test_a_member_that_main_forgot_is_a_deadlock_that_is_named(lend: bool) -> None:
    async def main() -> None:
        b = Barrier(name="start")
        forgotten = b.member()
        await syncs(b.member())
        forgotten.retire()

    with pytest.raises(csp.Deadlock, match="`syncs` waits at `start` for all its members"):
        csp.run(main, lend=lend)


# --- many ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [syncs, selects])
def test_fifty_members_meet_in_few_steps(lend: bool, way: Any) -> None:
    passes = 0

    class Count(trio.abc.Instrument):
        def after_io_wait(self, timeout: float) -> None:
            nonlocal passes
            passes += 1

    async def main() -> int:
        trio.lowlevel.add_instrument(Count())
        b = Barrier(name="b")
        await (50 * way(b.member(), 100))
        return getattr(current_kernel(), "lent_steps", 0)

    kernel_clock = MockClock(autojump_threshold=0)
    lent = csp.run(main, lend=lend, clock=kernel_clock)
    if lend:
        assert 0 < lent <= 55 * 100
    else:
        assert passes <= 3 * 100 + 50


def test_two_thousand_phases_of_fifty_members(lend: bool) -> None:
    async def main() -> Any:
        return await (50 * syncs(Barrier(name="b").member(), 2000 if lend else 200))

    assert csp.run(main, lend=lend) == ["done"] * 50


def test_a_member_that_poisons_leaves(run: Any) -> None:
    async def main() -> str:
        b = Barrier(name="b")
        with b.member() as one, b.member() as two:
            two.poison("a barrier has nothing to poison")
            await one.sync()
            return "alone"

    assert run(main) == "alone"
