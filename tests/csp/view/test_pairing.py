"""Which send goes with which receive."""

from collections.abc import Iterable

from csp import Event
from csp.view import _pairing
from csp.view._pairing import Pairing

from .made import event, kept, met


def paired(events: Iterable[Event]) -> list[tuple[str | None, str | None]]:
    pairing = Pairing()
    found = [pair for one in events for pair in pairing.take(one)]
    found += pairing.rest()
    return [((sent and sent.process) or None, (got and got.process) or None) for sent, got in found]


def test_two_who_met_are_a_pair_whoever_goes_on_first() -> None:
    events = met("a", "b", "c", 1)
    assert paired(events) == paired(events[::-1]) == [("a", "b")]


def test_values_of_several_senders_are_not_confused() -> None:
    one, two = met("a", "x", "c", 1), met("b", "y", "c", 2)
    assert paired([one[0], two[0], two[1], one[1]]) == [("b", "y"), ("a", "x")]


def test_numbers_of_other_channels_do_not_matter() -> None:
    assert paired([*met("a", "b", "c", 1), *met("x", "y", "d", 1)]) == [("a", "b"), ("x", "y")]


def test_a_broadcast_goes_to_all_who_received_it() -> None:
    sent, got = kept("a", "b", "c", 1)
    third = event("committed", "d", "c", "receive", number=1)
    assert paired([sent, got, third]) == paired([got, sent, third]) == [("a", "b"), ("a", "d")]


def test_a_half_without_the_other_is_told_at_the_end() -> None:
    sent, got = kept("a", "b", "c", 1)
    assert paired([sent]) == [("a", None)]
    assert paired([got]) == [(None, "b")]


def test_what_has_no_number_is_no_half() -> None:
    assert not paired([event("committed", "a", "c", "send"), event("offered", "a", "c", "send")])
    assert not paired([event("committed", "a", "b", "", number=1)])


def test_old_values_are_given_up() -> None:
    lost = [event("committed", "a", "c", "send", number=n) for n in range(1, _pairing.KEPT + 11)]
    pairing = Pairing()
    told = [pair for one in lost for pair in pairing.take(one)]
    assert [pair.sent and pair.sent.number for pair in told] == [*range(1, 11)]
