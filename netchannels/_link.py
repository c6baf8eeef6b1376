"""A link as a program sees it: the connection, and what hangs on its ports.

Invariants:
* everything here is synchronous; `poke` is called whenever there may be bytes to write.
* a port has one entry in `ports` from its opening to its end, the loss of the link included.
* after `_over` the link says and hears nothing.
* `_heard` has what was parsed and not yet handed out, in order.  Others have their turn in between, so
  the connection may be ahead of a port; a port is forgotten, and the link lost, only when it is empty.
"""

from __future__ import annotations

import math
import secrets
import typing
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import trio

import csp
from csp.lowlevel import Latch, current_kernel, home_of, same_channel, take_over, travelling

from ._counters import Counters, RoundTrips
from ._errors import NameRefused, NetworkError, TypeRefused
from ._passage import Passage
from ._ports import PATIENCE, Ending, Inlet, Outlet
from .wire import Connection, events

LARGEST_WINDOW = 65_536  # the same, whatever the buffer
WINDOW = 64  # values that a sending program may have standing at a home without a buffer
PART = 64  # events that are handed out at once: then those that have got something go on
UNKNOWN, DIRECTION, TYPE, FORBIDDEN = 1, 2, 3, 4  # why a port is refused
MOVING = "~"  # before the names of ends that travel in values
MOVING_LENGTH = 1 + 32
BARE, ROOMY, HOMEWARD = b"\0", b"\1", b"\2"  # before the name: its home has a buffer, it goes home

Port = Outlet | Inlet
Departing = Any  # the name of an end of ours, or an end on its way home

# what happens to values, and goes to their port at once
OF_PORT: dict[type, Callable[[Any, Any], None]] = {
    events.Delivered: Inlet.delivered,
    events.Answered: Outlet.answered,
    events.Asked: Inlet.asked,
    events.Cancelled: Inlet.cancelled,
}


class Home(Protocol):
    """What a link asks of its node."""

    @property
    def node_id(self) -> bytes:
        """What tells the nodes of a network apart, and orders them."""
        ...

    def find(
        self, link: Link, asked: events.Opening
    ) -> tuple[Any, Passage, float] | tuple[int, str]:
        """The end for who asks, its passage and its buffer; or the number of a reason and why."""
        ...

    def port_closed(self) -> None:
        """A port is over: something may be at its end now."""
        ...

    def link_event(self, link: Link, event: Any) -> None:
        """Tell who listens."""
        ...


