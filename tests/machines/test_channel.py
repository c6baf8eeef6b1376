"""One channel of any kind against a small oracle, with leases and extended rendezvous.

Nothing is lost, doubled or reordered; a value given back is first again; each party is told of
its outcome exactly once, when it is settled and not later.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from csp import Dropping, Fifo, Sliding
from csp._buffers import Buffer
from csp._offer import (
    COMMITTED,
    ENDED,
    EXTEND,
    LEASE,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    Item,
    Party,
)
from csp._rendezvous import Rendezvous

KINDS: list[Buffer | None] = [
    None, Fifo(1), Fifo(2), Fifo(math.inf), Sliding(1), Sliding(2), Dropping(1), Dropping(2)
]  # fmt: skip
RARE = 5  # of the numbers up to 9 or 19: ends strike now and then


class Recording(Rendezvous):
    """Tells what it drops."""

    __slots__ = ("dropped",)

    def __init__(self, buffer: Buffer | None) -> None:
        super().__init__(buffer)
        self.dropped: list[Any] = []

    def discard(self, value: Any) -> None:
        self.dropped.append(value)


@dataclass(eq=False)
class Actor:
    """A party as the oracle sees it."""

    party: Party
    side: int
    value: Any = None
    mode: int = TAKE
    outcome: Any = None
    holds: Held | None = None  # what a receiver took with LEASE or EXTEND
    told: int = 0


@dataclass(eq=False)
class Held:
    """A value in a receiver's hands, or given back."""

    value: int
    attempts: int = 0
    sender: Actor | None = None  # engaged
    withdrawn: bool = False
    begun: bool = False
    cancelled: bool = False
    mode: int = TAKE


class Oracle:
    """What a channel is: four queues and two flags."""

    def __init__(self, buffer: Buffer | None) -> None:
        self.kind = buffer
        self.size = 0 if buffer is None else buffer.size
        self.front: deque[Held] = deque()
        self.kept: deque[int] = deque()
        self.senders: deque[Actor] = deque()
        self.receivers: deque[Actor] = deque()
        self.held: list[Held] = []
        self.gone = {SEND: False, RECEIVE: False}
        self.poisoned = False
        self.dropped: list[int] = []

    def state(self, side: int) -> Any:
        if self.poisoned:
            return POISONED
        if side == SEND:
            return ENDED if self.gone[RECEIVE] else None
        left = self.held or self.front or self.kept
        return ENDED if self.gone[SEND] and not left else None

    def send(self, me: Actor, again: bool = False) -> None:
        me.outcome = self.state(SEND)
        if me.outcome is not None:
            return
        if self.receivers:
            self.hand(Held(me.value), me, self.receivers.popleft())
        elif len(self.kept) < self.size or isinstance(self.kind, (Sliding, Dropping)):
            self.keep(me.value)
            me.outcome = COMMITTED
        elif again:
            self.senders.appendleft(me)
        else:
            self.senders.append(me)

    def keep(self, value: int) -> None:
        if len(self.kept) < self.size:
            self.kept.append(value)
        elif isinstance(self.kind, Sliding):
            self.dropped.append(self.kept.popleft())
            self.kept.append(value)
        else:
            self.dropped.append(value)

    def hand(self, held: Held, sender: Actor | None, to: Actor) -> None:
        to.outcome, to.value = COMMITTED, held.value
        if to.mode != TAKE:
            held.mode = to.mode
            held.attempts += to.mode == LEASE
            self.held.append(held)
            to.holds = held
        if sender is None:
            return
        if to.mode == EXTEND and self.kind is None:
            held.sender = sender
        else:
            sender.outcome = COMMITTED

    def receive(self, me: Actor, again: bool = False) -> None:
        if self.poisoned:
            me.outcome = POISONED
        elif self.front:
            self.hand(self.front.popleft(), None, me)
        elif self.kept:
            self.hand(Held(self.kept.popleft()), None, me)
            while self.senders and len(self.kept) < self.size:
                sender = self.senders.popleft()
                self.keep(sender.value)
                sender.outcome = COMMITTED
        elif self.senders:
            sender = self.senders.popleft()
            self.hand(Held(sender.value), sender, me)
        else:
            me.outcome = self.state(RECEIVE)
            if me.outcome is None and again:
                self.receivers.appendleft(me)
            elif me.outcome is None:
                self.receivers.append(me)
        self.drained()

    def drained(self) -> None:
        if self.state(RECEIVE) == ENDED:
            while self.receivers:
                self.receivers.popleft().outcome = ENDED

    def withdraw(self, me: Actor) -> None:
        for line in (self.senders, self.receivers):
            if me in line:
                line.remove(me)
        for held in self.held:
            if held.sender is me:
                held.sender = None
                held.withdrawn, held.cancelled = not held.begun, held.begun

    def settle(self, held: Held, give_back: bool) -> None:
        self.held.remove(held)
        sender, held.sender = held.sender, None
        if sender is not None and give_back:
            self.send(sender, again=True)
        elif sender is not None:
            sender.outcome = COMMITTED
        elif give_back:
            if self.poisoned or self.gone[RECEIVE]:
                self.dropped.append(held.value)
            elif self.receivers:
                self.hand(held, None, self.receivers.popleft())
            else:
                self.front.appendleft(held)
        self.drained()

    def drop_kept(self) -> None:
        self.dropped += [held.value for held in self.front] + list(self.kept)
        self.front.clear()
        self.kept.clear()

    def retire(self, side: int) -> None:
        self.gone[side] = True
        if side == RECEIVE:
            self.drop_kept()
            while self.senders:
                self.senders.popleft().outcome = ENDED
        self.drained()

    def poison(self) -> None:
        self.poisoned = True
        self.drop_kept()
        for line in (self.senders, self.receivers):
            while line:
                line.popleft().outcome = POISONED


