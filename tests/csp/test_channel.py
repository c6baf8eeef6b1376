"""Channels and ends: types, trio's conventions, endings, ends in values."""

import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import csp
from csp import Channel, Par, Receiver, Sender, Spawn, process
from csp.lowlevel import current_kernel


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param, clock=MockClock(autojump_threshold=0))


class Animal: ...


class Dog(Animal): ...


@dataclass(frozen=True)
class Order:
    reply: Sender[str]
    more: tuple[Any, ...] = ()


# --- types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 1), (float, 1), (float, 1.5), (complex, 1), (complex, 1.5), (bool, True),
        (int | str, "x"), (int | None, None), (object, True), (Animal, Dog()), (list[int], ["x"]),
        (dict[str, int], {}), (None, None),
    ],
)  # fmt: skip
def test_a_value_of_the_element_type_passes(kind: Any, value: Any) -> None:
    async def main() -> Any:
        channel = Channel[kind](name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(value)
            return await rx.receive()

    assert csp.run(main) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, True), (int, 1.0), (int, None), (str, b"x"), (bool, 1), (int | str, 1.5),
        (int | str, False), (Dog, Animal()), (list[int], ()), (dict[str, int], []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["send", "send_nowait", "offer"])
def test_a_value_of_another_type_is_refused_wherever_it_is_sent(
    run: Any, kind: Any, value: Any, way: str
) -> None:
    async def main() -> None:
        channel = Channel[kind](name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            with pytest.raises(csp.ChannelTypeError, match="channel `c` carries"):
                if way == "send":
                    await tx.send(value)
                elif way == "send_nowait":
                    tx.send_nowait(value)
                else:
                    await csp.Alternation(tx.offer(lambda: value)).select()
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()

    run(main)


def test_a_bool_is_no_int_on_the_hot_path_either(run: Any) -> None:
    @process
    async def sender(out: Sender[int]) -> None:
        await out.send(1)
        await out.send(2)
        with pytest.raises(csp.ChannelTypeError):
            await out.send(True)

    @process
    async def receiver(feed: Receiver[int]) -> list[int]:
        return [number async for number in feed]

    async def main() -> Any:
        channel = Channel(int, name="c")
        return (await Par(sender(channel.sender()), receiver(channel.receiver())))[1]

    assert run(main) == [1, 2]


def test_a_deep_check_looks_inside_containers() -> None:
    async def main() -> None:
        channel = Channel(list[int], name="c", buffer=1, check="deep")
        with channel.sender() as tx, channel.receiver():
            with pytest.raises(csp.ChannelTypeError):
                await tx.send(["x"])  # type: ignore[list-item]
            await tx.send([1])

    csp.run(main)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="deep"):
        Channel(int, check="very deep")
    with pytest.raises(ValueError, match="1 or more"):
        Channel(int, max_attempts=0)
    with pytest.raises(TypeError, match="buffer is"):
        Channel(int, buffer="big")  # type: ignore[arg-type]


# --- rendezvous ---------------------------------------------------------------------------------


def test_send_returns_when_a_receiver_has_taken_the_value(run: Any) -> None:
    order: list[str] = []

    @process
    async def sender(out: Sender[int]) -> None:
        order.append("offers")
        await out.send(1)
        order.append("sent")

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                spawn(sender(channel.sender()))
                await trio.sleep(5)
                order.append("receives")
                await rx.receive()

    run(main)
    assert order == ["offers", "receives", "sent"]


@pytest.mark.parametrize("buffer", [0, 1])
def test_waiting_senders_and_receivers_are_served_in_order_of_arrival(
    run: Any, buffer: int
) -> None:
    @process
    async def one(out: Sender[int], number: int) -> None:
        await out.send(number)

    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=buffer)
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                with channel.sender() as tx:
                    for number in range(5):
                        spawn(one(tx.clone(), number))
                        await wait_all_tasks_blocked()
                return [number async for number in rx]

    assert run(main) == [0, 1, 2, 3, 4]


