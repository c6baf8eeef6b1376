"""The link is cut after every byte of a small scenario, in either direction.

Invariants, whatever was cut and when:
* every operation ends; none hangs (an hour of the test's clock has passed then).
* a send that returned was taken, once; one that raised LinkLost by nobody; DeliveryUnknown: at
  most once.  What a link took back from a buffer may be taken again, and nothing is lost.
* a call that returned has the reply to its own request; each request is replied to once.
* nothing leaks: no port, no item, no credit, no party in a channel.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

import csp
from netchannels.testing import faulty_pair, linked

ALL = bool(os.environ.get("NIGHTLY"))  # every byte; else some of those inside of a frame
VALUES = (1, 2, 3)


class Tale:
    """What became of each value, told by those who sent and those who took it."""

    def __init__(self, home: Any, there: Any, streams: Any) -> None:
        self.home, self.there, self.streams = home, there, streams
        self.links = [home._inside.links[0], there._inside.links[0]]
        self.sent: dict[int, str] = {}
        self.taken: Counter[int] = Counter()
        self.channels: list[csp.Channel[Any]] = []

    def channel(self, kind: Any = int, **options: Any) -> csp.Channel[Any]:
        channel: csp.Channel[Any] = csp.Channel(kind, **options)
        self.channels.append(channel)
        return channel

    async def sends(self, tx: csp.Sender[int], values: tuple[int, ...] = VALUES) -> None:
        """Send them all, and tell what each send said."""
        with tx:
            for value in values:
                try:
                    await tx.send(value)
                except csp.DeliveryUnknown:
                    self.sent[value] = "unknown"
                except csp.LinkLost as error:
                    self.sent[value] = {False: "lost"}[error.delivered]
                except csp.NoReceivers:
                    self.sent[value] = "refused"
                else:
                    self.sent[value] = "returned"

    async def takes(self, rx: csp.Receiver[int]) -> None:
        """Take all that comes, until the end or the loss."""
        with rx:
            try:
                async for value in rx:
                    self.taken[value] += 1
            except csp.LinkLost:
                return

    def check(self, *, once: bool = True) -> None:
        """Each said the truth."""
        for value, said in self.sent.items():
            times = self.taken[value]
            if said == "returned":
                assert times == 1 if once else times >= 1, (value, said, times)
            elif said == "unknown":
                assert times <= 1, (value, said, times)
            else:
                assert times == 0, (value, said, times)

    def check_leaks(self) -> None:
        """Nothing is left, neither on the links nor in the channels."""
        for link in self.links:
            for asking in link.asking.values():
                assert not asking.answered.is_set()
            connection = link.connection
            if link.lost:
                assert not link.ports
                assert not link.asking
            else:
                assert connection._sent == connection._kept == 0, link
                assert not link.ports, link
                assert not connection.ports, link
        for channel in self.channels:
            core = channel._core
            assert core.held == 0, channel
            assert not core.front, channel
            assert core.first is None, channel
            assert not core.buffer, channel


Scenario = Callable[[Tale, trio.Nursery], Awaitable[None]]


async def shared_receiver(
    tale: Tale, channel: csp.Channel[Any], kind: Any = int, **options: Any
) -> Any:
    """The receiver there, or None if the link was cut before it was agreed on."""
    tale.home.share("it", channel.receiver())
    try:
        return await tale.there.receiver("it", kind, **options)
    except csp.LinkLost:
        return None
    finally:
        tale.home.unshare("it")


async def shared_sender(tale: Tale, channel: csp.Channel[Any], kind: Any = int) -> Any:
    tale.home.share("it", channel.sender())
    try:
        return await tale.there.sender("it", kind)
    except csp.LinkLost:
        return None
    finally:
        tale.home.unshare("it")


async def down(tale: Tale, room: float = 0, **options: Any) -> None:
    """The home sends; a receiver of its own takes what is left when the link is cut."""
    numbers = tale.channel(name="numbers", buffer=room)
    spare = numbers.receiver()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tale.sends, numbers.sender())
        rx = await shared_receiver(tale, numbers, **options)
        if rx is not None:
            await tale.takes(rx)
        await tale.takes(spare)
    tale.check(once=not room)
    assert all(tale.taken[value] or tale.sent[value] == "unknown" for value in VALUES)


async def plain_down(tale: Tale) -> None:
    await down(tale)


async def prefetched_down(tale: Tale) -> None:
    await down(tale, prefetch=2)


async def buffered_down(tale: Tale) -> None:
    await down(tale, room=math.inf)


async def up(tale: Tale, room: float = 0) -> None:
    numbers = tale.channel(name="numbers", buffer=room)
    tx, rx = None, numbers.receiver()
    async with trio.open_nursery() as nursery:
        tx = await shared_sender(tale, numbers)
        nursery.start_soon(tale.takes, rx)
        if tx is not None:
            await tale.sends(tx)
    tale.check()


async def plain_up(tale: Tale) -> None:
    await up(tale)


async def buffered_up(tale: Tale) -> None:
    await up(tale, room=2)


async def broker(tale: Tale) -> None:
    numbers = tale.channel(name="numbers")
    spare = numbers.receiver()
    tale.home.share("both", numbers.receiver())
    tale.home.share("both", numbers.sender())
    async with trio.open_nursery() as nursery:
        try:
            tx = await tale.there.sender("both", int)
            nursery.start_soon(tale.sends, tx)
            rx = await tale.there.receiver("both", int)
        except csp.LinkLost:
            rx = None
        tale.home.unshare("both")
        if rx is not None:
            await tale.takes(rx)
        await tale.takes(spare)
    tale.check()


async def leases(tale: Tale, room: float) -> None:
    jobs = tale.channel(name="jobs", buffer=room, max_attempts=math.inf)
    spare, done = jobs.receiver(), Counter[int]()

    async def works(rx: csp.Receiver[int]) -> None:
        with rx:
            try:
                async for job in rx.leases():
                    async with job:
                        await trio.sleep(0.01)
                        if not job.lost.is_set():  # else it is as good as killed
                            done[job.value] += 1
            except csp.LinkLost:
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tale.sends, jobs.sender())
        rx = await shared_receiver(tale, jobs)
        if rx is not None:
            await works(rx)
        await works(spare)
    for value in VALUES:
        if tale.sent[value] == "returned":
            assert done[value] >= 1
        else:
            assert tale.sent[value] == "unknown"


async def leases_unbuffered(tale: Tale) -> None:
    await leases(tale, 0)


async def leases_buffered(tale: Tale) -> None:
    await leases(tale, math.inf)


async def extended_down(tale: Tale) -> None:
    numbers = tale.channel(name="numbers")
    spare = numbers.receiver()
    begun = Counter[int]()

    async def works(rx: csp.Receiver[int]) -> None:
        with rx:
            try:
                while True:
                    async with rx.extended() as value:
                        begun[value] += 1
                        await trio.lowlevel.checkpoint()
            except (csp.LinkLost, csp.EndOfChannel):
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tale.sends, numbers.sender())
        rx = await shared_receiver(tale, numbers)
        if rx is not None:
            await works(rx)
        await works(spare)
    for value, said in tale.sent.items():
        assert said in ("returned", "unknown")
        assert begun[value] or said == "unknown"


async def extended_up(tale: Tale) -> None:
    numbers = tale.channel(name="numbers")
    rx, begun = numbers.receiver(), Counter[int]()

    async def works() -> None:
        with rx:
            try:
                while True:
                    async with rx.extended() as value:
                        begun[value] += 1
                        await trio.lowlevel.checkpoint()
            except csp.EndOfChannel:
                return

    async with trio.open_nursery() as nursery:
        tx = await shared_sender(tale, numbers)
        nursery.start_soon(works)
        if tx is not None:
            await tale.sends(tx)
    for value, said in tale.sent.items():
        assert begun[value] <= 1
        assert begun[value] == {"returned": 1, "lost": 0}.get(said, begun[value])


Calls = csp.Call[int, int]


async def call_all(tale: Tale, tx: Any) -> None:
    with tx:
        for value in VALUES:
            try:
                assert await tx.call(value) == value * value
                tale.sent[value] = "returned"
            except csp.DeliveryUnknown:
                tale.sent[value] = "unknown"
            except csp.LinkLost as error:
                tale.sent[value] = {False: "lost"}[error.delivered]


async def serve_all(tale: Tale, rx: Any) -> None:
    def square(value: int) -> int:
        tale.taken[value] += 1
        return value * value

    with rx:
        try:
            await rx.serve(square)
        except csp.LinkLost:
            return


async def calls_down(tale: Tale, attempts: float = math.inf) -> None:
    calls = tale.channel(Calls, name="calls", max_attempts=attempts)
    spare = calls.receiver()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call_all, tale, calls.sender())
        rx = await shared_receiver(tale, calls, Calls)
        if rx is not None:
            await serve_all(tale, rx)
        await serve_all(tale, spare)
    for value in VALUES:
        if attempts == 1:
            assert tale.taken[value] <= 1
        else:
            assert tale.sent[value] == "returned"
        assert tale.taken[value] or tale.sent[value] == "unknown"


async def calls_down_once(tale: Tale) -> None:
    await calls_down(tale, 1)


async def calls_up(tale: Tale) -> None:
    calls = tale.channel(Calls, name="calls")
    async with trio.open_nursery() as nursery:
        tx = await shared_sender(tale, calls, Calls)
        nursery.start_soon(serve_all, tale, calls.receiver())
        if tx is not None:
            await call_all(tale, tx)
    tale.check()


async def results(tale: Tale, room: float = 0) -> None:
    """Each task has one result, whoever did it at last: it ends the lease as it is taken."""
    jobs = tale.channel(name="jobs", buffer=math.inf, max_attempts=math.inf)
    done = tale.channel(name="done", buffer=room)
    spare, spare_out, collected = jobs.receiver(), done.sender(), done.receiver()
    said: dict[int, str] = {}

    async def works(rx: csp.Receiver[int], out: csp.Sender[int]) -> None:
        with rx, out:
            try:
                async for job in rx.leases():
                    async with job:
                        value = job.value
                        try:
                            await job.send(out, value)
                            said[value] = "sent"
                        except csp.DeliveryUnknown:
                            said[value] = "unknown"
                            raise
            except csp.LinkLost:
                return

    async with trio.open_nursery() as nursery:
        with jobs.sender() as tx:
            for value in VALUES:
                await tx.send(value)
        tale.home.share("done", done.sender())
        rx = await shared_receiver(tale, jobs)
        try:
            out = await tale.there.sender("done", int)
        except csp.LinkLost:
            out = None
        tale.home.unshare("done")
        nursery.start_soon(tale.takes, collected)
        if rx is not None and out is not None:
            await works(rx, out)
        for end in (rx, out):
            if end is not None:
                end.close()
        await works(spare, spare_out)
    assert tale.taken == Counter(VALUES)
    assert set(said) == set(VALUES)


async def results_buffered(tale: Tale) -> None:
    await results(tale, 1)


async def results_brokered(tale: Tale) -> None:
    """The collector sits elsewhere as well: its answer decides, also when the link is lost."""
    jobs = tale.channel(name="jobs", buffer=math.inf, max_attempts=math.inf)
    done = tale.channel(name="done")
    taken: Counter[int] = Counter()
    spare, spare_out = jobs.receiver(), done.sender()
    with jobs.sender() as tx:
        for value in VALUES:
            await tx.send(value)

    async def works(rx: csp.Receiver[int], out: csp.Sender[int]) -> None:
        with rx, out:
            try:
                async for job in rx.leases():
                    async with job:
                        await job.send(out, job.value)
            except csp.LinkLost:
                return

    async def collects(home: Any, third: Any, ready: trio.Event) -> None:
        home.share("done", done.receiver())
        rx = await third.receiver("done", int)
        home.unshare("done")
        ready.set()
        with rx:
            async for value in rx:
                taken[value] += 1
                await trio.sleep(0.01)

    slow = faulty_pair()
    for stream in slow:
        stream.delay(0.02)  # the answer comes behind the loss of the worker's link
    ready = trio.Event()
    async with linked(slow) as (middle, third), trio.open_nursery() as nursery:
        nursery.start_soon(collects, middle, third, ready)
        await ready.wait()
        tale.home.share("done", done.sender())
        rx = await shared_receiver(tale, jobs)
        try:
            out = await tale.there.sender("done", int)
        except csp.LinkLost:
            out = None
        tale.home.unshare("done")
        if rx is not None and out is not None:
            await works(rx, out)
        for end in (rx, out):
            if end is not None:
                end.close()
        await works(spare, spare_out)
    assert taken == Counter(VALUES)


async def offers_up(tale: Tale) -> None:
    """Output guards there, a buffer with room for one at the home."""
    numbers = tale.channel(name="numbers", buffer=1)
    rx = numbers.receiver()

    async def takes() -> None:
        await trio.sleep(0.1)
        await tale.takes(rx)

    async def offers(tx: csp.Sender[int]) -> None:
        left = list(VALUES)
        with tx, csp.Alternation(tx.offer(lambda: left[0])) as alternation:
            while left:
                value = left[0]
                try:
                    await alternation.select()
                    tale.sent[value] = "returned"
                except csp.DeliveryUnknown:
                    tale.sent[value] = "unknown"
                except csp.LinkLost:
                    tale.sent[value] = "lost"
                left.pop(0)

    async with trio.open_nursery() as nursery:
        tx = await shared_sender(tale, numbers)
        nursery.start_soon(takes)
        if tx is not None:
            await offers(tx)
    tale.check()


async def alternations(tale: Tale) -> None:
    """Output guards at the home, input guards there."""
    numbers = tale.channel(name="numbers")
    spare = numbers.receiver()

    async def offers() -> None:
        left = list(VALUES)
        with numbers.sender() as tx, csp.Alternation(tx.offer(lambda: left[0])) as alternation:
            while left:
                value = left[0]
                try:
                    await alternation.select()
                    tale.sent[value] = "returned"
                except csp.DeliveryUnknown:
                    tale.sent[value] = "unknown"
                left.pop(0)

    async def takes(rx: csp.Receiver[int]) -> None:
        with rx, csp.Alternation(rx) as alternation:
            try:
                async for _, value in alternation:
                    tale.taken[value] += 1
            except csp.LinkLost:
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(offers)
        rx = await shared_receiver(tale, numbers)
        if rx is not None:
            await takes(rx)
        await takes(spare)
    tale.check()
    assert all(tale.taken[value] or tale.sent[value] == "unknown" for value in VALUES)


async def moving_ends(tale: Tale) -> None:
    """The home gives the receiver of an answer away in a value, and answers on it."""
    letters = tale.channel(csp.Receiver[int], name="letters")
    answers = tale.channel(name="answers")
    spare = letters.receiver()

    async def writes() -> None:
        with letters.sender() as tx, answers.receiver() as inner:  # ours still, if not taken
            try:
                await tx.send(inner)
            except csp.DeliveryUnknown:
                tale.sent[0] = "unknown"
        await tale.sends(answers.sender())

    async def reads(rx: Any) -> None:
        with rx:
            try:
                async for inner in rx:
                    await tale.takes(inner)
            except csp.LinkLost:
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writes)
        rx = await shared_receiver(tale, letters, csp.Receiver[int])
        if rx is not None:
            await reads(rx)
        await reads(spare)
    tale.sent.pop(0, None)
    tale.check()


async def moving_ends_ahead(tale: Tale) -> None:
    """As before, but the value waits there, untaken: who takes it at last can use the end in it."""
    letters = tale.channel(csp.Receiver[int], name="letters", buffer=2)
    answers = tale.channel(name="answers")
    spare = letters.receiver()
    with letters.sender() as tx:
        await tx.send(answers.receiver())
    rx = await shared_receiver(tale, letters, csp.Receiver[int], prefetch=2)
    await trio.sleep(0.1)
    tale.streams[0].cut()
    await trio.sleep(0.1)
    if rx is not None:
        rx.close()
    inner = await spare.receive()
    spare.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tale.sends, answers.sender())
        await tale.takes(inner)
    tale.check()
    assert set(tale.sent.values()) == {"returned"}


async def ends_home(tale: Tale) -> None:
    """A sender that was had by its name goes home, where its channel ends when it retires."""
    letters = tale.channel(csp.Sender[int], name="letters", buffer=1)
    numbers = tale.channel(name="numbers")
    arrives, heard = letters.receiver(), numbers.receiver()
    tale.home.share("numbers", numbers.sender())
    out = await shared_sender(tale, letters, csp.Sender[int])
    try:
        inner = await tale.there.sender("numbers", int)
    except csp.LinkLost:
        inner = None
    tale.home.unshare("numbers")

    async def arrive() -> None:
        with arrives:
            async for came in arrives:
                await tale.sends(came)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(arrive)
        nursery.start_soon(tale.takes, heard)
        if out is not None:
            with out:
                if inner is not None:
                    with inner:  # ours still, if it was not taken
                        try:
                            await out.send(inner)
                        except (csp.LinkLost, csp.DeliveryUnknown):
                            await trio.sleep(0)
    tale.check()


async def poison_up(tale: Tale) -> None:
    """The receiver there poisons; the home hears it, or keeps its channel."""
    numbers = tale.channel(name="numbers")
    spare = numbers.receiver()
    heard: list[str] = []

    async def sends() -> None:
        with numbers.sender() as tx:
            try:
                for value in VALUES:
                    await tx.send(value)
                    heard.append("taken")
            except csp.Poisoned as error:
                heard.append(error.reason)
            except csp.DeliveryUnknown:
                heard.append("unknown")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sends)
        rx = await shared_receiver(tale, numbers)
        try:
            if rx is not None:
                with rx:
                    await rx.receive()
                    rx.poison("rotten")
        except csp.LinkLost:
            pass
        await trio.sleep(1)
        try:
            await tale.takes(spare)
        except csp.Poisoned:
            assert heard[-1] == "rotten"
    assert heard


async def long_values(tale: Tale) -> None:
    """Values in many chunks."""
    texts = tale.channel(bytes, name="texts")
    spare, taken = texts.receiver(), Counter[bytes]()
    long = [bytes((letter,)) * 50_000 for letter in b"abc"]
    said: dict[bytes, str] = {}

    async def sends() -> None:
        with texts.sender() as tx:
            for text in long:
                try:
                    await tx.send(text)
                    said[text] = "returned"
                except csp.DeliveryUnknown:
                    said[text] = "unknown"

    async def takes(rx: Any) -> None:
        with rx:
            try:
                async for text in rx:
                    taken[text] += 1
            except csp.LinkLost:
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sends)
        rx = await shared_receiver(tale, texts, bytes)
        if rx is not None:
            await takes(rx)
        await takes(spare)
    for text in long:
        assert taken[text] <= 1
        assert taken[text] or said[text] == "unknown"


SCENARIOS = [
    plain_down, prefetched_down, buffered_down, plain_up, buffered_up, broker, leases_unbuffered,
    leases_buffered, extended_down, extended_up, calls_down, calls_down_once, calls_up,
    alternations, offers_up, results, results_buffered, results_brokered, moving_ends,
    moving_ends_ahead, ends_home, poison_up, long_values,
]  # fmt: skip


def run_cut(scenario: Callable[[Tale], Awaitable[None]], side: int, after: int) -> bool:
    """Run it with a cut after so many bytes that a side has sent; False if it came too late."""

    async def main() -> bool:
        streams = faulty_pair()
        with trio.fail_after(3600):
            async with linked(streams) as (home, there):
                tale = Tale(home, there, streams)
                if after < math.inf:
                    streams[side].cut(after_bytes=int(after))
                await scenario(tale)
                await trio.sleep(5)
                tale.check_leaks()
                return streams[side]._cut

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_a_cut_it_leaves_nothing_behind(scenario: Any) -> None:
    assert not run_cut(scenario, 0, math.inf) or scenario is moving_ends_ahead


@pytest.mark.parametrize("side", [0, 1], ids=["home", "there"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_every_byte(scenario: Any, side: int) -> None:
    after, step = 0, 1 if ALL else 3
    if scenario is long_values:
        step = 101 if ALL else 3_003
    most = 400 if scenario is moving_ends_ahead else math.inf  # it cuts the link itself
    while run_cut(scenario, side, after) and after < most:
        after += step
    assert after > 20 * step or side == 1


@pytest.mark.parametrize("how", ["lease", "extended"])
def test_what_was_in_work_behind_a_link_that_is_cut_is_given_to_another(how: str) -> None:
    async def main() -> None:
        streams = faulty_pair()
        async with linked(streams) as (home, there):
            tale = Tale(home, there, streams)
            jobs = tale.channel(name="jobs")
            rx = await shared_receiver(tale, jobs)
            spare, begun, returned = jobs.receiver(), trio.Event(), trio.Event()

            async def sends() -> None:
                with jobs.sender() as tx:
                    await tx.send(7)
                    returned.set()

            async def works() -> None:
                with rx:
                    async with getattr(rx, how)():
                        begun.set()
                        await trio.sleep(10)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(sends)
                nursery.start_soon(works)
                await begun.wait()
                await trio.sleep(1)
                assert returned.is_set() == (how == "lease")
                streams[0].cut()
                with spare, trio.fail_after(2):
                    async with getattr(spare, how)() as taken:
                        value = (taken.value, taken.attempt) if how == "lease" else (taken, 2)
                        assert value == (7, 2)
                        await trio.sleep(1)
                        assert returned.is_set() == (how == "lease")
                    await trio.sleep(0.1)
                    assert returned.is_set()
            tale.check_leaks()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
