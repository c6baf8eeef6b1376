"""A link as a program sees it: silence, busy, ends that travel, ports that go away."""

from __future__ import annotations

import os
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

import csp
import netchannels
from csp.lowlevel import home_of, same_channel
from netchannels import NetworkError
from netchannels._link import PART, Link
from netchannels._passage import Passage
from netchannels._ports import PATIENCE, Inlet, Outlet
from netchannels.testing import faulty_pair, linked
from netchannels.wire import Connection

pytestmark = pytest.mark.trio
Clock = trio.testing.MockClock


async def test_a_silent_peer_is_suspected_then_given_up(autojump_clock: Clock) -> None:
    streams = faulty_pair()
    async with linked(streams, heartbeat=1, suspect=4, lost=9) as (home, _):
        with home.events() as events:
            streams[0].half_open()
            start = trio.current_time()
            suspect, lost = await events.receive(), await events.receive()
            assert isinstance(suspect, netchannels.PeerSuspect)
            assert isinstance(lost, netchannels.PeerLost)
            assert lost.why == "silent for 9 s"
            assert 8 <= trio.current_time() - start <= 11
            assert home.status().lost == 1


async def test_one_that_speaks_again_is_not_given_up(autojump_clock: Clock) -> None:
    streams = faulty_pair()
    async with linked(streams, heartbeat=1, suspect=4, lost=9) as (home, _):
        with home.events() as events:
            streams[0].half_open()
            assert isinstance(await events.receive(), netchannels.PeerSuspect)
            assert home.status().links[0].state == "suspect"
            streams[0].mend()
            assert isinstance(await events.receive(), netchannels.PeerRecovered)
            assert home.status().links[0].state == "alive"


async def test_a_suspected_peer_gets_no_new_work(autojump_clock: Clock) -> None:
    streams = faulty_pair()
    async with linked(streams, heartbeat=1, suspect=4, lost=50) as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=5)
        home.share("numbers", numbers.receiver())
        receiver = await there.receiver("numbers", int, prefetch=5)
        with home.events() as events:
            await wait_all_tasks_blocked()
            streams[0].half_open("receive")
            assert isinstance(await events.receive(), netchannels.PeerSuspect)
            with numbers.sender() as sender:
                await sender.send(1)
                await trio.sleep(1)
                assert home.status().total.sent == 0
                streams[0].mend()
                assert await receiver.receive() == 1


async def test_a_busy_peer_is_not_suspected(autojump_clock: Clock) -> None:
    streams = faulty_pair()
    async with linked(streams, heartbeat=1, suspect=4, lost=9) as (home, there):
        with home.events() as events:
            there.busy(60)
            await trio.sleep(1)
            streams[0].half_open()
            await trio.sleep(55)
            with pytest.raises(trio.WouldBlock):
                events.receive_nowait()
            with trio.fail_after(30):  # its time is over
                assert isinstance(await events.receive(), netchannels.PeerSuspect)


async def test_without_a_goodbye_the_end_of_the_stream_is_a_loss() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, _):
        events = home.events()
        await streams[1].aclose()
        lost = await events.receive()
        assert isinstance(lost, netchannels.PeerLost)
        assert home.status().lost == 1


async def test_no_port_stays_when_its_ends_have_gone() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=1)
        home.share("numbers", numbers.receiver())
        home.share("numbers", numbers.sender())
        for _ in range(3):
            (await there.receiver("numbers", int)).close()
            (await there.sender("numbers", int)).close()
        await there.names()
        await home.names()
        assert home.status().links[0].ports == there.status().links[0].ports == []


async def test_the_credit_is_back_when_all_was_answered() -> None:
    async with linked() as (home, there):
        blobs = csp.Channel(bytes, name="blobs", buffer=10)
        home.share("blobs", blobs.receiver())
        receiver = await there.receiver("blobs", bytes, prefetch=10)
        full = home.status().links[0].credit
        with blobs.sender() as sender:
            for _ in range(10):
                await sender.send(bytes(1000))
        await wait_all_tasks_blocked(0.01)
        assert home.status().links[0].credit == full - 10 * 1003  # with the head of the value
        async for _ in receiver:
            pass
        await there.names()
        assert home.status().links[0].credit == full


