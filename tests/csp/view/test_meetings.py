"""Who met whom, and what each process did."""

from itertools import chain

from csp import Barrier, Broadcast, Channel, Member, Par, Receiver, Sender, process
from csp.view import Met, meetings

from .made import copier, event, events_of, kept, met, ring, sink, source


def test_pairs_are_counted_for_each_channel() -> None:
    found = meetings([*ring(5, 3), *kept("main.p0", "main.p1", "main.c0", 6)])
    assert found.pairs == {
        Met("main.c0", "main.p0", "main.p1"): 6,
        Met("main.c1", "main.p1", "main.p2"): 5,
        Met("main.c2", "main.p2", "main.p0"): 5,
    }


def test_a_half_that_was_not_seen_is_empty() -> None:
    lost = event("committed", "a", "c", "send", number=1)
    found = event("committed", "b", "d", "receive", number=1)
    assert meetings([lost, found]).pairs == {Met("c", "a", ""): 1, Met("d", "", "b"): 1}


def test_what_a_process_did_is_folded() -> None:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        await Par(
            source(a.sender(), range(5)), copier(a.receiver(), b.sender()), sink(b.receiver())
        )

    found = meetings(events_of(main))
    assert found.steps == {
        "main.par[0].source": "5*a!",
        "main.par[1].copier": "5*(a? -> b!)",
        "main.par[2].sink": "5*b?",
    }


def test_the_members_of_a_barrier_are_counted_one_by_one() -> None:
    @process
    async def runner(start: Member, times: int) -> None:
        for _ in range(times):
            await start.sync()

    async def main() -> None:
        start = Barrier(name="start")
        await Par(runner(start.member(), 2), runner(start.member(), 3))

    found = meetings(events_of(main))
    assert found.barriers == {
        ("main.start", "main.par[0].runner"): 2,
        ("main.start", "main.par[1].runner"): 3,
    }
    assert found.steps["main.par[1].runner"] == "3*start*"
    assert not found.pairs


def test_a_broadcast_meets_all_its_receivers() -> None:
    @process
    async def speaker(out: Sender[int]) -> None:
        await out.send(1)
        await out.send(2)

    @process
    async def listener(feed: Receiver[int]) -> None:
        async for _ in feed:
            pass

    async def main() -> None:
        news = Broadcast(int, name="news")
        await Par(speaker(news.sender()), 3 * listener(news.receiver()))

    found = meetings(events_of(main))
    assert sorted(found.pairs.values()) == [2, 2, 2]
    assert {pair.sender for pair in found.pairs} == {"main.par[0].speaker"}


def test_who_did_too_much_for_a_line_ends_in_points() -> None:
    many = chain.from_iterable(met("a", "b", f"c{n}", 1) for n in range(100))
    steps = meetings(many).steps["a"].split(" -> ")
    assert (steps[0], steps[23], steps[24:]) == ("c0!", "c23!", ["..."])


def test_who_did_nothing_is_not_there() -> None:
    assert not meetings([event("started", "main"), event("ended", "main")]).steps
