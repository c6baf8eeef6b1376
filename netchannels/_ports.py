"""Channels on a link: an outlet carries the values of a channel away, an inlet brings them.

Both ends of a port are alike on both sides: where the values come from stands an outlet, a tentative
receiver of the channel there; where they go to an inlet, a sender of the channel there.

Invariants:
* `Outlet.items` has what was delivered and not finally answered; None where nobody waits for the
  answer any more.
* an inlet has granted `prefetch` wants, less what stands in line, or as many as receivers wait.
* nothing here waits: it runs inside whatever happened on the channel or on the link.
* a result that comes with the end of a lease (`Ending`) is taken before anything else is answered for
  that lease: a lost link, or another answer, waits until the result was taken or came back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

import csp
from csp.lowlevel import Given, Giver, Item, Settling, Taker

from ._codec import DecodeFailed, EncodeFailed
from ._errors import LONGEST_TEXT, LONGEST_TRACE, in_words
from .wire import Kind
from .wire.events import Answered, Asked, Cancelled, Delivered, Poisoned, Retired, Wanted

if TYPE_CHECKING:
    from ._link import Link
    from ._passage import Passage

FIRST = frozenset(
    {"accept", "hold", "release", "unknown"}
)  # answers to a value that nobody had taken
PATIENCE = 1.0  # seconds that a cancelled sender waits for the answer, and a value for a receiver
RESULT = struct.Struct(">BIQ")  # before a value that ends a lease: port and number of the lease
# before the reason of a FAIL of a value that nobody had taken, if it is not that it cannot be read
NOBODY_KNOWS, LEASE_OVER = b"?", b"!"
IS_RESULT = 0xC1  # no MessagePack begins with it


class RemoteError(Exception):
    """What the work on a value raised on another node: type and message.

    >>> str(RemoteError("ValueError: no"))
    'ValueError: no'
    """


class Outlet:
    """Takes values out of a channel and delivers them to the other side of a port."""

    def __init__(
        self,
        link: Link,
        number: int,
        end: Any,
        passage: Passage,
        *,
        home: bool,
        roomy: bool = False,
    ) -> None:
        self.link, self.number, self.passage, self.home = link, number, passage, home
        self.counters = link.counters_of(number)
        self.items: dict[int, Item | None] = {}
        self._since: dict[int, float] = {}  # when a value was taken for work
        self._departing: dict[int, list[Any]] = {}  # ends in values that have no last answer yet
        connection = link.connection
        self.taker = Taker(
            end,
            may=lambda: connection.may_deliver(number),
            taken=self._taken,
            ended=self._ended,
            home=None if home else link,
            roomy=roomy,
        )

    @property
    def end(self) -> Any:
        """The receiver of the channel that stands for those on the other side."""
        return self.taker.end

    def oldest(self) -> float | None:
        """For how many seconds the oldest value has been in work on the other side."""
        held = [since for id, since in self._since.items() if id in self.items]
        return trio.current_time() - min(held) if held else None

    def start(self) -> None:
        """Take what is there."""
        if self.taker.outcome is not None:
            self._ended()
        else:
            self.taker.ask()

    # --- the channel -----------------------------------------------------------------------

    def _taken(self, item: Item) -> None:
        passage, link = self.passage, self.link
        try:
            data = self._encode(item.value)
            attempt = item.attempts + 1
            last = attempt >= self.taker.core.max_attempts and not self._somebody_hears()
            id = link.connection.deliver(self.number, data, attempt=attempt, last=last)
        except (EncodeFailed, ValueError) as error:
            link.stay(link.departed())
            self.taker.refuse(item, error)
            return
        self.items[id] = item
        if link.departing:
            self._departing[id] = link.departed()
        item.ask_back = lambda: self._ask_back(id)
        if not self.home and item.is_offered:  # now or not at all: its other guards wait
            link.connection.withdraw(self.number, id)
        if passage.calls:
            item.value.cancel = item.ask_back
        self.counters.sent += 1
        self.counters.retried += attempt > 1
        link.poke()

    def _encode(self, value: Any) -> bytes:
        if isinstance(value, Settling):
            port, id = value.item.given.key
            return RESULT.pack(IS_RESULT, port, id) + self.passage.encode(value.value, self.link)
        return self.passage.encode(value.request if self.passage.calls else value, self.link)

    def _somebody_hears(self) -> bool:
        failed = self.taker.core.failed
        return failed is not None and failed.receivers > 0

    def _ask_back(self, id: int) -> None:
        self.link.connection.withdraw(self.number, id)
        self.link.remind(self._give_up, id)
        self.link.poke()

    def _give_up(self, id: int) -> None:
        """No answer came in time: the sender goes on, and knows that it does not know."""
        item = self.items.get(id)
        if item is not None and item.tentative:
            self.items[id] = None
            self.link.stay(self._departing.pop(id, []))  # ends in it are their sender's again
            self.counters.unknown += 1
            self.taker.lose(item)

    def _cancel(self, id: int) -> None:
        self.link.connection.cancel(self.number, id)
        self.link.poke()

    def _ended(self) -> None:
        """The channel has ended on this side."""
        poison = self.taker.poison()
        if poison is not None:
            self.link.connection.poison(self.number, *poison)
        else:
            self.link.connection.retire(self.number, self.taker.causes())
        self.taker.close()
        self.link.poke()

    # --- the link --------------------------------------------------------------------------

    def wanted(self, _: Wanted) -> None:
        """More may be delivered."""
        self.taker.welcome()

    def answered(self, event: Answered) -> None:
        """The other side has answered a value."""
        kind, id = event.kind, event.id
        if self.link.endings and kind != Kind.HOLD:
            ending = self.link.endings.get((self.number, id))
            if ending is not None and not ending.comes_back(lambda: self.answered(event)):
                return
        counters = self.counters
        if self._since and kind != Kind.HOLD:
            self._since.pop(id, None)
        if self._departing and kind != Kind.HOLD:
            taken = kind in (Kind.ACCEPT, Kind.DONE)
            (self.link.leave if taken else self.link.stay)(self._departing.pop(id, []))
        item = self.items.get(id) if kind == Kind.HOLD else self.items.pop(id, None)
        if item is None:
            if kind == Kind.HOLD:  # nobody waits for it
                self._cancel(id)
            return
        taker = self.taker
        if kind == Kind.ACCEPT:
            counters.taken += 1
            taker.accept(item)
        elif kind == Kind.HOLD:
            counters.taken += 1
            self._since[id] = trio.current_time()
            taker.keep(item, extended=event.body == b"\1", cancel=lambda: self._cancel(id))
        elif kind == Kind.RELEASE:
            taker.release(item)
        elif kind == Kind.DONE:
            self._done(item, event.body)
        elif kind == Kind.RETURN:
            taker.give_back(item, tried=event.body == b"\1")
        elif item.tentative:
            taker.refuse(item, _why_not(event.body))
        else:
            taker.fail(item, self._failure(event.body))

    def _done(self, item: Item, body: bytes) -> None:
        reply: Any = None
        if self.passage.calls:
            try:
                reply = self.passage.decode_reply(body, self.link)
            except DecodeFailed as error:
                self.link.arrived()
                self.taker.fail(item, csp.CallFailed(str(error)))
                return
            for open_port in self.link.arrived():
                open_port()
        self.taker.done(item, reply)

    def _failure(self, body: bytes) -> Exception:
        text, _, trace = body.decode(errors="replace").partition("\0")
        if self.passage.calls:
            return csp.CallFailed(text, traceback=trace)
        return RemoteError(text)

    def retired(self, event: Retired) -> None:
        """The receivers on the other side have retired."""
        self.link.connection.retire(self.number)
        self.taker.close(_cause(event.causes))
        self.link.poke()

    def poisoned(self, event: Poisoned) -> None:
        """The channel was poisoned on the other side."""
        self.link.connection.retire(self.number)
        self.taker.kill(event.reason, event.who)
        self.taker.close()
        self.link.poke()

    def settled(self, id: int) -> None:
        """The result of a lease was taken here, which ends it."""
        item, self.items[id] = self.items[id], None
        if item is not None:
            self.taker.done(item)

    def lost(self, why: str) -> None:
        """The link is lost: what was delivered goes back, or its sender is told."""
        items, self.items = self.items, {}
        for id, item in list(items.items()):
            ending = self.link.endings.get((self.number, id))
            if item is None or ending is None:
                continue
            if not ending.comes_back(partial(self.taker.lose, item)):
                self.items[id] = items.pop(id)
        for departing in self._departing.values():
            self.link.stay(departing)
        if not self.home:
            self.taker.sever(why)
        else:
            self.taker.close()
        for item in reversed(items.values()):
            if item is not None:
                self.counters.unknown += item.tentative
                self.taker.lose(item)


class Ending:
    """A result that was not taken yet, and the lease that ends when it is."""

    def __init__(self, inlet: Inlet, given: Given, outlet: Outlet, id: int) -> None:
        self.inlet, self.given, self.outlet, self.id = inlet, given, outlet, id
        self.otherwise: Callable[[], object] | None = None

    def comes_back(self, otherwise: Callable[[], object]) -> bool:
        """Ask the result back; if it is taken or not is known later, `otherwise()` is for "not"."""
        key = (self.outlet.number, self.id)
        self.inlet.giver.take_back(self.given)
        if key not in self.inlet.link.endings:
            return True
        self.otherwise = otherwise
        return False

    def decided(self, taken: bool) -> None:
        """It was taken, or came back."""
        del self.inlet.link.endings[self.outlet.number, self.id]
        if taken:
            self.outlet.settled(self.id)
        elif self.otherwise is not None:
            self.otherwise()


class Inlet:
    """Brings the values that arrive on a port into a channel."""

    def __init__(
        self, link: Link, number: int, end: Any, passage: Passage, *, home: bool, prefetch: int
    ) -> None:
        self.link, self.number, self.passage, self.home = link, number, passage, home
        self.counters = link.counters_of(number)
        self.prefetch = prefetch
        self.given: dict[int, Given] = {}
        self._patient: list[Given] = []  # stand until an alternation here has decided
        self._polled = False  # somebody looks now and then, and does not wait
        self._hopes = False  # a value came back for want of room: say when there is some
        self._endings: dict[int, Ending] = {}  # of those that nobody has taken
        self._arriving: dict[int, list[Any]] = {}  # ends in values that nobody has taken
        self.standing = 0  # those that nobody has taken
        self._retired: Retired | None = None  # heard, while values still stand in line
        self.giver = Giver(
            end,
            told=self._told,
            ended=self._ended,
            wanted=None if prefetch else self._wanted,
            home=None if home else link,
            tell_home=None if home else link.written,
        )

    @property
    def end(self) -> Any:
        """The sender of the channel that stands for those on the other side."""
        return self.giver.end

    def start(self) -> None:
        """Ask for values."""
        if self.giver.outcome is not None:
            self._ended()
        elif self.prefetch:
            self._renew()
        else:
            self._wanted()

    # --- the channel -----------------------------------------------------------------------

    def _port(self) -> Any:
        """The port, while this side may still ask for values on it."""
        port = self.link.connection.ports.get(self.number)
        return None if port is None or port.said or port.heard else port

    def _wanted(self, polled: bool = False) -> None:
        """Receivers wait for a rendezvous, or have looked for a value and will look again."""
        self._polled = polled
        self._release_patient()
        port = self._port()
        if port is not None:
            demand = int(not self.standing) if polled else self.giver.demand()
            lacking = demand - port.wants
            if lacking > 0:
                self.link.connection.want(self.number, lacking)
                self.link.poke()

    def _release_patient(self) -> None:
        """An alternation has decided: what waited for that, and was not taken, goes back."""
        if self._patient and not self.giver.is_deciding():
            patient, self._patient = self._patient, []
            for given in patient:
                self.giver.take_back(given)

    def _renew(self, least: float | None = None) -> None:
        """Grant more wants once half of them, or `least`, are used."""
        port = self._port()
        if port is not None:
            lacking = self.prefetch - port.wants - self.standing
            enough = self.prefetch / 2 if least is None else least
            if lacking > 0 and (lacking >= enough or not port.wants):
                self.link.connection.want(self.number, lacking)
                self.link.poke()

    def _welcome(self) -> None:
        """There is room for what was asked back, if it comes again: a want says so."""
        self._hopes = False
        self._renew(least=1)

    def _told(self, given: Given, answer: str, detail: Any) -> None:
        """What became of a value."""
        connection, number = self.link.connection, self.number
        id = given.key[1]
        port = connection.ports.get(number)
        if answer in FIRST:
            self.standing -= 1
            ending = self._endings.pop(id, None)
            if ending is not None:
                ending.decided(answer == "accept")
        if self.given.get(id) is not given:
            return
        retires = answer == "release" and self.giver.outcome is not None
        if retires or port is None or id not in port.values:  # retiring releases all, in order
            del self.given[id]
            self._arriving.pop(id, None)
            return
        if answer == "accept":
            connection.accept(number, id)
        elif answer == "hold":
            connection.hold(number, id, extended=bool(detail))
        elif answer == "release":
            connection.release(number, id)
        elif answer == "return":
            connection.give_back(number, id, tried=bool(detail))
        elif answer == "fail":
            connection.fail(number, id, self._failure(detail))
        elif answer == "unknown":
            connection.fail(number, id, NOBODY_KNOWS + str(detail)[:LONGEST_TEXT].encode())
        else:
            self._done(id, detail)
        if answer != "hold":
            del self.given[id]
        if self._arriving:
            for open_port in self._arriving.pop(id, ()):
                if answer != "release":
                    open_port()
        if self.prefetch:
            self._renew()
        if self._retired is not None:
            self._retire_if_served()
        self.link.poke()

    def _done(self, id: int, reply: Any) -> None:
        data = b""
        if self.passage.calls:
            try:
                data = self.passage.encode_reply(reply, self.link)
                if len(data) > self.link.connection.largest:
                    raise EncodeFailed(
                        f"a reply of {len(data):,} bytes, {self.link.connection.largest:,} at most"
                    )
            except EncodeFailed as error:
                self.link.stay(self.link.departed())
                self.link.connection.fail(self.number, id, self._failure(error))
                return
        self.link.connection.done(self.number, id, data)
        self.link.leave(self.link.departed())

    def _failure(self, error: Any) -> bytes:
        if isinstance(error, csp.CallFailed):
            text, trace = str(error), error.traceback
        else:
            text, trace = in_words(error)
        said = f"{text[:LONGEST_TEXT]}\0{trace[-LONGEST_TRACE:]}"
        return said.encode(errors="replace")[:64_000]

    def _ended(self) -> None:
        """The channel has ended on this side: nobody receives any more."""
        poison = self.giver.poison()
        if poison is not None:
            self.link.connection.poison(self.number, *poison)
        else:
            self.link.connection.retire(self.number, self.giver.causes())
        self.giver.close()
        self.link.poke()

    def leave(self) -> None:
        """Nothing more is received here: what stands in line goes back to its home."""
        self.link.connection.retire(self.number)
        for given in list(self.given.values()):
            self.giver.take_back(given)

    # --- the link --------------------------------------------------------------------------

    def delivered(self, event: Delivered) -> None:
        """A value has arrived."""
        link, id = self.link, event.id
        port = link.connection.ports.get(self.number)
        if port is None or id not in port.values:  # it went back when this side retired
            return
        try:
            data, lease = self._whole(event.value)
            value = self.passage.decode(data, link)
        except DecodeFailed as error:
            text = f"it cannot be read there: {error}"[:LONGEST_TEXT].encode(errors="replace")
            self._refuse(id, text)
            return
        except csp.LeaseFailed as error:
            self._refuse(id, LEASE_OVER + str(error).encode())
            return
        if link.arriving:
            self._arriving[id] = link.arrived()
        self.counters.received += 1
        self.standing += 1
        key = (self.number, id)
        given = self.giver.prepare(value, key=key, attempt=event.attempt, last=event.last)
        self.given[id] = given
        if lease is not None:
            ending = Ending(self, given, *lease)
            self._endings[id] = link.endings[lease[0].number, lease[1]] = ending
        waits = self.giver.is_deciding() and link.waits_for_us()
        self.giver.give(given, stand=bool(self.prefetch or self._polled or waits))
        if not self.prefetch and self.giver.stands(given):
            link.remind(self.giver.take_back, given)
            if waits:
                self._patient.append(given)

    def _refuse(self, id: int, why: bytes) -> None:
        self.link.connection.fail(self.number, id, why)
        self.link.arrived()
        self.link.poke()

    def _whole(self, data: bytes) -> tuple[bytes, tuple[Outlet, int] | None]:
        """The value proper, and the lease that ends when it is taken."""
        if not data or data[0] != IS_RESULT:
            return data, None
        if len(data) < RESULT.size:
            raise DecodeFailed("a result without its lease")
        _, number, id = RESULT.unpack_from(data)
        outlet = self.link.ports.get(number)
        if (
            not self.home
            or not isinstance(outlet, Outlet)
            or not outlet.home
            or outlet.items.get(id) is None
            or (number, id) in self.link.endings
        ):
            raise csp.LeaseFailed(
                "the lease that it would end is over, or its result was sent before"
            )
        return data[RESULT.size :], (outlet, id)

    def asked(self, event: Asked) -> None:
        """Its sender wants a value back."""
        given = self.given.get(event.id)
        if given is not None:
            self.giver.take_back(given)
            if self.home and not self._hopes:
                self._hopes = True
                self.giver.hope(self._welcome)

    def cancelled(self, event: Cancelled) -> None:
        """The sender of a value in work was cancelled."""
        given = self.given.get(event.id)
        if given is not None:
            self.giver.cancel(given)

    def retired(self, event: Retired) -> None:
        """The senders on the other side have retired; what they sent is served first."""
        self._retired = event
        self._retire_if_served()

    def _retire_if_served(self) -> None:
        event = self._retired
        if event is not None and not self.standing:
            self._retired = None
            self.link.connection.retire(self.number)
            self.giver.close(_cause(event.causes))
            self.link.poke()

    def poisoned(self, event: Poisoned) -> None:
        """The channel was poisoned on the other side."""
        self.link.connection.retire(self.number)
        self.giver.kill(event.reason, event.who)
        self.giver.close()
        self.link.poke()

    def lost(self, why: str) -> None:
        """The link is lost: what nobody has taken is dropped here, its home has it."""
        given, self.given = self.given, {}
        for id, each in given.items():
            if id in self._endings:
                self.giver.take_back(each)
            else:
                self.giver.lose(each)
        if self.home:
            self.giver.close()
        else:
            self.giver.sever(why)


def _why_not(body: bytes) -> Exception:
    """Why a value was not taken, or that it may have been."""
    text = body.decode(errors="replace")
    if body.startswith(NOBODY_KNOWS):
        return csp.DeliveryUnknown(text[1:])
    if body.startswith(LEASE_OVER):
        return csp.LeaseFailed(text[1:])
    return csp.ChannelTypeError(text)


def _cause(said: tuple[str, ...]) -> BaseException | None:
    return RemoteError("; ".join(said)) if said else None