@csp.process
async def takes(receiver: csp.Receiver[int]) -> None:
    async for _ in receiver:
        pass


@csp.process
async def sends(sender: csp.Sender[int], count: int) -> None:
    for number in range(count):
        await sender.send(number)


@pytest.mark.skipif(os.environ.get("CSP_LEND") == "0", reason="turns are not lent")
async def test_an_answer_leaves_together_with_the_next_want(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    data_to_send = Link.data_to_send

    def counted(link: Link) -> bytes:
        data = data_to_send(link)
        written.extend([link.label] if data else [])
        return data

    monkeypatch.setattr(Link, "data_to_send", counted)
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers")
        home.share("numbers", numbers.receiver())
        receiver = await there.receiver("numbers", int)
        async with csp.Spawn() as spawn:
            spawn(takes(receiver))
            spawn(sends(numbers.sender(), 50))
    assert 50 <= written.count("home") < 75  # what `there` wrote
    assert 50 <= written.count("there") < 75


async def test_a_value_in_work_leaves_no_reminder(monkeypatch: pytest.MonkeyPatch) -> None:
    reminded: list[Any] = []
    monkeypatch.setattr(Link, "remind", lambda link, *what: reminded.append(what))

    @csp.process
    async def squares(calls: csp.Receiver[csp.Call[int, int]]) -> None:
        await calls.serve(lambda number: number * number)

    async with linked() as (home, there):
        square = csp.Channel(csp.Call[int, int], name="square")
        home.share("square", square.receiver())
        async with csp.Spawn() as spawn:
            spawn(squares(await there.receiver("square", csp.Call[int, int])))
            with square.sender() as calls:
                assert [reply async for reply in calls.map(range(20))] == [n * n for n in range(20)]
            home.unshare("square")
    assert reminded == []


# --- ends in values --------------------------------------------------------------------------


async def test_an_end_travels_in_a_value_and_works_there() -> None:
    async with linked() as (home, there):
        ends: csp.Channel[Any] = csp.Channel(csp.Sender[str], name="ends")
        home.share("ends", ends.receiver())
        takes = await there.receiver("ends", csp.Sender[str])
        words = csp.Channel(str, name="words")
        heard = words.receiver()

        async def give() -> None:
            with ends.sender() as sender:
                await sender.send(words.sender())

        async def use() -> None:
            with await takes.receive() as out:
                await out.send("hello")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give)
            nursery.start_soon(use)
            assert await heard.receive() == "hello"
        with pytest.raises(csp.EndOfChannel):
            await heard.receive()


async def test_ends_travel_in_the_request_and_in_the_reply_of_a_call() -> None:
    kind = csp.Call[csp.Sender[str], csp.Receiver[str]]

    async def serve(requests: csp.Receiver[Any]) -> None:
        async with requests.accept() as call:
            with call.request as out:
                await out.send("hello")
            back = csp.Channel(str, name="back", buffer=1)
            with back.sender() as tx:
                await tx.send("goodbye")
            call.reply(back.receiver())

    async with linked() as (home, there):
        calls: csp.Channel[Any] = csp.Channel(kind, name="calls")
        home.share("calls", calls.receiver())
        server = await there.receiver("calls", kind)
        words = csp.Channel(str, name="words", buffer=1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, server)
            with calls.sender() as tx, words.receiver() as heard:
                with await tx.call(words.sender()) as said:
                    assert [word async for word in heard] == ["hello"]
                    assert [word async for word in said] == ["goodbye"]
        server.close()


async def test_an_end_that_has_travelled_retires_when_its_link_is_lost() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        ends: csp.Channel[Any] = csp.Channel(csp.Sender[str], name="ends", buffer=1)
        home.share("ends", ends.receiver())
        takes = await there.receiver("ends", csp.Sender[str])
        words = csp.Channel(str, name="words")
        with ends.sender() as sender:
            await sender.send(words.sender())
        travelled = await takes.receive()
        await there.names()  # a round trip: its port is open
        streams[0].cut()
        with words.receiver() as heard, pytest.raises(csp.EndOfChannel):
            await heard.receive()
        await wait_all_tasks_blocked()  # the other side hears of it as well
        with pytest.raises(csp.LinkLost):
            await travelled.send("hello")


