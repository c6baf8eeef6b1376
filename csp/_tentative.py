"""How somebody elsewhere takes part in a channel: offers without a process, answered later.

A link to another program has no process that waits in the channels it carries.  It takes values
with a `Taker` and brings them with a `Giver`; both call back, at once and without waiting, when
something happened.  The ends that they hold count like any other.

Invariants:
* a value that was taken stays the channel's (`held`) until it is answered, exactly once, by one of
  `accept`, `release`, `done`, `fail`, `give_back`, `lose`; `keep` makes a tentative value a held one.
* a given value is told about with HOLD at most once, then with exactly one of the other answers.
* a callback may use the channel; it must not wait and must not raise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from . import _lease
from ._call import SERVER_CANCELLED, Ticket
from ._core import Core
from ._end import TRAVELLING, End
from ._errors import CallFailed, DeliveryUnknown, LinkLost
from ._latch import Flag
from ._offer import (
    COMMITTED,
    GIVEN,
    RECEIVE,
    RETURNED,
    SEND,
    TAKE,
    TENTATIVE,
    Item,
    Party,
    Standing,
)
from ._parking import current_kernel

ACCEPT, HOLD, RELEASE, DONE, FAIL, RETURN = "accept", "hold", "release", "done", "fail", "return"
UNKNOWN = "unknown"


def take_over(end: Any, *, travelling: bool = False) -> Any:
    """Take an end out of its owner's hands: the new handle is nobody's, or travels in a value.

    Its channel is never judged in a search for deadlocks: somebody elsewhere may free it.
    """
    new = end._twin(TRAVELLING if travelling else None)
    end._leave(f"you gave this {end._what} of `{end._core.name}` to another program")
    new._core.detached = True
    new._token = current_kernel().token()  # whoever acts for that program may use it
    return new


def travelling(end: Any) -> Any:
    """One more end like this one, closed or not, for a value: it belongs to who takes the value."""
    return end._twin(TRAVELLING)


def home_of(end: Any) -> Any:
    """What leads to the home of this end's channel; None if that is this program."""
    return end._core.home


def same_channel(one: Any, other: Any) -> bool:
    """True if both are ends of one channel."""
    return one._core is other._core


class _Elsewhere:
    """What a Taker and a Giver share: the end they hold, and the end of the channel."""

    def __init__(self, end: End, ended: Callable[[], object]) -> None:
        self.end: End = take_over(end)
        self.core: Core = self.end._core
        self._ended: Callable[[], object] = ended
        self._over: bool = False
        self._notice: Standing = Standing(self._tell)
        self._notice.side = end._side
        self.core.listen(self._notice)

    def _tell(self, _: object) -> None:
        if not self._over:
            self._ended()

    @property
    def closed(self) -> bool:
        """True once it takes part no more."""
        return self._over

    @property
    def outcome(self) -> Any:
        """None while the channel can be used from this side."""
        return self.core.state(self.end._side)

    def poison(self) -> tuple[str, str] | None:
        """Reason and who, if the channel was poisoned."""
        return self.core.poison

    def causes(self) -> tuple[str, ...]:
        """With which ends of the other side left, in words."""
        return tuple(cause.in_words() for cause in self.core.causes[1 - self.end._side])

    def close(self, cause: BaseException | None = None) -> None:
        """Retire the end; values that were taken and not answered are answered all the same."""
        if not self._over:
            self._over = True
            self.core.unlisten(self._notice)
            self.end._retire(cause)

    def kill(self, reason: str, who: str) -> None:
        """Poison the channel, for somebody elsewhere."""
        self._wake(self.core.kill, reason, who)

    def sever(self, why: str) -> None:
        """The link is lost: all operations of this channel raise LinkLost from now on."""
        if not self._over:
            self._over = True
            self.core.lost = self.core.lost or why
            self.core.unlisten(self._notice)
            self._wake(self.core.kill, why, "")
            self.end._retire()

    def _wake(self, change: Callable[..., object], *args: Any, **options: Any) -> None:
        woken: list[Party] = []
        change(*args, woken, **options)
        if woken:
            current_kernel().wake_all(woken)


