"""Sequence charts as text and for Mermaid."""

from itertools import chain

import pytest

from csp import Event
from csp.view import Chart, Message, chart, chart_as_mermaid, chart_as_text

from .made import event, kept, met, ring


def text(*events: Event) -> list[str]:
    return chart_as_text(chart(events)).splitlines()


def test_an_arrow_points_from_the_sender_to_the_receiver() -> None:
    assert text(*met("a", "b", "c", 1, "7"), *met("b", "a", "d", 1, "8")) == [
        "    a      b",
        "    │─────▶│  c: 7",
        "    │◀─────│  d: 8",
    ]


def test_an_arrow_crosses_the_lanes_between() -> None:
    assert text(*met("a", "b", "c", 1), *met("b", "d", "e", 1), *met("d", "a", "f", 1))[-1] == (
        "    │◀─────┼──────│  f"
    )


def test_a_value_from_a_buffer_has_a_broken_arrow() -> None:
    assert text(*kept("a", "b", "c", 1))[1] == "    │╌╌╌╌╌▶│  c"


def test_a_message_to_itself_and_one_from_elsewhere_are_drawn() -> None:
    itself = text(*kept("a", "a", "c", 1))
    assert itself[1].split() == ["↻", "c"]
    elsewhere = text(event("committed", "a", "c", "receive", number=1))
    assert elsewhere[1].split() == ["╌▶│", "c"]


def test_a_barrier_joins_its_members_and_nobody_else() -> None:
    lanes = ["a", "b", "c"]
    drawn = chart_as_text(Chart(lanes, [Message("start", members=("a", "c"))]))
    assert drawn.splitlines()[1].split() == ["●══════╪══════●", "start"]


def test_it_is_said_how_many_members_of_a_barrier_have_no_lane() -> None:
    drawn = chart_as_text(Chart(["a"], [Message("start", members=("a",), unseen=63)]))
    assert drawn.splitlines()[1].split(maxsplit=1) == ["●", "start, with 63 more members"]


def test_repetitions_stand_in_brackets_with_their_number() -> None:
    drawn = text(*ring(14, 2))
    assert [line[:6] for line in drawn] == ["      ", "x14 ┌ ", "    └ "]
    assert drawn[1].rstrip().endswith("c0")


def test_a_repetition_in_a_repetition_has_a_bracket_inside() -> None:
    events = [*met("a", "b", "c", 1), *met("a", "b", "c", 2), *met("b", "d", "e", 1)] * 3
    drawn = text(*events)
    assert drawn[1].startswith("x3 ┌x2  ")
    assert drawn[2].startswith("   └")


def test_values_that_are_not_shown_leave_points() -> None:
    values = chain.from_iterable(met("a", "b", "c", n, str(n)) for n in range(1, 15))
    assert text(*values)[1].endswith("c: 1, 2, 3, ...")
    values = chain.from_iterable(met("a", "b", "c", n, str(n)) for n in range(1, 4))
    assert text(*values)[1].endswith("c: 1, 2, 3")


def test_what_is_concurrent_has_a_mark() -> None:
    drawn = text(*met("a", "b", "c", 1), *met("x", "y", "d", 1), *met("x", "y", "e", 1))
    assert [line[0] for line in drawn[1:]] == [" ", "∥", " "]


def test_long_names_are_broken_at_blanks_and_points() -> None:
    drawn = text(*met("main.par[0].philosopher", "main.par[1].philosopher", "c", 1))
    assert drawn[0].split() == ["par[0].", "par[1]."]
    assert drawn[1].split() == ["philosopher", "philosopher"]


def test_what_is_left_out_and_who_waited_stands_below() -> None:
    drawn = Chart(["main.a", "main.b"], [Message("main.c", "main.a", "main.b")])
    drawn.later = 1234
    drawn.waiting = {"main.a": "main.c, send", "main.b": "main.c, main.d, Timeout"}
    assert chart_as_text(drawn).splitlines()[2:] == [
        "a waited for c, to send",
        "b waited for c, d, Timeout",
        "1,234 later messages left out (choose with --from)",
    ]


def test_a_terminal_without_other_characters_gets_plain_ones() -> None:
    drawn = chart(chain(ring(14, 2), kept("main.p0", "main.p1", "x", 1)))
    plain = chart_as_text(drawn, ascii_only=True)
    assert plain.isascii()
    assert len(plain) == len(chart_as_text(drawn))


def test_an_empty_chart_says_so() -> None:
    assert chart_as_text(chart([])) == "nobody communicated"
    assert chart_as_mermaid(chart([])) == "sequenceDiagram"


# --- Mermaid ------------------------------------------------------------------------------------


def mermaid(*events: Event) -> list[str]:
    return [line.strip() for line in chart_as_mermaid(chart(events)).splitlines()]


def test_mermaid_has_participants_and_messages() -> None:
    assert mermaid(*met("main.a", "main.b", "main.c", 1, "7"), *kept("main.b", "a", "d", 1)) == [
        "sequenceDiagram",
        "participant p0 as main.a",
        "participant p1 as b",
        "participant p2 as a",
        "p0->>p1: c: 7",
        "p1-)p2: d",
    ]


def test_mermaid_has_loops() -> None:
    drawn = mermaid(*ring(14, 2))
    assert drawn[3:] == ["loop x14", "p0->>p1: c0", "p1->>p0: c1", "end"]


def test_mermaid_shows_only_what_is_all_concurrent_side_by_side() -> None:
    drawn = mermaid(
        *met("a", "b", "c", 1),
        *met("x", "y", "d", 1),
        *met("a", "b", "e", 1),  # concurrent with the one before it, not with the first
    )
    assert drawn[5:] == ["par concurrent", "p0->>p1: c", "and", "p2->>p3: d", "end", "p0->>p1: e"]


def test_mermaid_has_notes_for_barriers_and_remarks() -> None:
    made = Chart(["a", "b", "c"], [Message("start", members=("c", "b"))], later=1)
    made.waiting = {"b": "start"}
    drawn = [line.strip() for line in chart_as_mermaid(made).splitlines()]
    assert drawn[4] == "Note over p1,p2: barrier start"
    assert drawn[5] == "Note over p1: waited for start"
    assert drawn[6] == "Note over p0,p2: 1 later message left out (choose with --from)"


@pytest.mark.parametrize(("value", "shown"), [("';'", "'#59;'"), ("'#'", "'#35;'")])
def test_mermaid_gets_no_character_that_means_something_to_it(value: str, shown: str) -> None:
    assert mermaid(*met("a", "b", "c", 1, value))[-1] == f"p0->>p1: c: {shown}"