async def test_an_end_is_not_relayed_to_a_third_program() -> None:
    async with linked() as (home, there), linked() as (third, middle):
        words = csp.Channel(str, name="words", buffer=1)
        home.share("words", words.sender())
        remote = await there.sender("words", str)
        ends: csp.Channel[Any] = csp.Channel(csp.Sender[str], name="ends")
        third.share("ends", ends.sender())
        out = await middle.sender("ends", csp.Sender[str])

        async def take() -> None:
            with ends.receiver() as takes:
                await takes.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            with pytest.raises(TypeError, match="`words` is a third program"):
                await out.send(remote)
            nursery.cancel_scope.cancel()
        await remote.send("still ours")


# --- ends that go home ------------------------------------------------------------------------


class Post:
    """A channel of ends from `there` to `home`, for those that come from there."""

    def __init__(self, kind: Any, buffer: int = 0) -> None:
        self.channel: csp.Channel[Any] = csp.Channel(kind, name="post", buffer=buffer)
        self.kind = kind
        self.takes = self.channel.receiver()

    async def out(self, home: Any, there: Any) -> Any:
        home.share("post", self.channel.sender())
        sender = await there.sender("post", self.kind)
        home.unshare("post")
        return sender


async def test_a_sender_that_goes_home_is_a_local_end_there_again() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        words, post = csp.Channel(str, name="words"), Post(csp.Sender[str], buffer=1)
        heard = words.receiver()
        home.share("words", words.sender())
        remote = await there.sender("words", str)
        home.unshare("words")
        with await post.out(home, there) as out:
            await out.send(remote)
        with pytest.raises(csp.EndClosed, match="you sent this sender of `words` away"):
            await remote.send("gone")
        back = await post.takes.receive()
        await there.names()
        assert "words" not in home.status().links[0].ports
        streams[0].cut()

        @csp.process
        async def says(words: csp.Sender[str]) -> None:
            await words.send("no link needed")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(says, back)
            assert await heard.receive() == "no link needed"
        with pytest.raises(csp.EndOfChannel):  # the one that came home was the last
            await heard.receive()


async def test_a_receiver_that_goes_home_leaves_what_was_prefetched_to_its_channel() -> None:
    async with linked() as (home, there):
        words, post = csp.Channel(str, name="words", buffer=3), Post(csp.Receiver[str], buffer=1)
        home.share("words", words.receiver())
        remote = await there.receiver("words", str, prefetch=2)
        home.unshare("words")
        with words.sender() as says:
            for word in ("a", "b", "c"):
                await says.send(word)
        await wait_all_tasks_blocked(0.01)
        assert home.status().total.sent == 2
        with await post.out(home, there) as out:
            await out.send(remote)
        with await post.takes.receive() as back:
            await there.names()
            assert [word async for word in back] == ["a", "b", "c"]


