"""The model of a picture."""

from __future__ import annotations

import pytest

from csp.view import Box, Node, Picture, Wire


@pytest.mark.parametrize(
    ("node", "title", "label"),
    [
        (Node("p1", "worker"), "worker", "worker"),
        (Node("p1", "worker", copies=3), "3 * worker", "3 * worker"),
        (Node("p1", "clock", background=True), "clock (background)", "clock"),
        (Node("p1", "first", step=1), "1. first", "first"),
    ],
)
def test_a_node_says_what_it_stands_for(node: Node, title: str, label: str) -> None:
    assert (node.title, node.label) == (title, label)


def test_nodes_are_found_in_nested_boxes_in_the_order_of_the_picture() -> None:
    inner = Box("seq", "Seq", (Node("p2", "b"),))
    picture = Picture("main", (Node("p1", "a"), Box("par", "Par", (inner, Node("p3", "c")))), ())
    assert list(picture.nodes()) == ["p1", "p2", "p3"]


@pytest.mark.parametrize(
    ("wire", "title"),
    [
        (Wire("c1", "channel", "jobs", "int", ""), "jobs: int"),
        (Wire("c1", "channel", "jobs", "int", "sliding 2"), "jobs: int, buffer sliding 2"),
        (Wire("c1", "broadcast", "ticks", "int", ""), "ticks: broadcast, int"),
        (Wire("c1", "barrier", "phase", "", ""), "phase: barrier"),
    ],
)
def test_a_wire_says_what_it_carries(wire: Wire, title: str) -> None:
    assert wire.title == title


def wire(**holders: object) -> Wire:
    return Wire("c1", "channel", "jobs", "int", "", **holders)  # type: ignore[arg-type]


def test_ends_that_nobody_holds_are_told_from_those_that_are_unseen() -> None:
    assert wire(senders=("p1",)).receivers_missing == "nobody"
    assert wire(senders=("p1",), unseen_receivers=1).receivers_missing == "somebody unseen"
    assert wire(receivers=("p1",)).senders_missing == "nobody"
    assert wire(senders=("p1",), receivers=("p2",)).receivers_missing == ""
    assert wire(both=("p1",)).senders_missing == wire(both=("p1",)).receivers_missing == ""


def test_a_barrier_misses_no_receivers() -> None:
    assert Wire("c1", "barrier", "phase", "", "", senders=("p1",)).receivers_missing == ""


@pytest.mark.parametrize(("members", "crowded"), [(8, False), (9, True)])
def test_a_barrier_of_many_is_written_on_its_members(members: int, crowded: bool) -> None:
    nodes = tuple(Node(f"p{n}", "runner") for n in range(members))
    start = Wire("c1", "barrier", "start", "", "", senders=tuple(node.id for node in nodes))
    picture = Picture("main", nodes, (start,))
    assert picture.crowded() == ((start,) if crowded else ())
    assert picture.badges() == ({node.id: ["start"] for node in nodes} if crowded else {})
