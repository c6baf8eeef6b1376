"""Every interleaving of two or three parties on one real `Rendezvous`.

Each actor is a list of steps; its ends retire when it has done them, or when its channel has
ended, or when it was cancelled.  After every move of every order of moves the state must be
sound, and when nobody can move any more all actors have ended and each value is in one place.
"""

from __future__ import annotations

from typing import Any

import pytest

from csp import Fifo
from csp._offer import (
    COMMITTED,
    EXTEND,
    FAILED,
    LEASE,
    OFFER,
    RECEIVE,
    SEND,
    TAKE,
    UNTIL_END,
    Item,
    Party,
    Selector,
    Watch,
    next_ticket,
)
from csp._rendezvous import Rendezvous

Step = tuple[Any, ...]
SIDES = {"send": SEND, "offer": SEND}


class Choosing(Selector):
    """A selector that can be withdrawn; `produce` raises for the value None."""

    __slots__ = ()

    def unlink(self, party: Party) -> None:
        self.party = party.queue = None


class Actor:
    """One party and what is left for it to do."""

    def __init__(self, name: str, steps: list[Step], core: Rendezvous) -> None:
        self.name, self.steps, self.core = name, list(steps), core
        self.me = Party()  # one for all its operations, as a driver has
        self.waits = False
        self.woken = False
        self.ended = False
        self.doing: Step = ("nothing",)
        self.item: Item | None = None
        self.entered = False
        self.dropped = False  # its extended rendezvous was cancelled by the sender
        self.selector: Choosing | None = None
        self.watches: list[Watch] = []
        self.guards: list[Step] = []
        self.sides = {SIDES.get(s[0], RECEIVE) for s in self.flat() if s[0] != "poison"}

    def flat(self) -> list[Step]:
        found: list[Step] = []
        for step in self.steps:
            found.extend(step[1:] if step[0] == "select" else [step])
        return [s for s in found if s[0] not in ("done", "back")]


class Noting(Rendezvous):
    """A channel that notes what it drops."""

    __slots__ = ("dropped",)

    def __init__(self, size: int) -> None:
        super().__init__(Fifo(size) if size else None)
        self.dropped: list[int] = []

    def discard(self, value: int) -> None:
        self.dropped.append(value)


