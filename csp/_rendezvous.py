"""Who meets whom: the state of one channel, decided in plain synchronous code.

No scheduler, no clock, no `await`; nothing here raises for what a user can do.  Each function
that can settle parties appends them to `woken`; the caller wakes them.

Invariants of a `Rendezvous`:
* the waiting list (`first` ... `last`) holds parties of one side only, in order of arrival.
* receivers wait only while there is nothing in `front` and `buffer`; senders wait only while
  `buffer` is full or absent.
* a selecting alternation that could commit with a waiting party has committed already;
  two watches of one selector never meet each other.
* `held` counts leased values and open extended rendezvous.
* a sender is *engaged* in an extended rendezvous only if it is a plain one on a channel without a
  buffer; offers of alternations and senders into a buffer commit at once.  With a receiver
  elsewhere every sender into a channel without a buffer is engaged until that has answered.
  On a channel of calls none is (`engages` is false): its ticket hears what becomes of the request,
  and the next one does not wait for a receiver that stands still.
* a value that the channel drops (poison, a full buffer, no receiver left) goes through `discard`.
* `quick` is true only if nothing but the waiting list matters: no buffer, nothing given back,
  no watches, both directions open, no poison, nobody elsewhere who has to be asked or told
  (`slow`).  The hot paths of the ends rest on it.
* `listeners` hear of the end of their side, and of nothing else.
* `hopeful` hear once that a sender would not have to wait, and are forgotten then.
* `passed` counts the values that were handed over or kept; those in `buffer` are the last ones.
* while `reluctant` no offer of an alternation is taken: the home of the channel is elsewhere, and
  had no room for the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from ._buffers import Buffer, Dropping
from ._offer import (
    CLOSED,
    COMMITTED,
    ENDED,
    EXTEND,
    FAILED,
    GIVEN,
    LEASE,
    OFFER,
    POISONED,
    RECEIVE,
    RETURNED,
    SEND,
    TAKE,
    TENTATIVE,
    UNSETTLED,
    UNTIL_END,
    WITHDRAWN,
    Item,
    Party,
    Watch,
    next_ticket,
)

Woken = list[Party]

Causes = tuple[Any, ...]  # whatever `retire` was told

NO_CAUSES: tuple[Causes, Causes] = ((), ())
NONE_GONE: tuple[bool, bool] = (False, False)
KEPT_CAUSES = 10  # of a side: its processes may fail and be started again for ever


class Rendezvous:
    """One channel: who waits, what is buffered, which directions are open."""

    pairs: ClassVar[bool] = True  # who communicates are two

    __slots__ = (
        "buffer",
        "causes",
        "engages",
        "first",
        "front",
        "gone",
        "held",
        "hopeful",
        "last",
        "listeners",
        "passed",
        "poison",
        "quick",
        "receivers",
        "reluctant",
        "senders",
        "slow",
        "watches",
    )

    def __init__(self, buffer: Buffer | None = None) -> None:
        self.first: Party | None = None
        self.last: Party | None = None
        self.buffer: Buffer | None = buffer
        self.engages: bool = buffer is None
        self.front: deque[Item] | None = None
        self.watches: tuple[list[Watch], list[Watch]] | None = None
        self.listeners: list[Party] | None = None
        self.hopeful: list[Callable[[], object]] | None = None
        self.reluctant: bool = False
        self.held: int = 0
        self.passed: int = 0
        self.senders: int = 0  # ends
        self.receivers: int = 0
        self.gone: tuple[bool, bool] = NONE_GONE
        self.causes: tuple[Causes, Causes] = NO_CAUSES  # with which ends of a side left
        self.poison: tuple[str, str] | None = None  # reason, who
        self.slow: bool = False
        self.quick: bool = buffer is None

    # --- the waiting list ------------------------------------------------------------------

    def enqueue(self, party: Party) -> None:
        """Let `party` wait at the end of the line."""
        party.ticket = next_ticket() if self.watches is not None else 0
        party.queue = self
        party.next, party.prev = None, self.last
        if self.last is None:
            self.first = party
        else:
            self.last.next = party
        self.last = party
        self._announce(1 - party.side)

    def enqueue_first(self, party: Party) -> None:
        """Let `party` wait before all others: it had its turn, and what it met was undone."""
        party.ticket, party.queue = 0, self
        party.prev, party.next = None, self.first
        if self.first is None:
            self.last = party
        else:
            self.first.prev = party
        self.first = party
        self._announce(1 - party.side)

    def unlink(self, party: Party) -> None:
        """Take `party` out of the line, wherever it stands."""
        before, after = party.prev, party.next
        if before is None:
            self.first = after
        else:
            before.next = after
        if after is None:
            self.last = before
        else:
            after.prev = before
        party.next = party.prev = party.queue = None

    def line(self) -> list[Party]:
        """Who waits, in order of arrival."""
        found: list[Party] = []
        party = self.first
        while party is not None:
            found.append(party)
            party = party.next
        return found

    def waiting(self, side: int) -> int:
        """How many parties of `side` wait in the line."""
        return sum(party.side == side for party in self.line())

    # --- watches ---------------------------------------------------------------------------

    def watch(self, watch: Watch) -> None:
        """Register a guard; it stays until `unwatch`."""
        if self.watches is None:
            self.watches = ([], [])
        for other in self.watches[1 - watch.side]:
            other.selector.mutual |= other.bit
            watch.selector.mutual |= watch.bit
        self.watches[watch.side].append(watch)
        self.quick = False

    def unwatch(self, watch: Watch) -> None:
        """Remove a guard, if it is registered."""
        if self.watches is None or watch not in self.watches[watch.side]:
            return
        self.watches[watch.side].remove(watch)
        if not self.watches[SEND] and not self.watches[RECEIVE]:
            self.watches = None
            self._review()

    def listen(self, party: Party) -> None:
        """Settle `party` when its side ends."""
        self.listeners = [*(self.listeners or ()), party]

    def unlisten(self, party: Party) -> None:
        """Forget it."""
        self.listeners = [other for other in self.listeners or () if other is not party] or None

    def be_slow(self) -> None:
        """No operation may take the hot path from now on."""
        self.slow, self.quick = True, False

    def _announce(self, side: int) -> None:
        """The guards of `side` may have become ready."""
        if self.watches is not None:
            for watch in self.watches[side]:
                watch.selector.hints |= watch.bit
        if self.hopeful is not None and side == SEND:
            told, self.hopeful = self.hopeful, None
            for tell in told:
                tell()

    def hope(self, tell: Callable[[], object]) -> None:
        """Call `tell()` when a sender would not have to wait; it may not use the channel."""
        self.hopeful = [*(self.hopeful or ()), tell]

    def _review(self) -> None:
        self.quick = (
            self.buffer is None
            and not self.front
            and not self.slow
            and self.watches is None
            and self.poison is None
            and not self.gone[SEND]
            and not self.gone[RECEIVE]
        )

    def _selecting(self, side: int, me: Party | None) -> Watch | None:
        """The watch of `side` whose selection waits longest, but none of `me`'s own."""
        best: Watch | None = None
        if self.watches is not None and not (self.reluctant and side == SEND):
            for watch in self.watches[side]:
                if watch.mode == UNTIL_END or not watch.waits(me):
                    continue
                if best is None or ticket_of(watch) < ticket_of(best):
                    best = watch
        return best

    def has_partner(self, side: int, me: Party | None = None) -> bool:
        """True if somebody of `side` offers here and now."""
        first = self.first
        if first is not None and first.side == side:
            return True
        return self._selecting(side, me) is not None

    def must_ask(self) -> bool:
        """True if the receiver that is first has to be asked: it sits elsewhere."""
        first = self.first
        return (
            self.engages and first is not None and first.side == RECEIVE and first.mode == TENTATIVE
        )

    def _next_partner(self, side: int, me: Party | None) -> Party | Watch | None:
        watch = self._selecting(side, me)
        first = self.first
        if first is None or first.side != side:
            return watch
        if watch is not None and ticket_of(watch) < first.ticket:
            return watch
        return first

    # --- offers that meet ------------------------------------------------------------------

    def state(self, side: int) -> Any:
        """None while the channel can still be used by `side`, else ENDED or POISONED."""
        if self.poison is not None:
            return POISONED
        if side == SEND:
            return ENDED if self.gone[RECEIVE] else None
        if self.gone[SEND] and not self.held and not self.front and not self.buffer:
            return ENDED
        return None

    def ready(self, side: int, me: Party | None = None) -> bool:
        """True if an operation of `side` would be settled at once."""
        if self.state(side) is not None:
            return True
        if side == SEND:
            if self.buffer is not None and not self.buffer.full:
                return True
            if self.reluctant:
                return False
        elif self.front or self.buffer:
            return True
        return self.has_partner(1 - side, me)

    def send(self, me: Party, woken: Woken) -> bool:
        """Offer `me.value`; True if `me` is settled (see `me.outcome`), else it may `enqueue`.

        A sender met by an extended rendezvous is not settled, but `engaged`.
        """
        state = self.state(SEND)
        if state is not None:
            me.outcome = state
            return True
        if self._give(me, woken):
            return me.engaged is None
        if self.buffer is not None and not self.buffer.full:
            self._keep(me)
            self._announce(RECEIVE)
            me.outcome = COMMITTED
            return True
        return False

    def _give(self, sender: Party, woken: Woken) -> bool:
        """Hand the sender's value to the first who wants it."""
        partner = self._next_partner(RECEIVE, sender)
        if partner is None:
            return False
        self._hand_over(sender.as_item(sender.value), sender, self._accept(partner, woken))
        return True

    def _accept(self, partner: Party | Watch, woken: Woken) -> Party:
        """The receiving party behind `partner`, out of its line and about to be woken."""
        if isinstance(partner, Watch):
            party = partner.choose()
            party.mode = partner.mode
        else:
            party = partner
            self.unlink(party)
        woken.append(party)
        return party

    def _hand_over(self, item: Item, sender: Party | None, to: Party) -> None:
        to.outcome = COMMITTED
        to.value = item.value
        to.met = False
        if not item.number:
            self.passed += 1
            item.number = self.passed
            to.met = self.buffer is None and self.pairs and sender is not None and sender.acts
        to.number = item.number
        if to.mode != TAKE:
            self.held += 1
            to.item = item
            item.tentative, item.extended = to.mode == TENTATIVE, to.mode == EXTEND
            if to.mode == LEASE:
                item.attempts += 1
        if sender is None:
            return
        sender.number, sender.met = item.number, to.met and to.acts
        if to.mode != TAKE and self.engages and _engages(sender, to):
            sender.met = to.met = False
            item.sender, sender.engaged = sender, item
        else:
            sender.outcome = COMMITTED

    def receive(self, me: Party, woken: Woken) -> bool:
        """Ask for a value; True if `me` is settled (see `me.outcome`)."""
        if self.poison is not None:
            me.outcome = POISONED
            return True
        if self.front or self.buffer:
            self._hand_over(self._next_item(me, woken), None, me)
            if self.gone[SEND]:
                self._end_if_drained(woken)
            return True
        sent = self._take(me, woken)
        if sent is not None:
            sender, value = sent
            self._hand_over(sender.as_item(value), sender, me)
            if sender.engaged is None or sender.mode == GIVEN:
                woken.append(sender)
            return True
        me.outcome = self.state(RECEIVE)
        return me.outcome is not None

    def _next_item(self, me: Party, woken: Woken) -> Item:
        """The oldest value that the channel keeps."""
        if self.front:
            item = self.front.popleft()
            self._review()
            return item
        assert self.buffer is not None
        number = self.passed + 1 - len(self.buffer)
        item = Item(self.buffer.get())
        item.number = number
        while not self.buffer.full:
            sent = self._take(me, woken)
            if sent is None:
                self._announce(SEND)
                break
            sender = sent[0]
            sender.outcome = COMMITTED
            self._keep(sender)
            woken.append(sender)
        return item

    def _keep(self, sender: Party) -> None:
        """Put its value into the buffer; it gets no number if it is dropped at once."""
        buffer = self.buffer
        assert buffer is not None
        sender.met = False
        if isinstance(buffer, Dropping) and len(buffer) >= buffer.size:
            sender.number = 0
        else:
            self.passed += 1
            sender.number = self.passed
        dropped = buffer.put(sender.value)
        if dropped is not None:
            self.discard(dropped)

    def _take(self, me: Party | None, woken: Woken) -> tuple[Party, Any] | None:
        """The first sender that waits, out of its line, and its value."""
        while True:
            partner = self._next_partner(SEND, me)
            if partner is None:
                return None
            sent = self._take_from(partner, woken)
            if sent is not None:
                return sent

    def _take_from(self, partner: Party | Watch, woken: Woken) -> tuple[Party, Any] | None:
        """A sender that waits and its value; None if it fails to produce one, which it is told."""
        if not isinstance(partner, Watch):
            self.unlink(partner)
            return partner, partner.value
        try:
            value = partner.selector.produce(partner)
        except BaseException as error:  # the offerer's own error: its select raises it
            party = partner.choose()
            party.outcome, party.value = FAILED, error
            woken.append(party)
            return None
        party = partner.choose()
        party.mode, party.value = OFFER, value
        return party, value

    # --- leases and extended rendezvous ----------------------------------------------------

    def settle(self, item: Item, woken: Woken, *, give_back: bool = False) -> None:
        """The block that held `item` has ended; `give_back` puts its value to the front."""
        self.held -= 1
        sender, item.sender, item.cancel = item.sender, None, None
        if sender is not None:
            sender.engaged = None
            if not give_back:
                sender.outcome = COMMITTED
                woken.append(sender)
            elif item.asked or (sender.mode == GIVEN and not item.tentative):
                sender.outcome = WITHDRAWN if item.asked else RETURNED
                woken.append(sender)
            else:
                self._send_again(sender, item.value, woken)
        elif give_back:
            if self.poison is not None or self.gone[RECEIVE]:
                self.discard(item.value)
            else:
                if self.front is None:
                    self.front = deque()
                self.front.appendleft(item)
                self.quick = False
                self._announce(RECEIVE)
                self._serve(woken)
        if self.gone is not NONE_GONE or self.poison is not None:
            self._end_if_drained(woken)

    def keep(self, item: Item, woken: Woken, *, extended: bool, answers: bool) -> None:
        """A receiver elsewhere has taken `item` for work: it is tentative no more.

        `answers`: what comes back is an answer to the value itself, no matter of its sender.
        """
        item.tentative, item.extended = False, extended
        item.attempts += 1
        sender = item.sender
        if sender is None:
            return
        if sender.mode == GIVEN and not answers:
            woken.append(sender)
        elif not extended:
            item.sender = sender.engaged = None
            sender.outcome = COMMITTED
            woken.append(sender)
        elif item.asked:  # cancelled while the answer was on its way: that ends the block
            sender.withdraw()
            sender.outcome = WITHDRAWN
            woken.append(sender)

    def fail_sender(self, item: Item, error: BaseException, woken: Woken) -> bool:
        """The sender of `item` gets `error`; False if none waits."""
        sender = item.sender
        if sender is None:
            return False
        self.held -= 1
        item.sender = sender.engaged = None
        sender.outcome = error
        woken.append(sender)
        self._end_if_drained(woken)
        return True

    def _send_again(self, sender: Party, value: Any, woken: Woken) -> None:
        """A sender whose value came back: it is served before all others."""
        sender.value = value
        state = self.state(SEND)
        if state is not None:
            sender.outcome = state
            woken.append(sender)
        elif sender.mode == OFFER:  # its alternation looks again
            sender.outcome = UNSETTLED
            woken.append(sender)
        elif self._give(sender, woken):
            if sender.engaged is None or sender.mode == GIVEN:
                woken.append(sender)
        else:
            self.enqueue_first(sender)

    def _serve(self, woken: Woken) -> None:
        """Hand out what the channel keeps to those who wait."""
        while self.front or self.buffer:
            partner = self._next_partner(RECEIVE, None)
            if partner is None:
                return
            to = self._accept(partner, woken)
            self.receive(to, woken)

    # --- ending ----------------------------------------------------------------------------

    def discard(self, value: Any) -> None:
        """The channel has dropped `value`; who waits for an answer to it must be told."""

    @property
    def ends(self) -> tuple[int, int]:
        """How many ends there are on each side."""
        return self.senders, self.receivers

    def open_end(self, side: int) -> None:
        """One more end on `side`."""
        if side == SEND:
            self.senders += 1
        else:
            self.receivers += 1

    def lose_end(self, side: int) -> int:
        """One end of `side` less; how many are left."""
        if side == SEND:
            self.senders -= 1
            return self.senders
        self.receivers -= 1
        return self.receivers

    def retire(self, side: int, woken: Woken, cause: Any = None) -> None:
        """One end of `side` less; with the last one the direction ends, for good."""
        left = self.lose_end(side)
        if cause is not None:
            both = list(self.causes)
            both[side] = (*both[side][1 - KEPT_CAUSES :], cause)
            self.causes = (both[0], both[1])
        if left:
            return
        self.gone = (side == SEND or self.gone[SEND], side == RECEIVE or self.gone[RECEIVE])
        self.quick = False
        if side == RECEIVE:
            self._drop_kept()
            self._settle_all(SEND, ENDED, woken)
        self._end_if_drained(woken)

    def close(self, side: int, end: Any, woken: Woken) -> None:
        """`end` of `side` is gone: what waits on it is settled as CLOSED, its guards leave."""
        if self.first is None and self.watches is None:
            return
        for party in self.line():
            if party.side == side and party.end is end:
                self.unlink(party)
                party.outcome = CLOSED
                woken.append(party)
        for watch in list(self.watches[side]) if self.watches is not None else ():
            if watch.end is end:
                self.unwatch(watch)
                watch.settle(CLOSED, woken)

    def _end_if_drained(self, woken: Woken) -> None:
        if self.state(RECEIVE) == ENDED:
            self._settle_all(RECEIVE, ENDED, woken)

    def kill(self, reason: str, who: str, woken: Woken) -> None:
        """Poison the channel: both directions end at once, what it keeps is dropped."""
        if self.poison is not None:
            return
        self.poison = (reason, who)
        self.quick = False
        self._drop_kept()
        self._settle_all(SEND, POISONED, woken)
        self._settle_all(RECEIVE, POISONED, woken)

    def _drop_kept(self) -> None:
        for item in self.front or ():
            self.discard(item.value)
        self.front = None
        if self.buffer is not None:
            while self.buffer:
                self.discard(self.buffer.get())

    def _settle_all(self, side: int, outcome: Any, woken: Woken) -> None:
        while self.first is not None and self.first.side == side:
            party = self.first
            self.unlink(party)
            party.outcome = outcome
            woken.append(party)
        for watch in self.watches[side] if self.watches is not None else ():
            watch.settle(outcome, woken)
        for party in self.listeners or ():
            if party.side == side:
                party.outcome = outcome
                woken.append(party)


def _engages(sender: Party, to: Party) -> bool:
    """True if the sender has to wait until the receiver says what became of the value."""
    if to.mode == TENTATIVE or sender.mode == GIVEN:
        return True
    return to.mode == EXTEND and sender.mode != OFFER


def ticket_of(watch: Watch) -> int:
    """The place in the queue of a waiting selection."""
    party = watch.selector.party
    assert party is not None
    return party.ticket