class OneChannel(RuleBasedStateMachine):
    """Senders and receivers that come, wait, give up, work, give back, retire and poison."""

    @initialize(buffer=st.sampled_from(KINDS))
    def open(self, buffer: Buffer | None) -> None:
        self.core = Recording(buffer.empty_copy() if buffer is not None else None)
        self.oracle = Oracle(buffer)
        self.core.open_end(SEND)
        self.core.open_end(RECEIVE)
        self.actors: list[Actor] = []
        self.items: dict[Held, Item] = {}
        self.number = 0
        self.started: list[Held] = []  # blocks that their sender has cancelled

    def tell(self, woken: list[Party]) -> None:
        for party in woken:
            [actor] = [each for each in self.actors if each.party is party]
            actor.told += 1
        for actor in self.actors:
            if actor.holds is not None and actor.holds not in self.items:
                assert actor.party.item is not None
                self.items[actor.holds] = actor.party.item
                actor.holds = None

    def actor(self, side: int, mode: int = TAKE) -> Actor:
        party = Party()
        party.side, party.mode = side, mode
        actor = Actor(party, side, mode=mode)
        self.actors.append(actor)
        return actor

    @rule()
    def send(self) -> None:
        me, woken = self.actor(SEND), []
        self.number += 1
        me.value = me.party.value = self.number
        self.oracle.send(me)
        if self.core.send(me.party, woken):
            assert me.party.outcome is not None
            woken.append(me.party)
        elif me.party.engaged is None:
            self.core.enqueue(me.party)
        self.tell(woken)

    @rule(mode=st.sampled_from([TAKE, TAKE, LEASE, EXTEND]))
    def receive(self, mode: int) -> None:
        self.ask(self.actor(RECEIVE, mode), again=False)

    def ask(self, me: Actor, again: bool) -> None:
        woken: list[Party] = []
        self.oracle.receive(me, again)
        if self.core.receive(me.party, woken):
            woken.append(me.party)
        elif again:
            self.core.enqueue_first(me.party)
        else:
            self.core.enqueue(me.party)
        self.tell(woken)

    def unsettled(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.outcome is None]

    @precondition(lambda self: self.unsettled())
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        actor = data.draw(st.sampled_from(self.unsettled()))
        self.oracle.withdraw(actor)
        actor.party.withdraw()
        self.actors.remove(actor)

    def in_hand(self, begun: bool) -> list[Held]:
        return [h for h in self.oracle.held if h.begun == begun and h.mode == EXTEND]

    @precondition(lambda self: self.in_hand(False))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """An extended block begins, or its receiver looks for another sender."""
        held = data.draw(st.sampled_from(self.in_hand(False)))
        item = self.items[held]
        assert item.withdrawn == held.withdrawn
        if not item.withdrawn:
            held.begun = True
            if item.sender is not None:
                item.cancel = lambda: self.started.append(held)
            return
        self.end(held, False)
        self.ask(self.actor(RECEIVE, EXTEND), again=True)

    def workable(self) -> list[Held]:
        return [h for h in self.oracle.held if h.begun or h.mode == LEASE]

    @precondition(lambda self: self.workable())
    @rule(data=st.data(), give_back=st.booleans())
    def work(self, data: st.DataObject, give_back: bool) -> None:
        """A block ends, well or not."""
        held = data.draw(st.sampled_from(self.workable()))
        assert (held in self.started) == held.cancelled
        self.end(held, give_back and not held.cancelled)

    def end(self, held: Held, give_back: bool) -> None:
        woken: list[Party] = []
        item = self.items.pop(held)
        assert item.value == held.value
        assert item.attempts == held.attempts
        self.oracle.settle(held, give_back)
        self.core.settle(item, woken, give_back=give_back)
        self.tell(woken)

    @precondition(lambda self: not all(self.oracle.gone.values()))
    @rule(side=st.sampled_from([SEND, RECEIVE]), sure=st.integers(0, 9))
    def retire(self, side: int, sure: int) -> None:
        if sure != RARE or self.oracle.gone[side]:
            return  # not too often
        if side == RECEIVE:  # an end does not retire under its own operation
            for actor in [a for a in self.unsettled() if a.side == RECEIVE]:
                self.oracle.withdraw(actor)
                actor.party.withdraw()
                self.actors.remove(actor)
        else:
            for actor in list(self.oracle.senders):
                self.oracle.withdraw(actor)
                actor.party.withdraw()
                self.actors.remove(actor)
        woken: list[Party] = []
        self.oracle.retire(side)
        self.core.retire(side, woken)
        self.tell(woken)

    @rule(sure=st.integers(0, 19))
    def poison(self, sure: int) -> None:
        if sure != RARE or self.oracle.poisoned:
            return
        woken: list[Party] = []
        self.oracle.poison()
        self.core.kill("why", "who", woken)
        self.tell(woken)

    @invariant()
    def all_agree(self) -> None:
        for actor in self.actors:
            assert actor.party.outcome == actor.outcome
            if actor.outcome == COMMITTED and actor.side == RECEIVE:
                assert actor.party.value == actor.value
            assert actor.told == (actor.outcome is not None)

    @invariant()
    def the_queues_are_the_same(self) -> None:
        core, oracle = self.core, self.oracle
        assert core.waiting(SEND) == len(oracle.senders)
        assert core.waiting(RECEIVE) == len(oracle.receivers)
        assert list(core.buffer.values if core.buffer is not None else ()) == list(oracle.kept)
        assert [item.value for item in core.front or ()] == [h.value for h in oracle.front]
        assert core.held == len(oracle.held)
        assert sorted(core.dropped) == sorted(oracle.dropped)

    @invariant()
    def both_sides_never_wait_at_once(self) -> None:
        oracle = self.oracle
        assert not (oracle.senders and oracle.receivers)
        assert not (oracle.receivers and (oracle.front or oracle.kept))

    @invariant()
    def quick_only_where_nothing_else_matters(self) -> None:
        core = self.core
        if core.quick:
            assert core.buffer is None
            assert not core.front
            assert core.state(SEND) is None
            assert core.state(RECEIVE) is None

    @invariant()
    def no_value_is_in_two_places(self) -> None:
        oracle = self.oracle
        places = [held.value for held in (*oracle.held, *oracle.front)]
        places += [*oracle.kept, *oracle.dropped, *(a.value for a in oracle.senders)]
        taken = [
            actor.value
            for actor in self.actors
            if actor.side == RECEIVE and actor.outcome == COMMITTED and actor.mode == TAKE
        ]
        assert len(set(places + taken)) == len(places + taken)


TestOneChannel = OneChannel.TestCase
TestOneChannel.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, derandomize=True
)


@pytest.mark.parametrize("give_back", [True, False])
def test_the_first_of_three_senders_stays_first_when_its_value_comes_back(give_back: bool) -> None:
    core, senders = Rendezvous(), [Party() for _ in range(3)]
    for number, party in enumerate(senders):
        party.value = number
        assert not core.send(party, [])
        core.enqueue(party)
    block = Party()
    block.side, block.mode = RECEIVE, EXTEND
    assert core.receive(block, [])
    assert block.item is not None
    core.settle(block.item, [], give_back=give_back)
    got = []
    for _ in range(2 + give_back):
        receiver = Party()
        receiver.side = RECEIVE
        assert core.receive(receiver, [])
        got.append(receiver.value)
    assert got == [0, 1, 2][not give_back :]
