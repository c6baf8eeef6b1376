"""Channels on a link: what becomes of a value, whichever side is its home."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

import csp
from netchannels import EncodeFailed, Node
from netchannels._ports import Inlet
from netchannels.testing import faulty_pair, linked

pytestmark = pytest.mark.trio


async def receiver_there(
    home: Node, there: Node, prefetch: int = 0, stays: bool = False, **options: Any
) -> Any:
    """A sender at the home, a receiver at the other node; `stays`: it is shared further on."""
    numbers = csp.Channel(int, name="numbers", **options)
    home.share("numbers", numbers.receiver())
    receiver = await there.receiver("numbers", int, prefetch=prefetch)
    if not stays:
        home.unshare("numbers")
    return numbers.sender(), receiver, numbers


async def sender_there(home: Node, there: Node, **options: Any) -> Any:
    """A sender at the other node, a receiver at the home."""
    numbers = csp.Channel(int, name="numbers", **options)
    home.share("numbers", numbers.sender())
    sender = await there.sender("numbers", int)
    home.unshare("numbers")
    return sender, numbers.receiver(), numbers


MAKES = [receiver_there, sender_there]
both_ways = pytest.mark.parametrize("make", MAKES)


@both_ways
async def test_a_send_returns_when_the_value_was_taken(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)
        done = trio.Event()

        async def send() -> None:
            await sender.send(1)
            done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked(0.01)
            assert not done.is_set()
            assert await receiver.receive() == 1
            await done.wait()


@both_ways
async def test_values_keep_their_order(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)

        async def send() -> None:
            with sender:
                for number in range(20):
                    await sender.send(number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert [number async for number in receiver] == list(range(20))


@both_ways
async def test_retiring_is_heard_behind_the_values(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there, buffer=2)
        await sender.send(1)
        await sender.send(2)
        sender.close()
        assert [number async for number in receiver] == [1, 2]
        with pytest.raises(csp.EndOfChannel):
            await receiver.receive()


@both_ways
async def test_a_sender_hears_that_nobody_receives_any_more(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)
        receiver.close()
        await there.names()
        await home.names()
        with pytest.raises(csp.NoReceivers):
            await sender.send(1)


@both_ways
@pytest.mark.parametrize("by", ["sender", "receiver"])
async def test_poison_crosses_with_its_reason(make: Any, by: str) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)
        (sender if by == "sender" else receiver).poison("the disk is full")
        await there.names()
        await home.names()
        with pytest.raises(csp.Poisoned, match="the disk is full"):
            await receiver.receive()
        with pytest.raises(csp.Poisoned, match="the disk is full"):
            await sender.send(1)


@both_ways
async def test_an_end_that_left_with_a_cause_says_so_on_the_other_side(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)

        @csp.process
        async def fails(out: csp.Sender[int]) -> int:
            raise ValueError("no such file")

        with pytest.raises(ValueError, match="no such file"):
            await fails(sender)
        with pytest.raises(csp.Abandoned) as caught:
            await receiver.receive()
        assert "ValueError: no such file" in str(caught.value)


async def test_prefetched_values_wait_there_and_are_the_homes_until_taken() -> None:
    async with linked() as (home, there):
        sender, receiver, numbers = await receiver_there(
            home, there, prefetch=3, buffer=5, stays=True
        )
        for number in range(5):
            await sender.send(number)
        await wait_all_tasks_blocked(0.01)
        sent = home.status().total
        assert (sent.sent, sent.taken) == (3, 0)
        receiver.close()  # what was not taken goes back, in order
        await there.names()
        with numbers.receiver() as here:
            sender.close()
            assert [number async for number in here] == [0, 1, 2, 3, 4]


@both_ways
async def test_a_lease_that_fails_comes_back_with_its_attempts_counted(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there, buffer=1)
        await sender.send(7)
        attempts: list[int] = []
        for fails in (True, True, False):
            async with receiver.lease() as job:
                attempts.append(job.attempt)
                if fails:
                    raise ValueError("not yet")
        assert attempts == [1, 2, 3]


async def test_what_fails_for_good_is_found_at_the_home_with_its_history() -> None:
    async with linked() as (home, there):
        sender, receiver, numbers = await receiver_there(home, there, buffer=1, max_attempts=2)
        failed = numbers.failed.receiver()
        await sender.send(7)
        for _ in range(2):
            async with receiver.lease():
                raise ValueError("broken")
        found = await failed.receive()
        assert (found.value, found.attempts) == (7, 2)
        assert [str(error) for error in found.errors] == ["ValueError: broken"] * 2


@both_ways
async def test_a_sender_waits_for_the_end_of_an_extended_rendezvous(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)
        steps: list[str] = []

        async def send() -> None:
            await sender.send(1)
            steps.append("sent")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            async with receiver.extended() as value:
                await wait_all_tasks_blocked(0.01)
                steps.append(f"worked with {value}")
        assert steps == ["worked with 1", "sent"]


@both_ways
async def test_a_cancelled_send_did_not_happen(make: Any) -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await make(home, there)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sender.send, 1)
                await wait_all_tasks_blocked(0.01)
                scope.cancel()
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.send, 2)
            assert await receiver.receive() == 2


# --- output guards of programs that are not the home ------------------------------------------


async def test_an_output_guard_waits_for_room_at_a_home_elsewhere_and_asks_no_more() -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await sender_there(home, there, buffer=1)
        made: list[int] = []
        chosen: list[Any] = []

        def produce() -> int:
            made.append(len(made))
            return made[-1]

        async def select() -> None:
            with csp.Alternation(sender.offer(produce)) as alternation:
                for _ in range(3):
                    chosen.append((await alternation.select()).value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(select)
            await wait_all_tasks_blocked(0.01)
            assert (chosen, made) == ([0], [0, 1])  # the second one found no room, and is kept
            tried = there.status().total.sent
            await wait_all_tasks_blocked(0.05)
            assert there.status().total.sent == tried == 2
            assert await receiver.receive() == 0
            await wait_all_tasks_blocked(0.01)
            assert await receiver.receive() == 1
            assert await receiver.receive() == 2
        assert chosen == made == [0, 1, 2]


async def test_its_other_guards_go_on_while_there_is_no_room() -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await sender_there(home, there, buffer=1)
        await sender.send(0)
        words = csp.Channel(str, name="words")
        values = iter(range(1, 10))
        with words.receiver() as heard, words.sender() as says:
            with csp.Alternation(sender.offer(lambda: next(values)), heard) as alternation:
                for word in ("a", "b", "c"):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(says.send, word)
                        choice = await alternation.select()
                        assert (choice.guard, choice.value) == (heard, word)
                assert await receiver.receive() == 0
                choice = await alternation.select()
                assert (choice.guard, choice.value) == (sender, 1)
        assert await receiver.receive() == 1


async def test_several_that_offer_into_one_buffer_elsewhere_each_send_theirs_once() -> None:
    async with linked() as (home, there):
        numbers = csp.Channel(int, name="numbers", buffer=2)
        home.share("numbers", numbers.sender())
        senders = [await there.sender("numbers", int) for _ in range(3)]
        home.unshare("numbers")
        plain = senders[0].clone()

        async def offer(sender: Any, first: int) -> None:
            values = iter(range(first, first + 50))
            with sender, csp.Alternation(sender.offer(lambda: next(values))) as alternation:
                for _ in range(50):
                    await alternation.select()

        async def send() -> None:
            with plain:
                for number in range(1000, 1050):
                    await plain.send(number)

        async with trio.open_nursery() as nursery:
            for number, sender in enumerate(senders):
                nursery.start_soon(offer, sender, number * 100)
            nursery.start_soon(send)
            with numbers.receiver() as receiver:
                got = [number async for number in receiver]
        assert sorted(got) == [
            number for first in (0, 100, 200, 1000) for number in range(first, first + 50)
        ]
        for first in (0, 100, 200, 1000):
            mine = [number for number in got if first <= number < first + 50]
            assert mine == sorted(mine)


async def test_an_offer_that_was_under_way_when_the_link_broke_is_told_that_nobody_knows() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, receiver, _ = await sender_there(home, there, buffer=1)
        streams[1].half_open("receive")  # the answer will never be seen
        with csp.Alternation(sender.offer(lambda: 1)) as alternation:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_raises_unknown, alternation)
                assert await receiver.receive() == 1
                streams[0].cut()
        with pytest.raises(csp.LinkLost):
            await sender.send(2)


async def _raises_unknown(alternation: Any) -> None:
    with pytest.raises(csp.DeliveryUnknown):
        await alternation.select()


async def test_an_end_that_has_travelled_may_offer_into_a_buffer() -> None:
    async with linked() as (home, there):
        ends: csp.Channel[Any] = csp.Channel(csp.Sender[int], name="ends", buffer=2)
        home.share("ends", ends.receiver())
        takes = await there.receiver("ends", csp.Sender[int])
        roomy, bare = csp.Channel(int, name="roomy", buffer=1), csp.Channel(int, name="bare")
        with ends.sender() as sender:
            await sender.send(roomy.sender())
            await sender.send(bare.sender())
        with await takes.receive() as out, roomy.receiver() as receiver:
            assert (await csp.Alternation(out.offer(lambda: 5)).select()).value == 5
            assert await receiver.receive() == 5
        with await takes.receive() as out, pytest.raises(RuntimeError, match="another program"):
            out.offer(lambda: 5)


# --- a result together with the end of its lease ----------------------------------------------


class Farm:
    """A home with tasks, a worker there, and who collects: at the home, or at a third node."""

    def __init__(self, home: Node, there: Node, **options: Any) -> None:
        self.home, self.there = home, there
        self.tasks = csp.Channel(int, name="tasks", buffer=9, **options)
        self.results = csp.Channel(int, name="results")
        self.spare = self.tasks.receiver()

    async def ends(self) -> tuple[Any, Any]:
        """Of the worker."""
        self.home.share("tasks", self.tasks.receiver())
        self.home.share("results", self.results.sender())
        with self.tasks.sender() as tx:
            await tx.send(7)
        return await self.there.receiver("tasks", int), await self.there.sender("results", int)

    async def collector(self, middle: Node, third: Node) -> Any:
        middle.share("results", self.results.receiver())
        return await third.receiver("results", int)


async def test_a_result_over_a_link_ends_its_lease_as_it_is_taken() -> None:
    async with linked() as (home, there):
        farm = Farm(home, there)
        tasks, results = await farm.ends()
        collected = farm.results.receiver()
        over = trio.Event()

        async def work() -> None:
            async with tasks.lease() as job:
                await job.send(results, job.value * 2)
                over.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await wait_all_tasks_blocked(0.01)
            assert not over.is_set()  # it waits for who takes it, as any sender
            assert farm.tasks._core.held == 1
            assert collected.receive_nowait() == 14
            assert farm.tasks._core.held == 0  # at once, whatever the link does now
            await over.wait()
        await there.names()
        assert not home._inside.links[0].endings


async def test_a_result_that_stands_in_line_goes_with_its_link_and_the_task_to_the_next() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        farm = Farm(home, there)
        tasks, results = await farm.ends()
        collected = farm.results.receiver()

        async def work() -> None:
            with pytest.raises(csp.DeliveryUnknown):
                await work_once(tasks, results)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await wait_all_tasks_blocked(0.01)
            await cut(home, streams)
        async with farm.spare.lease() as again:
            assert (again.value, again.attempt) == (7, 2)
        with pytest.raises(trio.WouldBlock):
            collected.receive_nowait()


async def work_once(tasks: Any, results: Any) -> None:
    """Raises what the sending raises, which a lease would absorb."""
    async with tasks.lease() as job:
        try:
            await job.send(results, 14)
        except Exception as error:
            caught = error
        else:
            return
    raise caught


@pytest.mark.parametrize("fails", ["the link", "the worker"])
@pytest.mark.parametrize("taken", [True, False])
async def test_the_answer_of_a_collector_elsewhere_decides_whatever_happens_meanwhile(
    taken: bool, fails: str, autojump_clock: trio.testing.MockClock
) -> None:
    streams, others = faulty_pair(), faulty_pair()
    async with linked(streams) as (home, there), linked(others) as (middle, third):
        farm = Farm(home, there)
        tasks, results = await farm.ends()
        collected = await farm.collector(middle, third)

        async def work() -> None:
            try:
                await work_once(tasks, results)
            except csp.DeliveryUnknown:
                assert fails == "the link"
            except csp.LeaseFailed:
                assert (fails, taken) == ("the worker", False)

        async def collect() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                got.append(await collected.receive())

        scopes: list[trio.CancelScope] = []
        got: list[int] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect)
            await trio.sleep(0.1)
            if not taken:
                others[1].hold()  # the value comes when nobody waits any more
            others[0].hold()  # its answer comes late
            nursery.start_soon(work)
            await trio.sleep(0.1)
            if fails == "the link":
                await cut(home, streams)
            else:  # what no worker of ours says while its result stands in line
                link = there._inside.links[0]
                [number] = [n for n, port in link.ports.items() if isinstance(port, Inlet)]
                link.ports[number].given.clear()
                link.connection.fail(number, 1, b"no")
                link.poke()
                await trio.sleep(0.1)
            assert farm.tasks._core.held == 1
            scopes[0].cancel()
            others[1].release()
            others[0].release()
            await trio.sleep(0.1)
        assert got == [14] * taken
        if taken:
            with pytest.raises(csp.EndOfChannel):
                await farm.spare.receive()
        else:
            async with farm.spare.lease() as again:
                assert (again.value, again.attempt) == (7, 2)
        assert not home._inside.links or not home._inside.links[0].endings


async def test_a_value_that_went_on_to_a_third_program_which_is_lost_is_told_to_be_unknown() -> (
    None
):
    others = faulty_pair()
    async with linked() as (home, there), linked(others) as (middle, third):
        numbers = csp.Channel(int, name="numbers")
        home.share("numbers", numbers.sender())
        middle.share("numbers", numbers.receiver())
        sender = await there.sender("numbers", int)
        receiver = await third.receiver("numbers", int)

        async def send() -> None:
            with pytest.raises(csp.DeliveryUnknown, match="the link was lost before"):
                await sender.send(1)

        async def receive() -> None:
            assert await receiver.receive() == 1
            others[0].cut()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked(0.01)
            others[0].hold()  # its answer comes too late
            nursery.start_soon(send)


async def test_a_second_result_of_one_lease_is_refused_at_its_home() -> None:
    async with linked() as (home, there):
        farm = Farm(home, there)
        tasks, results = await farm.ends()
        caught: list[Exception] = []
        with farm.results.receiver():
            async with tasks.lease() as job, trio.open_nursery() as nursery:
                item = job._item
                nursery.start_soon(job.send, results, 1)
                await wait_all_tasks_blocked(0.01)
                job._item = item  # no program of ours would send another one
                try:
                    await job.send(results, 2)
                except csp.LeaseFailed as error:
                    caught.append(error)
                nursery.cancel_scope.cancel()
        assert "its result was sent before" in str(caught[0])


async def test_tasks_and_results_without_one_home_are_refused_with_the_reason() -> None:
    async with linked() as (home, there):
        farm = Farm(home, there)
        tasks, _ = await farm.ends()
        here = csp.Channel(int, name="here", buffer=1)
        async with tasks.lease() as job:
            with pytest.raises(RuntimeError, match="`here` and `tasks` have not the same home"):
                with here.sender() as out:
                    await job.send(out, 1)


async def test_an_end_may_travel_in_a_result() -> None:
    async with linked() as (home, there):
        tasks: csp.Channel[Any] = csp.Channel(int, name="tasks", buffer=1)
        back: csp.Channel[Any] = csp.Channel(csp.Receiver[int], name="back")
        home.share("tasks", tasks.receiver())
        home.share("back", back.sender())
        receiver, out = (
            await there.receiver("tasks", int),
            await there.sender("back", csp.Receiver[int]),
        )
        own = csp.Channel(int, name="own", buffer=3)

        async def work() -> None:
            async with receiver.lease() as job:
                with own.sender() as tx:
                    await tx.send(job.value)
                await job.send(out, own.receiver())

        with tasks.sender() as tx, back.receiver() as collected:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work)
                await tx.send(3)
                with await collected.receive() as inner:
                    assert [value async for value in inner] == [3]


async def test_a_value_that_cannot_travel_is_its_senders_error() -> None:
    async with linked() as (home, there):
        sender, receiver, _ = await receiver_there(home, there)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_refused, sender, 2**64, EncodeFailed, "beyond 64")
            nursery.start_soon(_nothing_comes, receiver)
            await wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()


async def _refused(sender: Any, value: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        await sender.send(value)


async def _nothing_comes(receiver: Any) -> None:
    raise AssertionError(f"{await receiver.receive()} came")


async def test_a_value_that_is_too_large_is_its_senders_error() -> None:
    async with linked(largest=1000) as (home, there):
        texts = csp.Channel(str, name="texts")
        home.share("texts", texts.sender())
        sender = await there.sender("texts", str)
        with texts.receiver() as receiver:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_nothing_comes, receiver)
                await _refused(sender, "x" * 1001, ValueError, "1,000 at most.*raise `largest`")
                nursery.cancel_scope.cancel()


async def test_a_long_value_comes_in_one_piece() -> None:
    async with linked() as (home, there):
        blobs = csp.Channel(bytes, name="blobs", buffer=2)
        home.share("blobs", blobs.sender())
        long = bytes(range(256)) * 4000
        with await there.sender("blobs", bytes) as sender:
            await sender.send(long)
            await sender.send(b"short")
        with blobs.receiver() as receiver:
            assert await receiver.receive() == long
            assert await receiver.receive() == b"short"


async def test_a_failed_call_names_the_error_of_the_server() -> None:
    async with linked() as (home, there):
        calls = csp.Channel(csp.Call[int, int], name="calls")
        home.share("calls", calls.receiver())
        server = await there.receiver("calls", csp.Call[int, int])

        async def serve() -> None:
            with server:
                await server.serve(lambda number: 1 // number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with calls.sender() as caller:
                with pytest.raises(csp.CallFailed, match="ZeroDivisionError"):
                    await caller.call(0)
                assert await caller.call(1) == 1


@pytest.mark.parametrize(("attempts", "failures"), [(1, 1), (2, 1), (3, 3), (4, 3)])
async def test_a_call_goes_on_to_the_next_server_when_something_fails_beside_the_first(
    attempts: int, failures: int
) -> None:
    taken: list[int] = []

    async def serves_until_it_fails(node: Node) -> None:
        begun = trio.Event()

        async def slow(value: int) -> int:
            taken.append(value)
            begun.set()
            await trio.sleep_forever()
            raise AssertionError

        server = await node.receiver("square", csp.Call[int, int])
        with server, pytest.raises(ExceptionGroup):
            async with trio.open_nursery() as program:
                program.start_soon(server.serve, slow)
                await begun.wait()
                raise ValueError("beside the server")

    async with linked() as (home, one), linked() as (home_too, other):
        square = csp.Channel(csp.Call[int, int], name="square", max_attempts=attempts)
        for node in (home, home_too):
            node.share("square", square.receiver())
        told: list[int | str] = []

        async def asks() -> None:
            try:
                told.append(await caller.call(3))
            except csp.CallFailed as error:
                told.append(str(error))

        with square.sender() as caller:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asks)
                for node in (one, other, one)[:failures]:
                    await serves_until_it_fails(node)
                if failures < attempts:
                    with await other.receiver("square", csp.Call[int, int]) as server:
                        async with server.accept() as call:
                            call.reply(call.request**2)
    assert told == ([9] if failures < attempts else ["no reply: the server was cancelled"])
    assert taken == [3] * failures


# --- a lost link -----------------------------------------------------------------------------


async def cut(home: Node, streams: Any) -> None:
    """The link breaks, and the home has noticed."""
    streams[0].cut()
    while home.status().links:
        await trio.sleep(0)


async def test_a_remote_end_raises_link_lost_when_its_link_is_gone() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sends, receiver, _ = await receiver_there(home, there)
        sender, receives, _ = await sender_there(home, there)
        with sends, receives:
            await cut(home, streams)
            with pytest.raises(csp.LinkLost, match="the link to home is lost"):
                await receiver.receive()
            with pytest.raises(csp.LinkLost):
                await sender.send(1)


async def test_a_leased_value_goes_to_the_next_holder_when_its_link_is_lost() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, receiver, numbers = await receiver_there(home, there, buffer=1, stays=True)
        await sender.send(7)
        async with receiver.lease() as job:
            await wait_all_tasks_blocked(0.01)  # the home has heard of it
            await cut(home, streams)
            await csp.Alternation(csp.Wait(job.lost)).select()
        async with numbers.receiver() as here, here.lease() as again:
            assert (again.value, again.attempt) == (7, 2)


async def test_the_block_of_a_lease_begins_when_its_home_is_being_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, receiver, numbers = await receiver_there(home, there, 1, buffer=1, stays=True)
        await sender.send(7)
        await wait_all_tasks_blocked(0.01)

        @csp.process
        async def work(receiver: csp.Receiver[int]) -> None:
            async with receiver.lease():  # it is there already
                streams[1].half_open("send")  # nothing leaves from here on
                await trio.sleep(60)

        await work(receiver)
        async with numbers.receiver() as here, here.lease() as again:
            assert (again.value, again.attempt) == (7, 2)


async def test_a_lease_that_is_cancelled_before_its_block_does_not_count() -> None:
    streams = faulty_pair(capacity=1)
    async with linked(streams) as (home, there):
        sender, receiver, _ = await receiver_there(home, there, 1, buffer=1, stays=True)
        await sender.send(7)
        await wait_all_tasks_blocked(0.01)
        streams[0].hold()  # the home reads nothing, so nothing can be written there
        with trio.move_on_after(0.1) as scope:
            async with receiver.lease():
                raise AssertionError("the home was not told yet")
        assert scope.cancelled_caught
        streams[0].release()
        async with receiver.lease() as job:
            assert job.attempt == 1


async def test_a_lease_whose_link_was_lost_before_somebody_asked_is_lost() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, receiver, _ = await receiver_there(home, there, buffer=1)
        await sender.send(7)
        async with receiver.lease() as job:
            await cut(home, streams)
            await wait_all_tasks_blocked(0.01)
            assert job.lost.is_set()


async def test_a_prefetched_value_nobody_has_taken_is_not_lost_with_the_link() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, _receiver, numbers = await receiver_there(home, there, 2, buffer=2, stays=True)
        await sender.send(1)
        await sender.send(2)
        await wait_all_tasks_blocked(0.01)
        assert home.status().total.sent == 2
        await cut(home, streams)
        with numbers.receiver() as here:
            assert [here.receive_nowait(), here.receive_nowait()] == [1, 2]


async def test_a_sender_whose_value_was_under_way_is_told_that_nobody_knows() -> None:
    streams = faulty_pair()
    async with linked(streams) as (home, there):
        sender, receiver, _ = await receiver_there(home, there, prefetch=1)
        outcome: list[BaseException] = []

        async def send() -> None:
            try:
                await sender.send(1)
            except trio.BrokenResourceError as error:
                outcome.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked(0.01)
            streams[0].half_open("receive")  # its answer will never be seen
            assert await receiver.receive() == 1
            await wait_all_tasks_blocked(0.01)
            await cut(home, streams)
        assert isinstance(outcome[0], csp.DeliveryUnknown)
        assert home.status().total.unknown == 1
