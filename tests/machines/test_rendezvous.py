"""The meeting place against a small oracle: nothing is lost, doubled or reordered."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from csp import Fifo
from csp._offer import COMMITTED, ENDED, RECEIVE, SEND, Party
from csp._rendezvous import Rendezvous


class Meeting(RuleBasedStateMachine):
    """Senders and receivers that come, wait, give up and retire; the oracle is two lists."""

    @initialize(size=st.integers(0, 3))
    def open(self, size: int) -> None:
        self.core = Rendezvous(Fifo(size) if size else None)
        self.size = size
        self.core.open_end(SEND)
        self.core.open_end(RECEIVE)
        self.open_sides = {SEND, RECEIVE}
        self.number = 0
        self.expected: list[int] = []  # sent, not received, in the order of commitment or arrival
        self.senders: list[Party] = []
        self.receivers: list[Party] = []

    def settle(self, woken: list[Party]) -> None:
        for party in woken:
            if party in self.receivers:
                self.receivers.remove(party)
                if party.outcome == COMMITTED:
                    assert party.value == self.expected.pop(0)
                else:
                    assert party.outcome == ENDED
            else:
                self.senders.remove(party)
                if party.outcome != COMMITTED:
                    self.expected.remove(party.value)

    @precondition(lambda self: SEND in self.open_sides)
    @rule()
    def send(self) -> None:
        party, woken = Party(), []
        self.number += 1
        party.side, party.value = SEND, self.number
        self.senders.append(party)
        self.expected.append(party.value)
        if self.core.send(party, woken):
            self.settle([*woken, party])
        else:
            self.core.enqueue(party)
            assert not woken

    @precondition(lambda self: RECEIVE in self.open_sides)
    @rule()
    def receive(self) -> None:
        party, woken = Party(), []
        party.side = RECEIVE
        self.receivers.append(party)
        if self.core.receive(party, woken):
            self.settle([party, *woken])
        else:
            self.core.enqueue(party)
            assert not woken

    @precondition(lambda self: self.senders or self.receivers)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        party = data.draw(st.sampled_from(self.senders + self.receivers))
        party.withdraw()
        if party in self.senders:
            self.senders.remove(party)
            self.expected.remove(party.value)
        else:
            self.receivers.remove(party)

    @precondition(lambda self: len(self.open_sides) == 2)
    @rule(side=st.sampled_from([SEND, RECEIVE]))
    def retire(self, side: int) -> None:
        mine = self.senders if side == SEND else self.receivers
        for party in list(mine):  # an end does not retire under its own operation
            party.withdraw()
            mine.remove(party)
            if side == SEND:
                self.expected.remove(party.value)
        woken: list[Party] = []
        self.open_sides.discard(side)
        if side == RECEIVE:  # what is buffered is dropped: nobody can receive it
            kept = len(self.core.buffer) if self.core.buffer is not None else 0
            del self.expected[:kept]
        self.core.retire(side, woken)
        self.settle(woken)

    @invariant()
    def both_sides_never_wait_at_once(self) -> None:
        assert not (self.senders and self.receivers)
        assert self.core.waiting(SEND) == len(self.senders)
        assert self.core.waiting(RECEIVE) == len(self.receivers)

    @invariant()
    def senders_wait_only_while_the_buffer_is_full(self) -> None:
        buffered = len(self.core.buffer) if self.core.buffer is not None else 0
        assert buffered + len(self.senders) == len(self.expected)
        if self.senders:
            assert buffered == self.size
        if self.receivers:
            assert not self.expected


TestMeeting = Meeting.TestCase
TestMeeting.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("size", [0, 1])
def test_withdrawing_from_the_middle_keeps_the_order_of_the_others(size: int) -> None:
    core = Rendezvous(Fifo(size) if size else None)
    parties = [Party() for _ in range(size + 3)]
    for number, party in enumerate(parties):
        party.value = number
        if not core.send(party, []):
            core.enqueue(party)
    parties[size + 1].withdraw()
    got = []
    for _ in range(size + 2):
        receiver = Party()
        receiver.side = RECEIVE
        assert core.receive(receiver, [])
        got.append(receiver.value)
    assert got == [*range(size + 1), size + 2]
