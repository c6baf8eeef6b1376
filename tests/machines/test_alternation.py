"""Alternations, plain parties and buffers against a small oracle.

A selection commits exactly one guard, never meets itself, and is served by its place in time:
the oracle keeps one list of all waiting offers, in the order of their arrival.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from csp import Fifo
from csp._offer import (
    COMMITTED,
    ENDED,
    FAILED,
    LEASE,
    OFFER,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    UNTIL_END,
    Party,
    Selector,
    Watch,
    next_ticket,
)
from csp._rendezvous import Rendezvous

Guard = tuple[int, int, int]  # channel, side, mode
KINDS = [(SEND, TAKE), (SEND, TAKE), (RECEIVE, TAKE), (RECEIVE, LEASE), (RECEIVE, UNTIL_END)]
GUARDS = [(channel, side, mode) for channel in (0, 0, 1, 2) for side, mode in KINDS]
RARE = 5  # of the numbers up to 9 or 19: ends strike now and then


class Broken(Exception):
    """What a `produce` raises."""


class Choosing(Selector):
    """The selector of one alternation of the machine."""

    __slots__ = ()

    def unlink(self, party: Party) -> None:
        self.party = None
        party.queue = None


@dataclass(eq=False)
class Offer:
    """Somebody who waits, or has: a plain operation, or a selection."""

    party: Party
    guards: list[tuple[Guard, int]]  # and the bit of each
    value: int = 0
    selector: Choosing | None = None
    outcome: Any = None
    got: Any = None
    bit: int = 0  # of the guard that was committed
    told: int = 0


@dataclass(eq=False)
class Alternating:
    """One alternation: its watches stand in the channels all the time."""

    selector: Choosing
    guards: list[Guard]
    watches: list[Watch]
    offer: Offer | None = None  # the running selection
    fails: bool = False
    open: int = 0  # the guards whose end has not retired
    made: list[int] = field(default_factory=list)


class Oracle:
    """All waiting offers in the order of arrival, and what each channel keeps."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.kept: list[deque[int]] = [deque() for _ in sizes]
        self.held = [0] * len(sizes)
        self.ended: list[Any] = [{SEND: None, RECEIVE: None} for _ in sizes]
        self.gone = [{SEND: False, RECEIVE: False} for _ in sizes]
        self.waiting: list[Offer] = []

    def partners(self, channel: int, side: int, me: Offer | None) -> Iterator[tuple[Offer, int]]:
        """Those who wait on `side` of `channel`, the oldest first, and the bits of their guards."""
        for offer in list(self.waiting):
            for (at, on, mode), bit in offer.guards:
                if (at, on) == (channel, side) and mode != UNTIL_END and offer is not me:
                    yield offer, bit
                    break

    def settle(self, offer: Offer, outcome: Any, bit: int, got: Any = None) -> None:
        self.waiting.remove(offer)
        offer.outcome, offer.bit, offer.got = outcome, bit, got

    def over(self, channel: int, side: int) -> Any:
        if self.ended[channel][side] is not None:
            return self.ended[channel][side]
        if side == SEND:
            return ENDED if self.gone[channel][RECEIVE] else None
        left = self.kept[channel] or self.held[channel]
        return ENDED if self.gone[channel][SEND] and not left else None

    def take(self, channel: int, me: Offer | None) -> tuple[int] | None:
        """The value of the first sender that waits and does not fail."""
        for offer, bit in self.partners(channel, SEND, me):
            value = offer.value if offer.selector is None else self.value_of(offer, channel)
            if value is None:
                self.settle(offer, FAILED, bit)
                continue
            self.settle(offer, COMMITTED, bit, value if offer.selector else None)
            return (value,)
        return None

    def value_of(self, offer: Offer, channel: int) -> int | None:
        raise NotImplementedError

    def try_send(self, channel: int, value: int, me: Offer | None) -> bool:
        for offer, bit in self.partners(channel, RECEIVE, me):
            lease = any(guard[2] == LEASE and each == bit for guard, each in offer.guards)
            self.settle(offer, COMMITTED, bit, value)
            self.held[channel] += lease
            return True
        if len(self.kept[channel]) < self.sizes[channel]:
            self.kept[channel].append(value)
            return True
        return False

    def try_receive(self, channel: int, me: Offer | None) -> tuple[int] | None:
        if not self.kept[channel]:
            return self.take(channel, me)
        value = self.kept[channel].popleft()
        while len(self.kept[channel]) < self.sizes[channel]:
            sent = self.take(channel, me)
            if sent is None:
                break
            self.kept[channel].append(sent[0])
        return (value,)

    def end(self, channel: int, side: int, outcome: Any) -> None:
        """Whoever waits on `side` of `channel` is told."""
        for offer in list(self.waiting):
            for (at, on, _), bit in offer.guards:
                if (at, on) == (channel, side):
                    self.settle(offer, outcome, bit)
                    break


