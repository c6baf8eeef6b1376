"""Pictures as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter

from csp.view import Box, Node, Picture, Wire, as_svg, picture_of

from .networks import chain, nested

SVG = "{http://www.w3.org/2000/svg}"


def words(text: str) -> Counter[str]:
    """What is written in a picture."""
    root = ET.fromstring(text)
    return Counter("".join(each.itertext()) for each in root.iter(f"{SVG}text"))


def kinds(text: str) -> Counter[str]:
    root = ET.fromstring(text)
    return Counter(each.get("class", "") for each in root.iter() if each.tag != f"{SVG}text")


def test_all_nodes_boxes_and_wires_are_in_it(picture: Picture) -> None:
    text = as_svg(picture)
    written = words(text)
    for node in picture.nodes().values():
        assert written[node.title.replace("\n", "\ufffd")] >= 1
    for wire in picture.wires:
        if wire not in picture.crowded():
            assert written[wire.name] >= 1
    heads = text.count("marker-end")
    assert heads >= sum(len(wire.receivers) for wire in picture.wires)


def test_the_same_picture_is_the_same_text(picture: Picture) -> None:
    assert as_svg(picture) == as_svg(picture)


def test_it_needs_nothing_from_elsewhere(picture: Picture) -> None:
    text = as_svg(picture)
    assert re.findall(r"https?://[^\"'\s]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|<use|@import|@font-face|url\((?!#head\))", text)


def test_its_text_is_darker_or_lighter_than_its_paper_in_both_schemes() -> None:
    text = as_svg(Picture("main", (), ()))
    papers, inks = (re.findall(rf"--{name}: #(\w\w)", text) for name in ("paper", "ink"))
    assert len(papers) == len(inks) == 2
    assert all(abs(int(a, 16) - int(b, 16)) > 150 for a, b in zip(papers, inks, strict=True))


def test_names_are_escaped() -> None:
    process = nested()
    text = as_svg(picture_of(process, title='<script>"&\x00'))
    process.close()
    assert "<script>" not in text
    written = words(text)
    assert written['<script>"&\ufffd'] == 1
    assert written['<&> "lone"'] == written["1. first <b>"] == 1


def test_a_stack_is_drawn_as_three_sheets() -> None:
    assert kinds(as_svg(Picture("m", (Node("p1", "w", copies=3),), ())))["node process"] == 3


def test_marks_of_kinds_are_there() -> None:
    nodes = Node("p1", "clock", background=True), Node("p2", "send", "operation")
    lone = Wire("c1", "channel", "a", "int", "", ("p1",))
    whole = Wire("c2", "broadcast", "b", "int", "", both=("p1", "p2"))
    found = kinds(as_svg(Picture("main", (Box("seq", "Seq", nodes),), (lone, whole))))
    assert found["node process background"] == found["node operation"] == found["missing"] == 1
    assert (found["box seq"], found["wire broadcast"], found["line both"]) == (1, 1, 2)


def test_a_crowded_barrier_is_written_on_its_members() -> None:
    nodes = tuple(Node(f"p{n}", f"runner {n}") for n in range(9))
    start = Wire("c1", "barrier", "start", "", "", tuple(node.id for node in nodes))
    written = words(as_svg(Picture("race", nodes, (start,))))
    assert written["start"] == 9
    assert written["race (start: barrier)"] == 1


def test_words_fit_into_their_rectangles() -> None:
    """The font is monospaced: no letter of 12 px is wider than 7.3."""
    text = as_svg(Picture("main", (Node("p1", "x" * 40),), ()))
    width = re.search(r'class="node process" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', text)
    assert width is not None
    assert float(width[1]) > 40 * 7.3


def test_a_chain_of_40_stays_about_as_wide_as_a_screen() -> None:
    process = chain(40)
    root = ET.fromstring(as_svg(picture_of(process)))
    process.close()
    assert float(root.get("width", "0")) < 1500
    assert float(root.get("height", "0")) < 1500
