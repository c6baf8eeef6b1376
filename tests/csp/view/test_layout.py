"""Where things stand: nothing overlaps, no edge passes over words, boxes hold theirs only."""

from __future__ import annotations

from itertools import combinations

import pytest

from csp.view import Box, Node, Picture, Wire, picture_of
from csp.view._layout import PAD, Area, Layout, Measures, Thing, lay_out

from .networks import chain, farm, grid, ring

DOWN = (False, True)


def measures(down: bool) -> Measures:
    """All words are 40 by 20, all nodes 60 by 30."""

    def thing(of: Thing) -> tuple[float, float]:
        long, high = {"bend": (0.0, 2.0), "wire": (40.0, 20.0)}.get(of.kind, (60.0, 30.0))
        return (high, long) if down and of.kind != "bend" else (long, high)

    return Measures(thing, lambda box: (20.0, 40.0) if down else (40.0, 20.0), down)


@pytest.fixture(params=DOWN, ids=["across", "down"])
def layout(picture: Picture, request: pytest.FixtureRequest) -> Layout:
    return lay_out(picture, measures(request.param))


def laid_out(process: object) -> Layout:
    picture = picture_of(process)  # type: ignore[arg-type]
    process.close()  # type: ignore[attr-defined]
    return lay_out(picture, measures(False))


Rectangle = tuple[float, float, float, float]


def rectangle(of: Thing | Area) -> Rectangle:
    """Along from and to, across from and to."""
    if isinstance(of, Thing):
        return of.start, of.start + of.along, of.at, of.at + of.across
    return of.start, of.stop, of.at, of.end


def overlap(one: Rectangle, other: Rectangle) -> bool:
    slack = 0.01
    return (
        one[0] < other[1] - slack
        and other[0] < one[1] - slack
        and one[2] < other[3] - slack
        and other[2] < one[3] - slack
    )


def holds(outer: Rectangle, inner: Rectangle) -> bool:
    slack = 0.01
    return (
        outer[0] <= inner[0] + slack
        and inner[1] <= outer[1] + slack
        and outer[2] <= inner[2] + slack
        and inner[3] <= outer[3] + slack
    )


def boxes(layout: Layout) -> list[Area]:
    return [area for area in layout.root.areas() if area.box is not None]


def test_no_two_things_overlap(layout: Layout) -> None:
    for one, other in combinations(layout.root.things(), 2):
        assert not overlap(rectangle(one), rectangle(other)), (one.id, other.id)


def test_a_box_holds_its_parts_and_nothing_else_reaches_into_it(layout: Layout) -> None:
    for area in boxes(layout):
        inside = set(area.things()) | set(area.areas())
        for other in (*layout.root.things(), *boxes(layout)):
            if other in inside:
                assert holds(rectangle(area), rectangle(other))
            elif not (isinstance(other, Area) and area in set(other.areas())):
                assert not overlap(rectangle(area), rectangle(other))


def test_nothing_lies_outside_of_the_picture(layout: Layout) -> None:
    whole = (0.0, layout.along, 0.0, layout.across)
    for part in (*layout.root.things(), *boxes(layout)):
        assert holds(whole, rectangle(part))


def test_edges_go_from_column_to_column_and_words_have_columns_of_their_own(
    layout: Layout,
) -> None:
    for edge in layout.edges:
        columns = [thing.column for thing in edge.through]
        assert columns == list(range(columns[0], columns[-1] + 1))
        assert {thing.kind for thing in edge.through[1:-1]} <= {"bend"}
    for thing in layout.root.things():
        if thing.kind != "bend":
            assert thing.column % 2 == (thing.kind == "wire")


def test_every_wire_reaches_all_who_hold_its_ends(picture: Picture) -> None:
    layout = lay_out(picture, measures(False))
    reached: dict[str, set[str]] = {}
    for edge in layout.edges:
        ids = {edge.through[0].id, edge.through[-1].id}
        wire = next(id for id in ids if id.startswith("c") and " " not in id)
        reached.setdefault(wire, set()).update(ids - {wire})
    for wire in set(picture.wires) - set(picture.crowded()):
        holders = {id for id in reached[wire.id] if " " not in id}
        assert holders == {*wire.senders, *wire.receivers, *wire.both}


def test_the_same_picture_has_the_same_layout(picture: Picture) -> None:
    one, other = (lay_out(picture, measures(False)) for _ in range(2))
    assert [rectangle(thing) for thing in one.root.things()] == [
        rectangle(thing) for thing in other.root.things()
    ]


