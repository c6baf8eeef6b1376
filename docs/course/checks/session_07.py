"""Servers, calls, extended rendezvous."""

from __future__ import annotations

from types import ModuleType

import trio

from checks.kit import examiner, expect, require
from csp import Call, CallFailed, Channel, Par, Receiver, Sender, process


async def account(answer: ModuleType) -> None:
    calls = Channel(Call[int, int], name="calls")
    await Par(answer.account(calls.receiver()), customer(calls.sender()))


@examiner
async def customer(account: Sender[Call[int, int]]) -> None:
    expect("100 paid in: the balance", await account.call(100), 100)
    expect("30 paid out: the balance", await account.call(-30), 70)
    try:
        balance = await account.call(-71)
    except CallFailed as error:
        require("not enough" in str(error), f'expected ValueError("not enough"), but got {error}')
    else:
        require(False, f"it paid out 71 of 70, and says that the balance is {balance}")
    expect("71 refused, then 70 paid out: the balance", await account.call(-70), 0)


async def printer(answer: ModuleType) -> None:
    jobs = Channel(int, name="jobs")
    await Par(answer.printer(jobs.receiver()), author(jobs.sender()))


@examiner
async def author(jobs: Sender[int]) -> None:
    for pages in (3, 2):
        started = trio.current_time()
        await jobs.send(pages)
        took = round(trio.current_time() - started)
        expect(f"the `send` of {pages} pages: seconds until it returned", took, pages)


async def cache(answer: ModuleType) -> None:
    calls = Channel(Call[int, int], name="calls")
    slow = Channel(Call[int, int], name="slow")
    _, asked, _ = await Par(
        answer.cache(calls.receiver(), slow.sender()),
        slow_server(slow.receiver()),
        asks(calls.sender()),
    )
    expect("asked for 2, 3, 2, 2, 3: what the slow server was asked for", asked, [2, 3])


@process
async def slow_server(calls: Receiver[Call[int, int]]) -> list[int]:
    asked: list[int] = []

    def square(number: int) -> int:
        asked.append(number)
        return number * number

    await calls.serve(square)
    return asked


@examiner
async def asks(server: Sender[Call[int, int]]) -> None:
    for number in (2, 3, 2, 2, 3):
        expect(f"the reply to {number}", await server.call(number), number * number)
