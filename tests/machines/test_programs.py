"""Whole programs: small process networks, drawn at random, struck somewhere, on both paths.

The laws: what was sent is received once, unless a buffer may drop it or an end of its channel was
struck; a send that did not return was not received; the run ends; all ends are retired.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import csp
from csp import (
    Alternation,
    Call,
    CallFailed,
    Channel,
    Deadlock,
    Dropping,
    Every,
    Fifo,
    Process,
    Receiver,
    Running,
    Sender,
    Sliding,
    Spawn,
    process,
)

HANG = 10_000.0  # seconds of the mock clock
LOSSY = (Sliding, Dropping)


class Boom(Exception):
    """The failure that strikes."""


@dataclass(frozen=True)
class Strike:
    """What happens to one process, when it has done so many operations."""

    who: int
    what: str  # cancel, fail, poison, retire, nothing
    after: int


@dataclass(frozen=True)
class Plan:
    """One program."""

    producers: tuple[str, ...]  # how each of them sends
    workers: tuple[str, ...]  # how each of them receives
    collectors: tuple[str, ...]
    calls: bool  # the jobs are calls
    jobs: Any
    results: Any
    count: int  # of the values of each producer
    naps: tuple[int, ...]
    strike: Strike


@dataclass
class Log:
    """What happened on one channel."""

    tried: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    got: list[int] = field(default_factory=list)


class Program:
    """A plan in one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.logs = {"jobs": Log(), "results": Log()}
        self.done = Counter[int]()
        self.running: dict[int, Running[Any]] = {}
        self.struck = False
        self.steps = 0

    async def step(self, me: int, *ends: Any) -> None:
        """Between two operations: perhaps a nap, perhaps the strike."""
        plan = self.plan
        self.done[me] += 1
        self.steps += 1
        nap = plan.naps[self.steps % len(plan.naps)]
        if nap:
            await trio.sleep(nap)
        strike = plan.strike
        if strike.who != me or strike.after != self.done[me]:
            return
        self.struck = True
        if strike.what == "cancel":
            self.running[me].cancel()
        elif strike.what == "fail":
            raise Boom
        for end in ends:
            if strike.what == "poison":
                end.poison("struck")
            elif strike.what == "retire":
                end.retire()

    # --- sending ---------------------------------------------------------------------------

    async def send(self, out: Sender[int], name: str, value: int, how: str) -> None:
        log = self.logs[name]
        log.tried.append(value)
        if how == "send":
            await out.send(value)
        elif how == "offer":
            await Alternation(out.offer(lambda: value)).select()
        else:
            while True:
                choice = await Alternation(Every(3), out.offer(lambda: value)).select()
                if choice.guard is out:
                    break
                if out.statistics().open_receive_channels == 0:  # the ticks go on for ever
                    return
        log.sent.append(value)


@process
async def producer(program: Program, me: int, how: str, jobs: Sender[int]) -> None:
    for i in range(program.plan.count):
        await program.step(me, jobs)
        await program.send(jobs, "jobs", me * 100 + i, how)


@process
async def caller(
    program: Program, me: int, how: str, jobs: Sender[Call[int, int]], results: Sender[int]
) -> None:
    for i in range(program.plan.count):
        await program.step(me, jobs, results)
        try:
            reply = await jobs.call(me * 100 + i)
        except CallFailed:
            continue
        assert reply == me * 100 + i
        await program.send(results, "results", reply, how)


@process
async def worker(
    program: Program, me: int, how: str, jobs: Receiver[int], results: Sender[int]
) -> None:
    log = program.logs["jobs"]

    async def work(value: int) -> None:
        await program.step(me, jobs, results)
        await program.send(results, "results", value, "send")

    if how == "receive":
        async for value in jobs:
            log.got.append(value)
            await work(value)
    elif how == "lease":
        async for job in jobs.leases():
            done: list[int] = []
            async with job:  # a failure gives the value back
                await program.step(me, jobs, results)
                log.got.append(job.value)
                done.append(job.value)
            for value in done:
                await program.send(results, "results", value, "send")
    elif how == "extended":
        while True:
            async with jobs.extended() as value:
                await program.step(me, jobs, results)
                log.got.append(value)
            await program.send(results, "results", value, "send")
    else:
        async for guard, value in Alternation(Every(7), jobs):
            if guard is jobs:
                assert value is not None
                log.got.append(value)
                await work(value)
            elif jobs.statistics().open_send_channels == 0:
                break


@process
async def server(program: Program, me: int, how: str, jobs: Receiver[Call[int, int]]) -> None:
    log = program.logs["jobs"]

    async def answer(request: int) -> int:
        await program.step(me, jobs)
        log.got.append(request)
        return request

    if how in ("receive", "lease"):
        await jobs.serve(answer)
    elif how == "extended":
        while True:
            async with jobs.accept() as call:
                call.reply(await answer(call.request))
    else:
        async for choice in Alternation(jobs.accepting()):
            async with choice.value as call:
                call.reply(await answer(call.request))