def test_a_chain_flows_in_one_direction_in_a_straight_line() -> None:
    layout = laid_out(chain(10))
    assert not any(edge.backward for edge in layout.edges)
    assert len({round(thing.centre, 3) for thing in layout.root.things()}) == 1


def test_a_ring_turns_one_channel_round_and_crosses_nothing() -> None:
    layout = laid_out(ring(7))
    assert sum(edge.backward for edge in layout.edges) == 2  # two halves of one channel
    assert crossings(layout) == 0


def test_a_farm_crosses_nothing() -> None:
    assert crossings(laid_out(farm(12))) == 0


def test_what_is_declared_in_a_tangled_order_is_untangled() -> None:
    nodes = tuple(Node(f"p{n}", f"p{n}") for n in range(10))
    picture = Picture("main", nodes, wires((0, 9), (1, 7), (2, 8), (3, 5), (4, 6), (0, 7), (4, 8)))
    assert crossings(lay_out(picture, measures(False))) == 0


def test_neighbours_that_send_both_ways_stand_side_by_side() -> None:
    """A search in depth alone would put the 40 cells of a grid in 40 columns."""
    layout = laid_out(grid(5, 8))
    columns = {thing.column for thing in layout.root.things() if thing.kind == "node"}
    assert len(columns) == 12  # as far as it is from corner to corner


def test_what_only_feeds_others_stands_close_to_them() -> None:
    nodes = tuple(Node(f"p{n}", f"p{n}") for n in range(1, 6))
    picture = Picture("main", nodes, wires((1, 2), (2, 3), (3, 4), (5, 4)))
    layout = lay_out(picture, measures(False))
    columns = {thing.id: thing.column for thing in layout.root.things()}
    assert [columns[f"p{n}"] for n in range(1, 6)] == [0, 2, 4, 6, 4]


def test_nodes_without_a_wire_stand_in_a_square() -> None:
    nodes = tuple(Node(f"p{n}", "idle") for n in range(9))
    layout = lay_out(Picture("main", nodes, ()), measures(False))
    assert sorted(thing.column for thing in layout.root.things()) == [0, 0, 0, 2, 2, 2, 4, 4, 4]


def test_boxes_above_each_other_have_room_for_their_titles() -> None:
    boxes = tuple(Box("par", "Par", (Node(f"p{n}", "idle"),)) for n in range(5))
    for down in DOWN:
        areas = list(lay_out(Picture("main", boxes, ()), measures(down)).root.areas())[1:]
        for one, other in combinations(areas, 2):
            assert not overlap(rectangle(one), rectangle(other))


def test_a_box_is_no_larger_than_its_parts_and_its_title_ask_for(layout: Layout) -> None:
    for area in boxes(layout):
        ends = [rectangle(part)[2:] for part in area.parts]
        room = max(end for _, end in ends) - min(at for at, _ in ends)
        assert area.end - area.at <= max(room + area.header + PAD, area.least) + 0.01


def wires(*pairs: tuple[int, int]) -> tuple[Wire, ...]:
    return tuple(
        Wire(f"c{n}", "channel", f"c{n}", "int", "", (f"p{one}",), (f"p{other}",))
        for n, (one, other) in enumerate(pairs)
    )


def test_an_edge_that_leaves_a_box_stays_in_it_as_far_as_the_box_goes() -> None:
    inner = Box("par", "Par", tuple(Node(f"p{n}", f"p{n}") for n in (1, 2, 3)))
    picture = Picture("main", (inner, Node("p4", "p4")), wires((1, 2), (2, 3), (3, 4), (1, 4)))
    area = next(area for area in lay_out(picture, measures(False)).root.areas() if area.box)
    bends = {thing.column for thing in area.parts if getattr(thing, "id", "") == "c3"}
    assert bends == {1, 2, 3, 4}


def test_an_empty_picture_has_a_layout() -> None:
    layout = lay_out(Picture("main", (), ()), measures(False))
    assert (layout.along, layout.across) == (0.0, 0.0)


def crossings(layout: Layout) -> int:
    """How many pairs of edges cross between two columns."""
    steps = [
        (one.column, one.centre, other.centre)
        for one in layout.root.things()
        for other in one.after
    ]
    return sum(
        a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < -0.01 for a, b in combinations(steps, 2)
    )
