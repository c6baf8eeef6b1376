"""The protocol of a link without a socket and without a clock: bytes and times in, events out.

    connection.receive_data(data, now)   connection.receive_eof()   connection.handle_time(now)
    connection.events()                  connection.data_to_send()  connection.next_deadline()

Between them stand the commands: `open`, `want`, `deliver`, `accept` ...  Each may be used only
where `HEARS` of the other side allows it; a wrong one is a mistake of this program (`assert`), a
wrong frame one of the other side (`WireError`, which ends the link: `Lost`).

Invariants:
* the side that dialled opens ports of odd numbers, the other one of even numbers; no number is
  used twice, so a frame that comes late finds no port, or its own.
* `_sent` and `_kept` are the bytes of values that have no first answer, of ours and of theirs.
  A port may exceed the link's credit by one value, so that no port waits for another.
* after `Lost` or `Left` nothing is parsed and nothing written.
"""

from __future__ import annotations

import json
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
from .frames import CHUNK, LAST, MORE, OF_LINK, TEXT, TOTAL, Frame, Kind, Parser, WireError, frame
from .liveness import Liveness
from .outbox import Outbox
from .port import HEARS, LATE, MOVES, Arriving, Fate, Port, State, Value

PORTS = 1024
NAME = 128  # bytes of the name of a shared end
WANTS = 1 << 20  # of one port
IDLE_FRAMES = 100_000  # a tick, of those that bring nothing