@process
async def collector(program: Program, me: int, how: str, results: Receiver[int]) -> None:
    log = program.logs["results"]
    if how == "lease":
        async for job in results.leases():
            async with job:
                await program.step(me, results)
                log.got.append(job.value)
    elif how == "alternation":
        async for choice in Alternation(results):
            log.got.append(choice.value)
            await program.step(me, results)
    else:
        async for value in results:
            log.got.append(value)
            await program.step(me, results)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    kinds = st.sampled_from([0, 0, 1, Fifo(2), Sliding(1), Dropping(1)])
    sending = st.sampled_from(["send", "offer", "polling"])
    receiving = st.sampled_from(["receive", "lease", "extended", "alternation"])
    collecting = st.sampled_from(["receive", "lease", "alternation"])
    producers = draw(st.lists(sending, min_size=1, max_size=3))
    workers = draw(st.lists(receiving, min_size=1, max_size=3))
    collectors = draw(st.lists(collecting, min_size=1, max_size=2))
    strike = Strike(
        draw(st.integers(0, len(producers) + len(workers) + len(collectors) - 1)),
        draw(st.sampled_from(["nothing", "cancel", "fail", "poison", "retire"])),
        draw(st.integers(1, 4)),
    )
    return Plan(
        tuple(producers),
        tuple(workers),
        tuple(collectors),
        draw(st.booleans()),
        draw(kinds),
        draw(kinds),
        draw(st.integers(1, 4)),
        tuple(draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))),
        strike,
    )


def network(program: Program, channels: list[Any]) -> list[Process[Any]]:
    plan = program.plan
    jobs: Any = Channel(Call[int, int] if plan.calls else int, name="jobs", buffer=plan.jobs)
    results = Channel(int, name="results", buffer=plan.results)
    channels += [jobs, results]
    found: list[Process[Any]] = []
    for how in plan.producers:
        if plan.calls:
            found.append(caller(program, len(found), how, jobs.sender(), results.sender()))
        else:
            found.append(producer(program, len(found), how, jobs.sender()))
    for how in plan.workers:
        if plan.calls:
            found.append(server(program, len(found), how, jobs.receiver()))
        else:
            found.append(worker(program, len(found), how, jobs.receiver(), results.sender()))
    for how in plan.collectors:
        found.append(collector(program, len(found), how, results.receiver()))
    return found


async def run_it(program: Program, channels: list[Any]) -> None:
    with trio.fail_after(HANG):
        async with Spawn() as spawn:
            for i, part in enumerate(network(program, channels)):
                program.running[i] = spawn(part)


def check(plan: Plan, lend: bool) -> None:
    program, channels = Program(plan), []
    failure: BaseException | None = None
    try:
        csp.run(run_it, program, channels, lend=lend, clock=MockClock(autojump_threshold=0))
    except (csp.ChannelEnded, ExceptionGroup) as error:
        failure = error
    if failure is not None:
        leaves = flat(failure)
        assert not [leaf for leaf in leaves if isinstance(leaf, (trio.TooSlowError, Deadlock))]
        allowed = (Boom, csp.ChannelEnded, csp.EndClosed)
        assert all(isinstance(leaf, allowed) for leaf in leaves), leaves
        assert program.struck
    for channel in channels:
        core = channel._core
        assert core.ends == (0, 0)
        assert core.held == 0
        assert core.first is None
        assert core.watches is None
    check_log(program.logs["results"], plan.results, program)
    if plan.calls:
        check_calls(program)
    else:
        check_log(program.logs["jobs"], plan.jobs, program)


def check_log(log: Log, kind: Any, program: Program) -> None:
    assert len(set(log.got)) == len(log.got)  # nothing twice
    assert set(log.got) <= set(log.tried)  # nothing out of nowhere
    if isinstance(kind, LOSSY) or program.struck:
        return
    assert sorted(log.got) == sorted(log.sent) == sorted(log.tried)


def check_calls(program: Program) -> None:
    got, plan = program.logs["jobs"].got, program.plan
    assert len(set(got)) == len(got)
    assert set(program.logs["results"].tried) <= set(got)  # what was replied was worked on
    if not program.struck and not isinstance(plan.jobs, LOSSY):
        assert len(got) == len(plan.producers) * plan.count


def flat(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in flat(part)]
    return [error]


@pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
@settings(max_examples=300, deadline=None, derandomize=True)
@given(plan=plans())
def test_a_program_keeps_the_laws(plan: Plan, lend: bool) -> None:
    check(plan, lend)


@pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(plan=plans())
def test_a_cancel_loses_nothing_that_its_process_had_not_taken(plan: Plan, lend: bool) -> None:
    """The struck one is a sender among others: what it had sent is received by those who stay."""
    who = plan.strike.who % len(plan.producers)
    strike = Strike(who, "cancel", plan.strike.after)
    plan = Plan(
        plan.producers, plan.workers, plan.collectors, False, 0, 1, plan.count, plan.naps, strike
    )
    program, channels = Program(plan), []
    csp.run(run_it, program, channels, lend=lend, clock=MockClock(autojump_threshold=0))
    jobs, results = program.logs["jobs"], program.logs["results"]
    if "extended" in plan.workers:
        assert set(jobs.sent) <= set(jobs.got)
        assert len(jobs.got) <= len(jobs.sent) + 1
    else:
        assert sorted(jobs.got) == sorted(jobs.sent)
    assert sorted(results.got) == sorted(results.sent) == sorted(results.tried)
