"""Observers: what `observe` and `on_event` tell, in which order, and when they stop."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import (
    Alternation,
    Barrier,
    Broadcast,
    Call,
    Channel,
    Dropped,
    Dropping,
    Event,
    Fifo,
    Par,
    Receiver,
    Sender,
    Sliding,
    Spawn,
    Timeout,
    observe,
    process,
)
from csp.lowlevel import current_kernel, on_event


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def lend(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def run(lend: bool) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=lend, clock=MockClock(autojump_threshold=0))


@process
async def worker(feed: Receiver[int]) -> None:
    async for _ in feed:
        pass


@process
async def source(out: Sender[int], count: int = 1) -> None:
    for number in range(count):
        await out.send(number)


@process
async def nothing() -> None:
    return


@process
async def watcher(events: Receiver[Event | Dropped]) -> list[Event | Dropped]:
    seen = []
    with events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Event) and event.channel == "main.over":
                break
    return seen


def taken(events: Any) -> list[Any]:
    """What is there, without waiting."""
    got = []
    while True:
        try:
            got.append(events.receive_nowait())
        except trio.WouldBlock:
            return got


def is_turn(event: Any) -> bool:
    """Told only of processes whose turn is lent: they wait in trio, and go on."""
    return isinstance(event, Event) and (
        event.kind == "resumed" or (event.kind == "parked" and event.detail in ("children", "trio"))
    )


def without_turns(events: Any) -> list[Any]:
    return [event for event in events if not is_turn(event)]


def told(events: Any, process_name: str = "") -> list[tuple[str, str, str]]:
    return [
        (event.kind, event.channel, event.side)
        for event in without_turns(events)
        if isinstance(event, Event) and event.process.endswith(process_name)
    ]


# --- what is told -------------------------------------------------------------------------------


def test_the_life_of_a_small_network_is_told_in_order(run: Any) -> None:
    async def main() -> Any:
        jobs, seen = Channel(int, name="jobs"), list[Event]()
        with on_event(seen.append):
            await Par(worker(jobs.receiver()), source(jobs.sender()))
        return without_turns(seen)

    seen = run(main)
    names = {event.process for event in seen}
    assert names == {"main.par[0].worker", "main.par[1].source"}
    assert {event.channel for event in seen} == {"", "main.jobs"}
    sent = told(seen, "source")
    assert sent[0] == ("started", "", "")
    assert sent[1] == ("offered", "main.jobs", "send")
    assert sent[-3:] == [
        ("committed", "main.jobs", "send"),
        ("retired", "main.jobs", "send"),
        ("ended", "", ""),
    ]
    received = told(seen, "worker")
    assert received[0] == ("started", "", "")
    kinds = [kind for kind, _, _ in received if kind != "parked"]
    assert kinds == ["started", "offered", "committed", "offered", "retired", "ended"]
    who_parked = [event.process for event in seen if event.kind == "parked"]
    assert who_parked  # whoever came first


def test_a_started_process_is_told_with_its_place(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            await Par(nothing())
        return without_turns(seen)

    started, ended = run(main)
    assert (started.kind, started.process) == ("started", "main.par[0].nothing")
    assert started.detail.startswith("test_watch.py:")
    assert (ended.kind, ended.process) == ("ended", "main.par[0].nothing")


def test_processes_and_channels_are_named_by_their_place(run: Any) -> None:
    @process
    async def inner() -> None:
        channel = Channel(int, name="own", buffer=1)
        with channel.sender() as tx, channel.receiver():
            await tx.send(1)

    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            await Par(nothing(), Par(nothing(), inner()))
            async with Spawn() as spawn:
                spawn(nothing())
        return seen

    seen = run(main)
    started = {event.process for event in seen if event.kind == "started"}
    assert {"main.par[0].nothing", "main.spawn[0].nothing"} <= started
    (own,) = {event.channel for event in seen if event.channel}
    (of,) = {event.process for event in seen if event.channel}
    assert own == f"{of}.own"
    assert of.startswith("main.par[1]")
    assert of.endswith(".inner")


@pytest.mark.parametrize("way", ["await", "Seq"])
def test_a_process_run_in_the_place_of_its_parent_is_told_by_its_own_name(
    lend: bool, way: str
) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            await (nothing() if way == "await" else csp.Seq(nothing()))
        return [event.process for event in seen]

    name = "main.nothing" if way == "await" else "main.seq[0].nothing"
    assert csp.run(main, lend=lend) == [name, name]


def test_the_copies_of_a_named_process_have_its_name(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            await (2 * nothing().named("twin"))
        return [event.process for event in seen if event.kind == "started"]

    assert all(name.endswith(".twin") for name in run(main))


def test_channels_of_one_name_are_told_apart(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        channels = [Channel(int, name="c", buffer=1) for _ in range(2)]
        with on_event(seen.append):
            for channel in channels:
                with channel.sender() as tx, channel.receiver():
                    await tx.send(1)
        return {event.channel for event in seen}

    assert run(main) == {"main.c", "main.c#2"}


def test_retiring_with_a_cause_and_poison_are_told_with_their_reason(run: Any) -> None:
    @process
    async def fails(out: Sender[int]) -> None:
        raise ValueError("broken")

    async def main() -> Any:
        seen: list[Event] = []
        left, right = Channel(int, name="left"), Channel(int, name="right")
        with left.receiver(), right.receiver(), right.sender() as tx, on_event(seen.append):
            with pytest.raises(ValueError):
                await fails(left.sender())
            tx.poison("enough")
        return seen

    seen = run(main)
    (retired,) = [e for e in seen if e.kind == "retired"]
    assert (retired.channel, retired.side) == ("main.left", "send")
    assert "broken" in retired.detail
    (poisoned,) = [e for e in seen if e.kind == "poisoned"]
    assert (poisoned.channel, poisoned.detail) == ("main.right", "enough")
    assert seen[-1] is poisoned


def test_the_time_of_an_event_is_that_of_the_clock(run: Any) -> None:
    async def main() -> Any:
        seen, began = list[Event](), trio.current_time()
        with on_event(seen.append):
            await Par(nothing())
            await trio.sleep(5)
            await Par(nothing())
        return [event.time - began for event in without_turns(seen)]

    assert run(main) == pytest.approx([0, 0, 5, 5])


def test_the_end_of_a_cancelled_process_is_told(run: Any) -> None:
    @process
    async def sleeps(feed: Receiver[int]) -> None:
        await feed.receive()

    async def main() -> Any:
        seen, channel = list[Event](), Channel(int, name="c")
        with channel.sender(), on_event(seen.append):
            async with Spawn() as spawn:
                running = spawn(sleeps(channel.receiver()))
                await trio.sleep(1)
                running.cancel()
        return [event.kind for event in without_turns(seen)]

    assert run(main) == ["started", "offered", "parked", "retired", "ended"]


def test_a_selection_is_told_with_the_channel_that_was_chosen(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        left, right = Channel(int, name="left", buffer=1), Channel(int, name="right", buffer=1)
        with left.sender() as a, left.receiver(), right.sender() as b, right.receiver() as rx:
            await b.send(1)
            with on_event(seen.append):
                await Alternation(rx, Timeout(5)).select()
                await Alternation(a.offer(lambda: 1)).select()
                await Alternation(rx, Timeout(5)).select()
        return told(seen)

    assert run(main) == [
        ("offered", "", ""),
        ("committed", "main.right", "receive"),
        ("offered", "", ""),
        ("committed", "main.left", "send"),
        ("offered", "", ""),
        ("parked", "", ""),
        ("offered", "", ""),
        ("committed", "", ""),
    ]


def test_a_selection_that_waited_is_told_as_parked_and_committed(run: Any) -> None:
    @process
    async def selects(feed: Receiver[int]) -> None:
        await Alternation(feed).select()

    async def main() -> Any:
        seen, channel = list[Event](), Channel(int, name="c")
        with channel.sender() as tx, on_event(seen.append):
            async with Spawn() as spawn:
                spawn(selects(channel.receiver()))
                await trio.sleep(1)
                await tx.send(1)
        return told(seen, "selects")

    assert run(main)[1:4] == [
        ("offered", "", ""),
        ("parked", "", ""),
        ("committed", "main.c", "receive"),
    ]


def test_a_barrier_is_told_by_each_member(run: Any) -> None:
    @process
    async def syncs(member: csp.Member) -> None:
        await member.sync()

    async def main() -> Any:
        seen, b = list[Event](), Barrier(name="b")
        with on_event(seen.append):
            await (3 * syncs(b.member()))
        return seen

    seen = run(main)
    on_barrier = [event.kind for event in seen if event.channel == "main.b"]
    assert on_barrier.count("offered") == on_barrier.count("committed") == 3
    assert on_barrier.count("parked") == 2
    assert on_barrier.count("retired") == 3
    assert on_barrier.index("committed") > on_barrier.index("parked")


def test_a_broadcast_is_told_once_by_its_sender_and_by_each_receiver(run: Any) -> None:
    async def main() -> Any:
        seen, b = list[Event](), Broadcast(int, name="b")
        with on_event(seen.append):
            await Par(source(b.sender(), 2), 3 * worker(b.receiver()))
        return [(e.channel, e.side) for e in seen if e.kind == "committed"]

    committed = run(main)
    assert sorted(committed) == [("main.b", "receive")] * 6 + [("main.b", "send")] * 2


def test_a_lease_is_told_as_a_receive(run: Any) -> None:
    async def main() -> Any:
        seen, channel = list[Event](), Channel(int, name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)
            with on_event(seen.append):
                async with rx.lease():
                    pass
        return told(seen)

    assert run(main) == [("offered", "main.c", "receive"), ("committed", "main.c", "receive")]


def test_a_call_is_told_on_both_sides(run: Any) -> None:
    @process
    async def server(calls: Receiver[Call[int, int]]) -> None:
        await calls.serve(lambda n: n + 1)

    async def main() -> Any:
        seen, calls = list[Event](), Channel(Call[int, int], name="calls")
        with on_event(seen.append):
            async with Spawn() as spawn:
                spawn(server(calls.receiver()))
                with calls.sender() as tx:
                    assert await tx.call(1) == 2
        return told([event for event in seen if event.kind == "committed"])

    assert sorted(run(main)) == [
        ("committed", "main.calls", "receive"),
        ("committed", "main.calls", "send"),
        ("committed", "main.calls.replies", "receive"),
        ("committed", "main.calls.replies", "send"),
    ]


@pytest.mark.parametrize(
    "lend_",
    [
        True,
        False,
    ],
)
def test_who_waited_before_the_observer_came_is_told_when_it_commits(lend_: bool) -> None:
    async def main() -> Any:
        seen, channel = list[Event](), Channel(int, name="c")
        tx = channel.sender()
        async with Spawn() as spawn:
            spawn(worker(channel.receiver()))
            await tx.send(1)
            await trio.sleep(1)
            with on_event(seen.append):
                await tx.send(2)
                await trio.sleep(1)
            tx.retire()
        return told([event for event in seen if event.kind == "committed"])

    assert sorted(csp.run(main, lend=lend_, clock=MockClock(autojump_threshold=0))) == [
        ("committed", "main.c", "receive"),
        ("committed", "main.c", "send"),
    ]


# --- on_event -----------------------------------------------------------------------------------


def test_without_observers_there_is_no_hook(run: Any) -> None:
    async def main() -> None:
        kernel = current_kernel()
        assert kernel.hook is None
        with on_event(print):
            assert kernel.hook is print
            with on_event(repr):
                assert kernel.hook not in (None, print, repr)
            assert kernel.hook is print
        assert kernel.hook is None

    run(main)


def test_nested_hooks_are_all_called_in_the_order_they_came(run: Any) -> None:
    async def main() -> Any:
        order: list[tuple[str, str]] = []
        with on_event(lambda event: order.append(("outer", event.kind))):
            with on_event(lambda event: order.append(("inner", event.kind))):
                await Par(nothing())
            await Par(nothing())
        return [told for told in order if told[1] in ("started", "ended")]

    assert run(main) == [
        ("outer", "started"),
        ("inner", "started"),
        ("outer", "ended"),
        ("inner", "ended"),
        ("outer", "started"),
        ("outer", "ended"),
    ]


def test_hooks_may_end_in_any_order(run: Any) -> None:
    async def main() -> Any:
        one, two = list[Event](), list[Event]()
        first, second = on_event(one.append), on_event(two.append)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        await Par(nothing())
        second.__exit__(None, None, None)
        await Par(nothing())
        return len(one), len(without_turns(two)), current_kernel().hook

    assert run(main) == (0, 2, None)


def test_one_hook_may_be_set_twice(run: Any) -> None:
    async def main() -> int:
        seen: list[Event] = []

        def hook(event: Event) -> None:
            seen.append(event)

        with on_event(hook):
            with on_event(hook):
                pass
            await Par(nothing())
        return len(without_turns(seen))

    assert run(main) == 2


def test_an_exception_in_the_block_removes_the_hook(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        with pytest.raises(KeyError):
            with on_event(seen.append):
                raise KeyError
        await Par(nothing())
        return seen, current_kernel().hook

    assert run(main) == ([], None)


def test_an_exception_of_a_hook_is_not_swallowed(run: Any) -> None:
    def hook(event: Event) -> None:
        if event.kind == "offered":
            raise KeyError("in the hook")

    async def main() -> Any:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            with on_event(hook):
                with pytest.raises(KeyError, match="in the hook"):
                    await tx.send(1)
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()  # it was not sent
        return current_kernel().hook

    assert run(main) is None


def test_hooks_and_observers_belong_to_a_run() -> None:
    with pytest.raises(RuntimeError):
        with on_event(print):
            pass
    with pytest.raises(RuntimeError):
        observe()


def test_the_next_run_has_no_hook_left(run: Any) -> None:
    kept: list[Any] = []

    async def first() -> None:
        manager = on_event(kept.append)
        manager.__enter__()
        kept.append(manager)

    async def second() -> Any:
        return current_kernel().hook

    run(first)
    assert run(second) is None


# --- observe ------------------------------------------------------------------------------------


def test_an_observer_reads_the_events_of_the_others(run: Any) -> None:
    async def main() -> Any:
        jobs, over = Channel(int, name="jobs"), Channel(int, name="over", buffer=1)

        jobs_rx, jobs_tx, over_tx = jobs.receiver(), jobs.sender(), over.sender()
        with over.receiver():
            seen: list[Event] = []
            with on_event(seen.append):
                async with Spawn() as spawn:
                    watching = spawn(watcher(observe()))
                    await Par(worker(jobs_rx), source(jobs_tx, 3))
                    await source(over_tx)
                return await watching, [e for e in seen if not e.process.endswith("watcher")]

    observed, hooked = run(main)
    observed, hooked = without_turns(observed), without_turns(hooked)
    assert observed == [event for event in hooked if event in observed]
    committed = [e.side for e in observed if e.kind == "committed" and e.channel == "main.jobs"]
    assert sorted(committed) == ["receive"] * 3 + ["send"] * 3
    assert all(not event.process.endswith("watcher") for event in observed)


def test_the_events_of_whoever_holds_the_stream_are_not_told(run: Any) -> None:
    async def main() -> Any:
        with observe() as events:
            channel = Channel(int, name="c", buffer=1)
            with channel.sender() as tx, channel.receiver() as rx:
                await tx.send(1)
                await rx.receive()
            await Par(nothing())
            return [(event.kind, event.process) for event in taken(events)]

    assert run(main) == [("started", "main.par[0].nothing"), ("ended", "main.par[0].nothing")]


def test_events_are_told_again_once_the_stream_was_given_away(run: Any) -> None:
    async def main() -> Any:
        over = Channel(int, name="over", buffer=1)
        async with Spawn() as spawn:
            watching = spawn(watcher(observe()))
            await wait_all_tasks_blocked()
            with over.sender() as tx, over.receiver():
                await tx.send(1)
        return told(await watching, "main")

    assert run(main) == [("offered", "main.over", "send")]


def test_each_observer_has_a_stream_of_its_own(run: Any) -> None:
    async def main() -> Any:
        with observe() as one, observe(buffer=Sliding(2)) as two:
            await Par(nothing())
            await Par(nothing())
            first = taken(one)
            one.retire()
            await Par(nothing())
            return [event.kind for event in first], taken(two)

    first, second = run(main)
    assert first == ["started", "ended"] * 2
    assert second[0] == Dropped(4)
    assert [event.kind for event in second[1:]] == ["started", "ended"]


def test_a_clone_shares_the_stream(run: Any) -> None:
    async def main() -> int:
        with observe() as one, one.clone() as two:
            await Par(nothing())
            one.receive_nowait()
            return len(taken(two))

    assert run(main) == 1


def test_without_a_buffer_a_thousand_records_are_kept(run: Any) -> None:
    async def main() -> Any:
        with observe() as events:
            for _ in range(600):
                await Par(nothing())
            return taken(events)

    seen = run(main)
    assert seen[0] == Dropped(200)
    assert len(seen) == 1001


def test_dropped_stands_in_its_place(run: Any) -> None:
    async def main() -> Any:
        with observe(buffer=Sliding(2)) as events:
            for name in "abc":
                await Par(nothing().named(name))
            first = [events.receive_nowait(), events.receive_nowait()]
            await Par(nothing().named("d"))
            return first + taken(events)

    seen = run(main)
    shown = [e.count if isinstance(e, Dropped) else (e.kind, e.process[-1]) for e in seen]
    assert shown == [4, ("started", "c"), 1, ("started", "d"), ("ended", "d")]


def test_an_unlimited_buffer_drops_nothing(run: Any) -> None:
    async def main() -> Any:
        with observe(buffer=Fifo(math.inf)) as events:
            for _ in range(2000):
                await Par(nothing())
            return taken(events)

    seen = run(main)
    assert [event.kind for event in seen] == ["started", "ended"] * 2000


def test_a_dropping_buffer_keeps_the_first_and_says_what_follows_is_missing(run: Any) -> None:
    async def main() -> Any:
        with observe(buffer=Dropping(2)) as events:
            for name in "abc":
                await Par(nothing().named(name))
            return taken(events)

    seen = run(main)
    assert [event.process[-1] for event in seen[:2]] == ["a", "a"]
    assert seen[2:] == [Dropped(4)]


def test_an_observer_stops_nobody(run: Any) -> None:
    async def main() -> str:
        with observe(buffer=Sliding(1)):
            jobs = Channel(int, name="jobs")
            await Par(worker(jobs.receiver()), source(jobs.sender(), 100))
        return "done"

    assert run(main) == "done"


def test_an_observer_may_wait_in_an_alternation(run: Any) -> None:
    @process
    async def selects(events: Receiver[Event | Dropped]) -> Any:
        with events:
            selection = Alternation(events, Timeout(60))
            while is_turn(event := (await selection.select()).value):
                pass
            return event

    async def main() -> Any:
        async with Spawn() as spawn:
            watching = spawn(selects(observe()))
            await trio.sleep(1)
            await Par(nothing())
            return await watching

    event = run(main)
    assert (event.kind, event.process) == ("started", "main.par[0].nothing")


@pytest.mark.parametrize("way", ["retire", "end", "collect"])
def test_a_stream_that_nobody_reads_any_more_costs_nothing(run: Any, way: str) -> None:
    @process
    async def reads_one(events: Receiver[Event | Dropped]) -> None:
        await events.receive()

    async def main() -> Any:
        kernel = current_kernel()
        if way == "retire":
            events = observe()
            await Par(nothing())
            events.retire()
        elif way == "end":
            await Par(reads_one(observe()), nothing())
        else:
            with pytest.warns(ResourceWarning):
                observe()
        await Par(nothing())  # at the latest with the next event
        return kernel.hook

    assert run(main) is None


def test_a_retired_observer_leaves_the_others(run: Any) -> None:
    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            observe().retire()
            await Par(nothing())
            assert current_kernel().hook is not None
        return [event.kind for event in seen if event.process == "main.par[0].nothing"]

    assert run(main) == ["started", "ended"]


def test_observe_works_under_a_plain_trio_run() -> None:
    async def main() -> Any:
        with observe() as events:
            await Par(nothing())
            return [(await events.receive()).kind for _ in range(2)]  # type: ignore[union-attr]

    assert trio.run(main) == ["started", "ended"]


def test_reading_the_stream_in_a_plain_trio_task_is_no_event() -> None:
    async def main() -> Any:
        with observe() as events:
            await Par(nothing())
            await events.receive()
            await events.receive()
            with pytest.raises(trio.WouldBlock):
                events.receive_nowait()

    trio.run(main)


@pytest.mark.parametrize("buffer", [0, 5, math.inf, "many", Fifo(0), Fifo(10), [], object()])
def test_a_buffer_that_would_make_others_wait_is_refused(run: Any, buffer: Any) -> None:
    async def main() -> Any:
        with pytest.raises(TypeError, match="Sliding"):
            observe(buffer=buffer)
        return current_kernel().hook

    assert run(main) is None


def test_a_run_that_waits_for_events_only_is_not_left_hanging(lend: bool) -> None:
    @process
    async def reads(events: Receiver[Event | Dropped]) -> None:
        while True:
            await events.receive()

    async def main() -> str:
        async with Spawn() as spawn:
            spawn(reads(observe()), background=True)
            await Par(nothing())
        return "done"

    assert csp.run(main, lend=lend) == "done"


# --- turns, and which communication it was ---------------------------------------------------


def parked_of(seen: list[Event], who: str) -> list[tuple[str, str]]:
    return [(e.kind, e.detail) for e in seen if e.process == who and is_turn(e)]


def test_a_process_that_waits_in_trio_is_parked_and_resumed() -> None:
    @process
    async def sleeper() -> None:
        await trio.sleep(3)

    async def main() -> Any:
        seen: list[Event] = []
        with on_event(seen.append):
            await Par(sleeper())
        return seen

    seen = csp.run(main, lend=True, clock=MockClock(autojump_threshold=0))
    assert parked_of(seen, "main.par[0].sleeper") == [("parked", "trio"), ("resumed", "")]
    assert parked_of(seen, "main") == [("parked", "children"), ("resumed", "")]
    parked, resumed = (e.time for e in seen if e.process.endswith("sleeper") and is_turn(e))
    assert resumed - parked == pytest.approx(3)


def test_a_lent_step_that_waits_in_trio_is_told_as_well() -> None:
    @process
    async def sleepy(feed: Receiver[int]) -> None:
        async for _ in feed:
            await trio.sleep(3)

    async def main() -> Any:
        channel, seen = Channel(int, name="c"), list[Event]()
        with on_event(seen.append):
            await Par(sleepy(channel.receiver()), source(channel.sender(), 3))
        return seen

    seen = csp.run(main, lend=True, clock=MockClock(autojump_threshold=0))
    away = [e for e in seen if e.process.endswith("sleepy") and e.detail == "trio"]
    assert len(away) >= 3
    of_sleepy = [e.kind for e in seen if e.process.endswith("sleepy")]
    assert of_sleepy.count("parked") == of_sleepy.count("resumed")


def test_the_end_of_every_lent_wait_is_told() -> None:
    async def main() -> Any:
        channel, seen = Channel(int, name="c"), list[Event]()
        with on_event(seen.append):
            await Par(worker(channel.receiver()), source(channel.sender(), 5))
        return seen

    seen = csp.run(main, lend=True)
    for who in {event.process for event in seen}:
        kinds = [event.kind for event in seen if event.process == who]
        after = [kinds[i + 1] for i, kind in enumerate(kinds[:-1]) if kind == "parked"]
        assert set(after) <= {"resumed", "committed"}


def test_main_is_told_as_started_and_ended() -> None:
    seen: list[Event] = []

    def main() -> Any:
        stack.enter_context(on_event(seen.append))

        async def body() -> None:
            return

        return body()

    with ExitStack() as stack:
        csp.run(main)
    told_of_main = [(event.kind, event.process) for event in without_turns(seen)]
    assert told_of_main == [("started", "main"), ("ended", "main")]


def test_an_observer_that_raises_when_nobody_runs_is_warned_about() -> None:
    def hook(event: Event) -> None:
        if event.kind == "resumed":
            raise KeyError("in the hook")

    async def main() -> str:
        with on_event(hook):
            await Par(nothing())
        return "done"

    with pytest.warns(RuntimeWarning, match="an observer raised KeyError.*`main` resumed"):
        assert csp.run(main, lend=True) == "done"


def numbers(seen: Any, side: str, channel: str = "main.c") -> list[int]:
    return [
        e.number for e in seen if e.kind == "committed" and (e.channel, e.side) == (channel, side)
    ]


def test_both_sides_of_a_communication_have_its_number(run: Any) -> None:
    async def main() -> Any:
        channel, seen = Channel(int, name="c"), list[Event]()
        with on_event(seen.append):
            await Par(2 * source(channel.sender(), 3), 2 * worker(channel.receiver()))
        return seen

    seen = run(main)
    assert sorted(numbers(seen, "send")) == sorted(numbers(seen, "receive")) == [*range(1, 7)]


@pytest.mark.parametrize(
    ("buffer", "sent", "received"),
    [
        (Fifo(2), [1, 2], [1, 2]),
        (Sliding(2), [1, 2, 3, 4], [3, 4]),
        (Dropping(2), [1, 2, 0, 0], [1, 2]),
    ],
)
def test_a_buffered_value_keeps_its_number(
    run: Any, buffer: Any, sent: list[int], received: list[int]
) -> None:
    async def main() -> Any:
        channel, seen = Channel(int, name="c", buffer=buffer), list[Event]()
        with channel.receiver() as rx, on_event(seen.append):
            with channel.sender() as tx:
                for number in range(len(sent)):
                    await tx.send(number)
            async for _ in rx:
                pass
        return seen

    seen = run(main)
    assert numbers(seen, "send") == sent
    assert numbers(seen, "receive") == received


def test_who_waits_for_room_gets_its_number_when_there_is_some(run: Any) -> None:
    async def main() -> Any:
        channel, seen = Channel(int, name="c", buffer=1), list[Event]()
        with on_event(seen.append):
            await Par(source(channel.sender(), 4), worker(channel.receiver()))
        return seen

    seen = run(main)
    assert numbers(seen, "send") == numbers(seen, "receive") == [1, 2, 3, 4]


def test_a_lease_that_is_given_back_keeps_its_number(run: Any) -> None:
    async def main() -> Any:
        channel, seen = Channel(int, name="c", buffer=2), list[Event]()
        with channel.sender() as tx, channel.receiver() as rx, on_event(seen.append):
            await tx.send(1)
            await tx.send(2)
            async with rx.lease():
                raise ValueError
            await rx.receive()
            await rx.receive()
        return seen

    assert numbers(run(main), "receive") == [1, 1, 2]


def test_the_selected_have_numbers_too(run: Any) -> None:
    @process
    async def selects(feed: Receiver[int], out: Sender[int]) -> None:
        values: list[int] = []
        async for _, value in Alternation(feed, out.offer(lambda: 7)):
            values.append(value)
            if len(values) == 4:
                return

    async def main() -> Any:
        feed, out, seen = Channel(int, name="c"), Channel(int, name="out"), list[Event]()
        with on_event(seen.append):
            await Par(
                selects(feed.receiver(), out.sender()),
                source(feed.sender(), 9),
                worker(out.receiver()),
            )
        return seen

    seen = run(main)
    assert numbers(seen, "send") == numbers(seen, "receive")
    assert numbers(seen, "send", "main.out") == numbers(seen, "receive", "main.out")
    assert len(numbers(seen, "send")) + len(numbers(seen, "send", "main.out")) == 4
    assert {e.detail for e in seen if e.channel == "main.out" and e.side == "send"} >= {"7"}


def test_the_members_of_a_barrier_have_the_number_of_their_meeting(run: Any) -> None:
    @process
    async def syncs(member: csp.Member) -> None:
        await member.sync()
        await Alternation(member).select()

    async def main() -> Any:
        barrier, seen = Barrier(name="c"), list[Event]()
        with on_event(seen.append):
            await (3 * syncs(barrier.member()))
        return seen

    assert sorted(numbers(run(main), "")) == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("buffer", [0, 2])
def test_all_receivers_of_a_broadcast_have_the_number_of_the_send(run: Any, buffer: int) -> None:
    async def main() -> Any:
        news, seen = Broadcast(int, name="c", buffer=buffer), list[Event]()
        with on_event(seen.append):
            await Par(source(news.sender(), 2), 3 * worker(news.receiver()))
            late = Broadcast(int, name="late", buffer=2)
            with late.sender() as tx:
                await tx.send(1)
                with late.receiver() as rx:
                    await tx.send(2)
                    await rx.receive()
        return seen

    seen = run(main)
    assert numbers(seen, "send") == [1, 2]
    assert sorted(numbers(seen, "receive")) == [1, 1, 1, 2, 2, 2]
    assert numbers(seen, "receive", "main.late") == [2]


def test_a_reply_has_the_number_of_its_reply_only(run: Any) -> None:
    @process
    async def server(calls: Receiver[Call[int, int]]) -> None:
        await calls.serve(lambda n: n + 1)

    async def main() -> Any:
        seen, calls = list[Event](), Channel(Call[int, int], name="c")
        with on_event(seen.append):
            async with Spawn() as spawn:
                spawn(server(calls.receiver()))
                with calls.sender() as tx:
                    for number in range(3):
                        await tx.call(number)
        return seen

    seen = run(main)
    for channel in ("main.c", "main.c.replies"):
        assert numbers(seen, "send", channel) == numbers(seen, "receive", channel) == [1, 2, 3]
    replies = [e.detail for e in seen if e.channel == "main.c.replies" and e.side == "send"]
    assert replies == ["1", "2", "3"]
    requests = [e.detail for e in seen if e.channel == "main.c" and e.kind == "committed"]
    assert requests[-2:].count("2") == 1


def test_what_a_selection_waits_for_is_told(run: Any) -> None:
    async def main() -> Any:
        seen, channel = list[Event](), Channel(int, name="c")
        with channel.sender(), channel.receiver() as rx, on_event(seen.append):
            await Alternation(rx, Timeout(5)).select()
        return [event.detail for event in without_turns(seen) if event.kind == "parked"]

    assert run(main) == ["main.c, Timeout"]


def met(seen: Any) -> set[tuple[str, bool]]:
    return {(e.channel, e.met) for e in seen if e.kind == "committed"}


def test_only_a_plain_rendezvous_of_two_processes_is_a_meeting(run: Any) -> None:
    @process
    async def extends(feed: Receiver[int]) -> None:
        async with feed.extended():
            pass

    async def main() -> Any:
        seen = list[Event]()
        plain, kept = Channel(int, name="plain"), Channel(int, name="kept", buffer=1)
        work, news = Channel(int, name="work"), Broadcast(int, name="news")
        with on_event(seen.append):
            await Par(source(plain.sender(), 3), worker(plain.receiver()))
            await Par(source(kept.sender(), 3), worker(kept.receiver()))
            await Par(source(work.sender()), extends(work.receiver()))
            await Par(source(news.sender()), worker(news.receiver()))
        return seen

    assert met(run(main)) == {
        ("main.plain", True),
        ("main.kept", False),
        ("main.work", False),
        ("main.news", False),
    }
