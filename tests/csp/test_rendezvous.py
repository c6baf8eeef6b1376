"""Who meets whom: plain synchronous code, driven without a scheduler."""

import pytest

from csp._buffers import Fifo, Sliding
from csp._offer import (
    COMMITTED,
    ENDED,
    EXTEND,
    LEASE,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    Party,
    Selector,
    Watch,
    next_ticket,
)
from csp._rendezvous import Rendezvous


def party(side: int, value: object = None, mode: int = TAKE) -> Party:
    me = Party()
    me.side, me.value, me.mode = side, value, mode
    return me


def opened(channel: Rendezvous, senders: int = 1, receivers: int = 1) -> Rendezvous:
    for side, count in ((SEND, senders), (RECEIVE, receivers)):
        for _ in range(count):
            channel.open_end(side)
    return channel


def test_a_sender_without_a_partner_is_not_settled_and_wakes_nobody() -> None:
    channel, woken = Rendezvous(), []
    assert not channel.send(party(SEND, 1), woken)
    assert woken == []


def test_waiting_parties_are_served_first_come_first_served() -> None:
    channel = Rendezvous()
    waiting = [party(RECEIVE) for _ in range(3)]
    for each in waiting:
        channel.enqueue(each)
    for number in range(3):
        woken: list[Party] = []
        assert channel.send(party(SEND, number), woken)
        assert woken == [waiting[number]]
        assert waiting[number].value == number
        assert waiting[number].outcome is COMMITTED


def test_a_waiting_sender_moves_into_the_room_that_a_receiver_makes() -> None:
    channel, woken = Rendezvous(Fifo(1)), []
    assert channel.send(party(SEND, 1), woken)
    late = party(SEND, 2)
    assert not channel.send(late, woken)
    channel.enqueue(late)
    taker = party(RECEIVE)
    assert channel.receive(taker, woken)
    assert (taker.value, woken, late.outcome) == (1, [late], COMMITTED)
    assert channel.receive(taker, woken)
    assert taker.value == 2


def test_the_last_receiver_that_retires_ends_the_senders_and_no_earlier_one() -> None:
    channel, woken = opened(Rendezvous(), receivers=2), []
    sender = party(SEND, 1)
    channel.enqueue(sender)
    channel.retire(RECEIVE, woken)
    assert woken == []
    channel.retire(RECEIVE, woken)
    assert woken == [sender]
    assert sender.outcome == ENDED


def test_buffered_values_are_received_after_the_last_sender_retired() -> None:
    channel, woken = opened(Rendezvous(Fifo(2))), []
    channel.send(party(SEND, 1), woken)
    channel.retire(SEND, woken)
    assert channel.state(RECEIVE) is None
    taker = party(RECEIVE)
    assert channel.receive(taker, woken)
    assert (taker.value, taker.outcome) == (1, COMMITTED)
    assert channel.state(RECEIVE) == ENDED


@pytest.mark.parametrize("mode", [LEASE, EXTEND])
def test_a_receiver_is_not_told_the_end_while_a_value_is_held(mode: int) -> None:
    channel, woken = opened(Rendezvous(Fifo(1))), []
    channel.send(party(SEND, 1), woken)
    holder, other = party(RECEIVE, mode=mode), party(RECEIVE)
    assert channel.receive(holder, woken)
    channel.retire(SEND, woken)
    assert not channel.receive(other, woken)
    channel.enqueue(other)
    assert holder.item is not None
    channel.settle(holder.item, woken, give_back=False)
    assert woken == [other]
    assert other.outcome == ENDED


def test_a_value_given_back_goes_to_the_one_who_waits_and_before_the_buffer() -> None:
    channel, woken = opened(Rendezvous(Fifo(3))), []
    for number in (1, 2):
        channel.send(party(SEND, number), woken)
    holder = party(RECEIVE, mode=LEASE)
    channel.receive(holder, woken)
    assert holder.item is not None
    channel.settle(holder.item, woken, give_back=True)
    got = []
    for _ in range(2):
        taker = party(RECEIVE)
        channel.receive(taker, woken)
        got.append(taker.value)
    assert got == [1, 2]


def test_poison_ends_both_sides_and_drops_what_is_buffered() -> None:
    channel, woken = opened(Rendezvous(Sliding(1))), []
    channel.send(party(SEND, 1), woken)
    channel.kill("why", "who", woken)
    for side in (SEND, RECEIVE):
        assert channel.state(side) == POISONED
    assert not channel.buffer
    channel.kill("later", "other", woken)
    assert channel.poison == ("why", "who")


def test_a_watch_is_an_offer_only_while_its_selector_selects() -> None:
    channel, selector = Rendezvous(), Selector()
    channel.watch(Watch(selector, 1, RECEIVE))
    assert not channel.ready(SEND)
    selector.party, selector.enabled = party(RECEIVE), 1
    selector.party.ticket = next_ticket()
    assert channel.ready(SEND)
    selector.enabled = 0
    assert not channel.ready(SEND)


def test_two_watches_of_one_selector_never_meet() -> None:
    channel, selector = Rendezvous(), Selector()
    channel.watch(Watch(selector, 1, RECEIVE))
    channel.watch(Watch(selector, 2, SEND, produce=lambda: 1))
    selector.party, selector.enabled = party(RECEIVE), 3
    assert not channel.ready(RECEIVE, selector.party)
    assert not channel.ready(SEND, selector.party)


def test_the_last_watch_that_leaves_makes_the_channel_quick_again() -> None:
    channel, selector = Rendezvous(), Selector()
    watch = Watch(selector, 1, RECEIVE)
    channel.watch(watch)
    assert not channel.quick
    channel.unwatch(watch)
    channel.unwatch(watch)
    assert channel.quick


# --- who is elsewhere ------------------------------------------------------------------------


def test_a_listener_hears_of_the_end_of_its_side_and_of_nothing_else() -> None:
    channel = opened(Rendezvous())
    sends, receives, gone = party(SEND), party(RECEIVE), party(RECEIVE)
    for each in (sends, receives, gone):
        channel.listen(each)
    channel.unlisten(gone)
    woken: list[Party] = []
    assert not channel.send(party(SEND, 1), woken)
    assert woken == []
    channel.retire(RECEIVE, woken)
    assert woken == [sends]
    channel.retire(SEND, woken)
    assert woken == [sends, receives]
    assert (sends.outcome, receives.outcome, gone.outcome) == (ENDED, ENDED, None)


def test_a_channel_that_is_slow_is_never_quick_again() -> None:
    channel = Rendezvous()
    assert channel.quick
    channel.be_slow()
    watch = Watch(Selector(), 1, RECEIVE)
    channel.watch(watch)
    channel.unwatch(watch)
    assert not channel.quick
