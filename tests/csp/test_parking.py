"""Lending the turn: each rule of `csp/_parking.py`, found by breaking it."""

import gc
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio
import trio.testing

import csp
from csp import Channel, Par, Receiver, Sender, Spawn, process
from csp.lowlevel import current_kernel

pytestmark = pytest.mark.skipif("csp._parking.CAN_LEND is False", reason="this trio cannot lend")


@process
async def numbers(out: Sender[int], count: int) -> None:
    for number in range(count):
        await out.send(number)


@process
async def total(feed: Receiver[int]) -> int:
    result = 0
    async for number in feed:
        result += number
    return result


def lent(body: Callable[[], Any]) -> Any:
    """Run with lending, and make sure that turns were lent."""

    async def main() -> Any:
        result = await body()
        assert current_kernel().lent_steps > 0
        return result

    return csp.run(main, lend=True)


def test_turns_are_lent_between_processes_and_not_on_the_fallback_path() -> None:
    async def body() -> int:
        channel = Channel(int, name="c")
        await Par(numbers(channel.sender(), 100), total(channel.receiver()))
        return current_kernel().lent_steps

    assert lent(body) > 20
    assert csp.run(body, lend=False) == 0


def test_a_task_step_instrument_switches_lending_off() -> None:
    class Steps(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            return None

    async def body() -> int:
        trio.lowlevel.add_instrument(Steps())
        channel = Channel(int, name="c")
        values = await Par(numbers(channel.sender(), 100), total(channel.receiver()))
        assert values[1] == 4950
        return current_kernel().lent_steps

    async def start() -> int:
        return await body()

    # main was wrapped before the instrument came; its children are not
    assert csp.run(start, lend=True) <= 2


@process
async def in_trio(feed: Receiver[int], what: str) -> str:
    """Waits for trio in a step that another process lends."""
    await feed.receive()
    if what == "event":
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_set_later, event)
            await event.wait()
    elif what == "lock":
        lock = trio.Lock()
        await lock.acquire()
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(0.001) as scope:
                nursery.start_soon(_try_lock, lock)
                await trio.sleep_forever()
            assert scope.cancelled_caught
            nursery.cancel_scope.cancel()
    elif what == "socket":
        left, right = trio.socket.from_stdlib_socket, socket.socketpair()
        a, b = left(right[0]), left(right[1])
        with a, b:
            await a.send(b"x")
            assert await b.recv(1) == b"x"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_later, a)
                assert await b.recv(1) == b"y"
    elif what == "sleep":
        await trio.sleep(0.001)
    elif what == "checkpoint":
        await trio.lowlevel.checkpoint()
    elif what == "thread":
        assert await trio.to_thread.run_sync(threading.get_ident) != threading.get_ident()
    await feed.receive()
    return what


async def _set_later(event: trio.Event) -> None:
    await trio.lowlevel.checkpoint()
    event.set()


async def _try_lock(lock: trio.Lock) -> None:
    await lock.acquire()


async def _send_later(sock: trio.socket.SocketType) -> None:
    await trio.sleep(0.001)
    await sock.send(b"y")


@process
async def feeder(out: Sender[int]) -> None:
    await out.send(1)
    await out.send(2)


@pytest.mark.parametrize("what", ["event", "lock", "socket", "sleep", "checkpoint", "thread"])
def test_a_lent_step_may_wait_in_trio(what: str) -> None:
    async def body() -> Any:
        channel, other = Channel(int, name="c"), Channel(int, name="busy")
        values = await Par(
            in_trio(channel.receiver(), what),
            feeder(channel.sender()),
            numbers(other.sender(), 2000),
            total(other.receiver()),
        )
        return values[0], values[3]

    assert lent(body) == (what, 1999000)


def test_a_timer_fires_beside_processes_that_never_stop_communicating() -> None:
    @process
    async def for_ever(out: Sender[int]) -> None:
        while True:
            await out.send(1)

    @process
    async def swallow(feed: Receiver[int]) -> None:
        async for _ in feed:
            pass

    async def body() -> bool:
        channel = Channel(int, name="c")
        with trio.move_on_after(0.05) as scope:
            await Par(for_ever(channel.sender()), swallow(channel.receiver()))
        return scope.cancelled_caught

    assert lent(body)


def test_a_timer_fires_beside_a_sender_that_never_parks() -> None:
    @process
    async def for_ever(out: Sender[int]) -> None:
        while True:
            await out.send(1)

    async def body() -> bool:
        channel = Channel(int, name="c", buffer=csp.Sliding(1))
        with channel.receiver(), trio.move_on_after(0.05) as scope:
            await for_ever(channel.sender())
        return scope.cancelled_caught

    assert csp.run(body, lend=True)
    assert csp.run(body, lend=False)


def test_two_runs_in_two_threads_do_not_meet() -> None:
    results: list[int] = []

    def one() -> None:
        async def body() -> int:
            channel = Channel(int, name="c")
            values = await Par(numbers(channel.sender(), 3000), total(channel.receiver()))
            return values[1]

        results.append(csp.run(body))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [4498500, 4498500]


