"""Two connections back to back, whatever their programs do and in whatever pieces bytes arrive.

The oracle knows, for each port, what was delivered and what was answered.  Whatever a program may
do, the other side never says that the protocol was broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from netchannels.wire import Connection, Kind
from netchannels.wire.events import (
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
from netchannels.wire.frames import CHUNK, FAILURE
from netchannels.wire.port import Fate

LARGEST = 12 * CHUNK
SIZES = st.sampled_from([0, 5, CHUNK + 1, 3 * CHUNK, LARGEST])
PIECES = st.sampled_from([1, 7, 18, 40, CHUNK, 2 * CHUNK, 100_000])
SIDES = st.sampled_from([0, 1])
FINAL = {Kind.ACCEPT, Kind.RELEASE, Kind.DONE, Kind.FAIL, Kind.RETURN}


@dataclass
class Channel:
    """A port as the oracle sees it; `sender` and `opener` are sides."""

    number: int
    opener: int
    sender: int
    status: str = "asked for"  # on its way to the other side; then "asked", "agreed", "refused"
    open: bool = False  # the opener has heard that it was agreed to
    ends: list[Event | None] = field(default_factory=lambda: [None, None])  # what each side said
    heard: list[bool] = field(default_factory=lambda: [False, False])
    sent: dict[int, bytes] = field(default_factory=dict)
    arrived: int = 0  # the latest value that the receiver was told of
    standing: list[int] = field(default_factory=list)  # at the receiver
    held: list[int] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)
    answers: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)  # not heard yet
    over: set[int] = field(default_factory=set)  # values whose final answer was heard
    refusals: bool = False  # `may_deliver` has said no, and `Wanted` has not been heard since

    @property
    def receiver(self) -> int:
        return 1 - self.sender

    def usable(self, side: int) -> bool:
        """May this side say something on it?"""
        known = side == self.opener or self.status == "agreed"
        return known and self.status != "refused" and self.ends[side] is None


class Link(RuleBasedStateMachine):
    """One link."""

    @initialize(credit=st.sampled_from([10, 2 * CHUNK, 3 * LARGEST]))
    def connect(self, credit: int) -> None:
        def make(dialled: bool) -> Connection:
            return Connection(
                dialled=dialled,
                credit=credit,
                grants=credit,
                largest=LARGEST,
                suspect=1e9,
                lost=1e9,
            )

        self.sides = [make(True), make(False)]
        self.flight = [bytearray(), bytearray()]
        self.channels: dict[int, Channel] = {}
        self.now = 0.0
        self.cut = False
        self.left = False
        for side in (0, 1, 0):  # some ports stand open from the start, two in one direction
            self.open(side, True)
        self.carry_all()
        for channel in self.channels.values():
            self.agree(channel)
            self.sides[channel.receiver].want(channel.number, 3)
        self.carry_all()

    # --- choosing --------------------------------------------------------------------------

    def some(self, data: st.DataObject, fits: Callable[[Channel], object]) -> Channel | None:
        """A channel that fits, None if there is none."""
        fitting = [channel for channel in self.channels.values() if fits(channel)]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    def value(
        self, data: st.DataObject, values: Callable[[Channel], list[int]]
    ) -> tuple[Channel, int] | None:
        channel = self.some(data, values)
        return None if channel is None else (channel, data.draw(st.sampled_from(values(channel))))

    # --- ports -----------------------------------------------------------------------------

    @precondition(lambda self: len(self.channels) < 6)
    @rule(side=SIDES, receives=st.booleans(), wants=st.integers(0, 2))
    def open(self, side: int, receives: bool, wants: int = 0) -> None:
        if self.cut:
            return
        number = self.sides[side].open("x", receives=receives)
        if receives and wants:
            self.sides[side].want(number, wants)
        self.channels[number] = Channel(number, side, 1 - side if receives else side)

    @rule(data=st.data(), agrees=st.sampled_from([True, True, True, False]))
    def answer_opening(self, data: st.DataObject, agrees: bool) -> None:
        channel = self.some(data, lambda channel: channel.status == "asked")
        if channel is None:
            return
        if agrees:
            self.agree(channel)
        else:
            self.sides[1 - channel.opener].refuse(channel.number, 1, "no")
            channel.status = "refused"

    def agree(self, channel: Channel) -> None:
        channel.status = "agreed"
        self.sides[1 - channel.opener].opened(channel.number)
        self.look(1 - channel.opener)

    @rule(data=st.data(), side=SIDES, poison=st.booleans())
    def end(self, data: st.DataObject, side: int, poison: bool) -> None:
        channel = self.some(data, lambda channel: channel.usable(side))
        if channel is None:
            return
        if poison:
            channel.ends[side] = Poisoned(channel.number, "why", "who")
            self.sides[side].poison(channel.number, "why", "who")
        else:
            channel.ends[side] = Retired(channel.number, ("cause",))
            self.sides[side].retire(channel.number, ("cause",))
        if side == channel.receiver:
            for id in channel.standing:
                channel.answers[id] = [(Kind.RELEASE, b"")]
            channel.standing.clear()

    # --- values ----------------------------------------------------------------------------

    @rule(data=st.data(), side=SIDES, count=st.sampled_from([1, 1, 2, 10]))
    def want(self, data: st.DataObject, side: int, count: int) -> None:
        channel = self.some(data, lambda c: c.receiver == side and c.usable(side))
        if channel is not None:
            self.sides[side].want(channel.number, count)

    @rule(data=st.data(), side=SIDES)
    def unwant(self, data: st.DataObject, side: int) -> None:
        channel = self.some(data, lambda c: c.receiver == side and c.usable(side))
        if channel is not None:
            self.sides[side].unwant(channel.number)

    @rule(data=st.data(), side=SIDES, size=SIZES, last=st.booleans())
    def deliver(self, data: st.DataObject, side: int, size: int, last: bool) -> None:
        connection = self.sides[side]
        channel = self.some(data, lambda c: c.sender == side and connection.may_deliver(c.number))
        if channel is None:
            return
        body = bytes([len(channel.sent) % 256]) * size
        id = connection.deliver(channel.number, body, last=last)
        assert id == len(channel.sent) + 1
        channel.sent[id] = body

    @rule(data=st.data(), side=SIDES)
    def withdraw_or_cancel(self, data: st.DataObject, side: int) -> None:
        chosen = self.value(
            data, lambda c: sorted(set(c.sent) - c.over) if c.sender == side else []
        )
        if chosen is not None:
            channel, id = chosen
            self.sides[side].withdraw(channel.number, id)
            self.sides[side].cancel(channel.number, id)

    @rule(
        data=st.data(),
        kind=st.sampled_from([Kind.ACCEPT, Kind.HOLD, Kind.HOLD, Kind.RELEASE, Kind.FAIL]),
    )
    def take(self, data: st.DataObject, kind: Kind) -> None:
        chosen = self.value(data, lambda channel: channel.standing)
        if chosen is None:
            return
        channel, id = chosen
        channel.standing.remove(id)
        body = (
            b"unreadable" if kind == Kind.FAIL else b"\1" if kind == Kind.HOLD and id % 2 else b""
        )
        channel.answers[id] = [(kind, body)]
        side = self.sides[channel.receiver]
        if kind == Kind.ACCEPT:
            side.accept(channel.number, id)
        elif kind == Kind.RELEASE:
            side.release(channel.number, id)
        elif kind == Kind.FAIL:
            side.fail(channel.number, id, body)
        else:
            side.hold(channel.number, id, extended=bool(body))
            channel.held.append(id)

    @rule(data=st.data(), kind=st.sampled_from([Kind.DONE, Kind.FAIL, Kind.RETURN]), size=SIZES)
    def finish(self, data: st.DataObject, kind: Kind, size: int) -> None:
        chosen = self.value(data, lambda channel: channel.held)
        if chosen is not None:
            self.finish_one(*chosen, kind, b"r" * min(size, FAILURE if kind == Kind.FAIL else size))

    def finish_one(self, channel: Channel, id: int, kind: Kind, body: bytes) -> None:
        channel.held.remove(id)
        side = self.sides[channel.receiver]
        if kind == Kind.DONE:
            side.done(channel.number, id, body)
        elif kind == Kind.FAIL:
            side.fail(channel.number, id, body)
        else:
            body = b"\1" if body else b""
            side.give_back(channel.number, id, tried=bool(body))
        channel.answers.setdefault(id, []).append((kind, body))

    # --- the link --------------------------------------------------------------------------

    @rule(side=SIDES, size=PIECES)
    def carry(self, side: int, size: int) -> None:
        """Some bytes are written, some arrive."""
        self.flight[side] += self.sides[side].data_to_send()
        piece = bytes(self.flight[side][:size])
        del self.flight[side][:size]
        self.sides[1 - side].receive_data(piece, self.now)
        self.look(1 - side)

    @rule()
    def carry_all(self) -> None:
        while any(self.sides) and not self.cut:
            said = [b"".join(iter(side.data_to_send, b"")) for side in self.sides]
            for side in (0, 1):
                self.flight[side] += said[side]
            if not any(self.flight):
                return
            for side in (0, 1):
                piece = bytes(self.flight[side])
                self.flight[side].clear()
                self.sides[1 - side].receive_data(piece, self.now)
                self.look(1 - side)

    @rule(side=SIDES, seconds=st.floats(-1.0, 3.0))
    def time_passes(self, side: int, seconds: float) -> None:
        self.now += seconds
        self.sides[side].handle_time(self.now)
        self.sides[side].busy(seconds)
        self.look(side)

    @precondition(lambda self: self.channels and not self.cut)
    @rule(dice=st.integers(0, 30))
    def cut_it(self, dice: int) -> None:
        if dice:
            return
        self.cut = True
        for connection, flight in zip(self.sides, self.flight, strict=True):
            flight.clear()
            connection.receive_eof()
            assert connection.events()[-1:] == [Lost("closed by the other side without a goodbye")]
        self.channels.clear()

    # --- what is told ----------------------------------------------------------------------

    def look(self, side: int) -> None:
        for event in self.sides[side].events():
            getattr(self, f"hear_{type(event).__name__}")(side, event)

    def hear_Lost(self, side: int, event: Lost) -> None:
        raise AssertionError(event.why)

    def hear_Measured(self, side: int, event: Measured) -> None:
        assert event.seconds >= 0

    def hear_Left(self, side: int, event: Left) -> None:
        assert event.text == "bye"
        self.left = True

    def hear_Opening(self, side: int, event: Opening) -> None:
        channel = self.channels[event.port]
        assert (channel.opener, channel.status) == (1 - side, "asked for")
        assert event.receives == (channel.sender == side)
        channel.status = "asked"

    def hear_Opened(self, side: int, event: Opened) -> None:
        channel = self.channels[event.port]
        assert (channel.opener, channel.status, channel.open) == (side, "agreed", False)
        channel.open = True

    def hear_Refused(self, side: int, event: Refused) -> None:
        channel = self.channels.pop(event.port)
        assert (channel.opener, channel.status) == (side, "refused")

    def hear_Wanted(self, side: int, event: Wanted) -> None:
        channel = self.channels[event.port]
        assert channel.sender == side
        assert channel.ends[side] is None
        channel.refusals = False

    def hear_Delivered(self, side: int, event: Delivered) -> None:
        channel = self.channels[event.port]
        assert channel.receiver == side
        assert channel.ends[side] is None
        assert event.id == channel.arrived + 1
        assert event.value == channel.sent[event.id]
        channel.arrived = event.id
        channel.standing.append(event.id)

    def hear_Asked(self, side: int, event: Asked) -> None:
        channel = self.channels[event.port]
        assert event.id in channel.standing
        assert event.id not in channel.asked
        channel.asked.add(event.id)

    def hear_Cancelled(self, side: int, event: Cancelled) -> None:
        assert event.id in self.channels[event.port].held

    def hear_Answered(self, side: int, event: Answered) -> None:
        channel = self.channels[event.port]
        assert channel.sender == side
        assert event.id not in channel.over
        unseen = event.id > channel.arrived and channel.ends[channel.receiver] is not None
        expected = channel.answers.get(event.id)
        if expected:
            assert (event.kind, event.body) == expected.pop(0)
        else:  # it came when its receiver had retired, who was not told of it
            assert unseen
            assert event.kind == Kind.RELEASE
        if event.kind in FINAL:
            assert not expected
            channel.over.add(event.id)

    def hear_Retired(self, side: int, event: Retired) -> None:
        channel = self.channels[event.port]
        assert channel.ends[1 - side] == event
        assert not channel.heard[side]
        channel.heard[side] = True

    hear_Poisoned: Any = hear_Retired

    # --- what is always true ---------------------------------------------------------------

    @invariant()
    def wanted_tells_when_a_value_may_be_delivered(self) -> None:
        for channel in self.channels.values():
            may = self.sides[channel.sender].may_deliver(channel.number)
            assert not (may and channel.refusals), "nobody was told"
            channel.refusals = not may

    @invariant()
    def credit_is_what_has_no_answer(self) -> None:
        for connection in self.sides:
            ports = connection.ports.values()
            for sends, bytes_ in ((True, connection._sent), (False, connection._kept)):
                values = [v for port in ports if port.sends == sends for v in port.values.values()]
                assert sum(value.size for value in values) == bytes_
                assert all(value.size == 0 for value in values if value.fate is Fate.HELD)
            for port in ports:
                fates = [value.fate for value in port.values.values()]
                assert port.tentative == len(fates) - fates.count(Fate.HELD)

    @invariant()
    def nothing_is_written_on_a_link_that_is_cut(self) -> None:
        if self.cut:
            assert [side.data_to_send() for side in self.sides] == [b"", b""]

    def teardown(self) -> None:
        """All is answered and retired: then nothing is left of any port, and no credit is used."""
        if self.cut or not hasattr(self, "sides"):
            return
        self.carry_all()
        for channel in self.channels.values():
            if channel.status == "asked":
                self.agree(channel)
        self.carry_all()
        for channel in self.channels.values():
            for id in list(channel.held):
                self.finish_one(channel, id, Kind.DONE, b"reply")
            for side in (0, 1):
                if channel.usable(side):
                    channel.ends[side] = Retired(channel.number, ())
                    self.sides[side].retire(channel.number)
                    if side == channel.receiver:
                        channel.answers.update(
                            {id: [(Kind.RELEASE, b"")] for id in channel.standing}
                        )
        self.carry_all()
        for channel in self.channels.values():
            assert channel.over == set(channel.sent)
            assert channel.heard == [True, True]
        for connection in self.sides:
            assert (connection.ports, connection._sent, connection._kept) == ({}, 0, 0)
            assert not connection._outbox
        self.sides[0].goodbye("bye")
        self.flight[0] += self.sides[0].data_to_send()
        self.carry(0, 100)
        assert self.left


TestLink = Link.TestCase
TestLink.settings = settings(max_examples=300, stateful_step_count=80, deadline=None)
