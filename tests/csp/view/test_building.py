"""Descriptions become pictures."""

from __future__ import annotations

from typing import Any

import pytest

from csp import Barrier, Channel, Par, Process, Receiver, Sender, Seq, process
from csp.view import Box, DrawError, Node, Picture, picture_of, picture_of_main

from .networks import chain, drain, relay, source


def drawn(process: Process[Any]) -> Picture:
    try:
        return picture_of(process)
    finally:
        process.close()


def shape(part: Node | Box) -> Any:
    """Titles, nested as the boxes are."""
    return part.title if isinstance(part, Node) else (part.title, [shape(p) for p in part.parts])


def ends(picture: Picture) -> dict[str, tuple[list[str], list[str]]]:
    """Who sends and who receives, by the name of the channel."""
    names = {id: node.label for id, node in picture.nodes().items()}
    return {
        wire.name: ([names[id] for id in wire.senders], [names[id] for id in wire.receivers])
        for wire in picture.wires
    }


def test_a_process_is_drawn_and_can_be_run_afterwards() -> None:
    network = chain()
    picture = picture_of(network)
    assert shape(picture.parts[0]) == ("Par", ["source", "relay 0", "drain"])
    assert ends(picture) == {
        "way 0": (["source"], ["relay 0"]),
        "way 1": (["relay 0"], ["drain"]),
    }
    assert picture_of(network) == picture
    network.close()


def test_the_steps_of_a_seq_are_counted() -> None:
    a = Channel(int, name="a")
    part = drawn(Seq(source(a.sender()), Par(drain(a.receiver())))).parts[0]
    assert shape(part) == ("Seq", ["1. source", ("2. Par", ["drain"])])


def test_copies_are_one_node_with_the_ends_of_all() -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    picture = drawn(Par(source(a.sender()), 3 * relay(a.receiver(), b.sender())))
    assert shape(picture.parts[0]) == ("Par", ["source", "3 * relay"])
    assert ends(picture)["a"] == (["source"], ["3 * relay"])
    assert [wire.unseen_receivers for wire in picture.wires] == [0, 0]


def test_copies_of_a_composed_process_are_a_box_with_the_parts_of_one() -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    part = drawn(2 * Par(relay(a.receiver(), b.sender()), drain(b.receiver()))).parts[0]
    assert shape(part) == ("2 * Par", ["2 * relay", "2 * drain"])


def test_no_copies_at_all_are_an_empty_box() -> None:
    a = Channel(int, name="a")
    assert shape(drawn(0 * drain(a.receiver())).parts[0]) == ("0 * drain", [])


@pytest.mark.parametrize(("count", "titles"), [(3, 3 * ["drain"]), (4, ["4 * drain"])])
def test_many_neighbours_wired_alike_are_one_node(count: int, titles: list[str]) -> None:
    a = Channel(int, name="a")
    picture = drawn(Par(*(drain(a.receiver()) for _ in range(count))))
    assert shape(picture.parts[0]) == ("Par", titles)


def test_neighbours_wired_differently_are_nodes_of_their_own() -> None:
    channels = [Channel(int, name=f"c{n}") for n in range(5)]
    picture = drawn(Par(*(drain(channel.receiver()) for channel in channels)))
    assert shape(picture.parts[0]) == ("Par", 5 * ["drain"])


def test_neighbours_with_other_names_are_nodes_of_their_own() -> None:
    a = Channel(int, name="a")
    picture = drawn(Par(*(drain(a.receiver()).named(f"drain {n}") for n in range(5))))
    assert len(picture.nodes()) == 5


def test_ends_that_no_node_holds_are_told() -> None:
    a = Channel(int, name="a")
    with a.receiver():
        picture = drawn(source(a.sender()))
    assert picture.wires[0].receivers_missing == "somebody unseen"
    picture = drawn(source(Channel(int, name="b").sender()))
    assert picture.wires[0].receivers_missing == "nobody"


@process
async def keeps(channel: Channel[int], inner: Process[None]) -> None:
    await inner


def test_a_process_given_a_channel_and_a_process_is_a_box_with_itself_and_that() -> None:
    a = Channel(int, name="a")
    picture = drawn(keeps(a, drain(a.receiver())))
    assert shape(picture.parts[0]) == ("keeps", ["keeps", "drain"])
    assert (picture.wires[0].both, picture.wires[0].receivers) == (("p1",), ("p2",))
    assert picture.wires[0].senders_missing == ""


def test_operations_in_a_par_are_drawn_with_their_ends() -> None:
    a, phase = Channel(int, name="a"), Barrier(name="phase")
    with a.sender() as tx, phase.member() as member:
        picture = drawn(Par(tx.send(1), member.sync(), drain(a.receiver())))
    assert [node.kind for node in picture.nodes().values()] == 2 * ["operation"] + ["process"]
    assert ends(picture) == {"a": (["send"], ["drain"]), "phase": (["sync"], [])}


def test_an_end_that_a_process_is_given_twice_is_one_line() -> None:
    @process
    async def both(inps: list[Receiver[int]], out: Sender[int]) -> None: ...

    a = Channel(int, name="a")
    picture = drawn(both([a.receiver(), a.receiver()], a.sender()))
    assert (picture.wires[0].receivers, picture.wires[0].unseen_receivers) == (("p1",), 0)


# --- of functions ---------------------------------------------------------------------------


def test_a_function_that_returns_a_process_is_called_with_its_arguments() -> None:
    picture = picture_of_main(chain, length=4)
    assert (picture.title, picture.note, len(picture.nodes())) == ("chain", "", 4)


def test_a_function_that_returns_something_else_is_an_error_that_says_so() -> None:
    with pytest.raises(DrawError, match="`len` returned 3: only an async function"):
        picture_of_main(len, "abc")


async def sends_and_waits(first: int) -> None:
    a, b = Channel(int, name="a", buffer=2), Channel(int, name="b")
    with a.sender() as tx:
        await tx.send(first)
        await Par(relay(a.receiver(), b.sender()), drain(b.receiver()))


def test_what_main_holds_is_drawn_as_its_own() -> None:
    picture = picture_of_main(sends_and_waits, 1)
    assert [shape(part) for part in picture.parts] == [
        "sends_and_waits",
        ("Par", ["relay", "drain"]),
    ]
    assert picture.parts[0] == Node("p1", "sends_and_waits", "main")
    assert ends(picture)["a"] == (["sends_and_waits"], ["relay"])
    assert picture.note.startswith("up to test_building.py:")


@process
async def network(out: Sender[int]) -> None:
    b = Channel(int, name="b")
    await Par(source(b.sender()), relay(b.receiver(), out))


async def awaits_one() -> None:
    a = Channel(int, name="a")
    with a.receiver():
        await network(a.sender())


def test_a_process_that_main_awaits_by_itself_is_a_box_with_what_it_starts() -> None:
    picture = picture_of_main(awaits_one)
    assert [shape(part) for part in picture.parts] == [
        "awaits_one",
        ("network", [("Par", ["source", "relay"])]),
    ]
    assert ends(picture)["a"] == (["relay"], ["awaits_one"])
