"""The protocol of a link without a socket and without a clock: bytes and times in, events out.

    connection.receive_data(data, now)   connection.receive_eof()   connection.handle_time(now)
    connection.events()                  connection.data_to_send()  connection.next_deadline()

Between them stand the commands: `open`, `want`, `deliver`, `accept` ...  Each may be used only
where `HEARS` of the other side allows it; a wrong one is a mistake of this program (`assert`), a
wrong frame one of the other side (`WireError`, which ends the link: `Lost`).

Invariants:
* the side that dialled opens the ports 1, 3, 5 ..., the other one 2, 4, 6 ...; no number is used
  twice, so a frame that comes late finds no port, or its own.
* `_sent` and `_kept` are the bytes of values that have no first answer, of ours and of theirs.
  A port may exceed the link's credit by one such value, so that no port waits for another: there
  are less than `credit` bytes, and `largest` for each port with such a value.
* `_idle` grows with each frame that brings nothing and falls with each value; see `_rest`.
* after `Lost` or `Left` nothing is parsed and nothing written; nothing is written after a goodbye.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, cast

from .events import (
    Answered,
    Asked,
    Cancelled,
    Delivered,
    Event,
    Left,
    Lost,
    Measured,
    Opened,
    Opening,
    Poisoned,
    Refused,
    Retired,
    Wanted,
)
from .frames import (
    CHUNK,
    FAILURE,
    LAST,
    MORE,
    OF_LINK,
    TEXT,
    TOTAL,
    Frame,
    Kind,
    Parser,
    WireError,
    frame,
)
from .liveness import LONGEST_BUSY, Liveness
from .outbox import Outbox
from .port import ASKED, HEARS, LATE, MOVES, Arriving, Fate, Port, State

PORTS = 1024
NAME = 128  # bytes of the name of a shared end
FINGERPRINT = 64  # bytes
WANTS = 1 << 20  # of one port
PINGS = 1000  # of which the answer is awaited
IDLE_FRAMES = 10_000  # a tick, of those that bring nothing: a tenth of what can be read in it
PAID = 10  # idle frames that a value, or its answer, pays for
OPENING = 5  # an OPEN counts for so many idle frames until it is agreed to
DELIVERY = struct.Struct(">IBBIQB")  # a header, and the first byte of the body: the attempt


class Connection:
    """One link, as the program on one of its sides sees it.

    `dialled` is true on the side that has connected.  Sizes are bytes, times seconds of the clock
    that the caller passes as `now`.  `credit` is how much this side may send ahead, `grants` how
    much the other one may.

    >>> a, b = Connection(dialled=True), Connection(dialled=False)
    >>> port = a.open("jobs", receives=True, fingerprint=b"int")
    >>> b.receive_data(a.data_to_send(), now=0.0)
    >>> b.events()
    [Opening(port=1, name='jobs', receives=True, fingerprint=b'int', described='')]
    >>> b.opened(port)
    >>> a.receive_data(b.data_to_send(), now=0.0)
    >>> a.events()
    [Opened(port=1, buffered=False)]
    """

    def __init__(
        self,
        *,
        dialled: bool,
        largest: int = 1024 * 1024 + 64 * 1024,
        credit: int = 8 * 1024 * 1024,
        grants: int = 8 * 1024 * 1024,
        heartbeat: float = 2.0,
        suspect: float = 5.0,
        lost: float = 10.0,
        now: float = 0.0,
    ) -> None:
        self.alive: Liveness = Liveness(heartbeat=heartbeat, suspect=suspect, lost=lost, now=now)
        self.ports: dict[int, Port] = {}
        self.largest: int = largest
        self.credit: int = credit
        self.grants: int = grants
        self.over: bool = False
        self._parser = Parser()
        self._outbox = Outbox()
        self._events: list[Event] = []
        self._goodbye = b""  # the last frame, once it was said
        self._silent = False  # nothing more is written
        self._next = 1 if dialled else 2
        self._theirs = 0 if dialled else -1  # the highest number that they have used
        self._sent = 0
        self._kept = 0
        self._starved: dict[Port, None] = {}  # they could deliver, but for the credit of the link
        self._pings: dict[int, float] = {}
        self._ping = 0
        self._pong = 0  # the highest that was heard
        self._idle = 0
        self._rested = 0.0  # when `_idle` was last reduced, in ticks
        self._taken = False  # something was written since

    # --- in --------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Bytes have arrived; a breach of the protocol becomes the event `Lost`.

        >>> connection = Connection(dialled=True)
        >>> connection.receive_data(b"GET / HTTP/1.1\\r\\n\\r\\n", now=0.0)
        >>> connection.events()
        [Lost(why='the other side broke the protocol: a frame of the unknown kind 47')]
        """
        if self.over or not data:
            return
        self._events += self.alive.hear()
        ports = self.ports
        try:
            for read in self._parser.feed(data):
                port = ports.get(read.port)
                if port is None:
                    self._hear_link(read, now)
                    if self.over:
                        return
                elif read.kind not in HEARS[port.state]:
                    raise WireError(f"{_name(read)} on port {read.port}, {port.state.value}")
                elif port.arriving is not None and read.kind != Kind.DATA:
                    raise WireError(f"{_name(read)} between the chunks of a value")
                else:
                    HANDLERS[read.kind](self, port, read)
        except WireError as error:
            self.lose(f"the other side broke the protocol: {error}")

    def receive_eof(self) -> None:
        """The other side has closed the stream."""
        self.lose("closed by the other side without a goodbye")

    def handle_time(self, now: float) -> None:
        """The clock shows `now`: send a heartbeat, judge the other side."""
        if self.over:
            return
        for event in self.alive.look(now):
            if isinstance(event, Lost):
                self.lose(event.why)
            else:
                self._events.append(event)
        if self.over:
            return
        self._rest()
        if self.alive.beat_is_due(now):
            self._ping += 1
            self._pings[self._ping] = now
            if len(self._pings) > PINGS:
                del self._pings[next(iter(self._pings))]
            self._outbox.put(frame(Kind.PING, id=self._ping))

    def _rest(self) -> None:
        """Once a tick idle frames are forgiven: all if the other side has read all that we say,
        some if it reads.  So what we must answer to them cannot pile up here."""
        if self.alive.ticks - self._rested < self.alive.tick:
            return
        self._rested = self.alive.ticks
        if not self._outbox:
            self._idle = 0
        elif self._taken:
            self._idle = max(0, self._idle - IDLE_FRAMES // 100)
        self._taken = False

    def lose(self, why: str) -> None:
        """The link is lost, for whatever reason; the first one counts.

        >>> connection = Connection(dialled=True)
        >>> connection.lose("the cable was cut")
        >>> connection.events()
        [Lost(why='the cable was cut')]
        """
        if not self.over:
            self._end(Lost(why))

    def _end(self, event: Event) -> None:
        self.over = self._silent = True
        self._outbox = Outbox()
        self._events.append(event)

    # --- out -------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """The next bytes to write, b"" if there are none."""
        if self._silent:
            return b""
        self._taken = True
        data = self._outbox.take()
        if self._goodbye and not self._outbox:
            self._silent = True
            return data + self._goodbye
        return data

    def next_deadline(self) -> float:
        """When `handle_time` must be called at the latest."""
        return self.alive.next_look()

    def credit_left(self) -> int:
        """How many bytes of values may be sent before an answer comes."""
        return max(self.credit - self._sent, 0)

    # --- commands: the link ----------------------------------------------------------------

    def busy(self, seconds: float) -> None:
        """Announce that this side may be silent for so long; 0 takes it back."""
        self._outbox.put(frame(Kind.BUSY, id=int(min(max(seconds, 0.0), LONGEST_BUSY) * 1000)))

    def goodbye(self, text: str = "") -> None:
        """Nothing will follow; what is queued is written first.

        >>> a, b = Connection(dialled=True), Connection(dialled=False)
        >>> a.goodbye("the work is done")
        >>> b.receive_data(a.data_to_send(), now=0.0)
        >>> b.events()
        [Left(text='the work is done')]
        """
        if not self.over:
            self.over = True
            self._goodbye = frame(Kind.GOODBYE, body=_short(text))

    # --- commands: ports -------------------------------------------------------------------

    def open(
        self, name: str, *, receives: bool, fingerprint: bytes = b"", described: str = ""
    ) -> int:
        """Ask for a port to the shared `name`; the answer is `Opened` or `Refused`.

        A receiving side may `want` before the answer has come.  Raises ValueError for a name
        longer than 128 bytes, a fingerprint longer than 64, or a port too many.
        """
        if len(name.encode()) > NAME:
            raise ValueError(f"a name has at most {NAME} bytes: {name:.40}...")
        if len(fingerprint) > FINGERPRINT:
            raise ValueError(f"a fingerprint has at most {FINGERPRINT} bytes")
        closing = [port for port in self._outbox.waiting() if port.number not in self.ports]
        if len(self.ports) + len(closing) >= PORTS:
            raise ValueError(f"this link has {PORTS} ports already: retire some")
        state = State.OPENING_RECEIVES if receives else State.OPENING_SENDS
        port = Port(self._next, name, sends=not receives, state=state)
        self._next += 2
        self.ports[port.number] = port
        body = _listed((name, fingerprint.hex(), described))
        self._outbox.put(frame(Kind.OPEN, port.number, int(receives), body))
        return port.number

    def opened(self, number: int, *, buffered: bool = False) -> None:
        """Agree to a port that the other side asks for."""
        port = self.ports[number]
        assert port.state in ASKED
        port.open()
        self._idle = max(0, self._idle - OPENING)
        self._outbox.put(frame(Kind.OPENED, number, int(buffered)))
        if port.state is State.SENDS and port.wants:
            self._events.append(Wanted(number))

    def refuse(self, number: int, reason: int, text: str) -> None:
        """Refuse a port that the other side asks for.

        >>> a, b = Connection(dialled=True), Connection(dialled=False)
        >>> port = a.open("jbos", receives=True)
        >>> b.receive_data(a.data_to_send(), now=0.0)
        >>> b.refuse(port, 1, "no such name; there is: jobs")
        >>> a.receive_data(b.data_to_send(), now=0.0)
        >>> a.events()
        [Refused(port=1, reason=1, text='no such name; there is: jobs')]
        """
        assert self.ports[number].state in ASKED
        del self.ports[number]
        self._outbox.put(frame(Kind.REFUSED, number, reason, _short(text)))

    def retire(self, number: int, causes: tuple[str, ...] = ()) -> None:
        """This side will send (or receive) no more values.

        What was delivered to it and has no answer is released; held values may still be answered.
        """
        self._say_end(number, frame(Kind.RETIRE, number, body=_listed(causes)))

    def poison(self, number: int, reason: str, who: str) -> None:
        """The channel is poisoned on this side."""
        self._say_end(number, frame(Kind.POISON, number, body=_listed((reason, who))))

    def _say_end(self, number: int, data: bytes) -> None:
        port = self.ports.get(number)
        if port is None or port.said:
            return
        assert port.state not in ASKED, "answer it first: `opened` or `refuse`"
        self._outbox.put(data, port)
        port.said = True
        if not port.sends:
            arriving = port.arriving.id if port.arriving is not None else 0
            for id, value in reversed(list(port.values.items())):  # each goes to the front
                if value.fate is not Fate.HELD and id != arriving:
                    self.release(number, id)
        self._close_if_over(port)

    # --- commands: values ------------------------------------------------------------------

    def want(self, number: int, count: int = 1) -> None:
        """Ask for `count` more values; a port has at most 1,048,576 wants."""
        port = self.ports[number]
        assert not port.sends
        assert not port.said
        assert port.state not in ASKED, "answer it first: `opened` or `refuse`"
        assert 0 < count <= WANTS - port.wants
        port.wants += count
        self._outbox.put(frame(Kind.WANT, number, count), port)

    def unwant(self, number: int) -> None:
        """Take back the wants that were not served; `wants` falls once the other side agrees."""
        port = self.ports[number]
        assert not port.sends
        assert not port.said
        assert port.state not in ASKED, "answer it first: `opened` or `refuse`"
        port.asked_back += 1
        self._outbox.put(frame(Kind.UNWANT, number), port)

    def may_deliver(self, number: int) -> bool:
        """True if a value may be delivered now; if not, `Wanted` will tell when."""
        port = self.ports.get(number)
        if port is None or port.state is not State.SENDS or port.said or not port.wants:
            return False
        if port.tentative and self._sent >= self.credit:
            self._starved[port] = None
            return False
        return True

    def deliver(self, number: int, value: bytes, *, attempt: int = 0, last: bool = False) -> int:
        """Deliver a value, tentatively, and return its id; ask `may_deliver` first.

        Raises ValueError if it is larger than both sides agreed to.

        >>> a, b = Connection(dialled=True), Connection(dialled=False)
        >>> jobs = a.open("jobs", receives=True)
        >>> a.want(jobs)
        >>> b.receive_data(a.data_to_send(), now=0.0)
        >>> b.opened(jobs)
        >>> b.may_deliver(jobs), b.deliver(jobs, b"dig")
        (True, 1)
        >>> a.receive_data(b.data_to_send(), now=0.0)
        >>> a.events()
        [Opened(port=1, buffered=False), Delivered(port=1, id=1, value=b'dig', attempt=0, last=False)]
        >>> a.accept(jobs, 1)
        >>> b.receive_data(a.data_to_send(), now=0.0)
        >>> b.events()[-1]
        Answered(port=1, id=1, kind=40, body=b'')
        """
        size = len(value)
        if size > self.largest:
            raise ValueError(_too_large("value", size, self.largest))
        port = self.ports[number]
        assert port.state is State.SENDS
        assert not port.said
        assert port.wants
        assert not port.tentative or self._sent < self.credit
        id = port.add(size)
        self._sent += size
        flags = LAST if last else 0
        attempt = min(attempt, 255)
        if size > CHUNK:
            self._outbox.put_long(port, Kind.DELIVER, id, bytes((attempt,)), value, flags)
        else:
            head = DELIVERY.pack(size + 1, Kind.DELIVER, flags, number, id, attempt)
            self._outbox.put(head + value, port)
        return id

    def withdraw(self, number: int, id: int) -> None:
        """Ask for a value back; the answer is RELEASE, or what was answered meanwhile."""
        port = self.ports.get(number)
        value = port.values.get(id) if port is not None else None
        if value is not None and value.fate is Fate.STANDING:
            value.fate = Fate.ASKED
            self._outbox.put(frame(Kind.WITHDRAW, number, id), port)

    def cancel(self, number: int, id: int) -> None:
        """The sender of a held value was cancelled: the block that works on it shall end."""
        port = self.ports.get(number)
        value = port.values.get(id) if port is not None else None
        if value is not None and value.fate is Fate.HELD:
            self._outbox.put(frame(Kind.CANCEL, number, id), port)

    def accept(self, number: int, id: int) -> None:
        """Somebody has taken the value, for good."""
        self._answer(number, id, Kind.ACCEPT)

    def hold(self, number: int, id: int, *, extended: bool = False) -> None:
        """Somebody has taken it for work; `extended`: its sender waits until that is done."""
        self._answer(number, id, Kind.HOLD, b"\1" if extended else b"")

    def release(self, number: int, id: int) -> None:
        """Nobody has taken it.  It has used up its want all the same: `want` again."""
        self._answer(number, id, Kind.RELEASE)

    def done(self, number: int, id: int, reply: bytes = b"") -> None:
        """The work is done; the reply, if there is one, is not limited by the credit.

        Raises ValueError if it is larger than both sides agreed to; the value is held then still.
        """
        if len(reply) > self.largest:
            raise ValueError(_too_large("reply", len(reply), self.largest))
        self._answer(number, id, Kind.DONE, reply)

    def fail(self, number: int, id: int, what: bytes) -> None:
        """The work has failed, or the value cannot be read.

        Raises ValueError if `what` is longer than 64 KiB; the value is held then still.
        """
        if len(what) > FAILURE:
            raise ValueError(f"a failure of {len(what):,} bytes, {FAILURE:,} at most: shorten it")
        self._answer(number, id, Kind.FAIL, what)

    def give_back(self, number: int, id: int, *, tried: bool = False) -> None:
        """A held value goes back, as if it had never been taken; `tried`: that was an attempt."""
        self._answer(number, id, Kind.RETURN, b"\1" if tried else b"")

    def _answer(self, number: int, id: int, kind: Kind, body: bytes = b"") -> None:
        port = self.ports[number]
        assert not port.sends
        self._kept -= port.move(id, kind)
        if len(body) > CHUNK and kind is Kind.DONE:
            self._outbox.put_long(port, kind, id, b"", body, 0)
        else:
            self._outbox.put(frame(kind, number, id, body), port)
        if port.heard:
            self._close_if_over(port)

    def _close_if_over(self, port: Port) -> None:
        if port.is_over():
            self.ports.pop(port.number, None)
            self._starved.pop(port, None)

    # --- frames of the link ----------------------------------------------------------------

    def _hear_link(self, read: Frame, now: float) -> None:
        """A frame of the link, or of a port that does not exist: not yet, or not any more."""
        kind = read.kind
        if kind in OF_LINK and read.port:
            raise WireError(f"{_name(read)} on port {read.port}: it is a frame of the link")
        if kind == Kind.PING:
            self._count_idle()
            self._outbox.put(frame(Kind.PONG, id=read.id))
        elif kind == Kind.PONG:
            self._hear_pong(read.id, now)
        elif kind == Kind.BUSY:
            self._count_idle()
            self.alive.excuse(read.id / 1000)
        elif kind == Kind.GOODBYE:
            self._end(Left(_text(read.body)))
        elif kind == Kind.OPEN:
            self._hear_open(read)
        elif self._was_open(read.port) and kind in LATE:
            self._count_idle()
        else:
            raise WireError(f"{_name(read)} on port {read.port}, which is not open")

    def _hear_pong(self, ping: int, now: float) -> None:
        if not self._pong < ping <= self._ping:
            raise WireError("a PONG without its PING")
        self._pong = ping
        asked = self._pings.pop(ping, None)
        if asked is not None:
            self._events.append(Measured(max(now - asked, 0.0)))

    def _count_idle(self, count: int = 1) -> None:
        self._idle += count
        if self._idle > IDLE_FRAMES:
            raise WireError(f"more than {IDLE_FRAMES:,} frames in a tick that bring nothing")

    # --- frames of a port ------------------------------------------------------------------

    def _was_open(self, number: int) -> bool:
        if number % 2 == self._next % 2:
            return 0 < number < self._next
        return 0 < number <= self._theirs

    def _hear_open(self, read: Frame) -> None:
        if read.port != self._theirs + 2:
            raise WireError(f"OPEN of port {read.port}; the next one is {self._theirs + 2}")
        if len(self.ports) >= 2 * PORTS:
            raise WireError(f"more than {PORTS:,} ports")
        self._count_idle(OPENING)
        name, fingerprint, described = _strings(read.body, 3)
        if len(name.encode()) > NAME:
            raise WireError(f"a name of more than {NAME} bytes")
        try:
            known = bytes.fromhex(fingerprint)
        except ValueError:
            raise WireError("a fingerprint that is not hexadecimal") from None
        self._theirs = read.port
        receives = bool(read.id)
        state = State.ASKED_SENDS if receives else State.ASKED_RECEIVES
        self.ports[read.port] = Port(read.port, name, sends=receives, state=state)
        self._events.append(Opening(read.port, name, receives, known, described))

    def _hear_opened(self, port: Port, read: Frame) -> None:
        port.open()
        port.buffered = bool(read.id)
        self._events.append(Opened(port.number, port.buffered))

    def _hear_refused(self, port: Port, read: Frame) -> None:
        del self.ports[port.number]
        self._events.append(Refused(port.number, read.id, _text(read.body)))

    def _hear_retire(self, port: Port, read: Frame) -> None:
        causes = _strings(read.body) if read.body else ()
        port.hear_end()
        self._events.append(Retired(port.number, tuple(causes)))
        self._close_if_over(port)

    def _hear_poison(self, port: Port, read: Frame) -> None:
        reason, who = _strings(read.body, 2)
        port.hear_end()
        self._events.append(Poisoned(port.number, reason, who))
        self._close_if_over(port)

    def _hear_want(self, port: Port, read: Frame) -> None:
        self._count_idle()
        port.wants += read.id
        if port.wants > WANTS:
            raise WireError(f"wants for more than {WANTS:,} values")
        if port.state is State.SENDS and not port.said:
            self._events.append(Wanted(port.number))

    def _hear_unwant(self, port: Port, read: Frame) -> None:
        self._count_idle()
        left, port.wants = port.wants, 0
        self._outbox.put(frame(Kind.UNWANTED, port.number, left), port)

    def _hear_unwanted(self, port: Port, read: Frame) -> None:
        if not port.asked_back:
            raise WireError("UNWANTED without an UNWANT")
        if read.id > port.wants:
            raise WireError("more wants given back than there were")
        port.asked_back -= 1
        port.wants -= read.id

    def _hear_deliver(self, port: Port, read: Frame) -> None:
        flags, body = read.flags, read.body
        if not body or (flags & MORE and len(body) < 5):
            raise WireError("DELIVER without its head")
        if read.id != port.latest + 1:
            raise WireError(f"value {read.id} behind value {port.latest}")
        if not port.wants:
            raise WireError("a value that nobody wants")
        size = TOTAL.unpack_from(body, 1)[0] if flags & MORE else len(body) - 1
        if size > self.largest:
            raise WireError(f"a value of {size:,} bytes, {self.largest:,} at most")
        if port.tentative and self._kept + size >= self.grants and self._exceeds(size):
            raise WireError(f"more bytes than the credit of the link, {self.grants:,}")
        self._paid()
        port.add(size)
        self._kept += size
        attempt, last = body[0], bool(flags & LAST)
        if flags & MORE:
            port.arriving = Arriving(read.kind, read.id, size, attempt, last)
            self._add_chunk(port, port.arriving, body[5:], more=True)
        else:
            self._arrived(port, read.id, body[1:], attempt, last)

    def _exceeds(self, size: int) -> bool:
        """True if so many bytes more are too many, whatever the order in which they were sent.

        The other side has counted its values as it sent them, and small ones overtake the chunks
        of other ports.  So it is not known here which of them were within the credit: as many
        as there are ports may have been outside.
        """
        outside = sum(port.tentative > 0 and not port.sends for port in self.ports.values())
        return self._kept + size - outside * self.largest >= self.grants

    def _paid(self) -> None:
        if self._idle > PAID:
            self._idle -= PAID

    def _arrived(self, port: Port, id: int, value: bytes, attempt: int, last: bool) -> None:
        if port.said:
            self.release(port.number, id)
        else:
            self._events.append(Delivered(port.number, id, value, attempt, last))

    def _hear_data(self, port: Port, read: Frame) -> None:
        arriving = port.arriving
        if arriving is None or arriving.id != read.id:
            raise WireError("DATA of no value")
        self._add_chunk(port, arriving, read.body, more=bool(read.flags & MORE))

    def _add_chunk(self, port: Port, arriving: Arriving, chunk: bytes, *, more: bool) -> None:
        arriving.parts.append(chunk)
        arriving.left -= len(chunk)
        if more:
            if arriving.left <= 0:
                raise WireError("chunks that exceed the length announced")
            if len(chunk) < CHUNK:
                raise WireError(f"a chunk of {len(chunk)} bytes, {CHUNK:,} at least")
            return
        if arriving.left:
            raise WireError("chunks that do not add up to the length announced")
        port.arriving = None
        whole = b"".join(arriving.parts)
        if arriving.kind == Kind.DELIVER:
            self._arrived(port, arriving.id, whole, arriving.attempt, arriving.last)
        else:
            self._answered(port, arriving.id, arriving.kind, whole)

    def _hear_withdraw(self, port: Port, read: Frame) -> None:
        value = port.values.get(read.id)
        if value is None or value.fate is not Fate.STANDING:
            self._late(port, read)
        else:
            value.fate = Fate.ASKED
            self._events.append(Asked(port.number, read.id))

    def _hear_cancel(self, port: Port, read: Frame) -> None:
        value = port.values.get(read.id)
        if value is None:
            self._late(port, read)
        elif value.fate is not Fate.HELD:
            raise WireError("CANCEL of a value that is not held")
        else:
            self._count_idle()
            self._events.append(Cancelled(port.number, read.id))

    def _late(self, port: Port, read: Frame) -> None:
        """It crossed our answer."""
        self._count_idle()
        if read.id > port.latest:
            raise WireError(f"{_name(read)} of value {read.id}, which was never sent")

    def _hear_answer(self, port: Port, read: Frame) -> None:
        value = port.values.get(read.id)
        if value is None or (value.fate, read.kind) not in MOVES:
            fate = "settled or never sent" if value is None else value.fate.value
            raise WireError(f"{_name(read)} of value {read.id}, which is {fate}")
        if read.flags & MORE:
            if len(read.body) < TOTAL.size:
                raise WireError("DONE without its head")
            size = TOTAL.unpack_from(read.body)[0]
            if size > self.largest:
                raise WireError(f"a reply of {size:,} bytes, {self.largest:,} at most")
            port.arriving = Arriving(read.kind, read.id, size)
            self._add_chunk(port, port.arriving, read.body[TOTAL.size :], more=True)
        elif len(read.body) > self.largest and read.kind == Kind.DONE:
            raise WireError(f"a reply of {len(read.body):,} bytes, {self.largest:,} at most")
        else:
            self._answered(port, read.id, read.kind, read.body)

    def _answered(self, port: Port, id: int, kind: int, body: bytes) -> None:
        self._paid()
        self._sent -= port.move(id, kind)
        self._events.append(Answered(port.number, id, kind, body))
        if self._starved:
            self._feed_starved()
        if port.said:
            self._close_if_over(port)

    def _feed_starved(self) -> None:
        """Tell of the ports that have credit again: of the link, or their own."""
        for port in list(self._starved):
            if self._sent < self.credit or not port.tentative:
                del self._starved[port]
                if port.state is State.SENDS and not port.said and port.wants:
                    self._events.append(Wanted(port.number))


HANDLERS: dict[int, Callable[[Connection, Port, Frame], None]] = {
    Kind.OPENED: Connection._hear_opened,
    Kind.REFUSED: Connection._hear_refused,
    Kind.RETIRE: Connection._hear_retire,
    Kind.POISON: Connection._hear_poison,
    Kind.WANT: Connection._hear_want,
    Kind.UNWANT: Connection._hear_unwant,
    Kind.UNWANTED: Connection._hear_unwanted,
    Kind.DELIVER: Connection._hear_deliver,
    Kind.DATA: Connection._hear_data,
    Kind.WITHDRAW: Connection._hear_withdraw,
    Kind.CANCEL: Connection._hear_cancel,
    Kind.ACCEPT: Connection._hear_answer,
    Kind.HOLD: Connection._hear_answer,
    Kind.RELEASE: Connection._hear_answer,
    Kind.DONE: Connection._hear_answer,
    Kind.FAIL: Connection._hear_answer,
    Kind.RETURN: Connection._hear_answer,
}


def _name(read: Frame) -> str:
    return Kind(read.kind).name


def _too_large(what: str, size: int, largest: int) -> str:
    return (
        f"a {what} of {size:,} bytes, {largest:,} at most: send it in parts, "
        f"or raise `largest` on both sides"
    )


def _utf8(text: str) -> bytes:
    """What has no place in UTF-8, as in a file name of unknown encoding, is shown escaped."""
    return text.encode(errors="backslashreplace")


def _short(text: str) -> bytes:
    return _utf8(text)[:TEXT].decode(errors="ignore").encode()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise WireError("text that is not UTF-8") from None


def _listed(texts: tuple[str, ...]) -> bytes:
    """Up to ten texts, each as long as they fit together."""
    if not texts:
        return b""
    known = [_utf8(text).decode() for text in texts[:10]]
    longest = TEXT
    while len(body := json.dumps([text[:longest] for text in known]).encode()) > TEXT:
        longest //= 2
    return body


def _strings(body: bytes, count: int | None = None) -> list[str]:
    try:
        texts: Any = json.loads(_text(body))
    except (ValueError, RecursionError):
        texts = None
    if not isinstance(texts, list) or (count is not None and len(cast(Any, texts)) != count):
        raise WireError("a list of texts that is none")
    found = cast("list[Any]", texts)
    if not all(isinstance(text, str) and _is_utf8(text) for text in found):
        raise WireError("a list of texts that is none")
    return found


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
