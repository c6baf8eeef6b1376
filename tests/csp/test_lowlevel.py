"""The expert door: which kernel is whose, and a meeting place driven by hand."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio

import csp
from csp import Channel, Par, Receiver, Sender, process
from csp.lowlevel import Kernel, Party, Rendezvous, TrioKernel, current_kernel, install


def silent(*_: Any) -> Any:
    raise AssertionError("the test does not ask for this")


Bare: Any = type("Bare", (Kernel,), dict.fromkeys(Kernel.__abstractmethods__, silent))


@process
async def kernel_here() -> Kernel:
    return current_kernel()


@pytest.mark.parametrize("lend", [True, False])
def test_all_of_a_run_have_one_kernel(lend: bool) -> None:
    async def main() -> None:
        in_task: list[Kernel] = []

        async def task() -> None:
            in_task.append(current_kernel())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            in_processes = await Par(kernel_here(), kernel_here())
        assert {current_kernel()} == {*in_processes, *in_task}
        assert isinstance(current_kernel(), TrioKernel)

    csp.run(main, lend=lend)


def test_each_run_has_a_kernel_of_its_own() -> None:
    first, second = csp.run(kernel_here()), csp.run(kernel_here())
    assert first is not second


def test_outside_of_a_run_there_is_none() -> None:
    csp.run(kernel_here())
    with pytest.raises(RuntimeError):
        current_kernel()


def test_an_installed_kernel_is_the_one_of_its_thread_until_it_is_taken_out() -> None:
    mine, elsewhere = Bare(), list[object]()

    def another_thread() -> None:
        try:
            elsewhere.append(current_kernel())
        except RuntimeError as error:
            elsewhere.append(type(error))

    install(mine)
    try:
        assert current_kernel() is mine
        thread = threading.Thread(target=another_thread)
        thread.start()
        thread.join(60)
    finally:
        install(None)
    assert elsewhere == [RuntimeError]
    with pytest.raises(RuntimeError):
        current_kernel()


def test_an_installed_kernel_stands_before_that_of_the_run() -> None:
    async def main() -> None:
        of_run, mine = current_kernel(), Bare()
        install(mine)
        try:
            assert current_kernel() is mine
        finally:
            install(None)
        assert current_kernel() is of_run

    csp.run(main)


def test_parties_meet_by_hand_where_no_kernel_is() -> None:
    place, woken = Rendezvous(), list[Party]()
    sender, receiver = Party(), Party()
    sender.side, sender.value = 0, "hello"
    receiver.side = 1
    assert not place.receive(receiver, woken)
    place.enqueue(receiver)
    assert place.send(sender, woken)
    assert (woken, receiver.value) == ([receiver], "hello")


def test_the_holders_of_a_run_are_its_running_processes() -> None:
    @process
    async def sender(out: Sender[list[str]]) -> None:
        await out.send([])  # both have started
        await out.send(sorted(holder.path() for holder in current_kernel().holders))

    @process
    async def receiver(feed: Receiver[list[str]]) -> list[str]:
        await feed.receive()
        return await feed.receive()

    async def main() -> None:
        channel = Channel(list, name="c")
        _, seen = await Par(sender(channel.sender()), receiver(channel.receiver()))
        assert seen == ["main", "main.par[0].sender", "main.par[1].receiver"]
        assert [holder.path() for holder in current_kernel().holders] == ["main"]

    csp.run(main)
