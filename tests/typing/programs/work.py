"""Leases, extended rendezvous, observers: values in work keep their type."""

from typing import assert_type

from csp import Channel, Dropped, Event, Failed, Lease, Receiver, Sender, Sliding, observe, process


@process
async def worker(jobs: Receiver[str], results: Sender[int]) -> None:
    async with jobs.lease() as job:
        assert_type(job.value, str)
        assert_type(job.attempt, int)
        await results.send(len(job.value))
        await results.send(job.value)  # refused
        await results.send(job)  # refused
        await job.send(results, job.value)  # refused
        await job.send(results, len(job.value))
    async for each in jobs.leases():
        assert_type(each, Lease[str])
        async with each as opened:
            assert_type(opened.value, str)
    async with jobs.extended() as value:
        assert_type(value, str)
    jobs.lease().value = "changed"  # refused


@process
async def undertaker(failed: Receiver[Failed[str]]) -> None:
    async for value, attempts, errors in failed:
        assert_type(value, str)
        assert_type(attempts, int)
        assert_type(errors, tuple[BaseException, ...])


@process
async def monitor() -> None:
    with observe(buffer=Sliding(1000)) as events:
        async for event in events:
            if isinstance(event, Dropped):
                print(event.count)
            else:
                assert_type(event, Event)
                print(event.process, event.count)  # refused


def wiring() -> None:
    jobs = Channel(str, name="jobs")
    worker(jobs.receiver(), Channel(int).sender())
    undertaker(jobs.failed.receiver())
    undertaker(jobs.receiver())  # refused
