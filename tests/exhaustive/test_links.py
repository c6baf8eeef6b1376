"""Networks over links, in every order of operations, of frames, and of the loss of a link.

The real `Link`, `Outlet`, `Inlet` and `Connection` run without trio under the exploring kernel; what
the models of a remote rendezvous demand is asked of them: a value is in one pair of hands, nobody
hears that it was sent unless it was taken, nothing is stuck, and two alternations that ask each
other agree (wait-die: Rosenkrantz, Stearns, Lewis, ACM TODS 3(2), 1978).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Alternation, Call, Channel, DeliveryUnknown, LinkLost, Par, process
from csp.lowlevel import current_kernel
from netchannels import _link
from netchannels._link import Link
from netchannels._passage import Passage
from netchannels._ports import Inlet, Outlet
from netchannels.wire import Connection
from netchannels.wire.frames import HEADER

from .explorer import STEP, Explorer, Stuck, _Step, outcome

LIMIT = 1_500  # orders of a network that has more are drawn by lot


class Nowhere:
    """A node with nothing but an id."""

    def __init__(self, node_id: bytes) -> None:
        self.node_id = node_id

    def find(self, *args: Any) -> Any:
        raise AssertionError("ports are bound by hand")

    def port_closed(self) -> None:
        """Nobody asks."""

    def link_event(self, *args: Any) -> None:
        """Nobody listens."""


class Wire:
    """Two links back to back; each frame is brought by a step of its own.

    With `in_parts` all frames that are there are brought together, and handed out one by one.
    """

    in_parts = False

    def __init__(self, one: bytes = b"a", other: bytes = b"b") -> None:
        self.ends = [
            Link(
                Connection(dialled=True), Nowhere(one), peer=other, label="b", role="", address=""
            ),
            Link(
                Connection(dialled=False), Nowhere(other), peer=one, label="a", role="", address=""
            ),
        ]
        self.frames: list[list[bytes]] = [[], []]  # on their way to each of the ends
        self.lost = False
        kernel = current_kernel()
        assert isinstance(kernel, Explorer)
        for to in (0, 1):
            kernel.start(self._bring(to), serves=True)
        self.kernel = kernel

    def _pump(self, to: int) -> None:
        data = self.ends[1 - to].connection.data_to_send()
        while data:
            size = HEADER.size + HEADER.unpack_from(data)[0]
            self.frames[to].append(data[:size])
            data = data[size:]

    def _has(self, to: int) -> bool:
        self._pump(to)
        return bool(self.frames[to]) and not self.lost

    async def _bring(self, to: int) -> None:
        while True:
            await _Step(lambda: self._has(to))
            frames = self.frames[to]
            taken = len(frames) if self.in_parts else 1
            self.ends[to].receive(b"".join(frames[:taken]))
            del frames[:taken]
            while self.in_parts and self.ends[to].hand_out():
                await _Step(STEP)

    def may_be_lost(self) -> None:
        """At one moment, which the kernel chooses; or never, if all else has ended before."""

        async def lose() -> None:
            await _Step(STEP)
            self.lose()

        self.kernel.start(lose(), serves=True)

    def lose(self) -> None:
        """What is on its way is lost, both sides hear of it."""
        self.lost = True
        for link in self.ends:
            link.lose("cut")

    def share(self, channel: Channel[Any], home: int, *, prefetch: int = 0) -> Any:
        """A receiver at the other side of a channel whose home is `home`."""
        here, there = self.ends[home], self.ends[1 - home]
        passage = Passage(channel.type)
        number = there.connection.open(channel.name, receives=True)
        here.connection.receive_data(there.connection.data_to_send(), 0.0)
        here.connection.opened(number)
        there.connection.receive_data(here.connection.data_to_send(), 0.0)
        for link in self.ends:
            link.connection.events()
        proxy: Channel[Any] = Channel(channel.type, name=channel.name, max_attempts=1000)
        near = proxy.receiver()
        here.ports[number] = Outlet(here, number, channel.receiver(), passage, home=True)
        there.ports[number] = Inlet(
            there, number, proxy.sender(), passage, home=False, prefetch=prefetch
        )
        for link in self.ends:
            link.ports[number].start()
        return near


def explore(main: Callable[[], Any], check: Callable[[Any], None]) -> int:
    """Run `main` in every order, or in `LIMIT` of them, and `check` each result; how many."""
    path: list[int] = []
    count = 0
    while count < LIMIT:
        kernel = Explorer(path)
        check(outcome(kernel, main))
        count += 1
        path = path + [0] * (len(kernel.widths) - len(path))
        while path and path[-1] + 1 == kernel.widths[len(path) - 1]:
            path.pop()
        if not path:
            return count
        path[-1] += 1
    for seed in range(LIMIT):
        check(outcome(Explorer([], random.Random(seed)), main))
    return count + LIMIT


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio, "current_time", lambda: 0.0)


@pytest.fixture(params=[False, True], ids=["frame by frame", "in parts"], autouse=True)
def _parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(_link, "PART", 1)
        monkeypatch.setattr(Wire, "in_parts", True)


@process
async def sends(out: csp.Sender[int], values: list[int], told: list[tuple[str, int]]) -> None:
    for value in values:
        try:
            await out.send(value)
            told.append(("sent", value))
        except DeliveryUnknown:
            told.append(("unknown", value))


@process
async def receives(inp: csp.Receiver[int], got: list[int]) -> None:
    try:
        async for value in inp:
            got.append(value)
    except LinkLost:
        got.append(-1)


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("may_be_lost", [False, True])
def test_a_value_sent_is_taken_once_and_one_not_sent_by_nobody(
    may_be_lost: bool, prefetch: int
) -> None:
    async def main() -> Any:
        wire = Wire()
        numbers = Channel(int, name="numbers")
        far = wire.share(numbers, 0, prefetch=prefetch)
        told: list[tuple[str, int]] = []
        got: list[int] = []
        near: list[int] = []
        if may_be_lost:
            wire.may_be_lost()
        await Par(
            sends(numbers.sender(), [1, 2], told),
            receives(far, got),
            receives(numbers.receiver(), near),
        )
        return told, Counter(got + near), wire.lost

    def check(result: Any) -> None:
        assert result is not Stuck
        told, taken, lost = result
        assert [value for _, value in told] == [1, 2]
        for what, value in told:
            assert taken[value] == 1 if what == "sent" else taken[value] <= 1
            assert what == "sent" or lost

    assert explore(main, check) > 100


@process
async def works(inp: csp.Receiver[int], done: list[int]) -> None:
    try:
        async for job in inp.leases():
            async with job:
                done.append(job.value)
    except LinkLost:
        return


def test_a_lease_of_a_lost_link_goes_to_somebody_else() -> None:
    async def main() -> Any:
        wire = Wire()
        jobs = Channel(int, name="jobs", buffer=2, max_attempts=10)
        far = wire.share(jobs, 0)
        done: list[int] = []
        wire.may_be_lost()
        await Par(sends(jobs.sender(), [1, 2], []), works(far, done), works(jobs.receiver(), done))
        return Counter(done), wire.lost

    def check(result: Any) -> None:
        assert result is not Stuck
        done, lost = result
        assert set(done) == {1, 2}
        assert lost or done == {1: 1, 2: 1}

    assert explore(main, check) > 100


@process
async def serves(calls: csp.Receiver[Call[int, int]], served: list[int]) -> None:
    try:
        async for number in _requests(calls):
            served.append(number)
    except LinkLost:
        return


async def _requests(calls: csp.Receiver[Call[int, int]]) -> Any:
    while True:
        alternation = Alternation(calls.accepting())
        try:
            choice = await alternation.select()
        except csp.EndOfChannel:
            return
        finally:
            alternation.close()
        call: Any = choice.value
        request = call._ticket.request
        call._ticket.answer(request * request)
        yield request


@process
async def asks(calls: csp.Sender[Call[int, int]], replies: list[int]) -> None:
    for number in (2, 3):
        replies.append(await calls.call(number))


def test_each_call_has_one_reply_whatever_is_lost() -> None:
    async def main() -> Any:
        wires = [Wire(), Wire()]
        squares = Channel(Call[int, int], name="squares", max_attempts=10)
        fars = [wire.share(squares, 0) for wire in wires]
        replies: list[int] = []
        served: list[int] = []
        wires[0].may_be_lost()
        await Par(asks(squares.sender(), replies), *(serves(far, served) for far in fars))
        return replies, Counter(served), wires[0].lost

    def check(result: Any) -> None:
        assert result is not Stuck
        replies, served, lost = result
        assert replies == [4, 9]
        assert set(served) == {2, 3}
        assert lost or served == {2: 1, 3: 1}

    assert explore(main, check) > 100


@process
async def quits(calls: csp.Receiver[Call[int, int]], left: list[int]) -> None:
    """A server that is cancelled as soon as it has taken a call."""
    with Alternation(calls.accepting()) as alternation:
        try:
            call: Any = (await alternation.select()).value
        except csp.EndOfChannel:
            return
    left.append(call._ticket.request)
    call._ticket.tried = True
    call._ticket.answer(error=csp.CallFailed("cancelled"))


@process
async def asks_and_hears(calls: csp.Sender[Call[int, int]], told: list[int | str]) -> None:
    for number in (2, 3):
        try:
            told.append(await calls.call(number))
        except csp.CallFailed as error:
            told.append(str(error))


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_call_whose_server_is_cancelled_is_an_attempt_and_served_by_the_next(
    attempts: int,
) -> None:
    async def main() -> Any:
        wires = [Wire(), Wire()]
        squares = Channel(Call[int, int], name="squares", max_attempts=attempts)
        fars = [wire.share(squares, 0) for wire in wires]
        told: list[int | str] = []
        served: list[int] = []
        left: list[int] = []
        await Par(
            asks_and_hears(squares.sender(), told), quits(fars[0], left), serves(fars[1], served)
        )
        return told, served, left

    def check(result: Any) -> None:
        assert result is not Stuck
        told, served, left = result
        failed = set(left) if attempts == 1 else set()
        expected = {2: 4, 3: 9} | dict.fromkeys(failed, "no reply: the server was cancelled")
        assert told == list(expected.values())
        assert served == [number for number in (2, 3) if number not in failed]

    assert explore(main, check) > 100


@process
async def chooses(out: csp.Sender[int], inp: csp.Receiver[int], told: list[str]) -> None:
    alternation = Alternation(out.offer(lambda: 1), inp)
    choice = await alternation.select()
    told.append("out" if choice.guard is out else "in")
    alternation.close()


@pytest.mark.parametrize("lower", [0, 1])
def test_two_alternations_that_ask_each_other_agree(lower: int) -> None:
    async def main() -> Any:
        wire = Wire(b"a", b"b") if lower == 0 else Wire(b"b", b"a")
        one, other = Channel(int, name="one"), Channel(int, name="other")
        from_one, from_other = wire.share(one, 0), wire.share(other, 1)
        told: list[list[str]] = [[], []]
        await Par(
            chooses(one.sender(), from_other, told[0]), chooses(other.sender(), from_one, told[1])
        )
        return told[0] + told[1]

    def check(result: Any) -> None:
        assert result in (["in", "out"], ["out", "in"])

    assert explore(main, check) > 100


@pytest.mark.parametrize("ids", [b"abc", b"acb"])
def test_a_ring_of_alternations_that_ask_each_other_agrees(ids: bytes) -> None:
    async def main() -> Any:
        names = [ids[at : at + 1] for at in range(3)]
        wires = [Wire(names[at], names[(at + 1) % 3]) for at in range(3)]
        channels = [Channel(int, name=f"from {at}") for at in range(3)]
        inputs = [wire.share(channel, 0) for wire, channel in zip(wires, channels, strict=True)]
        told: list[list[str]] = [[], [], []]
        await Par(
            *(chooses_or_ends(channels[at].sender(), inputs[at - 1], told[at]) for at in range(3))
        )
        return [what for each in told for what in each]

    def check(result: Any) -> None:
        assert result is not Stuck
        assert sorted(result) in (["end", "in", "out"], ["in", "in", "out"])

    assert explore(main, check) > 100


@process
async def chooses_or_ends(out: csp.Sender[int], inp: csp.Receiver[int], told: list[str]) -> None:
    alternation = Alternation(out.offer(lambda: 1), inp)
    try:
        choice = await alternation.select()
    except csp.ChannelEnded:  # both neighbours have decided for others, and left
        told.append("end")
    else:
        told.append("out" if choice.guard is out else "in")
    alternation.close()