def test_a_cancelled_operation_did_not_happen_and_leaves_its_place(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx, channel.receiver() as rx:
            with trio.move_on_after(1):
                await tx.send(1)
            with pytest.raises(trio.WouldBlock):
                rx.receive_nowait()
            with trio.move_on_after(1):
                await rx.receive()
            with pytest.raises(trio.WouldBlock):
                tx.send_nowait(1)
            statistics = rx.statistics()
            assert (statistics.tasks_waiting_send, statistics.tasks_waiting_receive) == (0, 0)

    run(main)


@pytest.mark.parametrize("way", ["send", "receive"])
def test_a_pending_cancel_strikes_within_256_operations_though_nobody_waits(
    run: Any, way: str
) -> None:
    done = 0

    @process
    async def busy(out: Sender[int], feed: Receiver[int]) -> None:
        nonlocal done
        with trio.CancelScope() as scope:
            scope.cancel()
            while done < 5000:
                if way == "send":
                    await out.send(1)
                else:
                    await feed.receive()
                done += 1
        assert scope.cancelled_caught

    async def main() -> None:
        channel = Channel(int, name="c", buffer=6000 if way == "receive" else csp.Sliding(1))
        kernel = current_kernel()
        kernel.clock = lambda: 0.0  # only operations count
        with channel.sender() as tx:
            for _ in range(6000 if way == "receive" else 0):
                tx.send_nowait(1)
            await busy(tx.clone(), channel.receiver())

    run(main)
    assert done <= 256


def test_the_five_milliseconds_are_counted_by_the_clock_of_the_kernel(run: Any) -> None:
    async def main() -> int:
        channel, done = Channel(int, name="c", buffer=csp.Sliding(1)), 0
        kernel = current_kernel()
        ticks = iter(range(10**9))
        kernel.clock = lambda: next(ticks) * 0.001  # each look takes a millisecond
        await trio.lowlevel.checkpoint()  # the next pass of trio goes by it

        @process
        async def busy(out: Sender[int]) -> None:
            nonlocal done
            with trio.CancelScope() as scope:
                scope.cancel()
                while done < 5000:
                    await out.send(1)
                    done += 1

        with channel.receiver():
            await busy(channel.sender())
        return done

    assert run(main) <= 10


def test_in_a_plain_trio_task_every_operation_is_a_full_checkpoint() -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=10)
        with channel.sender() as tx, channel.receiver() as rx:
            with trio.testing.assert_checkpoints():
                await tx.send(1)
            with trio.testing.assert_checkpoints():
                await rx.receive()
            with trio.testing.assert_checkpoints():
                await tx.aclose()

    trio.run(main)


def test_processes_and_channels_work_under_a_plain_trio_run() -> None:
    @process
    async def sender(out: Sender[int]) -> None:
        await out.send(1)

    async def main() -> int:
        channel = Channel(int, name="c")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender, channel.sender())
            with channel.receiver() as rx:
                return await rx.receive()
        raise AssertionError

    assert trio.run(main) == 1


# --- endings ------------------------------------------------------------------------------------


def test_everything_buffered_is_received_before_the_end(run: Any) -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=3)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                for number in range(3):
                    await tx.send(number)
            got = [number async for number in rx]
            with pytest.raises(csp.EndOfChannel, match="all senders of channel `c` have retired"):
                await rx.receive()
            with pytest.raises(csp.EndOfChannel):
                rx.receive_nowait()
            return got

    assert run(main) == [0, 1, 2]


