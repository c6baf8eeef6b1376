"""A producer, workers and a collector: what flows through is known to the checker."""

from typing import assert_type

import csp
from csp import Channel, Par, Process, Receiver, Sender, process


@process
async def producer(jobs: Sender[int], count: int = 10) -> None:
    for number in range(count):
        await jobs.send(number)
    await jobs.send("ten")  # refused
    jobs.send_nowait(b"ten")  # refused
    jobs.receive()  # refused


@process
async def worker(jobs: Receiver[int], results: Sender[str]) -> None:
    async for number in jobs:
        assert_type(number, int)
        await results.send(str(number))
        await results.send(number)  # refused
    await jobs.send(1)  # refused


@process
async def collector(results: Receiver[str]) -> dict[str, int]:
    lengths = {result: len(result) async for result in results}
    last: int = await results.receive()  # refused
    return lengths | {str(last): last}


async def main() -> None:
    jobs, results = Channel(int, name="jobs"), Channel(str, name="results")
    assert_type(jobs, Channel[int])
    assert_type(jobs.sender(), Sender[int])
    assert_type(results.receiver(), Receiver[str])
    values = await Par(
        producer(jobs.sender(), count=3),
        4 * worker(jobs.receiver(), results.sender()),
        collector(results.receiver()),
    )
    assert_type(values, tuple[None, list[None], dict[str, int]])


async def mistakes() -> None:
    jobs = Channel(int, name="jobs")
    producer()  # refused
    producer(jobs.sender(), "3")  # refused
    producer(jobs.sender(), 3, 4)  # refused
    producer(jobs.sender(), number=3)  # refused
    producer(jobs)  # refused
    jobs.send(1)  # refused
    Par(producer)  # refused


@process
async def total(numbers: Receiver[int]) -> int:
    return sum([number async for number in numbers])


def run_them() -> None:
    assert_type(total(Channel(int).receiver()), Process[int])
    assert_type(csp.run(total(Channel(int).receiver())), int)
    assert_type(csp.run(main), None)
    csp.run(main, lend=False, deadlock="warn")
    csp.run(3)  # refused
    csp.run(main, deadlock="perhaps")  # refused
    csp.run(main, clock=3)  # refused
    text: str = csp.run(total(Channel(int).receiver()))  # refused
    print(text)
