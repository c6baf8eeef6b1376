"""Pictures as Mermaid flowcharts."""

from __future__ import annotations

import re

from csp.view import Box, Node, Picture, Wire, as_mermaid, picture_of

from .networks import grid, nested

NESTED = """\
flowchart LR
    subgraph b1["Par"]
        subgraph b2["Seq"]
            p1["1#46; first #60;b#62;"]
            p2["2#46; drain"]
        end
        subgraph b3["3 * Par"]
            p3[["3 * relay"]]
            p4[["3 * relay"]]
        end
        subgraph b4["Par"]
            p5["source"]
            subgraph b5["Par"]
                p6["drain"]
                p7["source"]
            end
        end
        p8["Quelle\ufffd源"]
    end
    p5 -- "a: int" --> p1
    p1 -- "b: int" --> p3
    p8 -- "e: int" --> p2
    p3 -- "c: int" --> p4
    p4 -- "d: int" --> p6
    c6(["#60;#38;#62; #34;lone#34;: bytes"])
    p7 --> c6
    c6 -.-> c6_r("nobody")"""


def test_boxes_are_subgraphs_and_channels_arrows() -> None:
    process = nested()
    assert as_mermaid(picture_of(process)) == NESTED
    process.close()


def drawn(*wires: Wire) -> list[str]:
    nodes = Node("p1", "one"), Node("p2", "send", "operation")
    return as_mermaid(Picture("main", nodes, wires)).splitlines()[1:]


def test_an_operation_has_round_corners() -> None:
    assert drawn() == ['    p1["one"]', '    p2("send")']


def test_a_channel_with_several_ends_is_a_node_of_its_own() -> None:
    assert drawn(Wire("c1", "channel", "a", "int", "", ("p1", "p2"), ("p1",)))[2:] == [
        '    c1(["a: int"])',
        "    p1 --> c1",
        "    p2 --> c1",
        "    c1 --> p1",
    ]


def test_a_barrier_has_lines_without_heads() -> None:
    assert drawn(Wire("c1", "barrier", "start", "", "", ("p1", "p2")))[2:] == [
        '    c1{{"start: barrier"}}',
        "    p1 --- c1",
        "    p2 --- c1",
    ]


def test_who_may_make_ends_and_who_is_missing_have_dotted_lines() -> None:
    assert "    p1 <-.-> c1" in drawn(Wire("c1", "channel", "a", "int", "", both=("p1",)))
    assert '    c1_s("nobody") -.-> c1' in drawn(
        Wire("c1", "channel", "a", "int", "", receivers=("p1",))
    )


def test_an_empty_box_is_a_node() -> None:
    text = as_mermaid(Picture("main", (Box("copies", "0 * worker", ()),), ()))
    assert text.splitlines()[1:] == ['    b1["0 * worker"]']


def test_a_crowded_barrier_is_written_on_its_members() -> None:
    process = grid(3, 3)
    text = as_mermaid(picture_of(process))
    process.close()
    assert text.count("<br/>phase") == 9
    assert "---" not in text


def test_every_label_is_free_of_what_mermaid_reads_itself() -> None:
    name = 'end; "quoted" `code` #1 <br> & \\ [x] {y} \n1. *'
    picture = Picture(
        "main", (Node("p1", name),), (Wire("c1", "channel", name, name, "", ("p1",)),)
    )
    labels = re.findall(r'"([^"\n]*)"', as_mermaid(picture))
    assert labels
    for label in labels:
        assert not re.search(r'["`<>&\\]|#(?!\d+;)', label)
