"""Sequence charts: what is in them, what is folded, what is left out and said."""

from itertools import chain

import pytest
import trio
from trio.testing import MockClock

from csp import Barrier, Channel, Member, Par, Receiver, Sender, process
from csp.view import Chart, Message, Repeated, chart

from .made import copier, event, events_of, kept, met, ring, sink, source


def lines(drawn: Chart) -> list[str]:
    """The messages in short: `2 * (a -> b on c, b -> d on e)`."""

    def line(item: Message | Repeated[Message]) -> str:
        if isinstance(item, Repeated):
            return f"{item.times} * ({', '.join(map(line, item.body))})"
        if item.members:
            return f"{'='.join(item.members)} on {item.channel}"
        return f"{item.sender} -> {item.receiver} on {item.channel}"

    return [line(item) for item in drawn.items]


def test_messages_stand_in_order_with_their_values() -> None:
    drawn = chart([*met("a", "b", "c", 1, "7"), *met("b", "d", "e", 1, "'x'")])
    assert drawn.lanes == ["a", "b", "d"]
    assert lines(drawn) == ["a -> b on c", "b -> d on e"]
    assert [item.values for item in drawn.items if isinstance(item, Message)] == [["7"], ["'x'"]]
    assert not drawn.left_out()


def test_repetitions_are_folded_and_keep_their_first_values() -> None:
    values = chain.from_iterable(met("a", "b", "c", n, str(n)) for n in range(1, 15))
    (loop,) = chart(values).items
    assert isinstance(loop, Repeated)
    assert loop.times == 14
    (message,) = loop.body
    assert isinstance(message, Message)
    assert message.values == ["1", "2", "3"]


def test_a_value_that_lay_in_a_buffer_is_told_apart() -> None:
    both = [*met("a", "b", "c", 1), *kept("a", "b", "c", 2)]
    assert [m.waited for m in chart(both).items if isinstance(m, Message)] == [False, True]


def test_a_message_knows_with_how_many_before_it_is_concurrent() -> None:
    drawn = chart([*met("a", "b", "c", 1), *met("x", "y", "d", 1), *met("p", "q", "e", 1),
                   *met("a", "x", "f", 1)])  # fmt: skip
    found = [item.concurrent for item in drawn.items if isinstance(item, Message)]
    assert found == [0, 1, 2, 1]


def test_a_repeated_message_is_concurrent_only_if_it_always_was() -> None:
    apart = [one for n in (1, 2) for one in (*met("a", "b", "c", n), *met("x", "y", "d", n))]
    (loop,) = chart(apart).items
    assert isinstance(loop, Repeated)
    assert [m.concurrent for m in loop.body if isinstance(m, Message)] == [0, 1]


def test_a_barrier_is_one_line() -> None:
    @process
    async def runner(start: Member) -> None:
        await start.sync()
        await start.sync()

    async def main() -> None:
        await (3 * runner(Barrier(name="start").member()))

    drawn = chart(events_of(main))
    (loop,) = drawn.items
    assert isinstance(loop, Repeated)
    assert loop.times == 2
    (message,) = loop.body
    assert isinstance(message, Message)
    assert (message.channel, len(message.members)) == ("main.start", 3)
    assert sorted(drawn.lanes) == sorted(message.members)


def test_a_barrier_of_many_is_drawn_at_those_who_have_a_lane() -> None:
    synced = [event("committed", f"p{n}", "b", "", number=1) for n in range(12)]
    drawn = chart(synced, most_lanes=3)
    assert drawn.items == [Message("b", members=("p0", "p1", "p10"), unseen=9)]
    assert drawn.left_out() == []


def test_more_than_eight_lanes_are_left_out_and_said() -> None:
    drawn = chart(ring(1, 10))
    assert len(drawn.lanes) == 8
    (said,) = drawn.left_out()
    assert said.startswith("3 messages of processes without a lane left out: main.p8, main.p9")
    assert "--lanes" in said


@pytest.mark.parametrize(
    ("wanted", "lanes"),
    [
        (["p1", "p2"], ["main.p1", "main.p2"]),
        (["main.p1", "main.p2"], ["main.p1", "main.p2"]),
        (["p[12]"], ["main.p1", "main.p2"]),
        (["nobody"], []),
    ],
)
def test_lanes_are_chosen_by_name_or_pattern(wanted: list[str], lanes: list[str]) -> None:
    drawn = chart(ring(3, 10), lanes=wanted)
    assert drawn.lanes == lanes
    assert all({m.sender, m.receiver} <= set(lanes) for m in drawn.items if isinstance(m, Message))


def test_more_than_sixty_messages_are_left_out_and_counted() -> None:
    different = [met("a", "b", f"c{n}", 1) for n in range(500)]
    drawn = chart(chain.from_iterable(different))
    assert len(drawn.items) == 60
    assert drawn.left_out() == ["440 later messages left out (choose with --from)"]


def test_what_is_repeated_counts_as_often_as_it_is_left_out() -> None:
    different = [met("a", "b", f"c{n}", 1) for n in range(60)]
    repeated = [met("a", "b", "d", n) for n in range(1, 1001)]
    drawn = chart(chain.from_iterable(different + repeated))
    assert (len(drawn.items), drawn.later) == (60, 1000)


def test_a_part_of_the_run_is_chosen_by_its_seconds() -> None:
    events = list(ring(10, 2))
    begin = events[8].time - events[0].time
    end = events[15].time - events[0].time
    drawn = chart(events, begin=begin, end=end)
    (loop,) = drawn.items
    assert isinstance(loop, Repeated)
    assert loop.times == 2


def test_a_value_from_elsewhere_has_no_sender() -> None:
    drawn = chart([event("committed", "b", "c", "receive", number=1)])
    assert lines(drawn) == [" -> b on c"]
    assert drawn.lanes == ["b"]


def test_what_a_process_waited_for_that_was_cancelled_is_told() -> None:
    @process
    async def stuck(one: Receiver[int], two: Sender[int]) -> None:
        await one.receive()
        await two.send(1)
        await one.receive()

    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        keep = a.sender()
        with trio.move_on_after(5):
            await Par(stuck(a.receiver(), b.sender()), sink(b.receiver()), source(a.sender(), [1]))
        keep.retire()

    drawn = chart(events_of(main, clock=MockClock(autojump_threshold=0), deadlock="ignore"))
    assert drawn.waiting["main.par[0].stuck"] == "main.a, receive"
    assert drawn.waiting["main.par[1].sink"] == "main.b, receive"
    assert "main.par[2].source" not in drawn.waiting


def test_who_ended_in_order_waited_for_nothing() -> None:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        await Par(
            source(a.sender(), range(20)), copier(a.receiver(), b.sender()), sink(b.receiver())
        )

    drawn = chart(events_of(main))
    assert not drawn.waiting
    assert len(drawn.lanes) == 3


def test_without_communications_a_chart_is_empty() -> None:
    drawn = chart([event("started", "main"), event("ended", "main")])
    assert (drawn.lanes, drawn.items, drawn.left_out()) == ([], [], [])