@pytest.mark.parametrize("lend", [True, False])
def test_a_cancel_between_commit_and_resume_loses_nothing(lend: bool) -> None:
    got: list[int] = []

    @process
    async def taker(feed: Receiver[int], scope: trio.CancelScope) -> None:
        with scope:
            while True:
                got.append(await feed.receive())

    async def body() -> list[int]:
        channel = Channel(int, name="c")
        scope = trio.CancelScope()
        with channel.sender() as tx:
            async with Spawn() as spawn:
                spawn(taker(channel.receiver(), scope))
                await tx.send(1)
                await tx.send(2)
                scope.cancel()
                sent = [1, 2]
                try:
                    for number in range(3, 10):
                        await tx.send(number)
                        sent.append(number)
                except csp.NoReceivers:
                    return sent
        raise AssertionError("the cancelled process went on receiving")

    assert csp.run(body, lend=lend) == got


class Thing:
    """Something in a frame."""


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("lend", [True, False])
def test_what_a_cancelled_process_held_is_let_go_at_once(lend: bool) -> None:
    kept: list[weakref.ref[Thing]] = []

    @process
    async def waits(feed: Receiver[int]) -> None:
        async def inner() -> None:
            thing = Thing()
            kept.append(weakref.ref(thing))
            await feed.receive()

        with trio.move_on_after(0.001):
            await inner()
        await trio.lowlevel.checkpoint()  # trio keeps it during the step
        assert kept[0]() is None

    async def body() -> None:
        channel = Channel(int, name="c")
        with channel.sender():
            await Par(waits(channel.receiver()))

    csp.run(body, lend=lend)


@pytest.mark.trio
async def test_processes_run_inside_a_pytest_trio_test() -> None:
    channel = Channel(int, name="c")
    values = await Par(numbers(channel.sender(), 100), total(channel.receiver()))
    assert values == (None, 4950)


def test_a_process_whose_task_got_another_coroutine_is_left_to_it() -> None:
    """As greenback does: whoever steps the trio task now must see its traps, not our parks."""
    seen: list[Any] = []

    def shim(inner: Any) -> Any:
        value = yield
        while True:
            try:
                message = inner.send(value)
            except StopIteration as stop:
                return stop.value
            seen.append(message)
            value = yield message

    @process
    async def replaced(feed: Receiver[int]) -> list[int]:
        task: Any = trio.lowlevel.current_task()
        outer = shim(task.coro)
        next(outer)
        task.coro = outer
        await trio.lowlevel.checkpoint()
        return [number async for number in feed]

    @process
    async def put(out: Sender[int]) -> None:
        for number in range(5):
            await out.send(number)

    async def main() -> Any:
        channel = Channel(int, name="c")
        return (await Par(replaced(channel.receiver()), put(channel.sender())))[0]

    assert csp.run(main, lend=True) == [0, 1, 2, 3, 4]
    assert seen
    assert all(type(message).__module__.startswith("trio.") for message in seen)


def test_a_task_step_instrument_that_comes_later_ends_the_lending() -> None:
    class Watching(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            """Would miss lent steps."""

    @process
    async def echo(feed: Receiver[int], out: Sender[int]) -> None:
        async for number in feed:
            await out.send(number)

    @process
    async def ask(out: Sender[int], feed: Receiver[int]) -> list[int]:
        kernel: Any = current_kernel()
        lent: list[int] = []
        for watched in (False, True):
            if watched:
                trio.lowlevel.add_instrument(Watching())
                await trio.lowlevel.checkpoint()
            before = kernel.lent_steps
            for number in range(50):
                await out.send(number)
                assert await feed.receive() == number
            lent.append(kernel.lent_steps - before)
        return lent

    async def main() -> Any:
        there, back = Channel(int, name="there"), Channel(int, name="back")
        network = Par(ask(there.sender(), back.receiver()), echo(there.receiver(), back.sender()))
        return (await network)[0]

    lent, watched = csp.run(main, lend=True)
    assert lent > 20
    assert watched == 0


def test_what_a_process_has_spawned_makes_no_checkpoint_of_each_operation() -> None:
    """A feeder of `map` would take a pass of trio for each request."""

    async def main() -> tuple[bool, bool]:
        kernel, told, done = current_kernel(), list[bool](), trio.Event()

        async def beside() -> None:
            told.append(await kernel.before())
            done.set()

        @process
        async def spawns() -> None:
            kernel.spawn(beside)
            await done.wait()

        async with Spawn() as spawn:
            spawn(spawns())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beside)
        return told[0], told[1]

    assert csp.run(main) == (False, True)


def test_nobody_lends_from_a_context_that_another_process_has_entered() -> None:
    """Python enters no context twice: who is parked in it could not be stepped by who runs in it."""
    entered: list[Any] = []

    @process
    async def adds() -> int:
        channel = Channel(int, name="c")
        feed = channel.receiver()
        entered.extend([trio.lowlevel.current_task().context, numbers(channel.sender(), 50)])
        return sum([number async for number in feed])

    async def put_all() -> None:
        await entered.pop()

    async def main() -> int:
        async with Spawn() as spawn:
            adding = spawn(adds())
            await trio.testing.wait_all_tasks_blocked()
            trio.lowlevel.spawn_system_task(put_all, context=entered[0])
            return await adding

    assert csp.run(main, lend=True) == 1225
