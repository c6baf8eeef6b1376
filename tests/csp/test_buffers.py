"""The three kinds of buffers, alone and behind a channel."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Channel, Dropping, Fifo, Sliding


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param)


@pytest.mark.parametrize(
    ("buffer", "kept"),
    [(Sliding(2), [3, 4]), (Dropping(2), [0, 1]), (Fifo(5), [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4])],
)
def test_what_is_kept_of_five_values(run: Any, buffer: Any, kept: list[int]) -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="c", buffer=buffer)
        with channel.receiver() as rx:
            with channel.sender() as tx:
                for number in range(5):
                    await tx.send(number)
            return [number async for number in rx]

    assert run(main) == kept


def test_a_fifo_makes_its_senders_wait_when_it_is_full(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="c", buffer=2)
        with channel.sender() as tx, channel.receiver() as rx:
            tx.send_nowait(1)
            tx.send_nowait(2)
            with pytest.raises(trio.WouldBlock):
                tx.send_nowait(3)
            statistics = tx.statistics()
            return statistics.current_buffer_used, statistics.max_buffer_size, rx.receive_nowait()

    assert run(main) == (2, 2, 1)


def test_an_unlimited_buffer_never_makes_its_senders_wait(run: Any) -> None:
    async def main() -> int:
        channel = Channel(int, name="c", buffer=math.inf)
        with channel.sender() as tx, channel.receiver() as rx:
            for number in range(2000):
                tx.send_nowait(number)
            assert rx.receive_nowait() == 0
            return rx.statistics().current_buffer_used

    assert run(main) == 1999


@pytest.mark.parametrize("buffer", [0, Fifo(0)])
def test_a_buffer_of_nothing_is_a_rendezvous(run: Any, buffer: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="c", buffer=buffer)
        with channel.sender() as tx, channel.receiver(), pytest.raises(trio.WouldBlock):
            tx.send_nowait(1)

    run(main)


def test_one_buffer_given_to_two_channels_is_not_shared(run: Any) -> None:
    async def main() -> None:
        buffer = Fifo(1)
        a, b = Channel(int, name="a", buffer=buffer), Channel(int, name="b", buffer=buffer)
        with a.sender() as atx, a.receiver(), b.sender() as btx, b.receiver() as brx:
            atx.send_nowait(1)
            btx.send_nowait(2)
            assert brx.receive_nowait() == 2

    run(main)


@pytest.mark.parametrize("make", [Sliding, Dropping])
def test_a_lossy_buffer_holds_at_least_one_value(make: Any) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        make(0)


@pytest.mark.parametrize("size", [1.5, "3", True, None])
def test_a_size_that_is_no_int_is_a_type_error(size: Any) -> None:
    with pytest.raises(TypeError):
        Fifo(size)
    with pytest.raises(TypeError):
        Channel(int, name="c", buffer=size)


@pytest.mark.parametrize("size", [-1, -math.inf])
def test_a_negative_size_is_an_error(size: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Channel(int, name="c", buffer=size)
