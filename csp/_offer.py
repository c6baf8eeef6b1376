"""Parties and what they offer: the vocabulary of `_rendezvous`, free of any scheduler.

A *party* offers to communicate on one channel (a plain operation) or on several at once (an
alternation, whose *watches* stand in the channels).  Offers that match commit together.

Invariants of a `Party`:
* `queue` is where it waits (a channel, an alternation, a latch), or None; it waits in one at most.
* it is withdrawn by unlinking it (O(1)); one that was committed stands in no list.
* `outcome` is COMMITTED once its offer committed, another constant once its channel ended, an
  exception if that is what becomes of the operation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

SEND, RECEIVE = 0, 1  # the two sides of a channel

TAKE, LEASE, EXTEND = 0, 1, 2  # what a receiver does with the value; the last two keep an `Item`
UNTIL_END = 3  # a watch that never meets anybody: it waits for the end of the channel
OFFER = 4  # a sender in an alternation: it does not wait for the end of an extended rendezvous
TENTATIVE = 5  # a receiver elsewhere: whether it takes the value is known when it has answered
GIVEN = 6  # a sender elsewhere: it must hear what becomes of its value

COMMITTED, ENDED, POISONED, FAILED, CLOSED = "committed", "ended", "poisoned", "failed", "closed"
WITHDRAWN, RETURNED = "withdrawn", "returned"

UNSETTLED: Any = None

next_ticket: Callable[[], int] = itertools.count(1).__next__


class Line(Protocol):
    """Where a party waits: a channel, an alternation, a latch."""

    def unlink(self, party: Party, /) -> None:
        """Forget a party that withdraws its offer."""


class Item:
    """A value in a receiver's hands, or given back: the value and what happened to it so far.

    `sender` is the party that stays engaged until the block of an extended rendezvous ends;
    `withdrawn`: it was cancelled before the block began, so nothing was sent.
    `tentative`: the receiver sits elsewhere and has not answered; `asked`: its sender wants the
    value back.  `last`: if this attempt fails, nobody takes what failed.
    """

    __slots__ = (
        "ask_back", "asked", "attempts", "cancel", "errors", "extended", "given", "last", "lost", "number",
        "sender", "tentative", "value", "withdrawn",
    )  # fmt: skip

    @property
    def is_offered(self) -> bool:
        """True if its sender is an alternation, which waits for the answer."""
        return self.sender is not None and self.sender.mode == OFFER

    def __init__(self, value: Any) -> None:
        self.value: Any = value
        self.number: int = 0  # which one of its channel
        self.attempts: int = 0
        self.errors: tuple[BaseException, ...] = ()
        self.sender: Party | None = None
        self.cancel: Callable[[], object] | None = None  # ends the block, once it has begun
        self.withdrawn: bool = False
        self.extended: bool = False  # its sender waits until the work is done
        self.tentative: bool = False
        self.asked: bool = False
        self.ask_back: Callable[[], object] | None = None
        self.last: bool = False
        self.lost: Any = None  # set when the link on which it came is lost
        self.given: Any = None  # as what it came from elsewhere


class Party:
    """One who offers: a sender or receiver that waits, or will."""

    acts: ClassVar[bool] = True  # for a process

    __slots__ = (
        "end",
        "engaged",
        "item",
        "lent",
        "met",
        "mode",
        "next",
        "number",
        "outcome",
        "prev",
        "queue",
        "side",
        "ticket",
        "value",
    )

    def __init__(self) -> None:
        self.next: Party | None = None
        self.prev: Party | None = None
        self.queue: Line | None = None
        self.side: int = SEND
        self.mode: int = TAKE
        self.ticket: int = 0
        self.number: int = 0  # of what it has committed, for observers
        self.met: bool = False  # it has committed together with another process
        self.lent: bool = False  # parked where any driver may step it
        self.value: Any = None
        self.end: Any = None  # the end it waits on, if it may be closed meanwhile
        self.item: Item | None = None
        self.engaged: Item | None = None
        self.outcome: Any = None

    def as_item(self, value: Any) -> Item:
        """What it sends, in its receiver's hands."""
        return Item(value)

    def may_leave(self) -> bool:
        """True if it can withdraw at once.

        Otherwise its value was delivered, tentatively: it is asked back, and the answer settles
        the party.
        """
        item = self.engaged
        if item is None or not item.tentative:
            return True
        if not item.asked:
            item.asked = True
            if item.ask_back is not None:
                item.ask_back()
        return False

    def withdraw(self) -> None:
        """Take back the offer; an engaged sender ends the block of its receiver."""
        if self.queue is not None:
            self.queue.unlink(self)
        item, self.engaged = self.engaged, None
        if item is not None:
            item.sender, self.item = None, item
            if item.cancel is not None:
                item.cancel()
            else:
                item.withdrawn = True


class Standing(Party):
    """A party without a process: who settles it calls `told(party)`."""

    __slots__ = ("told",)
    acts = False

    def __init__(self, told: Callable[[Any], object]) -> None:
        super().__init__()
        self.told: Callable[[Any], object] = told


class Watch:
    """The standing registration of one guard of an alternation with a channel.

    It is an offer only while its `selector` is selecting.
    """

    __slots__ = ("bit", "end", "kept", "mode", "produce", "selector", "side")

    def __init__(
        self,
        selector: Selector,
        bit: int,
        side: int,
        mode: int = TAKE,
        produce: Callable[[], Any] | None = None,
        end: Any = None,
    ) -> None:
        self.selector: Selector = selector
        self.bit: int = bit
        self.side: int = side
        self.mode: int = mode
        self.produce: Callable[[], Any] | None = produce
        self.end: Any = end
        self.kept: list[Any] = []  # a value that was made and not taken: the next one offered

    def waits(self, me: Party | None = None) -> bool:
        """True if its selection waits and could commit it, unless that is `me`'s own."""
        selector = self.selector
        party = selector.party
        return party is not None and party is not me and bool(selector.enabled & self.bit)

    def choose(self) -> Party:
        """Commit the waiting selection to it; returns the party to be woken."""
        selector = self.selector
        party = selector.party
        assert party is not None
        selector.party, selector.chosen = None, self
        return party

    def settle(self, outcome: Any, woken: list[Party]) -> None:
        """Something happened to what it watches: end the selection, if one waits for it."""
        self.selector.hints |= self.bit
        if self.waits():
            party = self.choose()
            party.outcome = outcome
            woken.append(party)


class Selector:
    """The alternation as `_rendezvous` sees it.

    Invariants:
    * `hints` has the bit of every guard that may be ready (a superset, verified when looked at).
    * `party` is None unless a selection waits; `enabled` are its guards.
    * `asking` is the party whose offer somebody elsewhere has to answer; it is no offer meanwhile.
    """

    __slots__ = ("asking", "chosen", "enabled", "hints", "mutual", "party")

    def __init__(self) -> None:
        self.hints: int = 0
        self.mutual: int = 0  # guards that another alternation may be waiting for on the other side
        self.enabled: int = 0
        self.party: Party | None = None
        self.asking: Party | None = None
        self.chosen: Watch | None = None

    def is_locked(self) -> bool:
        """True while it waits for the answer of somebody elsewhere."""
        return self.asking is not None and self.asking.engaged is not None

    def produce(self, watch: Watch) -> Any:
        """Make the value of an output guard, in the process of the alternation."""
        assert watch.produce is not None
        return watch.produce()