class Alternations(RuleBasedStateMachine):
    """Selections over three channels, plain parties beside them, withdrawals, endings."""

    @initialize(
        sizes=st.lists(st.integers(0, 1), min_size=3, max_size=3),
        alternations=st.lists(
            st.lists(st.sampled_from(GUARDS), min_size=1, max_size=4, unique=True),
            min_size=2,
            max_size=3,
        ),
    )
    def open(self, sizes: list[int], alternations: list[list[Guard]]) -> None:
        self.cores = [Rendezvous(Fifo(size) if size else None) for size in sizes]
        for core in self.cores:
            core.open_end(SEND)
            core.open_end(RECEIVE)
        self.oracle = Oracle(sizes)
        self.oracle.value_of = self.produced  # type: ignore[method-assign]
        self.number = 0
        self.offers: list[Offer] = []
        self.items: list[tuple[int, Any]] = []  # leased: channel and item
        self.alternatings = [self.register(guards) for guards in alternations]

    def register(self, guards: list[Guard]) -> Alternating:
        selector = Choosing()
        mine = Alternating(selector, guards, [])

        def produce_for(channel: int) -> Any:
            def produce() -> int:
                if mine.fails:
                    raise Broken
                value = self.next_value(mine, channel)
                mine.made.append(value)
                return value

            return produce

        for i, (channel, side, mode) in enumerate(guards):
            produce = produce_for(channel) if side == SEND else None
            watch = Watch(selector, 1 << i, side, mode, produce)
            mine.watches.append(watch)
            self.cores[channel].watch(watch)
        selector.hints = mine.open = (1 << len(guards)) - 1
        return mine

    def next_value(self, mine: Alternating, channel: int) -> int:
        """What its output guard on `channel` makes: told apart by the selection."""
        assert mine.offer is not None
        return mine.offer.value * 10 + channel

    def produced(self, offer: Offer, channel: int) -> int | None:
        [mine] = [a for a in self.alternatings if a.offer is offer]
        return None if mine.fails else self.next_value(mine, channel)

    def tell(self, woken: list[Party]) -> None:
        for party in woken:
            [offer] = [each for each in self.offers if each.party is party]
            offer.told += 1
            if party.item is not None and offer.outcome == COMMITTED:
                channel = offer.guards[0][0][0]
                if offer.selector is not None:
                    [channel] = [guard[0] for guard, bit in offer.guards if bit == offer.bit]
                self.items.append((channel, party.item))

    def new_offer(self, guards: list[tuple[Guard, int]], selector: Choosing | None) -> Offer:
        self.number += 1
        offer = Offer(Party(), guards, self.number, selector)
        self.offers.append(offer)
        return offer

    # --- plain parties ---------------------------------------------------------------------

    @rule(channel=st.integers(0, 2))
    def send(self, channel: int) -> None:
        core, oracle = self.cores[channel], self.oracle
        if oracle.gone[channel][SEND]:
            return
        me = self.new_offer([((channel, SEND, TAKE), 0)], None)
        me.party.side, me.party.value = SEND, me.value
        me.outcome = oracle.over(channel, SEND)
        if me.outcome is None and oracle.try_send(channel, me.value, me):
            me.outcome = COMMITTED
        elif me.outcome is None:
            oracle.waiting.append(me)
        woken: list[Party] = []
        if core.send(me.party, woken):
            woken.append(me.party)
        else:
            core.enqueue(me.party)
        self.tell(woken)

    @rule(channel=st.integers(0, 2), mode=st.sampled_from([TAKE, TAKE, LEASE]))
    def receive(self, channel: int, mode: int) -> None:
        core, oracle = self.cores[channel], self.oracle
        if oracle.gone[channel][RECEIVE]:
            return
        me = self.new_offer([((channel, RECEIVE, mode), 0)], None)
        me.party.side, me.party.mode = RECEIVE, mode
        me.outcome = oracle.over(channel, RECEIVE)
        if me.outcome is None:
            self.receive_now(me, channel, mode)
            if me.outcome is None:
                oracle.waiting.append(me)
        woken: list[Party] = []
        if core.receive(me.party, woken):
            woken.append(me.party)
        else:
            core.enqueue(me.party)
        self.tell(woken)

    def receive_now(self, me: Offer, channel: int, mode: int) -> None:
        oracle = self.oracle
        sent = oracle.try_receive(channel, me)
        if sent is not None:
            me.outcome, me.got = COMMITTED, sent[0]
            oracle.held[channel] += mode == LEASE
            if oracle.over(channel, RECEIVE) == ENDED:
                oracle.end(channel, RECEIVE, ENDED)

    # --- selections ------------------------------------------------------------------------

    def idle(self) -> list[Alternating]:
        idle = [a for a in self.alternatings if a.offer is None or a.offer.outcome is not None]
        return [a for a in idle if a.open]

    @precondition(lambda self: self.idle())
    @rule(data=st.data(), fails=st.integers(0, 9))
    def select(self, data: st.DataObject, fails: int) -> None:
        mine = data.draw(st.sampled_from(self.idle()))
        bits = [1 << i for i in range(len(mine.guards)) if mine.open >> i & 1]
        enabled = data.draw(st.lists(st.sampled_from(bits), min_size=1, unique=True))
        order = data.draw(st.permutations(enabled))
        mine.fails = fails == RARE
        guards = [(mine.guards[bit.bit_length() - 1], bit) for bit in sorted(enabled)]
        me = mine.offer = self.new_offer(guards, mine.selector)
        selector, oracle = mine.selector, self.oracle
        for bit in order:  # as an alternation looks: nobody waits meanwhile
            channel, side, mode = mine.guards[bit.bit_length() - 1]
            if self.commit(mine, me, channel, side, mode, bit):
                return
            selector.hints &= ~bit
        oracle.waiting.append(me)
        me.party.ticket, me.party.queue = next_ticket(), selector
        selector.enabled, selector.party, selector.chosen = sum(enabled), me.party, None

    def commit(
        self, mine: Alternating, me: Offer, channel: int, side: int, mode: int, bit: int
    ) -> bool:
        core, oracle = self.cores[channel], self.oracle
        over = oracle.over(channel, side)
        assert core.state(side) == over
        woken: list[Party] = []
        if over is not None:
            me.outcome, me.bit, me.party.outcome, me.told = over, bit, over, 1
            mine.selector.chosen = mine.watches[bit.bit_length() - 1]
            return True
        if mode == UNTIL_END or not core.ready(side):
            assert mode == UNTIL_END or self.nobody_is_there(channel, side, me)
            return False
        me.party.side, me.party.mode, me.party.outcome = side, mode, None
        if side == SEND:
            if mine.fails:  # the selection raises, nothing happened
                me.outcome = me.party.outcome = FAILED
                me.told, me.bit = 1, bit
                mine.selector.chosen = mine.watches[bit.bit_length() - 1]
                return True
            value = me.got = self.next_value(mine, channel)
            assert oracle.try_send(channel, value, me)
            me.outcome = COMMITTED
            me.party.mode, me.party.value = OFFER, value
            assert core.send(me.party, woken)
        else:
            self.receive_now(me, channel, mode)
            settled = core.receive(me.party, woken)
            assert settled == (me.outcome is not None)
            if not settled:  # all its partners failed to produce
                self.tell(woken)
                return False
        me.bit = bit
        mine.selector.chosen = mine.watches[bit.bit_length() - 1]
        self.tell([*woken, me.party])
        return True

    def nobody_is_there(self, channel: int, side: int, me: Offer) -> bool:
        oracle = self.oracle
        room = len(oracle.kept[channel]) < oracle.sizes[channel]
        if room if side == SEND else oracle.kept[channel]:
            return False
        return next(oracle.partners(channel, 1 - side, me), None) is None

    # --- giving up, ending -----------------------------------------------------------------

    @precondition(lambda self: self.oracle.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(self.oracle.waiting))
        self.oracle.waiting.remove(offer)
        self.offers.remove(offer)
        offer.party.withdraw()
        for mine in self.alternatings:
            if mine.offer is offer:
                mine.offer = None

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """The block of a lease ends well."""
        channel, item = data.draw(st.sampled_from(self.items))
        self.items.remove((channel, item))
        oracle, woken = self.oracle, []
        oracle.held[channel] -= 1
        if oracle.over(channel, RECEIVE) == ENDED:
            oracle.end(channel, RECEIVE, ENDED)
        self.cores[channel].settle(item, woken)
        self.tell(woken)

    @rule(channel=st.integers(0, 2), side=st.sampled_from([SEND, RECEIVE]), sure=st.integers(0, 9))
    def retire(self, channel: int, side: int, sure: int) -> None:
        oracle, core = self.oracle, self.cores[channel]
        if sure != RARE or oracle.gone[channel][side] or core.poison is not None:
            return
        for offer in list(oracle.waiting):  # an end does not retire under its own operation
            if any((at, on) == (channel, side) for (at, on, _), _ in offer.guards):
                return
        oracle.gone[channel][side] = True
        if side == RECEIVE:
            oracle.kept[channel].clear()
            oracle.end(channel, SEND, ENDED)
        if oracle.over(channel, RECEIVE) == ENDED:
            oracle.end(channel, RECEIVE, ENDED)
        for mine in self.alternatings:
            for guard, watch in zip(mine.guards, mine.watches, strict=True):
                if guard[:2] == (channel, side):
                    core.unwatch(watch)
                    mine.open &= ~watch.bit
        woken: list[Party] = []
        core.retire(side, woken)
        self.tell(woken)

    @rule(channel=st.integers(0, 2), sure=st.integers(0, 19))
    def poison(self, channel: int, sure: int) -> None:
        oracle, core = self.oracle, self.cores[channel]
        if sure != RARE or core.poison is not None:
            return
        oracle.kept[channel].clear()
        for side in (SEND, RECEIVE):
            oracle.ended[channel][side] = POISONED
            oracle.end(channel, side, POISONED)
        woken: list[Party] = []
        core.kill("why", "who", woken)
        self.tell(woken)

    # --- what always holds -----------------------------------------------------------------

    @invariant()
    def all_agree(self) -> None:
        for offer in self.offers:
            party = offer.party
            assert party.outcome == offer.outcome
            assert offer.told == (offer.outcome is not None)
            if offer.outcome == COMMITTED and offer.got is not None:
                assert party.value == offer.got

    @invariant()
    def one_selection_commits_one_guard(self) -> None:
        for mine in self.alternatings:
            selector, offer = mine.selector, mine.offer
            if offer is None or offer.outcome is not None:
                assert selector.party is None
            else:
                assert selector.party is offer.party
                assert selector.chosen is None
            if offer is not None and offer.outcome == COMMITTED:
                assert selector.chosen is not None
                assert selector.chosen.bit == offer.bit

    @invariant()
    def a_value_is_made_only_for_a_commitment(self) -> None:
        for mine in self.alternatings:
            if mine.offer is not None and mine.offer.outcome is None:
                assert mine.offer.value * 10 not in [value // 10 * 10 for value in mine.made]

    @invariant()
    def hints_are_a_superset_of_what_is_ready(self) -> None:
        for mine in self.alternatings:
            for guard, watch in zip(mine.guards, mine.watches, strict=True):
                if not mine.open & watch.bit:
                    continue
                core = self.cores[guard[0]]
                if guard[2] == UNTIL_END:
                    ready = core.state(RECEIVE) is not None
                else:
                    ready = core.ready(watch.side, mine.selector.party)
                if ready and mine.selector.hints & watch.bit == 0:
                    assert mine.selector.mutual & watch.bit

    @invariant()
    def nobody_waits_who_could_meet(self) -> None:
        for offer in self.oracle.waiting:
            for (channel, side, mode), _ in offer.guards:
                if mode != UNTIL_END:
                    assert self.nobody_is_there(channel, side, offer)


TestAlternations = Alternations.TestCase
TestAlternations.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, derandomize=True
)
