"""Offers of somebody elsewhere: what a Taker takes and a Giver brings, and what they hear of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import csp
from csp import Alternation, Call, Channel, DeliveryUnknown, EndClosed, LinkLost, Timeout
from csp.lowlevel import (
    Given,
    Giver,
    Item,
    Taker,
    TrioKernel,
    current_kernel,
    home_of,
    same_channel,
    take_over,
    travelling,
)

HOME = object()  # another program


class There:
    """Somebody elsewhere who receives: takes while `open`, and answers when a test says so."""

    def __init__(self, channel: Channel[Any], *, room: int = 1, **options: Any) -> None:
        self.room = room
        self.items: list[Item] = []
        self.ended = 0
        self.taker = Taker(
            channel.receiver(),
            may=lambda: self.room > 0,
            taken=self._take,
            ended=self._end,
            **options,
        )
        self.taker.ask()

    def _take(self, item: Item) -> None:
        self.room -= 1
        item.ask_back = lambda: None
        self.items.append(item)

    def _end(self) -> None:
        self.ended += 1

    def want(self) -> None:
        self.room += 1
        self.taker.ask()


class Brought:
    """Somebody elsewhere who sends: remembers what it hears."""

    def __init__(self, channel: Channel[Any], *, home: object = None) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.ended = 0
        self.wanted: list[bool] = []
        self.giver = Giver(
            channel.sender(),
            told=lambda given, answer, detail: self.heard.append((answer, detail)),
            ended=self._end,
            wanted=self.wanted.append,
            home=home,
        )

    def _end(self) -> None:
        self.ended += 1

    def give(
        self, value: Any, *, stand: bool = True, attempt: int = 0, last: bool = False
    ) -> Given:
        given = self.giver.prepare(value, attempt=attempt, last=last)
        self.giver.give(given, stand=stand)
        return given

    def answers(self) -> list[str]:
        return [answer for answer, _ in self.heard]


def numbers(buffer: float = 0, **options: Any) -> Channel[int]:
    return Channel(int, name="numbers", buffer=buffer, **options)


def run(test: Callable[[], Any]) -> Callable[[], None]:
    """Run an async test with csp, whose warnings and reports apply."""

    def wrapped() -> None:
        trio.run(test)

    wrapped.__name__ = test.__name__
    wrapped.__doc__ = test.__doc__
    return wrapped


async def sends_in(scope: trio.CancelScope, tx: csp.Sender[int], story: list[str]) -> None:
    """Send a value in `scope`, and say whether it was sent or cancelled."""
    with scope:
        await tx.send(1)
        story.append("sent")
    if scope.cancelled_caught:
        story.append("cancelled")


# --- a taker -----------------------------------------------------------------------------------


@run
async def test_a_sender_waits_until_the_taker_has_accepted() -> None:
    channel, story = numbers(), []
    there = There(channel)
    with channel.sender() as tx:

        async def send() -> None:
            await tx.send(1)
            story.append("sent")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert not story
            assert there.items[0].value == 1
            there.taker.accept(there.items[0])
    assert story == ["sent"]
    there.taker.close()


@run
async def test_a_released_value_goes_to_the_next_receiver() -> None:
    channel, got = numbers(), []
    there = There(channel)
    with channel.sender() as tx, channel.receiver() as rx:

        async def receive() -> None:
            got.append(await rx.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.send, 1)
            await wait_all_tasks_blocked()
            nursery.start_soon(receive)
            await wait_all_tasks_blocked()
            assert not got
            there.taker.release(there.items[0])
    assert got == [1]
    there.taker.close()


@run
async def test_a_cancelled_sender_waits_for_the_answer_and_was_not_sent_if_it_is_released() -> None:
    channel, asked, story = numbers(), [], []
    there = There(channel)
    with channel.sender() as tx:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sends_in, scope, tx, story)
            await wait_all_tasks_blocked()
            there.items[0].ask_back = lambda: asked.append(1)
            scope.cancel()
            await wait_all_tasks_blocked()
            assert (asked, story) == ([1], [])
            there.taker.release(there.items[0])
    assert story == ["cancelled"]
    there.taker.close()


@run
async def test_a_cancelled_sender_has_sent_if_the_value_was_taken_meanwhile() -> None:
    channel, story = numbers(), []
    there = There(channel)
    with channel.sender() as tx:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sends_in, scope, tx, story)
            await wait_all_tasks_blocked()
            scope.cancel()
            await wait_all_tasks_blocked()
            there.taker.accept(there.items[0])
    assert story == ["sent"]
    there.taker.close()


@run
async def test_a_sender_whose_taker_is_lost_before_the_answer_knows_that_it_does_not_know() -> None:
    channel = numbers()
    there = There(channel)
    with channel.sender() as tx:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(DeliveryUnknown, match="numbers"):
                    await tx.send(1)

            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            there.taker.lose(there.items[0])
    there.taker.close()


@run
async def test_a_buffered_value_that_is_lost_unanswered_goes_to_the_front() -> None:
    channel = numbers(buffer=3)
    with channel.sender() as tx, channel.receiver() as rx:
        for number in range(3):
            await tx.send(number)
        there = There(channel)
        there.taker.lose(there.items[0])
        assert [rx.receive_nowait() for _ in range(3)] == [0, 1, 2]
    there.taker.close()


@run
async def test_a_leased_value_that_is_lost_counts_as_an_attempt() -> None:
    channel = numbers(buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        await tx.send(7)
        there = There(channel)
        there.taker.keep(there.items[0], extended=False, cancel=lambda: None)
        there.taker.lose(there.items[0])
        async with rx.lease() as job:
            assert (job.value, job.attempt) == (7, 2)
    there.taker.close()


@run
async def test_a_value_that_failed_too_often_elsewhere_goes_to_failed() -> None:
    channel = numbers(buffer=1, max_attempts=1)
    with channel.sender() as tx, channel.failed.receiver() as failed:
        await tx.send(7)
        there = There(channel)
        there.taker.keep(there.items[0], extended=False, cancel=lambda: None)
        there.taker.fail(there.items[0], ValueError("no"))
        value, attempts, errors = await failed.receive()
        assert (value, attempts, repr(errors[0])) == (7, 1, "ValueError('no')")
    there.taker.close()


@run
async def test_a_value_given_back_untried_counts_no_attempt() -> None:
    channel = numbers(buffer=1)
    with channel.sender() as tx, channel.receiver() as rx:
        await tx.send(7)
        there = There(channel)
        there.taker.keep(there.items[0], extended=False, cancel=lambda: None)
        there.taker.give_back(there.items[0])
        async with rx.lease() as job:
            assert job.attempt == 1
    there.taker.close()


@run
async def test_the_sender_of_an_extended_rendezvous_waits_until_the_work_is_done() -> None:
    channel, story = numbers(), []
    there = There(channel)
    with channel.sender() as tx:

        async def send() -> None:
            await tx.send(1)
            story.append("sent")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            there.taker.keep(there.items[0], extended=True, cancel=lambda: None)
            await wait_all_tasks_blocked()
            assert not story
            there.taker.done(there.items[0])
    assert story == ["sent"]
    there.taker.close()


@run
async def test_a_value_that_cannot_travel_is_its_senders_error() -> None:
    channel = numbers()
    there = There(channel)
    with channel.sender() as tx:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(ValueError, match="too large"):
                    await tx.send(1)

            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            there.taker.refuse(there.items[0], ValueError("too large"))
    there.taker.close()


@run
async def test_send_nowait_never_meets_a_taker_that_has_to_be_asked() -> None:
    channel = numbers()
    there = There(channel)
    with channel.sender() as tx, pytest.raises(trio.WouldBlock):
        tx.send_nowait(1)
    assert not there.items
    there.taker.close()


@run
async def test_a_taker_hears_once_that_the_channel_has_ended() -> None:
    channel = numbers()
    there = There(channel)
    channel.sender().close()
    assert (there.ended, there.taker.outcome) == (1, "ended")
    there.taker.close()
    assert there.ended == 1


@run
async def test_the_end_of_a_taker_is_one_of_the_channels_ends() -> None:
    channel = numbers()
    there = There(channel)
    with channel.sender() as tx:
        there.taker.close(ValueError("it broke"))
        with pytest.raises(csp.Abandoned, match="it broke"):
            await tx.send(1)


@run
async def test_after_a_severed_link_every_operation_raises_link_lost() -> None:
    channel = numbers()
    there = There(channel, home=HOME)
    with channel.sender() as tx:
        there.taker.sever("the cable was cut")
        with pytest.raises(LinkLost, match="the cable was cut") as caught:
            await tx.send(1)
        assert caught.value.delivered is False
        with pytest.raises(LinkLost):
            tx.send_nowait(1)


# --- calls -------------------------------------------------------------------------------------


def squares(max_attempts: float) -> Channel[Call[int, int]]:
    return Channel(Call[int, int], name="squares", max_attempts=max_attempts)


@run
async def test_the_reply_from_elsewhere_is_the_callers() -> None:
    channel, got = squares(1), []
    there = There(channel)
    with channel.sender() as tx:

        async def ask() -> None:
            got.append(await tx.call(3))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            there.taker.keep(there.items[0], extended=False, cancel=lambda: None)
            await wait_all_tasks_blocked()
            there.taker.done(there.items[0], 9)
    assert got == [9]
    there.taker.close()


def keep(there: There, item: Item) -> None:
    there.taker.keep(item, extended=False, cancel=lambda: None)


def keep_and_lose(there: There, item: Item) -> None:
    keep(there, item)
    there.taker.lose(item)


def lose(there: There, item: Item) -> None:
    there.taker.lose(item)


def cancel_the_server(there: There, item: Item) -> None:
    keep(there, item)
    there.taker.give_back(item, tried=True)


def interrupt_the_server(there: There, item: Item) -> None:
    keep(there, item)
    there.taker.give_back(item)


Story = list[Callable[[There, Item], None]]


@pytest.mark.parametrize(
    ("story", "error", "why"),
    [
        ([keep_and_lose] * 2, DeliveryUnknown, "attempt 2"),
        ([lose] * 2, DeliveryUnknown, "attempt 2"),
        ([cancel_the_server] * 2, csp.CallFailed, "no reply: the server was cancelled"),
        ([lose, cancel_the_server], csp.CallFailed, "no reply: the server was cancelled"),
        ([cancel_the_server, lose], DeliveryUnknown, "attempt 2"),
        (
            [interrupt_the_server] * 5 + [cancel_the_server] * 2,
            csp.CallFailed,
            "no reply: the server was cancelled",
        ),
    ],
)
def test_a_call_whose_server_is_lost_or_cancelled_is_tried_as_often_as_it_may(
    story: Story, error: type[Exception], why: str
) -> None:
    async def main() -> None:
        channel = squares(2)
        there = There(channel)
        with channel.sender() as tx:

            async def ask() -> None:
                with pytest.raises(error, match=why) as told:
                    await tx.call(3)
                assert told.type is error

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                for nth, happens in enumerate(story):
                    await wait_all_tasks_blocked()
                    assert len(there.items) == nth + 1
                    happens(there, there.items[nth])
                    there.want()
        assert len(there.items) == len(story)
        there.taker.close()

    trio.run(main)


@run
async def test_a_call_whose_server_was_cancelled_has_the_reply_of_the_next_one() -> None:
    channel, got = squares(2), []
    there = There(channel)
    with channel.sender() as tx, channel.receiver() as rx:

        async def ask() -> None:
            got.append(await tx.call(3))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await wait_all_tasks_blocked()
            cancel_the_server(there, there.items[0])
            async with rx.accept() as call:
                call.reply(call.request**2)
    assert got == [9]
    there.taker.close()


@run
async def test_a_call_whose_caller_was_cancelled_as_well_is_not_tried_again() -> None:
    channel = squares(2)
    there = There(channel, room=2)
    with channel.sender() as tx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.call, 3)
            await wait_all_tasks_blocked()
            keep(there, there.items[0])
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        there.taker.give_back(there.items[0], tried=True)
    assert (len(there.items), there.room) == (1, 1)
    there.taker.close()


@run
async def test_a_sender_cancelled_before_it_hears_that_the_block_has_begun_ends_the_block() -> None:
    channel, ended, story = numbers(), [], []
    there = There(channel)
    with channel.sender() as tx:
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sends_in, scope, tx, story)
            await wait_all_tasks_blocked()
            scope.cancel()
            await wait_all_tasks_blocked()
            item = there.items[0]
            there.taker.keep(item, extended=True, cancel=lambda: ended.append(1))
            await wait_all_tasks_blocked()
            assert (ended, story) == ([1], ["cancelled"])
        there.taker.done(item)
    there.taker.close()


@run
async def test_a_cancelled_caller_asks_for_the_end_of_the_work() -> None:
    channel, asked = squares(1), []
    there = There(channel)
    with channel.sender() as tx:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tx.call, 3)
            await wait_all_tasks_blocked()
            item = there.items[0]
            there.taker.keep(item, extended=False, cancel=lambda: asked.append(1))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert asked == [1]
        there.taker.fail(item, csp.CallFailed("cancelled"))
    there.taker.close()


# --- a giver -----------------------------------------------------------------------------------


@run
async def test_a_given_value_is_accepted_when_somebody_takes_it() -> None:
    channel = numbers()
    there = Brought(channel)
    there.give(1)
    assert not there.heard
    with channel.receiver() as rx:
        assert await rx.receive() == 1
    assert there.answers() == ["accept"]


@run
async def test_a_value_that_may_not_stand_is_released_if_nobody_waits() -> None:
    channel = numbers()
    there = Brought(channel)
    there.give(1, stand=False)
    assert there.answers() == ["release"]
    there.giver.close()


@run
async def test_a_giver_hears_of_receivers_that_wait_and_of_those_that_only_look() -> None:
    channel = numbers()
    there = Brought(channel)
    with channel.receiver() as rx:
        with pytest.raises(trio.WouldBlock):
            rx.receive_nowait()
        assert there.wanted == [True]
        await Alternation(rx, Timeout(0)).select()
        with trio.move_on_after(0):
            await rx.receive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rx.receive)
            await wait_all_tasks_blocked()
            assert there.wanted[-1] is False
            assert there.giver.demand() == 1
            there.give(5, stand=False)
    assert there.answers() == ["accept"]


@run
async def test_a_lent_value_that_is_leased_is_answered_by_the_end_of_the_lease() -> None:
    channel = numbers(max_attempts=10)
    there = Brought(channel, home=HOME)
    with channel.receiver() as rx:
        there.give(1, attempt=2)
        async with rx.lease() as job:
            assert job.attempt == 2
            assert there.heard == [("hold", False)]
        assert there.answers() == ["hold", "done"]
        there.give(2)
        async with rx.lease():
            raise ValueError("no")
        assert there.answers()[2:] == ["hold", "fail"]
        assert repr(there.heard[-1][1]) == "ValueError('no')"
        there.give(3)
        with trio.CancelScope() as scope:
            async with rx.lease():
                scope.cancel()
                await trio.lowlevel.checkpoint()
        assert there.answers()[4:] == ["hold", "return"]


@run
async def test_the_last_attempt_of_a_lent_value_fails_in_its_holder() -> None:
    channel = numbers(max_attempts=10)
    there = Brought(channel, home=HOME)
    with channel.receiver() as rx:
        there.give(1, attempt=3, last=True)
        with pytest.raises(csp.LeaseFailed):
            async with rx.lease():
                raise ValueError("no")
    assert there.answers() == ["hold", "fail"]


@run
async def test_a_value_that_is_not_lent_belongs_to_the_channel_once_it_is_leased() -> None:
    channel = numbers()
    there = Brought(channel)
    with channel.receiver() as rx:
        there.give(1)
        async with rx.lease():
            assert there.answers() == ["accept"]
            raise ValueError("no")
        async with rx.lease() as job:
            assert (job.value, job.attempt) == (1, 2)
    assert there.answers() == ["accept"]


@run
async def test_a_value_is_taken_back_only_while_it_stands() -> None:
    channel = numbers()
    there = Brought(channel)
    given = there.give(1)
    there.giver.take_back(given)
    assert there.answers() == ["release"]
    with channel.receiver() as rx:
        given = there.give(2)
        assert await rx.receive() == 2
        there.giver.take_back(given)
    assert there.answers() == ["release", "accept"]


@run
async def test_a_given_call_is_held_until_it_is_answered() -> None:
    channel = squares(1)
    there = Brought(channel)
    with channel.receiver() as rx:
        there.give(3)
        async with rx.accept() as call:
            assert there.answers() == ["hold"]
            call.reply(call.request**2)
        assert there.heard[1:] == [("done", 9)]
        there.give(3)
        async with rx.accept():
            raise ValueError("no")
        assert there.answers()[2:] == ["hold", "fail"]
        assert str(there.heard[-1][1]) == "ValueError: no"


@pytest.mark.parametrize("how", ["block", "guard", "function"])
@pytest.mark.parametrize(
    ("home", "answer"),
    [(HOME, ("return", "True")), (None, ("fail", "no reply: the server was cancelled"))],
)
def test_a_cancelled_server_gives_a_home_elsewhere_its_call_back_as_an_attempt(
    how: str, home: object, answer: tuple[str, str]
) -> None:
    async def serve(rx: csp.Receiver[Call[int, int]]) -> None:
        if how == "block":
            async with rx.accept():
                await trio.sleep_forever()
        elif how == "guard":
            with Alternation(rx.accepting()) as alternation:
                choice: Any = await alternation.select()
            async with choice.value:
                await trio.sleep_forever()
        else:
            await rx.serve(lambda _: trio.sleep_forever())

    async def main() -> None:
        channel = squares(5)
        there = Brought(channel, home=home)
        with channel.receiver() as rx:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve, rx)
                there.give(3)
                await wait_all_tasks_blocked()
                assert there.heard == [("hold", False)]
                nursery.cancel_scope.cancel()
        assert [(told, str(detail)) for told, detail in there.heard] == [("hold", "False"), answer]

    trio.run(main)


@pytest.mark.parametrize("home", [HOME, None])
def test_an_interrupted_server_gives_its_call_back_untried(home: object) -> None:
    async def main() -> None:
        channel = squares(5)
        there = Brought(channel, home=home)
        with channel.receiver() as rx:
            there.give(3)
            with pytest.raises(KeyboardInterrupt):
                async with rx.accept():
                    raise KeyboardInterrupt
        assert there.heard == [("hold", False), ("return", False)]

    trio.run(main)


@run
async def test_a_cancelled_call_ends_the_block_of_its_server_and_is_answered_at_once() -> None:
    channel = squares(1)
    there = Brought(channel)
    with channel.receiver() as rx:
        given = there.give(3)
        async with rx.accept() as call:
            there.giver.cancel(given)
            assert there.answers() == ["hold", "fail"]
            await trio.sleep_forever()
        assert call is not None
    assert there.answers() == ["hold", "fail"]


@run
async def test_who_works_on_a_lent_value_may_know_that_its_link_is_lost() -> None:
    channel = numbers()
    there = Brought(channel, home=HOME)
    with channel.receiver() as rx:
        given = there.give(1)
        async with rx.lease() as job:
            lost = job.lost
            assert not lost.is_set()
            there.giver.lose(given)
            assert lost.is_set()
    assert there.answers() == ["hold"]


@run
async def test_a_giver_and_a_taker_meet_through_the_channel_between_them() -> None:
    channel = numbers()
    there, back = There(channel), Brought(channel)
    back.give(1)
    assert there.items[0].tentative
    assert not back.heard
    there.taker.release(there.items[0])
    assert not back.heard  # it stands again
    there.want()
    there.taker.accept(there.items[1])
    assert back.answers() == ["accept"]
    there.taker.close()
    back.giver.close()


@run
async def test_a_value_passed_on_is_asked_back_where_it_was_passed_to() -> None:
    channel, asked = numbers(), []
    there, back = There(channel), Brought(channel)
    given = back.give(1)
    there.items[0].ask_back = lambda: asked.append(1)
    back.giver.take_back(given)
    assert (asked, back.heard) == ([1], [])
    there.taker.release(there.items[0])
    assert back.answers() == ["release"]
    there.taker.close()
    back.giver.close()


# --- ends --------------------------------------------------------------------------------------


@run
async def test_an_end_that_was_taken_over_is_nobodys() -> None:
    channel = numbers()
    tx = channel.sender()
    taken = take_over(tx)
    with pytest.raises(EndClosed, match="another program"):
        await tx.send(1)
    assert same_channel(taken, tx)
    with numbers().sender() as other:
        assert not same_channel(taken, other)
    assert home_of(taken) is None
    taken.close()


@run
async def test_one_more_end_for_a_value_counts_and_belongs_to_who_takes_the_value() -> None:
    channel, ends = numbers(), Channel[csp.Sender[int]](name="ends", buffer=1)
    with ends.sender() as out, ends.receiver() as takes, channel.sender() as tx:
        await out.send(tx)
        with await takes.receive() as first:
            more = travelling(first)
            with pytest.raises(EndClosed):
                await more.send(1)
            assert first.statistics().open_send_channels == 2
            more.close()


@run
async def test_an_end_knows_that_its_home_is_elsewhere() -> None:
    channel = numbers()
    there = Brought(channel, home=HOME)
    with channel.receiver() as rx:
        assert home_of(rx) is HOME
    there.giver.close()


@run
async def test_an_alternation_that_waits_for_an_answer_is_deciding() -> None:
    out, inp = numbers(), numbers()
    there, back = There(out), Brought(inp)
    with out.sender() as tx, inp.receiver() as rx:
        chosen = []

        async def select() -> None:
            with Alternation(tx.offer(lambda: 1), rx) as alternation:
                chosen.append(await alternation.select())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(select)
            await wait_all_tasks_blocked()
            assert back.giver.is_deciding()
            back.give(2, stand=False)
            assert back.answers() == ["release"]  # it is no offer meanwhile
            there.taker.release(there.items[0])
            await wait_all_tasks_blocked()
            assert not back.giver.is_deciding()
            back.give(3, stand=False)
        assert (chosen[0].guard, chosen[0].value) == (rx, 3)
    there.taker.close()
    back.giver.close()


@run
async def test_a_value_made_for_an_offer_and_not_taken_is_the_next_one_offered() -> None:
    channel = numbers()
    there = There(channel)
    made = iter(range(10))
    with channel.sender() as tx, channel.receiver() as rx:
        got = []

        async def select() -> None:
            with Alternation(tx.offer(lambda: next(made))) as alternation:
                got.append((await alternation.select()).value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(select)
            await wait_all_tasks_blocked()
            assert there.items[0].value == 0
            there.taker.release(there.items[0])
            await wait_all_tasks_blocked()
            assert await rx.receive() == 0
        assert got == [0]
    there.taker.close()


@run
async def test_what_a_far_buffer_had_no_room_for_is_offered_again_when_it_is_welcome() -> None:
    channel, other = numbers(), Channel(str, name="other")
    there = There(channel, room=9, home=HOME, roomy=True)
    made = iter(range(10))
    with channel.sender() as tx, other.sender() as plain, other.receiver() as rx:
        with Alternation(tx.offer(lambda: next(made)), rx) as alternation:
            chosen: list[Any] = []

            async def select() -> None:
                chosen.append((await alternation.select()).value)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(select)
                await wait_all_tasks_blocked()
                assert there.items[0].is_offered
                there.taker.release(there.items.pop())
                await wait_all_tasks_blocked()
                assert not there.items  # not asked again
                await plain.send("other")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(select)
                await wait_all_tasks_blocked()
                assert not there.items
                nursery.start_soon(tx.send, 77)  # who sends waits in the line there
                await wait_all_tasks_blocked()
                assert [item.value for item in there.items] == [77]
                there.taker.accept(there.items.pop())
                there.taker.welcome()
                await wait_all_tasks_blocked()
                assert there.items[0].is_offered
                there.taker.accept(there.items.pop())
        assert chosen == ["other", 0]
    there.taker.close()


@run
async def test_an_output_guard_needs_a_buffer_where_the_home_is_elsewhere() -> None:
    near, far = numbers(), numbers()
    takers = There(near, home=HOME), There(far, home=HOME, roomy=True)
    with near.sender() as one, far.sender() as other:
        with pytest.raises(RuntimeError, match="`numbers`: its home is another program.* buffer"):
            one.offer(lambda: 1)
        other.offer(lambda: 1)
    for there in takers:
        there.taker.close()


@run
async def test_who_hopes_for_room_hears_of_it_once() -> None:
    channel = numbers(buffer=1)
    there = Brought(channel)
    heard: list[str] = []
    with channel.receiver() as rx:
        there.give(1)
        there.giver.hope(lambda: heard.append("room"))
        waits = there.give(2)
        rx.receive_nowait()
        assert not heard  # who waits in line is first
        assert rx.receive_nowait() == 2
        assert heard == ["room"]
        assert not there.giver.stands(waits)
        there.give(3)
        rx.receive_nowait()
        assert heard == ["room"]
    there.giver.close()


# --- answers that come before the sender has parked ------------------------------------------


def refuses(channel: Channel[Any], error: Exception) -> Taker:
    """Somebody elsewhere who finds at once that no value can travel."""
    taker = Taker(
        channel.receiver(),
        may=lambda: True,
        taken=lambda item: taker.refuse(item, error),
        ended=lambda: None,
    )
    taker.ask()
    return taker


def releases(channel: Channel[Any], times: int) -> list[int]:
    """Somebody elsewhere who gives the value back at once, so many times, then takes it."""
    seen: list[int] = []

    def take(item: Item) -> None:
        item.ask_back = lambda: None
        seen.append(item.value)
        if len(seen) <= times:
            taker.release(item)
        else:
            taker.accept(item)

    taker = Taker(
        channel.receiver(),
        may=lambda: True,
        taken=take,
        ended=lambda: None,
    )
    taker.ask()
    return seen


async def _sends_and_hears(out: csp.Sender[int], told: list[str]) -> None:
    for number in range(3):
        try:
            await out.send(number)
        except ValueError as error:
            told.append(str(error))


@run
async def test_a_send_that_is_refused_at_once_raises_in_a_trio_task() -> None:
    channel, told = numbers(), list[str]()
    taker = refuses(channel, ValueError("no"))
    with channel.sender() as sender:
        await _sends_and_hears(sender, told)
        assert told == ["no"] * 3
        assert sender.statistics().tasks_waiting_send == 0
    taker.close()


@run
async def test_and_in_processes_that_lend_their_turns() -> None:
    channel, other, told = numbers(), Channel(int, name="other"), list[str]()
    taker = refuses(channel, ValueError("no"))

    @csp.process
    async def sends(out: csp.Sender[int], pulse: csp.Receiver[int]) -> None:
        async for number in pulse:
            if number % 2:  # now and then, so that the others host it meanwhile
                await _sends_and_hears(out, told)

    @csp.process
    async def pulses(out: csp.Sender[int]) -> None:
        for number in range(100):
            await out.send(number)

    kernel = current_kernel()
    assert isinstance(kernel, TrioKernel)
    before = kernel.lent_steps
    await csp.Par(sends(channel.sender(), other.receiver()), pulses(other.sender()))
    assert told == ["no"] * 150
    assert (kernel.lent_steps > before) is (os.environ.get("CSP_LEND") != "0")
    taker.close()


@run
async def test_an_output_guard_that_is_refused_at_once_raises() -> None:
    channel = numbers()
    taker = refuses(channel, ValueError("no"))
    with channel.sender() as sender:
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await Alternation(sender.offer(lambda: 1)).select()
    taker.close()


@run
async def test_a_value_that_is_given_back_at_once_is_offered_again() -> None:
    channel = numbers()
    seen = releases(channel, times=3)
    with channel.sender() as sender:
        await sender.send(7)
        await sender.send(8)
    assert seen == [7, 7, 7, 7, 8]