class World:
    """A channel, its actors, and the moves they can make."""

    def __init__(self, size: int, scripts: dict[str, list[Step]], cancels: tuple[str, ...]) -> None:
        self.core = Noting(size)
        self.actors = [Actor(name, steps, self.core) for name, steps in scripts.items()]
        self.cancels = set(cancels)
        self.sent: list[int] = []  # committed
        self.got: list[int] = []
        self.cut: list[int] = []  # their sender was cancelled while they were being handed over
        self.lost = self.core.dropped  # as the rules say: poison, no receiver left
        for actor in self.actors:
            for side in actor.sides:
                self.core.open_end(side)

    def moves(self) -> list[tuple[str, Actor]]:
        """What can happen next."""
        possible = []
        for actor in self.actors:
            if not actor.ended and (not actor.waits or actor.woken):
                possible.append(("go", actor))
            if actor.waits and not actor.woken and actor.name in self.cancels:
                possible.append(("cancel", actor))
        return possible

    def move(self, kind: str, actor: Actor) -> None:
        """Make one move, then wake whom it settled."""
        woken: list[Party] = []
        if kind == "cancel":
            self.cancels.discard(actor.name)
            if actor.me.engaged is not None:
                self.cut.append(actor.me.value)
            actor.me.withdraw()
            actor.waits = False
            actor.steps = []
        elif actor.woken:
            self.resume(actor)
        elif actor.item is not None and not actor.entered:
            self.enter(actor, woken)
        elif actor.steps:
            actor.doing = actor.steps.pop(0)
            self.act(actor, woken)
        else:
            self.leave(actor, woken)
        for party in woken:
            (other,) = (a for a in self.actors if a.me is party)
            assert other.waits or other is actor, f"{other.name} was woken and did not wait"
            if other.waits:
                assert not other.woken, f"{other.name} was woken twice"
                other.woken = True

    def act(self, actor: Actor, woken: list[Party]) -> None:
        """Begin a step."""
        me, what = actor.me, actor.doing[0]
        if what in ("done", "back"):
            self.settle(actor, woken, give_back=what == "back")
            return
        me.outcome = me.item = me.engaged = None
        me.mode = TAKE
        if what == "poison":
            self.core.kill("", "", woken)
            return
        if what == "select":
            self.select(actor, woken)
            return
        me.side = SIDES.get(what, RECEIVE)
        me.mode = {"lease": LEASE, "extend": EXTEND}.get(what, TAKE)
        if what == "send":
            me.value = actor.doing[1]
            settled = self.core.send(me, woken)
        else:
            settled = self.core.receive(me, woken)
        if settled:
            self.finish(actor)
        else:
            if me.engaged is None:
                self.core.enqueue(me)
            actor.waits = True

    def select(self, actor: Actor, woken: list[Party]) -> None:
        """Look at the hinted guards, else wait: what `Alternation` does, without conditions."""
        me, guards = actor.me, list(actor.doing[1:])
        if actor.selector is None:
            actor.selector = Choosing()
            for i, guard in enumerate(guards):
                mode = {"leasing": LEASE, "ended": UNTIL_END}.get(guard[0], TAKE)
                watch = Watch(
                    actor.selector, 1 << i, SIDES.get(guard[0], RECEIVE), mode, _producer(guard)
                )
                actor.watches.append(watch)
                self.core.watch(watch)
            actor.selector.hints = actor.selector.enabled = (1 << len(guards)) - 1
        selector, core = actor.selector, self.core
        for watch in actor.watches:
            if not (selector.hints | selector.mutual) & selector.enabled & watch.bit:
                continue
            state = core.state(watch.side)
            if state is not None:
                selector.enabled &= ~watch.bit
                if watch.mode == UNTIL_END:
                    return
            elif watch.mode == UNTIL_END or not core.ready(watch.side):
                selector.hints &= ~watch.bit
            else:
                me.side, me.mode, me.outcome = watch.side, watch.mode, None
                actor.doing = ("select", *guards)
                if watch.side == SEND:
                    try:
                        me.value = selector.produce(watch)
                    except ZeroDivisionError:
                        actor.steps = []
                        return
                    me.mode = OFFER
                    core.send(me, woken)
                    self.finish(actor, watch)
                    return
                if core.receive(me, woken):
                    self.finish(actor, watch)
                    return
                selector.hints &= ~watch.bit
        if not selector.enabled:
            actor.steps = []
            return
        me.outcome, me.item, me.ticket, me.queue = None, None, next_ticket(), selector  # type: ignore[assignment]
        selector.party, selector.chosen = me, None
        actor.waits = True

    def resume(self, actor: Actor) -> None:
        """An actor that was woken goes on."""
        actor.waits = actor.woken = False
        if actor.doing[0] != "select":
            self.finish(actor)
            return
        assert actor.selector is not None
        watch = actor.selector.chosen
        assert watch is not None
        actor.me.queue = None
        if actor.me.outcome == FAILED:
            actor.steps = []
        elif actor.me.outcome == COMMITTED:
            self.finish(actor, watch)
        else:  # look again
            actor.selector.hints |= watch.bit
            actor.steps.insert(0, actor.doing)

    def finish(self, actor: Actor, watch: Watch | None = None) -> None:
        """An operation was settled: note what happened to its value."""
        me = actor.me
        if me.outcome != COMMITTED:
            actor.steps = []
            return
        if me.side == SEND if watch is None else watch.side == SEND:
            self.sent.append(me.value)
        elif me.item is not None:
            actor.item, actor.entered = me.item, me.mode == LEASE
            me.item = None
        else:
            self.got.append(me.value)

    def enter(self, actor: Actor, woken: list[Party]) -> None:
        """The block of an extended rendezvous begins, unless its sender was cancelled by now.

        Then the receiver lets go of the value and asks again, as a cancelled send did not happen.
        """
        assert actor.item is not None
        if actor.item.value in self.cut:
            item, actor.item = actor.item, None
            actor.steps.insert(0, actor.doing)
            self.core.settle(item, woken)
            return
        actor.entered, actor.dropped = True, False

        def cancel() -> None:
            actor.dropped = True

        if actor.item.sender is not None:
            actor.item.cancel = cancel

    def settle(self, actor: Actor, woken: list[Party], *, give_back: bool) -> None:
        """The block of a lease or an extended rendezvous ends."""
        item, actor.item = actor.item, None
        if item is None:  # the step before it did not commit
            return
        if actor.dropped:
            give_back = False
        elif not give_back:
            self.got.append(item.value)
        actor.dropped = False
        self.core.settle(item, woken, give_back=give_back)

    def leave(self, actor: Actor, woken: list[Party]) -> None:
        """The process ends: what it holds comes back, its ends retire."""
        actor.ended = True
        if actor.item is not None:
            self.settle(actor, woken, give_back=True)
        for watch in actor.watches:
            self.core.unwatch(watch)
        for side in actor.sides:
            self.core.retire(side, woken)

    # --- what must hold --------------------------------------------------------------------

    def check(self) -> None:
        """After every move."""
        core = self.core
        line, party = [], core.first
        while party is not None:
            assert party.queue is core
            assert (party.prev.next if party.prev is not None else core.first) is party
            line.append(party)
            party = party.next
        assert (line[-1] if line else None) is core.last
        assert len({p.side for p in line}) <= 1, "both sides wait in one line"
        waiting = [a for a in self.actors if a.waits and not a.woken]
        assert {id(p) for p in line} <= {id(a.me) for a in waiting}
        offers = [o for a in waiting for o in self.offers(a)]
        for party in line:
            stands = any(a.me is party and side == party.side for a, side, _ in offers)
            assert stands, "a party stands in the line of the other side"
        for actor, side, mode in offers:
            assert core.state(side) is None, f"{actor.name} waits on a channel that has ended"
            if mode == UNTIL_END:
                continue
            full = core.buffer is None or core.buffer.full
            assert side == RECEIVE or full, f"{actor.name} waits and there is room"
            assert side == SEND or not (core.front or core.buffer), f"{actor.name} was not served"
            for other, side2, mode2 in offers:
                met = other is not actor and side2 != side and mode2 != UNTIL_END
                assert not met, f"{actor.name} and {other.name} wait and could meet"
        assert core.held == sum(a.item is not None for a in self.actors) + sum(
            a.me.item is not None and a.woken for a in self.actors
        )
        assert not core.quick or (
            core.buffer is None and not core.front and core.watches is None and not any(core.gone)
        )

    def offers(self, actor: Actor) -> list[tuple[Actor, int, int]]:
        """What a waiting actor offers; one that is engaged in an extended rendezvous: nothing."""
        if actor.me.engaged is not None:
            return []
        if actor.doing[0] == "select" and actor.me.queue is actor.selector:
            assert actor.selector is not None
            return [
                (actor, w.side, w.mode) for w in actor.watches if w.bit & actor.selector.enabled
            ]
        side = SIDES.get(actor.doing[0], RECEIVE) if actor.doing[0] != "select" else SEND
        return [(actor, side, TAKE)]

    def check_end(self, may_wait: bool) -> None:
        """When nobody can move."""
        for actor in self.actors:
            assert actor.ended or may_wait, f"{actor.name} waits for ever in {actor.doing}"
        kept = [item.value for item in self.core.front or ()]
        kept += list(self.core.buffer.values) if self.core.buffer is not None else []
        assert sorted(self.got + kept + self.lost) == sorted(self.sent)


