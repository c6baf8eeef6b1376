"""Parties and tickets, without any scheduler."""

from csp._offer import COMMITTED, EXTEND, RECEIVE, SEND, Party, next_ticket
from csp._rendezvous import Rendezvous


def party(side: int, value: object = None, mode: int = 0) -> Party:
    me = Party()
    me.side, me.value, me.mode = side, value, mode
    return me


def test_tickets_only_grow() -> None:
    first, second, third = next_ticket(), next_ticket(), next_ticket()
    assert first < second < third


def test_a_withdrawn_party_stands_in_no_list_wherever_it_stood() -> None:
    for gone in range(3):
        channel = Rendezvous()
        parties = [party(SEND, i) for i in range(3)]
        for each in parties:
            channel.enqueue(each)
        parties[gone].withdraw()
        assert parties[gone].queue is None
        got = []
        for _ in range(2):
            taker = party(RECEIVE)
            assert channel.receive(taker, [])
            got.append(taker.value)
        assert got == [i for i in range(3) if i != gone]
        assert channel.first is None
        assert channel.last is None


def test_to_withdraw_twice_changes_nothing() -> None:
    channel, me = Rendezvous(), party(SEND, 1)
    channel.enqueue(me)
    me.withdraw()
    me.withdraw()
    assert channel.waiting(SEND) == 0


def test_an_engaged_sender_that_withdraws_ends_the_block_of_its_receiver() -> None:
    channel, sender, receiver = Rendezvous(), party(SEND, 1), party(RECEIVE, mode=EXTEND)
    channel.enqueue(receiver)
    assert not channel.send(sender, [])
    assert sender.engaged is receiver.item is not None
    ended = []
    receiver.item.cancel = lambda: ended.append(True)
    sender.withdraw()
    assert ended == [True]
    assert sender.outcome is not COMMITTED
    assert receiver.item.sender is None