async def test_an_end_that_came_in_a_value_goes_home_in_one() -> None:
    async with linked() as (home, there):
        words, post = csp.Channel(str, name="words"), Post(csp.Sender[str])
        away: csp.Channel[Any] = csp.Channel(csp.Sender[str], name="away")
        home.share("away", away.receiver())
        comes, out = await there.receiver("away", csp.Sender[str]), await post.out(home, there)

        async def send() -> None:
            with away.sender() as sender:
                await sender.send(words.sender())

        async def there_and_back() -> None:
            with comes, out:
                await out.send(await comes.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            nursery.start_soon(there_and_back)
            with await post.takes.receive() as back:
                with words.receiver() as heard:
                    assert home_of(back) is None
                    assert same_channel(back, heard)


async def test_an_end_that_was_not_taken_at_home_stays_where_it_was() -> None:
    async with linked() as (home, there):
        words, post = csp.Channel(str, name="words", buffer=1), Post(csp.Sender[str])
        home.share("words", words.sender())
        with await there.sender("words", str) as remote, await post.out(home, there) as out:
            with trio.move_on_after(0.05):
                await out.send(remote)
            await remote.send("still there")
        with words.receiver() as heard:
            assert await heard.receive() == "still there"


async def test_an_end_whose_lease_at_home_fails_is_in_the_value_the_next_time() -> None:
    async with linked() as (home, there):
        words = csp.Channel(str, name="words", buffer=1)
        home.share("words", words.sender())
        own: csp.Channel[Any] = csp.Channel(csp.Sender[str], name="own", buffer=1)
        there.share("own", own.receiver())
        takes = await home.receiver("own", csp.Sender[str])
        with own.sender() as out:
            await out.send(await there.sender("words", str))
        async with takes.lease():
            raise ValueError("not yet")
        async with takes.lease() as job:
            assert job.attempt == 2
            with job.value as out:
                await out.send("the second time")
        with words.receiver() as heard:
            assert await heard.receive() == "the second time"


async def test_an_end_of_a_channel_that_has_ended_meanwhile_goes_home_ended() -> None:
    async with linked() as (home, there):
        words, post = csp.Channel(str, name="words"), Post(csp.Sender[str], buffer=1)
        heard = words.receiver()
        home.share("words", words.sender())
        remote = await there.sender("words", str)
        heard.close()
        await there.names()
        await home.names()
        with await post.out(home, there) as out:
            await out.send(remote)
        with await post.takes.receive() as back, pytest.raises(csp.NoReceivers):
            await back.send("nobody hears")


@pytest.mark.parametrize(
    ("kind", "why"),
    [(csp.Sender[int], "carries str"), (csp.Receiver[str], "never given away")],
)
async def test_only_what_was_given_away_comes_home(kind: Any, why: str) -> None:
    async with linked() as (home, there):
        words = csp.Channel(str, name="words")
        home.share("words", words.sender())
        with await there.sender("words", str):
            link = home._inside.links[0]
            [number] = link.ports
            with pytest.raises(ValueError, match=why):
                link.lift(b"\2" + number.to_bytes(4), kind)
            far = there._inside.links[0]  # the other side of this port is not at its home
            with pytest.raises(ValueError, match="never given away"):
                far.lift(b"\2" + number.to_bytes(4), csp.Receiver[str])


async def test_a_lost_link_is_told_to_who_waits_for_an_answer(autojump_clock: Clock) -> None:
    streams = faulty_pair()
    async with linked(streams) as (_, there):
        streams[0].half_open()
        with pytest.raises((csp.LinkLost, NetworkError)):
            await there.receiver("numbers", int)


async def test_who_asks_for_the_status_is_not_counted() -> None:
    async with linked() as (home, there):
        before = await there.status_of(home.label)
        after = await there.status_of(home.label)
        assert before.total == after.total == netchannels.Counters()
        assert there.status().total == netchannels.Counters()


# --- what has arrived is handed out in parts -----------------------------------------------------


class Nowhere:
    """A node with nothing but an id."""

    def __init__(self, node_id: bytes) -> None:
        self.node_id = node_id

    def find(self, *_: Any) -> Any:
        raise AssertionError("ports are bound by hand")

    def port_closed(self) -> None:
        """Nobody asks."""

    def link_event(self, *_: Any) -> None:
        """Nobody listens."""


class Pair:
    """Two links without a stream, and a channel of numbers from `home` to `there`."""

    def __init__(self, prefetch: int) -> None:
        self.home, self.there = (
            Link(Connection(dialled=dialled), Nowhere(me), peer=it, label="", role="", address="")
            for dialled, me, it in ((True, b"a", b"b"), (False, b"b", b"a"))
        )
        self.numbers = csp.Channel(int, name="numbers", buffer=prefetch)
        passage = Passage(int)
        port = self.there.connection.open("numbers", receives=True)
        self.home.connection.receive_data(self.there.connection.data_to_send(), 0.0)
        self.home.connection.opened(port)
        self.there.connection.receive_data(self.home.connection.data_to_send(), 0.0)
        self.home.connection.events(), self.there.connection.events()
        far = csp.Channel(int, name="numbers")
        self.near, self.at_home = far.receiver(), self.numbers.receiver()
        self.outlet = Outlet(self.home, port, self.numbers.receiver(), passage, home=True)
        self.inlet = Inlet(self.there, port, far.sender(), passage, home=False, prefetch=prefetch)
        self.home.ports[port], self.there.ports[port] = self.outlet, self.inlet
        self.outlet.start()
        self.inlet.start()
        self.bring(self.there, self.home)

    def bring(self, one: Link, other: Link, *, all_parts: bool = True) -> None:
        """All that one side has to say, in one piece."""
        other.receive(one.connection.data_to_send())
        while all_parts and other.hand_out():
            pass

    async def deliver(self, count: int, *, all_parts: bool = True) -> None:
        """So many numbers, in one piece."""
        with self.numbers.sender() as out:
            for number in range(count):
                await out.send(number)
            self.bring(self.home, self.there, all_parts=all_parts)
            self.keep = out.clone()

    def taken(self) -> list[int]:
        """What a receiver there gets at once."""
        found: list[int] = []
        while True:
            try:
                found.append(self.near.receive_nowait())
            except trio.WouldBlock:
                return found


async def test_what_has_arrived_is_handed_out_in_parts_in_order() -> None:
    pair = Pair(prefetch=3 * PART)
    await pair.deliver(2 * PART + 5, all_parts=False)
    assert pair.taken() == list(range(PART))
    assert pair.there.hand_out()
    assert pair.taken() == list(range(PART, 2 * PART))
    assert not pair.there.hand_out()
    assert pair.taken() == list(range(2 * PART, 2 * PART + 5))


async def test_what_has_arrived_before_a_link_is_lost_counts_though_it_was_not_handed_out() -> None:
    pair = Pair(prefetch=3 * PART)
    await pair.deliver(2 * PART)
    assert len(pair.taken()) == 2 * PART
    pair.bring(pair.there, pair.home, all_parts=False)
    assert pair.home.counters.taken == PART
    pair.home.lose("cut")
    assert pair.home.counters.taken == 2 * PART
    assert pair.home.counters.unknown == 0
    assert pair.keep.statistics().current_buffer_used == 0


async def test_who_has_waited_for_too_long_hears_first_what_has_arrived(
    autojump_clock: Clock,
) -> None:
    pair = Pair(prefetch=3 * PART)
    seen: list[int] = []
    pair.home.remind(lambda: seen.append(pair.home.counters.taken))
    await pair.deliver(2 * PART)
    pair.taken()
    pair.bring(pair.there, pair.home, all_parts=False)
    await trio.sleep(PATIENCE)
    pair.home.tick()
    assert seen == [2 * PART]


@pytest.mark.parametrize("leaves", ["the link", "the receiver"])
async def test_what_goes_back_is_not_handed_out_later(leaves: str) -> None:
    pair = Pair(prefetch=3 * PART)
    await pair.deliver(2 * PART, all_parts=False)
    if leaves == "the link":
        pair.there.retire_receivers()
        assert pair.taken() == []  # what stood in line is its home's again
    else:
        pair.near.close()
    assert pair.there.hand_out()
    assert not pair.inlet.given
    assert pair.there.counters.received == PART
    pair.bring(pair.there, pair.home)
    assert pair.outlet.items == {}
    assert [await pair.at_home.receive() for _ in range(2 * PART)] == list(range(2 * PART))


async def test_a_mistake_of_ours_ends_the_link_and_is_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair(prefetch=3)
    monkeypatch.setattr(pair.inlet, "_whole", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await pair.deliver(3)
    pair.there.lose("an error in netchannels")
    assert pair.there.lost


async def test_a_receiver_that_outlives_its_node_takes_nothing_that_has_gone_home() -> None:
    """Its node waits for work that others do: meanwhile nobody may take what stood in line."""
    got: list[int] = []
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=6)
        home.share("numbers", numbers.receiver())
        with numbers.sender() as out:
            for number in range(6):
                await out.send(number)
            receiver = await there.receiver("numbers", int, prefetch=4)
            await wait_all_tasks_blocked(0.01)
            there._inside.links[0].retire_receivers()
            with pytest.raises(trio.WouldBlock):
                receiver.receive_nowait()
            await there.names()
        with numbers.receiver() as at_home:
            got = [number async for number in at_home]
    assert got == list(range(6))