class Taker(_Elsewhere):
    """Takes values for a receiver elsewhere, as long as `may()` is true.

    `taken(item)` gets each of them; `ended()` is called when nothing more can come.  Call `ask`
    when `may` has become true.

    `home`: what leads to the home of the channel, if that is there; `roomy`: it has a buffer there.
    A value that an alternation offers is then either taken there at once or released, and none is
    offered any more until `welcome` is called.
    """

    def __init__(
        self,
        end: End,
        *,
        may: Callable[[], bool],
        taken: Callable[[Item], object],
        ended: Callable[[], object],
        home: object | None = None,
        roomy: bool = False,
    ) -> None:
        self._may: Callable[[], bool] = may
        self._taken: Callable[[Item], object] = taken
        self._party: Standing = Standing(self._met)
        self._waits: bool = False  # the party stands in line
        super().__init__(end, ended)
        self._party.side, self._party.mode, self._party.end = RECEIVE, TENTATIVE, self.end
        self.core.home, self.core.roomy = home, roomy
        self.core.be_slow()

    def ask(self) -> None:
        """Take what is there, or wait in line for it."""
        me, core = self._party, self.core
        while not self._waits and not self._over and self._may():
            me.outcome = None
            woken: list[Party] = []
            if not core.receive(me, woken):
                self._waits = True
                core.enqueue(me)
            elif me.outcome is not COMMITTED:
                return
            else:
                self._take()
            if woken:
                current_kernel().wake_all(woken)

    def welcome(self) -> None:
        """As `ask`; alternations may offer values again."""
        if self.core.reluctant:
            self.core.reluctant = False
            self.stop()  # one that waits is met by who comes to the line
        self.ask()

    def stop(self) -> None:
        """Leave the line."""
        if self._waits:
            self._waits = False
            self._party.withdraw()

    def _met(self, me: Standing) -> None:
        self._waits = False
        if me.outcome is not COMMITTED:
            return
        if not self._may():  # not any more: it stood in line for too long
            _lease.settle(self.core, cast(Item, me.item), give_back=True)
        else:
            self._take()
            self.ask()

    def _take(self) -> None:
        me = self._party
        item, me.item, me.value = cast(Item, me.item), None, None
        if self.core.answers is not None and item.value.cancelled:
            _lease.settle(self.core, item, give_back=False)
        else:
            self._taken(item)

    def close(self, cause: BaseException | None = None) -> None:
        """Retire the end."""
        self.stop()
        super().close(cause)

    # --- answers ---------------------------------------------------------------------------

    def accept(self, item: Item) -> None:
        """It was taken, for good."""
        _lease.settle(self.core, item, give_back=False)

    def release(self, item: Item) -> None:
        """Nobody has taken it; it goes to the front, or back to the sender that wants it."""
        if self.core.roomy and item.is_offered:
            self.core.reluctant = True
        _lease.settle(self.core, item, give_back=True)

    def keep(self, item: Item, *, extended: bool, cancel: Callable[[], object]) -> None:
        """It was taken for work; `cancel()` asks for the end of that work."""
        item.cancel = cancel
        if self.core.answers is not None:
            item.value.cancel = cancel
        answers = self.core.answers is not None
        self._wake(self._keep, item, extended=extended, answers=answers)
        if answers and item.value.cancelled:
            cancel()

    def _keep(self, item: Item, woken: list[Party], *, extended: bool, answers: bool) -> None:
        self.core.keep(item, woken, extended=extended, answers=answers)

    def done(self, item: Item, reply: Any = None) -> None:
        """The work is done."""
        if self.core.answers is not None:
            item.value.answer(reply)
        _lease.settle(self.core, item, give_back=False)

    def fail(self, item: Item, error: Exception) -> None:
        """The work has failed."""
        if self.core.answers is not None:
            item.value.answer(error=error)
            _lease.settle(self.core, item, give_back=False)
        elif item.extended:
            _lease.settle(self.core, item, give_back=True)
        else:
            _lease.fail(self.core, item, error)

    def give_back(self, item: Item, *, tried: bool = False) -> None:
        """It comes back: untried, or a call as an attempt more, since its server was cancelled."""
        if tried and self.core.answers is not None:
            self._call_again(item, CallFailed(SERVER_CANCELLED))
        else:
            item.attempts -= 1
            _lease.settle(self.core, item, give_back=True)

    def lose(self, item: Item) -> None:
        """The link on which it was delivered is lost."""
        core, held = self.core, not item.tentative
        if core.answers is not None:
            self._lose_call(item)
        elif held and item.extended:
            _lease.settle(core, item, give_back=True)
        elif held:
            _lease.fail(core, item, LinkLost("the link to its holder was lost"))
        elif not self._fail_sender(
            item,
            DeliveryUnknown(
                f"the link was lost before the other side answered: nobody knows whether the value "
                f"sent on `{core.name}` was taken"
            ),
        ):
            _lease.settle(core, item, give_back=True)

    def refuse(self, item: Item, error: Exception) -> None:
        """It cannot travel: its sender gets the error, or whoever hears of failed values."""
        if self.core.answers is not None:
            self.fail(item, error)
        elif not self._fail_sender(item, error):
            item.last = True
            _lease.fail(self.core, item, error)

    def _fail_sender(self, item: Item, error: Exception) -> bool:
        woken: list[Party] = []
        waits = self.core.fail_sender(item, error, woken)
        current_kernel().wake_all(woken)
        return waits

    def _lose_call(self, item: Item) -> None:
        if item.tentative:  # it may have begun: an attempt like any other
            self._wake(self._keep, item, extended=False, answers=True)
        self._call_again(
            item,
            DeliveryUnknown(
                f"the link was lost before the reply to a call on `{self.core.name}` came: "
                f"nobody knows whether it was served (attempt {item.attempts})"
            ),
        )

    def _call_again(self, item: Item, error: Exception) -> None:
        """An attempt has come to nothing: the caller hears of the last one."""
        ticket: Ticket = item.value
        ticket.cancel = None
        core = self.core
        if ticket.cancelled or core.lost or item.attempts >= core.max_attempts:
            ticket.answer(error=error)
            _lease.settle(core, item, give_back=False)
        else:
            _lease.settle(core, item, give_back=True)