def _producer(guard: Step) -> Any:
    values = iter(guard[1:])

    def produce() -> int:
        value: int | None = next(values, None)
        if value is None:
            raise ZeroDivisionError
        return value

    return produce if guard[0] == "offer" else None


def explore(
    size: int,
    scripts: dict[str, list[Step]],
    *,
    cancels: tuple[str, ...] = (),
    may_wait: bool = False,
) -> int:
    """Run every order of moves; returns how many there are.

    `may_wait`: an actor may wait for ever, as it holds the other end itself.
    """
    orders = 0
    path: list[tuple[int, int]] = []  # the choice at each depth, and out of how many
    while True:
        world, depth = World(size, scripts, cancels), 0
        said: list[str] = []
        try:
            while moves := world.moves():
                if depth == len(path):
                    path.append((0, len(moves)))
                choice = path[depth][0]
                depth += 1
                said.append(f"{moves[choice][0]} {moves[choice][1].name}")
                world.move(*moves[choice])
                world.check()
            world.check_end(may_wait)
        except AssertionError as error:
            error.add_note(f"after: {', '.join(said)}")
            raise
        orders += 1
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return orders
        path[-1] = (path[-1][0] + 1, path[-1][1])


S1, S2, S3 = ("send", 1), ("send", 2), ("send", 3)
R = ("receive",)
L, E, DONE, BACK = ("lease",), ("extend",), ("done",), ("back",)