class Asking:
    """A port that was asked for and has no answer yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answered: trio.Event = trio.Event()
        self.error: Exception | None = None


class Link:
    """One connection to another node."""

    def __init__(
        self,
        connection: Connection,
        home: Home,
        *,
        peer: bytes,
        label: str,
        role: str,
        address: str,
    ) -> None:
        self.connection: Connection = connection
        self.home: Home = home
        self.peer: bytes = peer
        self.label: str = label
        self.role: str = role
        self.address: str = address
        self.counters: Counters = Counters()
        self.round_trips: RoundTrips = RoundTrips()
        self.ports: dict[int, Port] = {}
        self.asking: dict[int, Asking] = {}
        self.endings: dict[tuple[int, int], Ending] = {}  # results not taken yet, by their leases
        self.departing: list[Departing] = []  # ends in the value that is being encoded
        self.arriving: list[Callable[[], None]] = []  # opens the ends in the value just decoded
        self.lost: str = ""  # why, once it is
        self.left: bool = False  # it said goodbye
        self.suspected: bool = False
        self.over: trio.Event = trio.Event()
        self._heard: deque[Any] = deque()
        self._early: dict[int, Any] = {}  # ends of ports on which nothing hangs yet
        self._moving: dict[str, Any] = {}  # ends that travel to the other side, by name
        self._reminders: deque[tuple[float, Callable[..., object], tuple[Any, ...]]] = deque()
        self._writable = Latch()
        self._writer_waits = False
        self._turn = Latch()  # set when the writer has had its turn
        self._unwritten: Latch | None = None  # set when what is said now is written
        self._being_written: Latch | None = None  # set when the bytes taken last are written
        self._dispatch: dict[type, Callable[[Any], object]] = {
            events.Wanted: self._wanted,
            events.Retired: self._retired,
            events.Poisoned: self._poisoned,
            events.Opening: self._opening,
            events.Opened: self._opened,
            events.Refused: self._refused,
            events.Measured: lambda event: self.round_trips.add(event.seconds),
            events.Suspected: self._suspected,
            events.Recovered: self._recovered,
            events.Left: lambda event: self.lose(event.text or "it said goodbye", left=True),
            events.Lost: lambda event: self.lose(event.why),
        }

    def __repr__(self) -> str:
        return f"<link to {self.label}>"

    # --- the stream ------------------------------------------------------------------------

    def poke(self) -> None:
        """There may be something to write."""
        if not self._writable.happened:
            self._writable.set()

    async def wait_writable(self) -> None:
        """Wait until `poke`."""
        self._writer_waits = True
        await self._writable.wait(current_kernel())
        self._writable = Latch()
        self._writer_waits = False
        self._turn.set()

    async def let_write(self) -> None:
        """Let those go on who have got something, then the writer, unless it is at work."""
        if self._writer_waits:
            self._turn = Latch()
            self.poke()
            await self._turn.wait(current_kernel())

    def receive(self, data: bytes) -> None:
        """Bytes have arrived, b"" at the end of the stream; `hand_out` what more they say."""
        if data:
            self.connection.receive_data(data, trio.current_time())
        else:
            self.connection.receive_eof()
        self.hand_out()

    def data_to_send(self) -> bytes:
        """The next bytes to write, b"" if there are none now."""
        self._have_written()
        self._being_written, self._unwritten = self._unwritten, None
        data = self.connection.data_to_send()
        if not data:
            self._have_written()
        return data

    def _have_written(self) -> None:
        if self._being_written is not None:
            self._being_written.set()

    async def written(self) -> None:
        """Wait until the short frames that were said so far are written, or the link is lost."""
        if not self.lost:
            self._unwritten = self._unwritten or Latch()
            self.poke()
            await self._unwritten.wait(current_kernel())

    def has_said_all(self) -> bool:
        """True once nothing will follow what was written, a goodbye last."""
        return self.connection.over

    def tick(self) -> None:
        """Look at the clock."""
        self._hand_out_all()
        now = trio.current_time()
        self.connection.handle_time(now)
        reminders = self._reminders
        while reminders and reminders[0][0] <= now:
            _, function, args = reminders.popleft()
            function(*args)
        self._hand_out_all()
        self.poke()

    def next_tick(self) -> float:
        """When `tick` should be called at the latest."""
        deadline = self.connection.next_deadline()
        return min(deadline, self._reminders[0][0]) if self._reminders else deadline

    def remind(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` when `PATIENCE` is at its end, if the link lives."""
        self._reminders.append((trio.current_time() + PATIENCE, function, args))

    def hand_out(self) -> bool:
        """Hand out the next part of what has happened; true if there may be more."""
        heard = self._heard
        try:
            for _ in range(PART):
                if not heard:
                    heard.extend(self.connection.events())
                    if not heard:
                        self._forget_closed()
                        return False
                event = heard.popleft()
                kind: type[Any] = event.__class__
                of_port = OF_PORT.get(kind)
                if of_port is not None:
                    of_port(self.ports[event.port], event)
                else:
                    self._dispatch[kind](event)
        except BaseException:  # a mistake of ours, which ends this link
            heard.clear()
            raise
        return True

    def _hand_out_all(self) -> None:
        while self.hand_out():
            pass

    def _forget_closed(self) -> None:
        known = self.connection.ports
        if len(self.ports) + len(self.asking) > len(known):
            for number in [number for number in self.ports if number not in known]:
                del self.ports[number]
            self.home.port_closed()

    def waits_for_us(self) -> bool:
        """True if an alternation there may wait until one of ours has decided.

        Of two that ask each other only the one of the lower node waits, the other one gives up
        and asks again (wait-die: Rosenkrantz, Stearns, Lewis, "System level concurrency control
        for distributed database systems", ACM TODS 3(2), 1978), so that no circle of them waits.
        """
        return self.peer < self.home.node_id

    # --- ports -----------------------------------------------------------------------------

    def ask(self, name: str, passage: Passage, receives: bool) -> Asking:
        """Ask for a port to a shared name."""
        number = self.connection.open(
            name,
            receives=receives,
            fingerprint=passage.fingerprint,
            described=passage.described,
        )
        asking = self.asking[number] = Asking(number)
        self.poke()
        return asking

    def give_up(self, asking: Asking) -> None:
        """Nobody wants the port any more."""
        self.asking.pop(asking.number, None)
        self.connection.retire(asking.number)
        self.poke()

    def attach_receiver(self, number: int, far: Any, passage: Passage, prefetch: int) -> None:
        """Let the values of an open port flow into the channel of `far`, its sender."""
        inlet = Inlet(self, number, far, passage, home=False, prefetch=prefetch)
        self._attach(number, inlet)

    def attach_sender(self, number: int, far: Any, passage: Passage) -> None:
        """Let the values of a channel flow away; `far` is its receiver."""
        roomy = self.connection.ports[number].buffered
        self._attach(number, Outlet(self, number, far, passage, home=False, roomy=roomy))

    def _attach(self, number: int, port: Port) -> None:
        self.ports[number] = port
        if self.lost:
            port.lost(self.lost)
        else:
            port.start()
            self._catch_up(number)

    def _catch_up(self, number: int) -> None:
        """The other side may have retired before anybody listened."""
        early = self._early.pop(number, None)
        if early is not None:
            self._dispatch[type(early)](early)

    def retire_receivers(self) -> None:
        """Nothing more is received here: what stands in line goes back to its home."""
        for port in list(self.ports.values()):
            if isinstance(port, Inlet) and not port.home:
                port.leave()
        self.poke()

    def counters_of(self, number: int) -> Counters:
        """What a port counts with: the built-in ones with their own, so that looking is not seen."""
        port = self.connection.ports.get(number)
        return Counters() if port is not None and port.name.startswith("@") else self.counters

    # --- events of ports -------------------------------------------------------------------

    def _wanted(self, event: events.Wanted) -> None:
        port = self.ports.get(event.port)
        if isinstance(port, Outlet):
            port.wanted(event)

    def _retired(self, event: events.Retired) -> None:
        port = self.ports.get(event.port)
        if port is not None:
            port.retired(event)
        elif event.port in self.connection.ports:
            self._early[event.port] = event

    def _poisoned(self, event: events.Poisoned) -> None:
        port = self.ports.get(event.port)
        if port is not None:
            port.poisoned(event)
        elif event.port in self.connection.ports:
            self._early[event.port] = event

    def _opening(self, event: events.Opening) -> None:
        number = event.port
        if event.name.startswith(MOVING):
            found = self._find_moving(event)
        else:
            found = self.home.find(self, event)
        if len(found) == 2:
            self.connection.refuse(number, *found)
            return
        end, passage, buffer = found
        self.connection.opened(number, buffered=buffer > 0)
        port: Port
        if event.receives:
            port = Outlet(self, number, end, passage, home=True)
        else:
            window = max(WINDOW, int(min(buffer, LARGEST_WINDOW)))
            port = Inlet(self, number, end, passage, home=True, prefetch=window)
        self.ports[number] = port
        port.start()

    def _find_moving(self, event: events.Opening) -> tuple[Any, Passage, float] | tuple[int, str]:
        end = self._moving.pop(event.name, None)
        if end is None:
            return UNKNOWN, "this end was lost on its way"
        passage = Passage(end.type)
        why = mismatch(event, passage, end)
        return (TYPE, why) if why else (end, passage, end.statistics().max_buffer_size)

    def _opened(self, event: events.Opened) -> None:
        asking = self.asking.pop(event.port, None)
        if asking is None:
            self.connection.retire(event.port)
        else:
            asking.answered.set()
            port = self.ports.get(event.port)  # an end that came in a value has its port already
            if port is not None:
                port.start()

    def _refused(self, event: events.Refused) -> None:
        asking = self.asking.pop(event.port, None)
        if asking is not None:
            asking.error = _refusal(event)
            asking.answered.set()
        port = self.ports.pop(event.port, None)
        if port is not None:
            port.lost(event.text)

    # --- ends in values --------------------------------------------------------------------

    def lower(self, end: Any) -> bytes:
        """The name under which the other side can open an end that travels in a value."""
        home: object = home_of(end)
        if home is self:
            self.departing.append(end)
            return HOMEWARD + self._number_of(end).to_bytes(4)
        if home is not None:
            raise TypeError(
                f"the home of `{end.channel_name}` is a third program: an end travels from its home "
                f"or back to it, so send the name instead, and open it there"
            )
        Passage(end.type)
        name = MOVING + secrets.token_hex(16)
        self._moving[name] = end
        self.departing.append(name)
        return (ROOMY if end.statistics().max_buffer_size else BARE) + name.encode()

    def _number_of(self, end: Any) -> int:
        """The port on which the channel of an end hangs; 0 if it does no more."""
        found = (number for number, port in self.ports.items() if same_channel(port.end, end))
        return next(found, 0)

    def departed(self) -> list[Departing]:
        """The ends in the value that was encoded just now."""
        departing, self.departing = self.departing, []
        return departing

    def stay(self, departing: list[Departing]) -> None:
        """The value was not taken: the ends in it go back with it."""
        for each in departing:
            if isinstance(each, str):
                self._moving.pop(each, None)

    def leave(self, departing: list[Departing]) -> None:
        """The value was taken: ends that were on their way home are there."""
        for each in departing:
            if not isinstance(each, str):
                each.close()

    def arrived(self) -> list[Callable[[], None]]:
        """What opens the ends in the value that was decoded just now."""
        arriving, self.arriving = self.arriving, []
        return arriving

    def lift(self, name: bytes, kind: Any) -> Any:
        """The end that a name from the other side stands for."""
        if name[:1] == HOMEWARD:
            return self._lift_home(int.from_bytes(name[1:]), kind)
        roomy, moving = name[:1] == ROOMY, name[1:].decode()
        if len(moving) != MOVING_LENGTH or not moving.startswith(MOVING):
            raise ValueError("an end without its name")
        element = (typing.get_args(kind) or (object,))[0]
        receives = typing.get_origin(kind) is csp.Receiver
        passage = Passage(element)
        channel: csp.Channel[Any] = csp.Channel(element, name="moved", max_attempts=math.inf)
        near: Any = channel.receiver() if receives else channel.sender()
        far: Any = channel.sender() if receives else channel.receiver()
        far = take_over(far, travelling=True)  # if nobody takes the value, both ends just retire

        def open_port() -> None:
            if self.lost:
                far.close()
                return
            asking = self.ask(moving, passage, receives)
            port: Port
            if receives:
                port = Inlet(self, asking.number, far, passage, home=False, prefetch=0)
                self.ports[asking.number] = port
                port.start()
            else:
                self.ports[asking.number] = Outlet(
                    self, asking.number, far, passage, home=False, roomy=roomy
                )

        self.arriving.append(open_port)
        return take_over(near, travelling=True)

    def _lift_home(self, number: int, kind: Any) -> Any:
        """An end of a channel of ours, which the other side has had and gives back."""
        element = (typing.get_args(kind) or (object,))[0]
        receives = typing.get_origin(kind) is csp.Receiver
        port = self.ports.get(number)
        if port is None:  # it has ended meanwhile
            channel: csp.Channel[Any] = csp.Channel(element, name="ended")
            near, far = channel.sender(), channel.receiver()
            (near if receives else far).close()
            return take_over(far if receives else near, travelling=True)
        if not port.home or isinstance(port, Outlet) is not receives:
            raise ValueError("an end that was never given away")
        if port.passage.fingerprint != Passage(element).fingerprint:
            raise ValueError(f"the end carries {port.passage.described}")
        return travelling(port.end)

    # --- its end ---------------------------------------------------------------------------

    def _suspected(self, event: events.Suspected) -> None:
        self.suspected = True
        for port in list(self.ports.values()):
            if isinstance(port, Outlet):
                port.taker.stop()
        self.home.link_event(self, event)

    def _recovered(self, event: events.Recovered) -> None:
        self.suspected = False
        for port in list(self.ports.values()):
            if isinstance(port, Outlet) and not port.taker.closed:
                port.taker.ask()
        self.home.link_event(self, event)

    def lose(self, why: str, *, left: bool = False) -> None:
        """The link is gone; what has arrived before counts."""
        if self.lost:
            return
        self._hand_out_all()
        if self.lost:  # that is what it has told
            return
        self.connection.lose(why)
        self.left = left
        self.lost = (
            f"the link to {self.label} is lost: {why}" if not left else f"{self.label} left: {why}"
        )
        for asking in self.asking.values():
            asking.error = csp.LinkLost(self.lost)
            asking.answered.set()
        self.asking.clear()
        ports, self.ports = self.ports, {}
        for port in ports.values():
            port.lost(self.lost)
        moving, self._moving = self._moving, {}
        for end in moving.values():
            end.close()
        self.home.link_event(self, events.Left(why) if left else events.Lost(why))
        self.home.port_closed()
        for latch in (self._being_written, self._unwritten):
            if latch is not None:
                latch.set()
        self.over.set()
        self.poke()


def mismatch(asked: events.Opening, passage: Passage, end: Any) -> str:
    """Why what is asked for does not fit a shared end; "" if it does."""
    if asked.fingerprint == passage.fingerprint:
        return ""
    return (
        f"`{end.channel_name}` carries {passage.described} here, {asked.described} was asked for; "
        f"if they look alike, their fields differ"
    )


def _refusal(event: events.Refused) -> Exception:
    if event.reason == TYPE:
        return TypeRefused(event.text)
    if event.reason in (UNKNOWN, DIRECTION, FORBIDDEN):
        return NameRefused(event.text)
    return NetworkError(event.text)
