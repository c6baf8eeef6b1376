"""Pictures as text."""

from __future__ import annotations

from csp.view import Box, Node, Picture, Wire, as_text, picture_of

from .networks import farm, nested

NESTED = """\
nested
└ Par
  ├ Seq
  │ ├ 1. first <b>
  │ └ 2. drain #1
  ├ 3 * Par
  │ ├ 3 * relay #1
  │ └ 3 * relay #2
  ├ Par
  │ ├ source #1
  │ └ Par
  │   ├ drain #2
  │   └ source #2
  └ Quelle?源

a: int              source #1 -> first <b>
b: int              first <b> -> 3 * relay #1
e: int              Quelle?源 -> drain #1
c: int              3 * relay #1 -> 3 * relay #2
d: int              3 * relay #2 -> drain #2
<&> "lone": bytes   source #2 -> nobody"""


def test_boxes_are_a_tree_and_channels_a_line_each() -> None:
    process = nested()
    text = as_text(picture_of(process, title="nested"))
    process.close()
    assert text == NESTED


def test_a_long_list_of_names_is_cut_and_counted() -> None:
    process = farm(12)
    last = as_text(picture_of(process)).splitlines()[-2:]
    process.close()
    assert last == [
        "jobs: str                  source -> worker 0, worker 1, worker 2, worker 3, "
        "... (12 in all)",
        "results: float, buffer 3   worker 0, worker 1, worker 2, worker 3, ... (12 in all) -> "
        "drain",
    ]


def drawn(*wires: Wire) -> list[str]:
    nodes = Node("p1", "one"), Node("p2", "other"), Node("p3", "other", background=True)
    return as_text(Picture("main", nodes, wires, "up to x.py:3")).splitlines()


def test_the_first_line_says_up_to_where_main_was_looked_at() -> None:
    assert drawn()[0] == "main (up to x.py:3)"


def test_nodes_of_one_name_wired_alike_keep_it_and_are_counted() -> None:
    lines = drawn(Wire("c1", "channel", "a", "int", "", ("p1",), ("p2", "p3")))
    assert lines[1:4] == ["├ one", "├ other", "└ other (background)"]
    assert lines[-1] == "a: int   one -> 2 * other"


def test_members_of_a_barrier_are_listed_without_an_arrow() -> None:
    assert drawn(Wire("c1", "barrier", "start", "", "", ("p1", "p2")))[-1] == (
        "start: barrier   one, other #1"
    )


def test_who_may_make_ends_and_ends_unseen_are_told() -> None:
    whole = Wire("c1", "channel", "a", "int", "", both=("p1",))
    assert drawn(whole)[-1] == "a: int   one (may make ends)"
    some = Wire("c1", "channel", "a", "int", "", ("p1",), ("p2",), unseen_receivers=1)
    assert drawn(some)[-1] == "a: int   one -> other #1, somebody unseen"
    one = Wire("c1", "channel", "a", "int", "", ("p1",), unseen_receivers=1)
    assert drawn(one)[-1] == "a: int   one -> somebody unseen"


def test_an_empty_box_is_a_line() -> None:
    assert as_text(Picture("main", (Box("copies", "0 * worker", ()),), ())) == (
        "main\n└ 0 * worker"
    )
