"""What a process that has not started is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from csp import (
    Alternation,
    Barrier,
    Broadcast,
    Channel,
    Dropping,
    Member,
    Par,
    Process,
    Receiver,
    Sender,
    Seq,
    Sliding,
    Spawn,
    process,
    run,
)
from csp.lowlevel import ChannelDescription, channel_of, copies_elsewhere, description_of


@process
async def relay(inp: Receiver[int], out: Sender[int]) -> None:
    await out.send(await inp.receive())


@process
async def around(inner: Process[None], jobs: Channel[int], phase: Member) -> None:
    await inner


@process
async def chooser(choice: Alternation[Any, Any]) -> None:
    await choice.select()


@process
async def idle() -> None:
    pass


@pytest.fixture
def undropped() -> Iterator[list[Process[Any]]]:
    """Processes that are described and never run."""
    made: list[Process[Any]] = []
    yield made
    for each in made:
        each.close()


def test_a_called_process_has_its_ends_in_the_order_of_its_arguments(
    undropped: list[Process[Any]],
) -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    inp, out = a.receiver(), b.sender()
    undropped.append(relay(inp, out).named("link"))
    seen = description_of(undropped[0])
    assert (seen.kind, seen.name, seen.ends) == ("process", "link", (inp, out))
    assert seen.place.startswith("test_description.py:")


def test_processes_and_channels_among_the_arguments_are_told_apart_from_ends(
    undropped: list[Process[Any]],
) -> None:
    a, b, phase = Channel(int, name="a"), Channel(int, name="b"), Barrier(name="phase")
    inner, member = relay(a.receiver(), b.sender()), phase.member()
    undropped.append(around(inner, a, member))
    seen = description_of(undropped[0])
    assert (seen.parts, seen.channels, seen.ends) == ((inner,), (a,), (member,))


def test_the_ends_of_an_alternation_are_those_of_its_process(
    undropped: list[Process[Any]],
) -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    inp, out = a.receiver(), b.sender()
    undropped.append(chooser(Alternation(inp, out.offer(lambda: 1))))
    assert set(description_of(undropped[0]).ends) == {inp, out}


@pytest.mark.parametrize(("compose", "kind"), [(Par, "par"), (Seq, "seq")])
def test_what_is_composed_has_its_parts(
    undropped: list[Process[Any]], compose: Any, kind: str
) -> None:
    parts = idle(), idle()
    undropped.append(compose(*parts))
    seen = description_of(undropped[0])
    assert (seen.kind, seen.parts) == (kind, parts)


def test_copies_are_parts(undropped: list[Process[Any]]) -> None:
    undropped.append(3 * idle())
    seen = description_of(undropped[0])
    assert (seen.kind, seen.name, len(seen.parts)) == ("copies", "3 * idle", 3)


async def elsewhere(number: int, arguments: object) -> None:
    raise AssertionError("nothing runs")


def test_copies_elsewhere_are_told_apart(undropped: list[Process[Any]]) -> None:
    placed = copies_elsewhere(2, idle(), check=lambda *_: None, around=nullcontext, run=elsewhere)
    undropped.append(placed)
    assert description_of(placed).kind == "elsewhere"


def test_an_operation_in_a_par_has_the_end_that_it_is_about() -> None:
    a, b, phase = Channel(int, name="a"), Channel(int, name="b"), Barrier(name="phase")
    with a.sender() as tx, b.receiver() as rx, phase.member() as member:
        both = Par(tx.send(1), rx.receive(), Alternation(rx).select(), member.sync())
        seen = [description_of(part) for part in description_of(both).parts]
        both.close()
    assert {each.kind for each in seen} == {"operation"}
    assert [each.ends for each in seen] == [(tx,), (rx,), (rx,), (member,)]


def test_once_it_runs_its_ends_are_its_own() -> None:
    later: list[tuple[Any, ...]] = []

    @process
    async def looks(inp: Receiver[int], at: list[Process[None]]) -> None:
        later.append(description_of(at[0]).ends)

    async def main() -> None:
        a, at = Channel(int, name="a"), list[Process[None]]()
        at.append(looks(a.receiver(), at))
        async with Spawn() as spawn:
            spawn(at[0])

    run(main)
    assert later == [()]


def test_closing_a_process_drops_the_one_that_it_was_given(
    recwarn: pytest.WarningsRecorder,
) -> None:
    a, b, phase = Channel(int, name="a"), Channel(int, name="b"), Barrier(name="phase")
    around(relay(a.receiver(), b.sender()), a, phase.member()).close()
    assert not recwarn.list
    assert a.sender().statistics().open_receive_channels == 0


@pytest.mark.parametrize(
    ("channel", "kind", "element", "buffer"),
    [
        (Channel(int, name="x"), "channel", "int", ""),
        (Channel[int | str](name="x", buffer=3), "channel", "int | str", "3"),
        (Channel(bytes, name="x", buffer=Sliding(1)), "channel", "bytes", "sliding 1"),
        (Broadcast(int, name="x"), "broadcast", "int", ""),
        (Broadcast(int, name="x", buffer=Dropping(2)), "broadcast", "int", "dropping 2"),
        (Barrier(name="x"), "barrier", "", ""),
    ],
)
def test_a_channel_says_what_it_carries(channel: Any, kind: str, element: str, buffer: str) -> None:
    seen = channel_of(channel)
    assert (seen.kind, seen.name, seen.element, seen.buffer) == (kind, "x", element, buffer)


def counts(seen: ChannelDescription) -> tuple[int, int]:
    return seen.senders, seen.receivers


@pytest.mark.parametrize("channel", [Channel(int, buffer=2), Broadcast(int, buffer=2)])
def test_all_ends_of_a_channel_have_one_key_and_are_counted(channel: Any) -> None:
    with channel.sender() as tx, channel.receiver() as rx, rx.clone() as other:
        looks = [channel_of(each) for each in (channel, tx, rx, other)]
        assert len({each.key for each in looks}) == 1
        assert {counts(each) for each in looks} == {(1, 2)}
        assert {each.buffer for each in looks} == {"2"}
    assert channel_of(Channel(int)).key != looks[0].key


def test_members_of_a_barrier_are_counted() -> None:
    phase = Barrier(name="phase")
    with phase.member(), phase.member() as member:
        assert counts(channel_of(member)) == (2, 0)
