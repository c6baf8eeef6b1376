"""Deadlocks are reported, and nothing else is."""

import pytest
import trio
from trio.testing import MockClock

import csp
from csp import Alternation, Channel, Par, Receiver, Sender, Spawn, Timeout, process

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