def test_the_last_receiver_that_retires_wakes_the_senders(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        rx = channel.receiver()
        with channel.sender() as tx:
            async with trio.open_nursery() as nursery:

                async def send() -> None:
                    with pytest.raises(csp.NoReceivers, match="all receivers of channel `c`"):
                        await tx.send(1)

                nursery.start_soon(send)
                await wait_all_tasks_blocked()
                rx.retire()
            with pytest.raises(csp.NoReceivers):
                tx.send_nowait(1)

    run(main)


@pytest.mark.parametrize("way", ["sender", "receiver"])
def test_a_direction_never_reopens(way: str) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        getattr(channel, way)().retire()
        with pytest.raises(csp.EndClosed, match="never reopens"):
            getattr(channel, way)()

    csp.run(main)


def test_a_direction_that_had_no_end_yet_is_not_ended(run: Any) -> None:
    @process
    async def sender(out: Sender[int]) -> None:
        await out.send(1)

    async def main() -> int:
        channel = Channel(int, name="c")
        async with Spawn() as spawn:
            spawn(sender(channel.sender()))
            await wait_all_tasks_blocked()
            with channel.receiver() as rx:
                return await rx.receive()

    assert run(main) == 1


def test_an_end_retired_under_its_own_operation_raises_end_closed_there(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender(), channel.receiver() as rx:
            async with trio.open_nursery() as nursery:

                async def receive() -> None:
                    with pytest.raises(csp.EndClosed, match="this receiver of `c` was retired"):
                        await rx.receive()

                nursery.start_soon(receive)
                await wait_all_tasks_blocked()
                rx.close()

    run(main)


def test_a_clone_keeps_the_direction_open(run: Any) -> None:
    async def main() -> int:
        channel = Channel(int, name="c", buffer=1)
        with channel.receiver() as rx:
            tx = channel.sender()
            other = tx.clone()
            tx.retire()
            tx.retire()  # idempotent
            with pytest.raises(csp.EndClosed, match="this sender of `c` was retired"):
                tx.clone()
            with other:
                await other.send(5)
            return await rx.receive()

    assert run(main) == 5


def test_poison_drops_what_is_buffered_and_says_who_and_why(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=3)
        with channel.sender() as tx, channel.receiver() as rx:
            await tx.send(1)

            @process
            async def breaker(feed: Receiver[int]) -> None:
                feed.poison("enough")

            await breaker(rx.clone())
            for operation in (lambda: tx.send(1), rx.receive):
                with pytest.raises(csp.Poisoned, match="poisoned by `breaker`: enough") as caught:
                    await operation()
                assert (caught.value.reason, caught.value.who) == ("enough", "breaker")

    run(main)


def test_poison_wakes_both_sides(run: Any) -> None:
    async def main() -> list[str]:
        channel, other, seen = Channel(int, name="c"), Channel(int, name="other"), []
        with (
            channel.sender() as tx,
            other.receiver() as rx,
            channel.receiver() as crx,
            other.sender() as otx,
        ):
            async with trio.open_nursery() as nursery:

                async def expect(operation: Any, name: str) -> None:
                    with pytest.raises(csp.Poisoned):
                        await operation
                    seen.append(name)

                nursery.start_soon(expect, tx.send(1), "send")
                nursery.start_soon(expect, rx.receive(), "receive")
                await wait_all_tasks_blocked()
                crx.poison()
                otx.poison()
        return sorted(seen)

    assert run(main) == ["receive", "send"]


def test_abandoned_lists_every_cause_and_comes_after_what_is_buffered(run: Any) -> None:
    @process
    async def fails(out: Sender[int], number: int) -> None:
        await out.send(number)
        raise ValueError(f"broken {number}")

    async def main() -> Any:
        channel, got = Channel(int, name="c", buffer=5), []
        with channel.receiver() as rx:
            with channel.sender() as tx:
                for number in (1, 2):
                    with pytest.raises(ValueError):
                        await fails(tx.clone(), number)
            with pytest.raises(csp.Abandoned, match="ValueError: broken 1") as caught:
                async for number in rx:
                    got.append(number)
        return got, [str(cause) for cause in caught.value.causes]

    assert run(main) == ([1, 2], ["broken 1", "broken 2"])


def test_a_failed_sender_does_not_end_the_channel_while_another_sends(run: Any) -> None:
    @process
    async def fails(out: Sender[int]) -> None:
        raise ValueError("broken")

    async def main() -> int:
        channel = Channel(int, name="c", buffer=1)
        with channel.receiver() as rx, channel.sender() as tx:
            with pytest.raises(ValueError):
                await fails(tx.clone())
            await tx.send(3)
            return await rx.receive()

    assert run(main) == 3


def test_a_sender_is_abandoned_by_receivers_that_failed(run: Any) -> None:
    @process
    async def fails(feed: Receiver[int]) -> None:
        raise ValueError("broken")

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.sender() as tx:
            with pytest.raises(ValueError):
                await fails(channel.receiver())
            with pytest.raises(csp.Abandoned, match="receivers of channel `c`"):
                await tx.send(3)

    run(main)


def test_the_failure_of_one_receiver_is_no_cause_for_the_other_receiver(run: Any) -> None:
    @process
    async def fails(feed: Receiver[int]) -> None:
        raise ValueError("broken")

    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            with pytest.raises(ValueError):
                await fails(rx.clone())
            channel.sender().retire()  # in order
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    run(main)


def test_a_process_ended_by_a_cancel_leaves_that_cause(run: Any) -> None:
    @process
    async def waits(out: Sender[int]) -> None:
        await trio.sleep_forever()

    async def main() -> Any:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:
            with trio.move_on_after(1):
                await waits(channel.sender())
            with pytest.raises(csp.Abandoned) as caught:
                await rx.receive()
        assert [type(cause) for cause in caught.value.causes] == [trio.Cancelled]
        return str(caught.value)

    said = "the senders of channel `c` are gone, and not all in order: `waits` was cancelled"
    assert run(main) == said


# --- ends in values -----------------------------------------------------------------------------


def test_an_end_inside_a_structure_moves_to_the_receiver(run: Any) -> None:
    @process
    async def server(orders: Receiver[Order]) -> None:
        async for order in orders:
            await order.reply.send("a")
            for extra in order.more:
                await extra["end"].send("b")

    @process
    async def client(out: Sender[Order]) -> list[str]:
        answers, extra = Channel(str, name="answers"), Channel(str, name="extra")
        with answers.receiver() as rx, extra.receiver() as extra_rx:
            order = Order(answers.sender(), ({"end": extra.sender()},))
            await out.send(order)
            with pytest.raises(csp.EndClosed, match="you sent this sender of `answers` away"):
                order.reply.send_nowait("x")
            return [await rx.receive(), await extra_rx.receive()]

    async def main() -> Any:
        orders = Channel(Order, name="orders")
        return (await Par(server(orders.receiver()), client(orders.sender())))[1]

    assert run(main) == ["a", "b"]


def test_an_end_stays_where_it_is_when_the_send_is_cancelled(run: Any) -> None:
    async def main() -> str:
        requests: Any = Channel[Sender[str]](name="requests")
        reply = Channel(str, name="reply", buffer=1)
        with requests.sender() as tx, requests.receiver(), reply.receiver() as rx:
            with reply.sender() as answer:
                with trio.move_on_after(1) as scope:
                    await tx.send(answer)
                assert scope.cancelled_caught
                await answer.send("still mine")
            assert rx.statistics().open_send_channels == 0
            return await rx.receive()

    assert run(main) == "still mine"


@pytest.mark.parametrize("how", ["dropping", "poison", "received"])
def test_an_end_in_a_value_that_is_dropped_retires(run: Any, how: str) -> None:
    async def main() -> None:
        buffer = csp.Sliding(1) if how == "dropping" else 1
        requests: Any = Channel[Any](name="requests", buffer=buffer)
        reply = Channel(str, name="reply")
        with requests.sender() as tx, requests.receiver() as requests_rx, reply.receiver() as rx:
            await tx.send(reply.sender())
            if how == "dropping":
                await tx.send(None)
            elif how == "poison":
                tx.poison()
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ResourceWarning)
                    await requests_rx.receive()
            gc.collect()
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    run(main)


def test_an_end_that_is_collected_unretired_warns_and_retires() -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        with channel.receiver() as rx:

            @process
            async def careless() -> None:
                return None

            await careless()
            with pytest.warns(ResourceWarning, match="sender of channel `c` was dropped"):
                channel.sender()
                gc.collect()
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    csp.run(main)


def test_a_quiet_end_may_be_about_an_end_that_came_in_a_value(run: Any) -> None:
    @process
    async def uses(feed: Receiver[Receiver[int]]) -> None:
        inner = await feed.receive()
        await inner.receive()  # it has ended

    async def main() -> None:
        outer: Any = Channel[Receiver[int]](name="outer", buffer=1)
        inner = Channel(int, name="inner")
        inner.sender().retire()
        with outer.sender() as tx:
            await tx.send(inner.receiver())
            assert await Par(uses(outer.receiver())) == (None,)

    run(main)
