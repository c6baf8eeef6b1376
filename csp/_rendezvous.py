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
* `quick` is true only if nothing but the waiting list matters: no buffer, nothing given back,
  no watches, both directions open, no poison.  The hot paths of the ends rest on it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from ._buffers import Buffer
from ._offer import (
    COMMITTED,
    ENDED,
    EXTEND,
    FAILED,
    LEASE,
    POISONED,
    RECEIVE,
    SEND,
    TAKE,
    UNTIL_END,
    Item,
    Party,
    Watch,
    next_ticket,
)

Woken = list[Party]


class Rendezvous:
    """One channel: who waits, what is buffered, which directions are open."""

    __slots__ = (
        "buffer",
        "causes",
        "ends",
        "first",
        "front",
        "gone",
        "held",
        "last",
        "poison",
        "quick",
        "watches",
    )

    def __init__(self, buffer: Buffer | None = None) -> None:
        self.first: Party | None = None
        self.last: Party | None = None
        self.buffer = buffer
        self.front: deque[Item] | None = None
        self.watches: tuple[list[Watch], list[Watch]] | None = None
        self.held = 0
        self.ends = [0, 0]
        self.gone = [False, False]
        self.causes: tuple[BaseException, ...] = ()  # of the side that is gone or going
        self.poison: tuple[str, str] | None = None  # reason, who
        self.quick = buffer is None

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

    def waiting(self, side: int) -> int:
        """How many parties of `side` wait in the line."""
        count, party = 0, self.first
        while party is not None:
            count += party.side == side
            party = party.next
        return count

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

    def _announce(self, side: int) -> None:
        """The guards of `side` may have become ready."""
        if self.watches is not None:
            for watch in self.watches[side]:
                watch.selector.hints |= watch.bit

    def _review(self) -> None:
        self.quick = (
            self.buffer is None
            and not self.front
            and self.watches is None
            and self.poison is None
            and not self.gone[SEND]
            and not self.gone[RECEIVE]
        )

    def _selecting(self, side: int, me: Party | None) -> Watch | None:
        """The watch of `side` whose selection waits longest, but none of `me`'s own."""
        best: Watch | None = None
        if self.watches is not None:
            for watch in self.watches[side]:
                party = watch.selector.party
                if (
                    party is None
                    or party is me
                    or watch.mode == UNTIL_END
                    or not watch.selector.enabled & watch.bit
                ):
                    continue
                if best is None or party.ticket < _ticket(best):
                    best = watch
        return best

    def has_partner(self, side: int, me: Party | None = None) -> bool:
        """True if somebody of `side` offers here and now."""
        first = self.first
        if first is not None and first.side == side:
            return True
        return self._selecting(side, me) is not None

    def _next_partner(self, side: int, me: Party | None) -> Party | Watch | None:
        watch = self._selecting(side, me)
        first = self.first
        if first is None or first.side != side:
            return watch
        if watch is not None and _ticket(watch) < first.ticket:
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
        if self._give(me.value, me, woken):
            return me.engaged is None
        if self.buffer is not None and not self.buffer.full:
            self.buffer.put(me.value)
            self._announce(RECEIVE)
            me.outcome = COMMITTED
            return True
        return False

    def _give(self, value: Any, sender: Party, woken: Woken) -> bool:
        """Hand `value` to the first who wants it."""
        partner = self._next_partner(RECEIVE, sender)
        if partner is None:
            return False
        self._hand_over(Item(value), sender, self._accept(partner, woken), woken)
        return True

    def _accept(self, partner: Party | Watch, woken: Woken) -> Party:
        """The receiving party behind `partner`, out of its line and about to be woken."""
        if isinstance(partner, Watch):
            party = _choose(partner)
            party.mode = partner.mode
        else:
            party = partner
            self.unlink(party)
        woken.append(party)
        return party

    def _hand_over(self, item: Item, sender: Party | None, to: Party, woken: Woken) -> None:
        to.outcome = COMMITTED
        to.value = item.value
        if to.mode != TAKE:
            self.held += 1
            to.item = item
            if to.mode == LEASE:
                item.attempts += 1
        if sender is None:
            return
        if to.mode == EXTEND:
            item.sender, sender.engaged = sender, item
        else:
            sender.outcome = COMMITTED

    def receive(self, me: Party, woken: Woken) -> bool:
        """Ask for a value; True if `me` is settled (see `me.outcome`)."""
        if self.poison is not None:
            me.outcome = POISONED
            return True
        if self.front:
            item = self.front.popleft()
            self._hand_over(item, None, me, woken)
            self._review()
            return True
        if self.buffer:
            self._hand_over(Item(self.buffer.get()), None, me, woken)
            self._refill(me, woken)
            return True
        sent = self._take(me, woken)
        if sent is not None:
            sender, value = sent
            self._hand_over(Item(value), sender, me, woken)
            if sender.engaged is None:
                woken.append(sender)
            return True
        me.outcome = self.state(RECEIVE)
        return me.outcome is not None

    def _take(self, me: Party | None, woken: Woken) -> tuple[Party, Any] | None:
        """The first sender that waits, out of its line, and its value."""
        while True:
            partner = self._next_partner(SEND, me)
            if partner is None:
                return None
            if not isinstance(partner, Watch):
                self.unlink(partner)
                return partner, partner.value
            try:
                value = partner.selector.produce(partner)
            except BaseException as error:  # the offerer's own error: its select raises it
                party = _choose(partner)
                party.outcome, party.value = FAILED, error
                woken.append(party)
                continue
            party = _choose(partner)
            party.value = value
            return party, value

    def _refill(self, me: Party | None, woken: Woken) -> None:
        assert self.buffer is not None
        while not self.buffer.full:
            sent = self._take(me, woken)
            if sent is None:
                self._announce(SEND)
                return
            sent[0].outcome = COMMITTED
            self.buffer.put(sent[1])
            woken.append(sent[0])

    # --- leases and extended rendezvous ----------------------------------------------------

    def settle(self, item: Item, woken: Woken, *, give_back: bool = False) -> None:
        """The block that held `item` has ended; `give_back` puts its value to the front."""
        self.held -= 1
        sender, item.sender, item.cancel = item.sender, None, None
        if give_back and self.poison is None:
            if sender is None:
                if self.front is None:
                    self.front = deque()
                self.front.appendleft(item)
                self.quick = False
            else:
                self._send_again(sender, woken)
            self._announce(RECEIVE)
            self._serve(woken)
        elif sender is not None:
            sender.engaged = None
            sender.outcome = COMMITTED
            woken.append(sender)
        self._end_if_drained(woken)

    def _send_again(self, sender: Party, woken: Woken) -> None:
        """An engaged sender whose value came back: it is served before all others."""
        sender.engaged = None
        if self.state(SEND) is not None:
            sender.outcome = self.state(SEND)
            woken.append(sender)
        elif self._give(sender.value, sender, woken):
            if sender.engaged is None:
                woken.append(sender)
        else:
            sender.ticket, sender.queue = 0, self
            sender.prev, sender.next = None, self.first
            if self.first is None:
                self.last = sender
            else:
                self.first.prev = sender
            self.first = sender

    def _serve(self, woken: Woken) -> None:
        """Hand out what lies in `front` and `buffer` to those who wait."""
        while self.front or self.buffer:
            partner = self._next_partner(RECEIVE, None)
            if partner is None:
                return
            to = self._accept(partner, woken)
            self.receive(to, woken)

    # --- ending ----------------------------------------------------------------------------

    def open_end(self, side: int) -> None:
        """One more end on `side`."""
        self.ends[side] += 1

    def retire(self, side: int, woken: Woken, cause: BaseException | None = None) -> None:
        """One end of `side` less; with the last one the direction ends, for good."""
        self.ends[side] -= 1
        if cause is not None:
            self.causes += (cause,)
        if self.ends[side]:
            return
        self.gone[side] = True
        self.quick = False
        if side == RECEIVE:
            self._settle_all(SEND, ENDED, woken)
        else:
            self._end_if_drained(woken)

    def _end_if_drained(self, woken: Woken) -> None:
        if self.state(RECEIVE) == ENDED:
            self._settle_all(RECEIVE, ENDED, woken)

    def kill(self, reason: str, who: str, woken: Woken) -> None:
        """Poison the channel: both directions end at once, what is buffered is dropped."""
        if self.poison is not None:
            return
        self.poison = (reason, who)
        self.quick = False
        self.front = None
        if self.buffer is not None:
            self.buffer = self.buffer.empty_copy()
        self._settle_all(SEND, POISONED, woken)
        self._settle_all(RECEIVE, POISONED, woken)

    def _settle_all(self, side: int, outcome: Any, woken: Woken) -> None:
        while self.first is not None and self.first.side == side:
            party = self.first
            self.unlink(party)
            party.outcome = outcome
            woken.append(party)
        if self.watches is None:
            return
        for watch in self.watches[side]:
            watch.selector.hints |= watch.bit
            party_ = watch.selector.party
            if party_ is not None and watch.selector.enabled & watch.bit:
                _choose(watch)
                party_.outcome = outcome
                woken.append(party_)


def _ticket(watch: Watch) -> int:
    party = watch.selector.party
    assert party is not None
    return party.ticket


def _choose(watch: Watch) -> Party:
    """Commit the selection behind `watch` to it."""
    selector = watch.selector
    party = selector.party
    assert party is not None
    selector.party, selector.chosen = None, watch
    return party