PLAIN: dict[str, dict[str, list[Step]]] = {
    "one to one": {"s": [S1, S2], "r": [R, R]},
    "more sent than received": {"s": [S1, S2], "r": [R]},
    "more received than sent": {"s": [S1], "r": [R, R]},
    "two senders": {"s": [S1], "t": [S2], "r": [R, R]},
    "two receivers": {"s": [S1, S2], "r": [R], "q": [R]},
    "poison": {"s": [S1, S2], "r": [R, R], "p": [("poison",)]},
    "alternation in": {"s": [S1], "t": [S2], "a": [("select", R), ("select", R)]},
    "alternation out": {"a": [("select", ("offer", 1, 2))] * 2, "r": [R], "q": [R]},
    "alternation that fails to produce": {"a": [("select", ("offer",))], "s": [S1], "r": [R]},
    "both sides select": {
        "a": [("select", ("offer", 1, 2))] * 2,
        "b": [("select", R)] * 2,
    },
    "both ends in one alternation": {
        "a": [("select", ("offer", 1), R)],
        "s": [S2],
        "r": [R],
    },
    "two that can send or receive": {
        "a": [("select", ("offer", 1), R)],
        "b": [("select", ("offer", 2), R)],
    },
    "lease done": {"s": [S1, S2], "r": [L, DONE], "q": [R]},
    "lease given back": {"s": [S1], "r": [L, BACK], "q": [R]},
    "lease given back to an alternation": {"s": [S1], "r": [L, BACK], "a": [("select", R)]},
    "leasing alternation": {"s": [S1], "a": [("select", ("leasing",)), BACK], "r": [R]},
    "extended": {"s": [S1], "t": [S2], "r": [E, DONE, E, DONE]},
    "extended given back": {"s": [S1], "r": [E, BACK], "q": [R]},
    "extended given back to its own alternation": {"s": [S1], "r": [E, BACK], "a": [("select", R)]},
    "extended of an offer": {"a": [("select", ("offer", 1))], "r": [E, DONE]},
    "extended of an offer, given back": {
        "a": [("select", ("offer", 1))],
        "r": [E, BACK],
        "q": [R],
    },
    "extended, poisoned, given back": {"s": [S1], "r": [E, BACK], "p": [("poison",)]},
    "an offer after a receive, given back": {
        "s": [S2],
        "a": [R, ("select", ("offer", 1))],
        "r": [E, BACK],
    },
    "waits for the end": {"s": [S1], "r": [R], "a": [("select", ("ended",))]},
}
HOLD_BOTH_ENDS = {"both ends in one alternation", "two that can send or receive"}
HOLD_BOTH_ENDS |= {"an offer after a receive, given back"}
HOLD_BOTH_ENDS |= {"waits for the end"}  # its receiver keeps the channel open for a sender

CASES = pytest.mark.parametrize("size", [0, 1, 2], ids="buffer {}".format)
NAMES = pytest.mark.parametrize("name", PLAIN)


@CASES
@NAMES
def test_every_order(name: str, size: int) -> None:
    assert explore(size, PLAIN[name], may_wait=name in HOLD_BOTH_ENDS) > 1


@CASES
@NAMES
def test_every_order_with_a_cancel_of_anybody_at_any_point(name: str, size: int) -> None:
    for victim in PLAIN[name]:
        explore(size, PLAIN[name], cancels=(victim,), may_wait=name in HOLD_BOTH_ENDS)


def test_it_sees_a_lost_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rendezvous, "_announce", lambda self, side: None)
    with pytest.raises(AssertionError):
        explore(0, PLAIN["both sides select"] | {"s": [S3]})
        explore(1, PLAIN["alternation in"])


def test_it_sees_a_lost_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rendezvous, "_serve", lambda self, woken: None)
    with pytest.raises(AssertionError):
        explore(0, PLAIN["lease given back"])
