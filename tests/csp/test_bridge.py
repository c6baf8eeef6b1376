"""Threads and signals: what is outside of processes, and talks with them."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Channel,
    Par,
    Receiver,
    Sender,
    Signal,
    Skip,
    Spawn,
    Timeout,
    from_thread,
    process,
)

signals = pytest.mark.skipif(sys.platform == "win32", reason="no os.kill with these signals")
to_thread = trio.to_thread.run_sync


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def lend(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def run(lend: bool) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=lend)


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [value async for value in feed]


@process
async def put(out: Sender[int], *values: int) -> None:
    for value in values:
        await out.send(value)


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call in a thread returns, or the exception that it raises."""
    try:
        return function(*args)
    except BaseException as error:
        return error


# --- from threads -------------------------------------------------------------------------------


def test_a_thread_sends_to_a_process_by_rendezvous(run: Any) -> None:
    def work(tx: Sender[int]) -> None:
        for number in range(5):
            from_thread.send(tx, number)
        trio.from_thread.run_sync(tx.retire)

    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()
        async with Spawn() as spawn:
            running = spawn(collect(channel.receiver()))
            await to_thread(work, tx)
            return await running

    assert run(main) == [0, 1, 2, 3, 4]


def retired_by_with(tx: Sender[int]) -> None:
    with tx:
        from_thread.send(tx, 7)


def retired_by_the_function(tx: Sender[int]) -> None:
    from_thread.send(tx, 7)
    from_thread.retire(tx)
    assert tx.statistics().open_send_channels == 0
    from_thread.retire(tx)  # a second time does nothing


def dropped(tx: Sender[int]) -> None:
    from_thread.send(tx, 7)