class Given(Standing):
    """A value that a Giver has brought."""

    __slots__ = ("attempt", "call", "kept", "key", "last", "settled")

    def __init__(
        self,
        told: Callable[[Any], object],
        value: Any,
        mode: int,
        key: Any,
        attempt: int,
        last: bool,
    ) -> None:
        super().__init__(told)
        self.key: Any = key  # by which who brought it knows it
        self.side: int = SEND
        self.mode: int = mode
        self.value: Any = value
        self.attempt: int = attempt
        self.last: bool = last
        self.kept: Item | None = None  # while somebody works on it
        self.call: Ticket | None = None
        self.settled: bool = False  # its last answer was told, or nobody is left to hear it

    def as_item(self, value: Any) -> Item:
        """What it brings, in its receiver's hands."""
        item = Item(value)
        item.attempts, item.last, item.given = max(self.attempt - 1, 0), self.last, self
        return item


class Giver(_Elsewhere):
    """Brings values for a sender elsewhere.

    `told(given, answer, detail)` gets the answers: ACCEPT, HOLD (detail: True if the sender waits
    for the end of the work), RELEASE, DONE (detail: the reply), FAIL (detail: the error), RETURN
    (detail: True if that was an attempt); UNKNOWN (detail: the error) when it had gone on to
    somebody elsewhere who is lost.
    `wanted(False)` is called when a receiver begins to wait, `wanted(True)` when one has looked for
    a value in vain and does not wait.  `home`: what leads to the home of the channel, if that is
    there; a value that is leased stays that one's, which hears how the work went.  `tell_home()`
    waits until what it was told is on its way: a leased block begins after that.
    """

    def __init__(
        self,
        end: End,
        *,
        told: Callable[[Given, str, Any], object],
        ended: Callable[[], object],
        wanted: Callable[[bool], object] | None = None,
        home: object | None = None,
        tell_home: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        super().__init__(end, ended)
        self._told: Callable[[Given, str, Any], object] = told
        self._mode: int = TAKE if home is None else GIVEN
        self.core.home, self.core.tell_home = home, tell_home
        if wanted is not None:
            self.core.wanted = wanted
            self.core.be_slow()

    def prepare(
        self, value: Any, *, key: Any = None, attempt: int = 0, last: bool = False
    ) -> Given:
        """A value to be given; on a channel of calls it is the request."""
        me = Given(self._changed, value, self._mode, key, attempt, last)
        if self.core.answers is not None:
            me.value = me.call = Ticket(value, self.core, lambda ticket: self._answered(me))
        return me

    def give(self, me: Given, *, stand: bool = True) -> None:
        """Offer the value; with `stand=False` it is released if nobody waits for it."""
        core = self.core
        me.end = self.end
        woken: list[Party] = []
        settled = core.send(me, woken)
        if woken:
            current_kernel().wake_all(woken)
        if settled or me.engaged is not None:
            self._changed(me)
        elif stand:
            core.enqueue(me)
        else:
            self._tell_of(me, RELEASE, None)

    def demand(self) -> int:
        """How many receivers wait, at least."""
        core = self.core
        return core.waiting(RECEIVE) or int(core.has_partner(RECEIVE))

    def is_deciding(self) -> bool:
        """True if an alternation that receives here waits for an answer from elsewhere."""
        watches = self.core.watches
        return watches is not None and any(w.selector.is_locked() for w in watches[RECEIVE])

    def hope(self, tell: Callable[[], object]) -> None:
        """Call `tell()`, once, when a value would be taken at once; it may not use the channel."""
        self.core.hope(tell)

    def stands(self, given: Given) -> bool:
        """True if nobody has taken it yet."""
        return given.kept is None and (given.queue is not None or given.engaged is not None)

    def take_back(self, given: Given) -> None:
        """Its sender wants the value back; the answer is RELEASE, unless another one is given."""
        if self.stands(given) and given.may_leave():  # else it is asked back elsewhere
            given.withdraw()
            self._tell_of(given, RELEASE, None)

    def cancel(self, given: Given) -> None:
        """Its sender was cancelled: end the block that works on it."""
        if given.call is not None:
            given.call.give_up()
            self._tell_of(given, FAIL, CallFailed("the caller was cancelled"))
        elif given.kept is not None and given.kept.cancel is not None:
            given.kept.cancel()

    def lose(self, given: Given) -> None:
        """The link on which it came is lost: who works on it may know."""
        given.settled = True
        if given.call is not None:
            given.call.give_up()
        elif given.kept is not None:
            given.kept.lost = given.kept.lost or Flag()
            given.kept.lost.set()
        elif given.engaged is not None:
            given.may_leave()
        elif given.queue is not None:
            given.withdraw()

    def _changed(self, me: Given) -> None:
        item, outcome = me.engaged, me.outcome
        if item is not None:
            if me.mode == GIVEN and not item.tentative and me.kept is None:
                me.kept = item
                self._tell_of(me, HOLD, item.extended)
        elif outcome is COMMITTED:
            if me.kept is not None:
                self._tell_of(me, DONE, None)
            elif me.call is not None:
                self._tell_of(me, HOLD, False)
            else:
                self._tell_of(me, ACCEPT, None)
        elif outcome == RETURNED and me.kept is not None:
            errors = me.kept.errors
            self._tell_of(me, FAIL if errors else RETURN, errors[-1] if errors else False)
        elif isinstance(outcome, DeliveryUnknown):
            self._tell_of(me, UNKNOWN, outcome)
        else:  # withdrawn, or the channel has ended
            self._tell_of(me, RELEASE if me.kept is None else RETURN, False)

    def _answered(self, me: Given) -> None:
        ticket = cast(Ticket, me.call)
        if me.outcome is not COMMITTED:  # dropped by the channel before anybody took it
            return
        if ticket.tried is False or (ticket.tried and self.core.home is not None):
            self._tell_of(me, RETURN, ticket.tried)
        elif ticket.error is not None:
            self._tell_of(me, FAIL, ticket.error)
        else:
            self._tell_of(me, DONE, ticket.reply)

    def _tell_of(self, me: Given, answer: str, detail: Any) -> None:
        if answer != HOLD and me.kept is not None:
            me.kept.given = None
        if not me.settled:
            me.settled = answer != HOLD
            self._told(me, answer, detail)
