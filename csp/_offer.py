"""Parties and what they offer: the vocabulary of `_rendezvous`, free of any scheduler.

A *party* offers to communicate on one channel (a plain operation) or on several at once (an
alternation, whose *watches* stand in the channels).  Offers that match commit together.

Invariants of a `Party`:
* `queue` is the channel whose waiting list it stands in, or None; it stands in one at most.
* it is withdrawn by unlinking it (O(1)); one that was committed stands in no list.
* `outcome` is COMMITTED once its offer committed, another constant once its channel ended.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._rendezvous import Rendezvous

SEND, RECEIVE = 0, 1  # the two sides of a channel

TAKE, LEASE, EXTEND = 0, 1, 2  # what a receiver does with the value; the last two keep an `Item`
UNTIL_END = 3  # a watch that never meets anybody: it waits for the end of the channel

COMMITTED, ENDED, POISONED, FAILED = "committed", "ended", "poisoned", "failed"

next_ticket: Callable[[], int] = itertools.count(1).__next__


class Item:
    """A value in a receiver's hands, or given back: the value and what happened to it so far.

    `sender` is the party that stays engaged until the block of an extended rendezvous ends.
    """

    __slots__ = ("attempts", "cancel", "errors", "sender", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.attempts = 0
        self.errors: tuple[BaseException, ...] = ()
        self.sender: Party | None = None
        self.cancel: Callable[[], object] | None = None


class Party:
    """One who offers: a sender or receiver that waits, or will."""

    __slots__ = (
        "end",
        "engaged",
        "item",
        "lent",
        "mode",
        "next",
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
        self.queue: Rendezvous | None = None
        self.side = SEND
        self.mode = TAKE
        self.ticket = 0
        self.lent = False  # parked where any driver may step it
        self.value: Any = None
        self.end: Any = None  # the end it waits on, if it may be closed meanwhile
        self.item: Item | None = None
        self.engaged: Item | None = None
        self.outcome: Any = None

    def withdraw(self) -> None:
        """Take back the offer; an engaged sender ends the block of its receiver."""
        if self.queue is not None:
            self.queue.unlink(self)
        item, self.engaged = self.engaged, None
        if item is not None:
            item.sender = None
            if item.cancel is not None:
                item.cancel()


class Watch:
    """The standing registration of one guard of an alternation with a channel.

    It is an offer only while its `selector` is selecting.
    """

    __slots__ = ("bit", "end", "mode", "produce", "selector", "side")

    def __init__(
        self,
        selector: Selector,
        bit: int,
        side: int,
        mode: int = TAKE,
        produce: Callable[[], Any] | None = None,
        end: Any = None,
    ) -> None:
        self.selector, self.bit, self.side, self.mode = selector, bit, side, mode
        self.produce, self.end = produce, end


class Selector:
    """The alternation as `_rendezvous` sees it.

    Invariants:
    * `hints` has the bit of every guard that may be ready (a superset, verified when looked at).
    * `party` is None unless a selection waits; `enabled` are its guards.
    """

    __slots__ = ("chosen", "enabled", "hints", "mutual", "party")

    def __init__(self) -> None:
        self.hints = 0
        self.mutual = 0  # guards that another alternation may be waiting for on the other side
        self.enabled = 0
        self.party: Party | None = None
        self.chosen: Watch | None = None

    def produce(self, watch: Watch) -> Any:
        """Make the value of an output guard, in the process of the alternation."""
        assert watch.produce is not None
        return watch.produce()