@pytest.mark.parametrize("work", [retired_by_with, retired_by_the_function])
@pytest.mark.parametrize("trios", [True, False], ids=["a thread of trio's", "any thread"])
def test_a_thread_retires_an_end_and_who_waits_is_told(
    run: Any, work: Callable[[Sender[int]], None], trios: bool
) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()
        async with trio.open_nursery() as nursery:
            thread = threading.Thread(target=work, args=(tx,))
            if trios:
                nursery.start_soon(to_thread, work, tx)
            else:
                thread.start()
            with channel.receiver() as rx:
                got = [value async for value in rx]
            if not trios:
                await to_thread(thread.join)
        return got

    assert run(main) == [7]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_end_that_a_thread_drops_is_retired_and_who_waits_is_told(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        kept = [channel.sender()]
        kept[0].detach()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(to_thread, lambda: dropped(kept.pop()))
            with channel.receiver() as rx:
                return [value async for value in rx]

    assert run(main) == [7]


def test_a_cancel_does_not_keep_a_thread_from_retiring(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()

        def work() -> None:
            try:
                from_thread.send(tx, 7)  # until it is cancelled
            finally:
                from_thread.retire(tx)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(to_thread, work)
            await wait_all_tasks_blocked()
            while not tx.statistics().tasks_waiting_send:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        with channel.receiver() as rx:
            return [value async for value in rx]

    assert run(main) == []


def test_an_end_is_retired_in_its_own_run_whoever_says_so() -> None:
    """A thread with a run of its own, in which that end has no business."""

    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()

        async def other() -> None:
            tx.retire()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(to_thread, csp.run, other)
            with channel.receiver() as rx:
                return [value async for value in rx]

    assert csp.run(main) == []


def test_a_thread_receives_from_a_process_by_rendezvous(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        rx, order = channel.receiver(), list[Any]()
        rx.detach()
        gate = threading.Event()

        def work() -> list[int]:
            gate.wait(10)
            order.append("thread")
            return [from_thread.receive(rx) for _ in range(3)]

        async with trio.open_nursery() as nursery:

            async def thread() -> None:
                order.append(await to_thread(work))
                rx.retire()

            nursery.start_soon(thread)
            with channel.sender() as tx:
                await wait_all_tasks_blocked()
                with pytest.raises(trio.WouldBlock):
                    tx.send_nowait(0)
                gate.set()
                for number in range(3):
                    await tx.send(number)
                    order.append("sent")
        return order

    order = run(main)
    assert order[0] == "thread"
    assert order.count("sent") == 3
    assert [0, 1, 2] in order


def test_two_threads_meet_each_other(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx, rx, got = channel.sender(), channel.receiver(), list[int]()
        tx.detach()
        rx.detach()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(to_thread, from_thread.send, tx, 7)
            got.append(await to_thread(from_thread.receive, rx))
        tx.retire()
        rx.retire()
        return got

    assert run(main) == [7]


def test_several_threads_share_a_detached_end(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()
        async with Spawn() as spawn:
            running = spawn(collect(channel.receiver()))
            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(to_thread, from_thread.send, tx, number)
            tx.retire()
            return sorted(await running)

    assert run(main) == list(range(8))


def test_a_thread_that_trio_did_not_start_may_send(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()
        thread = threading.Thread(target=from_thread.send, args=(tx, 7))
        with channel.receiver() as rx:
            thread.start()
            value = await rx.receive()
        await to_thread(thread.join)
        tx.retire()
        return value

    assert run(main) == 7


def test_a_receive_that_is_cancelled_takes_nothing_from_a_thread(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx = channel.sender()
        tx.detach()
        with channel.receiver() as rx:
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await rx.receive()
                nursery.start_soon(to_thread, from_thread.send, tx, 7)
                value = await rx.receive()
        tx.retire()
        return value

    assert run(main) == 7


def test_a_send_that_is_cancelled_gives_a_thread_nothing(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        rx, got = channel.receiver(), list[int]()
        rx.detach()
        with channel.sender() as tx:
            async with trio.open_nursery() as nursery:

                async def wait() -> None:
                    await tx.send(1)

                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            async with trio.open_nursery() as nursery:

                async def thread() -> None:
                    got.append(await to_thread(from_thread.receive, rx))

                nursery.start_soon(thread)
                await tx.send(2)
        rx.retire()
        return got

    assert run(main) == [2]


def test_the_end_of_a_channel_is_raised_in_the_thread(run: Any) -> None:
    async def main() -> Any:
        ended, unread = Channel(int, name="ended"), Channel(int, name="unread")
        poisoned = Channel(int, name="poisoned")
        rx, tx, bad = ended.receiver(), unread.sender(), poisoned.receiver()
        for end in (rx, tx, bad):
            end.detach()
        ended.sender().retire()
        unread.receiver().retire()
        with poisoned.sender() as out:
            out.poison("enough")
        found = [
            await to_thread(outcome, from_thread.receive, rx),
            await to_thread(outcome, from_thread.send, tx, 1),
            await to_thread(outcome, from_thread.receive, bad),
        ]
        for end in (rx, tx, bad):
            end.retire()
        return [*found, await to_thread(outcome, from_thread.receive, rx)]

    kinds = [csp.EndOfChannel, csp.NoReceivers, csp.Poisoned, csp.EndClosed]
    assert [type(error) for error in run(main)] == kinds


def test_the_end_of_a_channel_reaches_a_thread_that_waits(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        rx, found = channel.receiver(), list[Any]()
        rx.detach()
        async with trio.open_nursery() as nursery:
            with channel.sender() as tx:

                async def thread() -> None:
                    found.append(await to_thread(outcome, from_thread.receive, rx))

                nursery.start_soon(thread)
                while not tx.statistics().tasks_waiting_receive:
                    await trio.sleep(0.001)
        rx.retire()
        return found

    assert [type(error) for error in run(main)] == [csp.EndOfChannel]


def test_a_failed_process_is_told_to_the_thread(run: Any) -> None:
    @process
    async def fails(out: Sender[int]) -> None:
        raise ValueError("broken")

    async def main() -> Any:
        channel = Channel(int, name="c")
        rx = channel.receiver()
        rx.detach()
        with pytest.raises(ValueError):
            await fails(channel.sender())
        error = await to_thread(outcome, from_thread.receive, rx)
        rx.retire()
        return type(error), str(error)

    kind, text = run(main)
    assert kind is csp.Abandoned
    assert "broken" in text


def test_a_value_of_the_wrong_type_is_refused_in_the_thread(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1)
        tx = channel.sender()
        tx.detach()
        with channel.receiver() as rx:
            error = await to_thread(outcome, from_thread.send, tx, "one")
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()
        tx.retire()
        return type(error)

    assert run(main) is csp.ChannelTypeError


def test_an_end_that_was_not_detached_is_refused(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            for call in (
                (from_thread.send, tx, 1),
                (from_thread.receive, rx),
                (from_thread.retire, rx),
            ):
                error = await to_thread(outcome, *call)
                assert type(error) is RuntimeError
                assert "`.detach()`" in str(error)
                assert "`jobs`" in str(error)

    run(main)


def test_the_trio_thread_may_not_wait_for_itself(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        tx, rx = channel.sender(), channel.receiver()
        tx.detach()
        rx.detach()
        with pytest.raises(RuntimeError, match="call it from a thread"):
            from_thread.send(tx, 1)
        with pytest.raises(RuntimeError, match="call it from a thread"):
            from_thread.receive(rx)
        with pytest.raises(RuntimeError, match="call it from a thread"):
            from_thread.retire(rx)
        assert rx.statistics().current_buffer_used == 0
        tx.retire()
        rx.retire()

    run(main)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_after_the_run_a_thread_is_told_that_it_is_over(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1)
        tx, rx = channel.sender(), channel.receiver()
        tx.detach()
        rx.detach()
        return tx, rx

    tx, rx = run(main)
    with pytest.raises(trio.RunFinishedError):
        from_thread.send(tx, 1)
    with pytest.raises(trio.RunFinishedError):
        from_thread.receive(rx)
    with pytest.raises(trio.RunFinishedError):
        from_thread.retire(rx)
    with tx, rx:
        pass
    assert (tx.statistics().open_send_channels, tx.statistics().open_receive_channels) == (0, 0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_thread_that_waits_when_the_run_ends_is_told_that_it_is_over(run: Any) -> None:
    found: list[Any] = []

    async def main() -> Any:
        channel = Channel(int, name="c")
        rx = channel.receiver()
        rx.detach()
        thread = threading.Thread(target=lambda: found.append(outcome(from_thread.receive, rx)))
        thread.start()
        while not rx.statistics().tasks_waiting_receive:
            await trio.sleep(0.001)
        return channel, rx, thread

    _, _, thread = run(main)
    thread.join(10)
    assert [type(error) for error in found] == [trio.RunFinishedError]


def test_a_detached_end_outlives_its_process(run: Any) -> None:
    @process
    async def hands_over(out: Sender[int]) -> None:
        out.detach()
        kept.append(out)

    kept: list[Sender[int]] = []

    async def main() -> Any:
        channel = Channel(int, name="c")
        await hands_over(channel.sender())
        async with Spawn() as spawn:
            running = spawn(collect(channel.receiver()))
            await to_thread(from_thread.send, kept[0], 7)
            kept[0].retire()
            return await running

    assert run(main) == [7]


def test_only_the_owner_may_detach_an_end(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        rx = channel.receiver()
        given = collect(rx)
        with pytest.raises(csp.EndClosed):
            rx.detach()
        channel.sender().retire()
        assert await given == []

    run(main)


@pytest.mark.parametrize("which", ["sender", "receiver"])
def test_a_channel_with_a_detached_end_is_never_judged(run: Any, which: str) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c")
        tx, rx = channel.sender(), channel.receiver()
        (tx if which == "sender" else rx).detach()
        with trio.move_on_after(0.05) as scope:
            async with trio.open_nursery() as nursery:  # waits, and may not be called stuck
                nursery.start_soon(rx.receive if which == "sender" else lambda: tx.send(1))
        tx.retire()
        rx.retire()
        return scope.cancelled_caught

    assert run(main) is True


def test_processes_that_wait_for_a_thread_are_no_deadlock(run: Any) -> None:
    async def main() -> Any:
        channel, gate = Channel(int, name="c"), threading.Event()
        tx = channel.sender()
        tx.detach()

        def late() -> None:
            gate.wait(10)
            from_thread.send(tx, 1)
            trio.from_thread.run_sync(tx.retire, trio_token=token)

        token = trio.lowlevel.current_trio_token()
        thread = threading.Thread(target=late)
        thread.start()

        @process
        async def opens() -> None:
            await trio.sleep(0.05)  # idle long enough for two looks
            gate.set()

        values, _ = await Par(collect(channel.receiver()), opens())
        return values

    assert run(main) == [1]


# --- signals ------------------------------------------------------------------------------------


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """Signals that reach the handlers of a test, which are back in place at its end."""
    seen: list[int] = []
    numbers = (signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.signal(number, lambda n, _: seen.append(n)) for number in numbers]
    yield seen
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def raise_(number: int) -> None:
    os.kill(os.getpid(), number)


@signals
def test_a_signal_is_a_guard_whose_value_is_its_number(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        usr1, timer = Signal(signal.SIGUSR1), Timeout(0)
        with Alternation(usr1, timer) as alternation:
            assert (await alternation.select()).guard is timer
            raise_(signal.SIGUSR1)
            with trio.fail_after(10):
                choice = await _first(alternation)
        return choice.guard is usr1, choice.value

    assert run(main) == (True, signal.SIGUSR1)
    assert handled == []


async def _first(alternation: Any) -> Any:
    """The first choice that is no timer."""
    while True:
        choice = await alternation.select()
        if not isinstance(choice.guard, Timeout):
            return choice
        await trio.sleep(0.001)


@signals
def test_a_signal_wakes_a_selection_that_waits(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        with Alternation(Signal(signal.SIGUSR1)) as alternation:
            async with trio.open_nursery() as nursery:

                async def later() -> None:
                    await wait_all_tasks_blocked()
                    raise_(signal.SIGUSR1)

                nursery.start_soon(later)
                return (await alternation.select()).value

    assert run(main) == signal.SIGUSR1


@signals
def test_several_signals_in_a_row_are_all_told_in_order(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        numbers = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR1]
        timer = Timeout(0)
        with Alternation(Signal(signal.SIGUSR1, signal.SIGUSR2), timer) as alternation:
            await alternation.select()
            for number in numbers:
                raise_(number)
                await trio.sleep(0.002)
            return [(await _first(alternation)).value for _ in numbers] == numbers

    assert run(main) is True


@signals
def test_two_signal_guards_in_one_alternation_are_told_apart(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        one, two = Signal(signal.SIGUSR1), Signal(signal.SIGUSR2)
        with Alternation(one, two, Timeout(0)) as alternation:
            await alternation.select()
            raise_(signal.SIGUSR2)
            first = await _first(alternation)
            raise_(signal.SIGUSR1)
            second = await _first(alternation)
        return first == (two, signal.SIGUSR2), second == (one, signal.SIGUSR1)

    assert run(main) == (True, True)


@signals
def test_two_alternations_both_get_a_signal(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        got: list[int] = []
        with Alternation(Signal(signal.SIGUSR1)) as one, Alternation(Signal(signal.SIGUSR1)) as two:
            with trio.move_on_after(0.1):
                async with trio.open_nursery() as nursery:

                    async def select(alternation: Any) -> None:
                        got.append((await alternation.select()).value)

                    nursery.start_soon(select, one)
                    nursery.start_soon(select, two)
                    await wait_all_tasks_blocked()
                    raise_(signal.SIGUSR1)
        return got

    assert run(main) == [signal.SIGUSR1] * 2


@signals
def test_closing_in_any_order_restores_the_first_handler(run: Any, handled: list[int]) -> None:
    async def main() -> None:
        one = Alternation(Signal(signal.SIGUSR1), Timeout(0.001))
        two = Alternation(Signal(signal.SIGUSR1), Timeout(0.001))
        await one.select()
        await two.select()
        one.close()
        two.close()

    before = signal.getsignal(signal.SIGUSR1)
    run(main)
    assert signal.getsignal(signal.SIGUSR1) is before


@signals
def test_a_signal_between_two_selections_is_kept(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        timer = Timeout(0)
        with Alternation(Signal(signal.SIGUSR1), timer) as alternation:
            await alternation.select()
            raise_(signal.SIGUSR1)
            await trio.sleep(0.01)
            value = (await alternation.select()).value
            return value, (await alternation.select()).guard is timer

    assert run(main) == (signal.SIGUSR1, True)


@signals
@pytest.mark.parametrize("way", ["close", "with", "collect", "end"])
def test_the_handler_before_is_back_afterwards(run: Any, handled: list[int], way: str) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    kept: list[Any] = []

    async def main() -> None:
        # no Timeout: from Python 3.12 on the frames of a cancelled wait live on, in trio alone too
        alternation = Alternation(Signal(signal.SIGUSR1), Skip())
        await alternation.select()
        assert signal.getsignal(signal.SIGUSR1) is not before
        if way == "close":
            alternation.close()
        elif way == "with":
            with alternation:
                pass
        elif way == "collect":
            del alternation
            gc.collect()
        else:
            kept.append(alternation)
            return
        assert signal.getsignal(signal.SIGUSR1) is before
        raise_(signal.SIGUSR1)

    run(main)
    assert signal.getsignal(signal.SIGUSR1) is before
    kept.clear()
    gc.collect()
    assert handled == ([] if way == "end" else [signal.SIGUSR1])


@signals
def test_a_process_that_is_cancelled_leaves_the_signal(run: Any, handled: list[int]) -> None:
    before = signal.getsignal(signal.SIGUSR1)

    @process
    async def waits() -> None:
        await Alternation(Signal(signal.SIGUSR1)).select()

    async def main() -> None:
        async with Spawn() as spawn:
            running = spawn(waits())
            await wait_all_tasks_blocked()
            running.cancel()
        gc.collect()
        assert signal.getsignal(signal.SIGUSR1) is before

    run(main)


@signals
def test_an_alternation_closed_at_once_harms_nobody(run: Any, handled: list[int]) -> None:
    async def main() -> str:
        with Alternation(Signal(signal.SIGUSR1), Timeout(0)) as alternation:
            await alternation.select()
        await trio.sleep(0)
        return "done"

    assert run(main) == "done"


@signals
def test_a_closed_alternation_can_take_the_signal_again(run: Any, handled: list[int]) -> None:
    async def main() -> Any:
        alternation, got = Alternation(Signal(signal.SIGUSR1), Timeout(0.001)), list[Any]()
        for _ in range(3):
            await alternation.select()
            raise_(signal.SIGUSR1)
            got.append((await _first(alternation)).value)
            alternation.close()
        return got

    assert run(main) == [signal.SIGUSR1] * 3


@signals
def test_a_signal_guard_takes_ctrl_c_and_leaves_it_after_close(run: Any) -> None:
    caught: list[int] = []

    async def main() -> None:
        with Alternation(Signal(signal.SIGINT), Timeout(0.001)) as alternation:
            await alternation.select()
            raise_(signal.SIGINT)
            with trio.fail_after(10):
                caught.append((await _first(alternation)).value)
        raise_(signal.SIGINT)
        await trio.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert caught == [signal.SIGINT]


@signals
def test_a_wait_for_a_signal_is_no_deadlock(run: Any, handled: list[int]) -> None:
    @process
    async def waits() -> int:
        with Alternation(Signal(signal.SIGUSR1)) as alternation:
            return (await alternation.select()).value

    async def main() -> Any:
        timer = threading.Timer(0.05, raise_, [signal.SIGUSR1])
        timer.start()
        return await Par(waits())

    assert run(main) == (signal.SIGUSR1,)


@pytest.mark.parametrize(
    ("numbers", "error"),
    [((), TypeError), ((9999,), ValueError), (("SIGINT",), ValueError), ((None,), ValueError)],
)
def test_wrong_signals_are_refused(numbers: Any, error: Any) -> None:
    with pytest.raises(error):
        Signal(*numbers)


@signals
def test_a_signal_that_cannot_be_caught_fails_the_selection_and_nothing_else(
    run: Any, handled: list[int]
) -> None:
    before = signal.getsignal(signal.SIGUSR1)

    async def main() -> None:
        alternation = Alternation(Signal(signal.SIGUSR1), Signal(signal.SIGKILL))
        for _ in range(2):
            with pytest.raises(OSError):
                await alternation.select()
            assert signal.getsignal(signal.SIGUSR1) is before
            await trio.sleep(0)

    run(main)


@signals
def test_signals_are_for_the_main_thread_only(lend: bool) -> None:
    async def main() -> Any:
        with pytest.raises(RuntimeError, match="main thread"):
            await Alternation(Signal(signal.SIGUSR1), Timeout(0)).select()
        return "refused"

    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(outcome(lambda: csp.run(main, lend=lend)))
    )
    thread.start()
    thread.join(10)
    assert found == ["refused"]