class Connection:
    """One link, as the program on one of its sides sees it.

    `dialled` is true on the side that has connected.  Sizes are bytes, times seconds of the clock
    that the caller passes as `now`.

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
        heartbeat: float = 2.0,
        suspect: float = 5.0,
        lost: float = 10.0,
        now: float = 0.0,
    ) -> None:
        self.alive: Liveness = Liveness(heartbeat=heartbeat, suspect=suspect, lost=lost, now=now)
        self.ports: dict[int, Port] = {}
        self.largest: int = largest
        self.credit: int = credit
        self.over: bool = False
        self._parser = Parser()
        self._outbox = Outbox()
        self._events: list[Event] = []
        self._goodbye = b""  # the last frame, once it was said
        self._next = 1 if dialled else 2
        self._theirs = 0  # the highest number that they have used
        self._sent = 0
        self._kept = 0
        self._starved: set[Port] = set()
        self._pings: dict[int, float] = {}
        self._ping = 0
        self._idle = 0
        self._heard: dict[int, Any] = {
            Kind.OPENED: self._hear_opened,
            Kind.REFUSED: self._hear_refused,
            Kind.RETIRE: self._hear_retire,
            Kind.POISON: self._hear_poison,
            Kind.WANT: self._hear_want,
            Kind.UNWANT: self._hear_unwant,
            Kind.UNWANTED: self._hear_unwanted,
            Kind.DELIVER: self._hear_deliver,
            Kind.DATA: self._hear_data,
            Kind.WITHDRAW: self._hear_withdraw,
            Kind.CANCEL: self._hear_cancel,
            Kind.ACCEPT: self._hear_answer,
            Kind.HOLD: self._hear_answer,
            Kind.RELEASE: self._hear_answer,
            Kind.DONE: self._hear_answer,
            Kind.FAIL: self._hear_answer,
            Kind.RETURN: self._hear_answer,
        }

    # --- in --------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Bytes have arrived; a breach of the protocol becomes the event `Lost`."""
        if self.over:
            return
        self._events += self.alive.hear()
        try:
            for read in self._parser.feed(data):
                if read.kind in OF_LINK:
                    self._hear_link(read, now)
                else:
                    self._hear_port(read)
                if self.over:
                    return
        except WireError as error:
            self.lose(f"the other side broke the protocol: {error}")

    def receive_eof(self) -> None:
        """The other side has closed the stream."""
        self.lose("closed by the other side without a goodbye")

    def handle_time(self, now: float) -> None:
        """The clock shows `now`: send a heartbeat, judge the other side."""
        if self.over:
            return
        self._idle = 0
        for event in self.alive.look(now):
            if isinstance(event, Lost):
                self.lose(event.why)
            else:
                self._events.append(event)
        if not self.over and self.alive.beat_is_due(now):
            self._ping += 1
            self._pings[self._ping] = now
            self._outbox.put(frame(Kind.PING, id=self._ping))

    def lose(self, why: str) -> None:
        """The link is lost, for whatever reason; the first one counts."""
        if not self.over:
            self.over = True
            self._events.append(Lost(why))

    # --- out -------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """The next bytes to write, b"" if there are none."""
        data = self._outbox.take()
        if self._goodbye and not self._outbox:
            data, self._goodbye = data + self._goodbye, b""
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
        self._outbox.put(frame(Kind.BUSY, id=min(int(seconds * 1000), 2**32 - 1)))

    def goodbye(self, text: str = "") -> None:
        """Nothing will follow; what is queued is written first."""
        if not self.over:
            self.over = True
            self._goodbye = frame(Kind.GOODBYE, body=_short(text))

    # --- commands: ports -------------------------------------------------------------------

    def open(
        self, name: str, *, receives: bool, fingerprint: bytes = b"", described: str = ""
    ) -> int:
        """Ask for a port to the shared `name`; the answer is `Opened` or `Refused`.

        Raises ValueError for a name longer than 128 bytes, or a port too many.
        """
        if len(name.encode()) > NAME:
            raise ValueError(f"a name has at most {NAME} bytes: {name:.40}...")
        if len(self.ports) >= PORTS:
            raise ValueError(f"this link has {PORTS} ports already")
        port = Port(self._next, name, sends=not receives, state=State.OPENING)
        self._next += 2
        self.ports[port.number] = port
        body = json.dumps([name, fingerprint.hex(), described[:1024]]).encode()
        self._outbox.put(frame(Kind.OPEN, port.number, int(receives), body))
        return port.number

    def opened(self, number: int, *, buffered: bool = False) -> None:
        """Agree to a port that the other side asks for."""
        port = self.ports[number]
        assert port.state is State.ASKED
        port.open()
        self._outbox.put(frame(Kind.OPENED, number, int(buffered)))

    def refuse(self, number: int, reason: int, text: str) -> None:
        """Refuse a port that the other side asks for."""
        port = self.ports.pop(number)
        assert port.state is State.ASKED
        self._outbox.put(frame(Kind.REFUSED, number, reason, _short(text)))

    def retire(self, number: int, causes: tuple[str, ...] = ()) -> None:
        """This side will send (or receive) no more values; standing ones are released."""
        self._say_end(number, frame(Kind.RETIRE, number, body=_listed(causes)))

    def poison(self, number: int, reason: str, who: str) -> None:
        """The channel is poisoned on this side."""
        self._say_end(number, frame(Kind.POISON, number, body=_listed((reason, who))))

    def _say_end(self, number: int, data: bytes) -> None:
        port = self.ports.get(number)
        if port is None or port.said:
            return
        self._outbox.put(data, port)
        port.said = True
        if not port.sends:
            arriving = port.arriving.id if port.arriving is not None else 0
            for id, value in list(port.values.items()):
                if value.fate is not Fate.HELD and id != arriving:
                    self.release(number, id)
        self._close_if_over(port)

    # --- commands: values ------------------------------------------------------------------

    def want(self, number: int, count: int = 1) -> None:
        """Ask for `count` more values."""
        port = self.ports[number]
        assert not port.sends
        assert not port.said
        port.wants += count
        self._outbox.put(frame(Kind.WANT, number, count), port)

    def unwant(self, number: int) -> None:
        """Take back the wants that were not served; `wants` falls once the other side agrees."""
        port = self.ports[number]
        assert not port.sends
        assert not port.said
        self._outbox.put(frame(Kind.UNWANT, number), port)

    def may_deliver(self, number: int) -> bool:
        """True if a value may be delivered now; if not, `Wanted` will tell when."""
        port = self.ports.get(number)
        if port is None or port.state is not State.SENDS or port.said or not port.wants:
            return False
        if port.values and self._sent >= self.credit:
            self._starved.add(port)
            return False
        return True

    def deliver(self, number: int, value: bytes, *, attempt: int = 0, last: bool = False) -> int:
        """Deliver a value, tentatively, and return its id; ask `may_deliver` first.

        Raises ValueError if it is larger than both sides agreed to.
        """
        if len(value) > self.largest:
            raise ValueError(
                f"a value of {len(value):,} bytes, {self.largest:,} at most: send it in parts, "
                f"or raise `largest` on both sides"
            )
        port = self.ports[number]
        assert port.state is State.SENDS
        assert not port.said
        assert port.wants
        port.wants -= 1
        port.latest += 1
        id = port.latest
        size = len(value)
        port.values[id] = Value(size)
        self._sent += size
        flags = LAST if last else 0
        prefix = bytes((min(attempt, 255),))
        if size > CHUNK:
            self._outbox.put_long(port, Kind.DELIVER, id, prefix, value, flags)
        else:
            self._outbox.put(frame(Kind.DELIVER, number, id, prefix + value, flags), port)
        return id

    def withdraw(self, number: int, id: int) -> None:
        """Ask for a value back; the answer is RELEASE, or what was answered meanwhile."""
        port = self.ports[number]
        value = port.values.get(id)
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
        """Nobody has taken it."""
        self._answer(number, id, Kind.RELEASE)

    def done(self, number: int, id: int, reply: bytes = b"") -> None:
        """The work is done; the reply, if there is one, is not limited by the credit."""
        self._answer(number, id, Kind.DONE, reply)

    def fail(self, number: int, id: int, what: bytes) -> None:
        """The work has failed, or the value cannot be read."""
        self._answer(number, id, Kind.FAIL, what)

    def give_back(self, number: int, id: int) -> None:
        """A held value goes back, as if it had never been taken."""
        self._answer(number, id, Kind.RETURN)

    def _answer(self, number: int, id: int, kind: Kind, body: bytes = b"") -> None:
        port = self.ports[number]
        value = port.values[id]
        self._kept -= value.size
        value.size = 0
        move = MOVES[value.fate, kind]
        if move is None:
            del port.values[id]
        else:
            value.fate = move
        if len(body) > CHUNK and kind is Kind.DONE:
            self._outbox.put_long(port, kind, id, b"", body, 0)
        else:
            self._outbox.put(frame(kind, number, id, body), port)
        self._close_if_over(port)

    def _close_if_over(self, port: Port) -> None:
        if port.is_over():
            self.ports.pop(port.number, None)
            self._starved.discard(port)

    # --- frames of the link ----------------------------------------------------------------

    def _hear_link(self, read: Frame, now: float) -> None:
        self._count_idle()
        if read.kind == Kind.PING:
            self._outbox.put(frame(Kind.PONG, id=read.id))
        elif read.kind == Kind.PONG:
            asked = self._pings.pop(read.id, None)
            if asked is None:
                raise WireError("a PONG without its PING")
            self._events.append(Measured(max(now - asked, 0.0)))
        elif read.kind == Kind.BUSY:
            self.alive.excuse(read.id / 1000)
        else:
            self.over = True
            self._events.append(Left(_text(read.body)))

    def _count_idle(self) -> None:
        self._idle += 1
        if self._idle > IDLE_FRAMES:
            raise WireError(f"more than {IDLE_FRAMES:,} frames in a tick that bring nothing")

    # --- frames of a port ------------------------------------------------------------------

    def _hear_port(self, read: Frame) -> None:
        port = self.ports.get(read.port)
        if port is None:
            if read.kind == Kind.OPEN:
                self._hear_open(read)
            elif self._was_open(read.port) and read.kind in LATE:
                self._count_idle()
            else:
                raise WireError(f"{_name(read)} on port {read.port}, which is not open")
        elif read.kind in HEARS[port.state]:
            if port.arriving is not None and read.kind != Kind.DATA:
                raise WireError(f"{_name(read)} between the chunks of a value")
            self._heard[read.kind](port, read)
        else:
            raise WireError(f"{_name(read)} on port {read.port}, which is {port.state.value}")

    def _was_open(self, number: int) -> bool:
        if number % 2 == self._next % 2:
            return 0 < number < self._next
        return 0 < number <= self._theirs

    def _hear_open(self, read: Frame) -> None:
        if read.port % 2 == self._next % 2 or read.port <= self._theirs:
            raise WireError(f"OPEN of port {read.port}, which is not theirs to open")
        if len(self.ports) >= 2 * PORTS:
            raise WireError(f"more than {PORTS} ports")
        name, fingerprint, described = _strings(read.body, 3)
        if len(name.encode()) > NAME:
            raise WireError(f"a name of more than {NAME} bytes")
        try:
            known = bytes.fromhex(fingerprint)
        except ValueError:
            raise WireError("a fingerprint that is not hexadecimal") from None
        self._theirs = read.port
        receives = bool(read.id)
        self.ports[read.port] = Port(read.port, name, sends=receives, state=State.ASKED)
        self._events.append(Opening(read.port, name, receives, known, described))

    def _hear_opened(self, port: Port, read: Frame) -> None:
        port.open()
        self._events.append(Opened(port.number, bool(read.id)))

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
        self._events.append(Wanted(port.number))

    def _hear_unwant(self, port: Port, read: Frame) -> None:
        self._count_idle()
        left, port.wants = port.wants, 0
        self._outbox.put(frame(Kind.UNWANTED, port.number, left), port)

    def _hear_unwanted(self, port: Port, read: Frame) -> None:
        if read.id > port.wants:
            raise WireError("more wants given back than there were")
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
        if port.values and self._kept >= self.credit:
            raise WireError("more bytes than the credit of the link")
        self._idle = 0
        port.wants -= 1
        port.latest = read.id
        port.values[read.id] = Value(size)
        self._kept += size
        attempt, last = body[0], bool(flags & LAST)
        if flags & MORE:
            port.arriving = Arriving(read.kind, read.id, size, attempt, last)
            self._add_chunk(port, body[5:], more=True)
        else:
            self._arrived(port, read.id, body[1:], attempt, last)

    def _arrived(self, port: Port, id: int, value: bytes, attempt: int, last: bool) -> None:
        if port.said:
            self.release(port.number, id)
        else:
            self._events.append(Delivered(port.number, id, value, attempt, last))

    def _hear_data(self, port: Port, read: Frame) -> None:
        if port.arriving is None or port.arriving.id != read.id:
            raise WireError("DATA of no value")
        self._add_chunk(port, read.body, more=bool(read.flags & MORE))

    def _add_chunk(self, port: Port, chunk: bytes, *, more: bool) -> None:
        arriving = cast(Arriving, port.arriving)
        arriving.parts.append(chunk)
        arriving.left -= len(chunk)
        if arriving.left < 0 or (not more and arriving.left) or (more and not chunk):
            raise WireError("chunks that do not add up to the length announced")
        if more:
            return
        port.arriving = None
        whole = b"".join(arriving.parts)
        if arriving.kind == Kind.DELIVER:
            self._arrived(port, arriving.id, whole, arriving.attempt, arriving.last)
        else:
            self._answered(port, arriving.id, Kind.DONE, whole)

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
            if read.kind != Kind.DONE or len(read.body) < TOTAL.size:
                raise WireError(f"{_name(read)} in chunks")
            size = TOTAL.unpack_from(read.body)[0]
            if size > self.largest:
                raise WireError(f"a reply of {size:,} bytes, {self.largest:,} at most")
            port.arriving = Arriving(read.kind, read.id, size)
            self._add_chunk(port, read.body[TOTAL.size :], more=True)
        else:
            self._answered(port, read.id, read.kind, read.body)

    def _answered(self, port: Port, id: int, kind: int, body: bytes) -> None:
        value = port.values[id]
        self._sent -= value.size
        value.size = 0
        move = MOVES[value.fate, Kind(kind)]
        if move is None:
            del port.values[id]
        else:
            value.fate = move
        self._events.append(Answered(port.number, id, kind, body))
        if self._starved and self._sent < self.credit:
            self._events += [Wanted(starved.number) for starved in self._starved]
            self._starved.clear()
        self._close_if_over(port)


def _name(read: Frame) -> str:
    return Kind(read.kind).name


def _short(text: str) -> bytes:
    return text.encode()[:TEXT].decode(errors="ignore").encode()


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise WireError("text that is not UTF-8") from None


def _listed(texts: tuple[str, ...]) -> bytes:
    """Up to ten texts, shortened so that they fit."""
    if not texts:
        return b""
    return json.dumps([text[: TEXT // 12 // min(len(texts), 10)] for text in texts[:10]]).encode()


def _strings(body: bytes, count: int | None = None) -> list[str]:
    try:
        texts: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise WireError("a list of texts that is none") from None
    if not isinstance(texts, list) or (count is not None and len(cast(Any, texts)) != count):
        raise WireError("a list of texts that is none")
    found = cast("list[Any]", texts)
    if not all(isinstance(text, str) for text in found):
        raise WireError("a list of texts that is none")
    return found
