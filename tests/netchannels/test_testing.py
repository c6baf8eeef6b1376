"""The links that injure themselves: each fault alone, all of them together, and none."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

import netchannels.testing
from netchannels.testing import FaultyStream, dial_twice, faulty_pair


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([bytes(chunk) async for chunk in stream])


async def send_and_end(stream: FaultyStream, *chunks: bytes) -> None:
    for chunk in chunks:
        await stream.send_all(chunk)
    await stream.send_eof()


async def silent(stream: FaultyStream, seconds: float = 1000) -> bool:
    """True if nothing arrives for so long."""
    with trio.move_on_after(seconds):
        await stream.receive_some()
        return False
    return True


@pytest.fixture
async def sockets() -> AsyncIterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """A TCP connection on this machine."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    dialled = await trio.testing.open_stream_to_socket_listener(listeners[0])
    accepted = await listeners[0].accept()
    yield dialled, accepted
    for resource in (dialled, accepted, *listeners):
        await trio.aclose_forcefully(resource)


# --- without a fault it is a stream as trio defines them -----------------------------------------


@pytest.mark.trio
async def test_trio_finds_nothing_wrong_with_a_pair() -> None:
    async def make() -> tuple[FaultyStream, FaultyStream]:
        return faulty_pair()

    async def make_clogged() -> tuple[FaultyStream, FaultyStream]:
        a, b = faulty_pair(capacity=10)
        await a.send_all(bytes(10))
        await b.send_all(bytes(10))
        return a, b

    await trio.testing.check_half_closeable_stream(make, make_clogged)


@pytest.mark.trio
async def test_trio_finds_nothing_wrong_with_a_wrapped_stream() -> None:
    async def make() -> tuple[FaultyStream, FaultyStream]:
        left, right = trio.testing.lockstep_stream_pair()
        return FaultyStream(left), FaultyStream(right)

    await trio.testing.check_half_closeable_stream(make, make)


@pytest.mark.trio
async def test_a_sender_waits_for_room(autojump_clock: trio.testing.MockClock) -> None:
    a, b = faulty_pair(capacity=100)
    with trio.move_on_after(5) as waiting:
        await a.send_all(bytes(101))
    assert waiting.cancelled_caught
    assert len(await b.receive_some()) == 100
    with trio.fail_after(5):
        await a.send_all(bytes(100))


@pytest.mark.trio
async def test_a_closed_reader_frees_a_waiting_sender() -> None:
    a, b = faulty_pair(capacity=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.aclose)
        with pytest.raises(trio.BrokenResourceError):
            await a.send_all(b"two")


# --- delay ---------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_a_delayed_chunk_arrives_later_but_its_sender_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.delay(3)
    start = trio.current_time()
    await send_and_end(a, b"x")
    assert trio.current_time() == start
    assert await b.receive_some() == b"x"
    assert trio.current_time() - start == 3
    assert await b.receive_some() == b""  # the end of file is delayed like a chunk
    assert trio.current_time() - start == 6


@pytest.mark.trio
async def test_a_cancel_during_a_delay_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.delay(3)
    await a.send_all(b"x")
    start = trio.current_time()
    assert await silent(b, 1)
    assert await b.receive_some() == b"x"
    assert trio.current_time() - start == 3


@pytest.mark.trio
async def test_delays_are_drawn_from_the_seed(autojump_clock: trio.testing.MockClock) -> None:
    async def times(seed: int) -> list[float]:
        a, b = faulty_pair(seed=seed)
        b.delay(1, 2)
        found: list[float] = []
        for _ in range(5):
            await a.send_all(b"x")
            start = trio.current_time()
            await b.receive_some()
            found.append(round(trio.current_time() - start, 9))
        return found

    one, same, other = await times(1), await times(1), await times(2)
    assert one == same != other
    assert len(set(one)) == 5
    assert all(1 <= each <= 2 for each in one)


# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_bytes_come_one_by_one() -> None:
    a, b = faulty_pair()
    b.pieces()
    await send_and_end(a, b"abc", b"d")
    assert [chunk async for chunk in b] == [b"a", b"b", b"c", b"d"]


@pytest.mark.trio
async def test_pieces_are_drawn_from_the_seed() -> None:
    async def sizes(seed: int) -> list[int]:
        a, b = faulty_pair(seed=seed)
        b.pieces(1, 9)
        await send_and_end(a, bytes(100))
        return [len(chunk) async for chunk in b]

    one, same, other = await sizes(1), await sizes(1), await sizes(2)
    assert one == same != other
    assert sum(one) == 100
    assert set(one[:-1]) <= set(range(1, 10))
    assert len(set(one)) > 3


@pytest.mark.trio
async def test_the_reader_may_ask_for_less_than_a_piece() -> None:
    a, b = faulty_pair()
    b.pieces(4)
    await a.send_all(b"abcdefgh")
    assert await b.receive_some(3) == b"abc"
    assert await b.receive_some(100) == b"defg"


# --- slow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "largest"), [(1000, 100), (10, 1), (0.5, 1)])
@pytest.mark.trio
async def test_a_slow_reader_takes_its_time(
    autojump_clock: trio.testing.MockClock, rate: float, largest: int
) -> None:
    a, b = faulty_pair()
    b.slow(rate)
    await send_and_end(a, bytes(300))
    start = trio.current_time()
    sizes = [len(chunk) async for chunk in b]
    assert sum(sizes) == 300
    assert max(sizes) == largest
    assert trio.current_time() - start == pytest.approx(300 / rate)


@pytest.mark.trio
async def test_a_slow_reader_makes_its_sender_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair(capacity=100)
    b.slow(10)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_all, b)
        await a.send_all(bytes(400))
        assert trio.current_time() - start >= 29
        await a.send_eof()


@pytest.mark.trio
async def test_a_slow_reader_that_is_cancelled_again_and_again_gets_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.slow(1)
    await a.send_all(b"xy")
    assert await b.receive_some() == b"x"
    assert await silent(b, 0.6)
    with trio.fail_after(0.6):
        assert await b.receive_some() == b"y"


# --- hold ----------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_what_is_held_comes_in_order_after_the_release(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.hold()
    b.hold()  # a second one changes nothing
    await send_and_end(a, b"one", b"two")
    assert await silent(b)
    b.release()
    assert await read_all(b) == b"onetwo"


@pytest.mark.trio
async def test_a_release_wakes_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    a, b = faulty_pair()
    b.hold()
    await a.send_all(b"x")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await trio.sleep(7)
            b.release()

        start = trio.current_time()
        assert await b.receive_some() == b"x"
        assert trio.current_time() - start == 7


@pytest.mark.trio
async def test_one_direction_may_be_held_alone(autojump_clock: trio.testing.MockClock) -> None:
    a, b = faulty_pair()
    b.hold()
    await b.send_all(b"x")
    assert await a.receive_some() == b"x"


# --- half open -----------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["send", "receive", "both"])
@pytest.mark.trio
async def test_bytes_vanish_silently(
    autojump_clock: trio.testing.MockClock, direction: netchannels.testing.Direction
) -> None:
    a, b = faulty_pair()
    a.half_open(direction)
    await send_and_end(a, b"from a")
    await send_and_end(b, b"from b")
    assert await silent(b) == (direction in ("send", "both"))
    assert await silent(a) == (direction in ("receive", "both"))


@pytest.mark.trio
async def test_a_dead_line_takes_any_number_of_bytes() -> None:
    a, _b = faulty_pair(capacity=10)
    a.half_open("send")
    with trio.fail_after(5):
        for _ in range(10):
            await a.send_all(bytes(1000))
        await a.wait_send_all_might_not_block()


@pytest.mark.trio
async def test_a_deaf_reader_leaves_its_sender_free_to_send() -> None:
    a, b = faulty_pair(capacity=10)
    b.half_open("receive")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.receive_some)
        with trio.fail_after(5):
            await a.send_all(bytes(1000))
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_line_that_dies_frees_a_sender_that_waits_for_room(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair(capacity=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.send_all, b"xyz")
        await trio.sleep(1)
        a.half_open("send")
    assert await b.receive_some() == b"x"
    assert await silent(b)


@pytest.mark.trio
async def test_what_was_held_vanishes_too(autojump_clock: trio.testing.MockClock) -> None:
    a, b = faulty_pair(capacity=3)
    b.hold()
    await a.send_all(b"one")
    assert await silent(b, 1)
    b.half_open("receive")
    b.release()
    with trio.fail_after(1):
        await a.send_all(b"two")
    assert await silent(b)


@pytest.mark.trio
async def test_nobody_learns_that_a_dead_end_was_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair(capacity=5)
    a.half_open("send")
    await a.aclose()
    assert await silent(b)
    await b.send_all(b"hello")
    with trio.move_on_after(1000) as waiting:
        await b.send_all(b"?")
    assert waiting.cancelled_caught


@pytest.mark.trio
async def test_a_mended_line_passes_what_comes_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.half_open("receive")
    await a.send_all(b"lost")
    assert await silent(b)
    b.mend()
    await send_and_end(a, b"found")
    assert await read_all(b) == b"found"


# --- cut -----------------------------------------------------------------------------------------


async def refuses(stream: FaultyStream) -> None:
    """Everything one can do with it says that it is broken."""
    with pytest.raises(trio.BrokenResourceError, match="this faulty stream was cut"):
        await stream.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_eof()
    with pytest.raises(trio.BrokenResourceError):
        await stream.wait_send_all_might_not_block()


@pytest.mark.trio
async def test_both_sides_see_a_cut_and_what_was_on_its_way_is_lost() -> None:
    a, b = faulty_pair()
    await a.send_all(b"to b")
    await b.send_all(b"to a")
    a.cut()
    a.cut()
    await refuses(a)
    await refuses(b)


@pytest.mark.trio
async def test_a_cut_breaks_off_what_waits_on_both_sides(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair(capacity=1)
    broken: list[str] = []

    async def wait(name: str, operation: Any, *args: bytes) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await operation(*args)
        broken.append(name)

    async with trio.open_nursery() as nursery:
        b.hold()
        nursery.start_soon(wait, "a sends", a.send_all, b"xyz")
        nursery.start_soon(wait, "a receives", a.receive_some)
        nursery.start_soon(wait, "b receives", b.receive_some)
        await trio.sleep(1)
        a.cut()
    assert sorted(broken) == ["a receives", "a sends", "b receives"]


@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.trio
async def test_a_cut_after_some_bytes_lets_just_these_through(after: int) -> None:
    a, b = faulty_pair()
    a.cut(after_bytes=after)
    with pytest.raises(trio.BrokenResourceError):
        await a.send_all(b"abcdef")
    b.pieces(2)
    got = bytearray()
    with pytest.raises(trio.BrokenResourceError):
        async for chunk in b:
            got += chunk
    assert got == b"abcdef"[:after]
    await refuses(a)
    await refuses(b)


@pytest.mark.trio
async def test_a_cut_after_just_the_bytes_that_are_sent_raises_at_the_next() -> None:
    a, b = faulty_pair()
    a.cut(after_bytes=4)
    await a.send_all(b"ab")
    await b.send_all(b"does not count")
    await a.send_all(b"cd")
    await refuses(a)
    assert await b.receive_some() == b"abcd"
    await refuses(b)


@pytest.mark.trio
async def test_a_cut_may_wait_for_bytes_received() -> None:
    a, b = faulty_pair()
    b.cut(after_bytes=3, direction="receive")
    await b.send_all(b"lost on its way")
    await a.send_all(b"abcdef")
    assert await b.receive_some() == b"abc"
    await refuses(a)
    await refuses(b)


@pytest.mark.trio
async def test_bytes_after_which_a_cut_comes_may_be_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.delay(5)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await b.receive_some() == b"ab"
            await refuses(b)

        await trio.testing.wait_all_tasks_blocked()
        a.cut(after_bytes=2)
        await a.send_all(b"ab")


@pytest.mark.trio
async def test_vanished_bytes_count_and_a_deaf_side_sees_no_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    a.half_open("send")
    a.cut(after_bytes=2)
    await a.send_all(b"ab")
    await refuses(a)
    await refuses(b)


@pytest.mark.trio
async def test_a_deaf_side_that_is_mended_learns_of_a_cut() -> None:
    a, b = faulty_pair()
    b.half_open("receive")
    a.cut(after_bytes=2)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(trio.BrokenResourceError, match="was cut"):
                await b.receive_some()

        await a.send_all(b"ab")
        await trio.testing.wait_all_tasks_blocked()
        b.mend()


@pytest.mark.trio
async def test_a_planned_cut_can_be_taken_back_one_that_happened_cannot() -> None:
    a, b = faulty_pair()
    a.cut(after_bytes=1)
    a.mend()
    await a.send_all(b"abc")
    assert await b.receive_some() == b"abc"
    a.cut()
    a.mend()
    await refuses(a)


@pytest.mark.trio
async def test_a_cut_socket_is_reset(
    sockets: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    a, b = FaultyStream(sockets[0]), sockets[1]
    await a.send_all(b"x")
    assert await b.receive_some() == b"x"
    a.cut()
    with pytest.raises(trio.BrokenResourceError), trio.fail_after(5):
        await b.receive_some()
    await refuses(a)
    await a.aclose()


@pytest.mark.trio
async def test_a_cut_socket_frees_who_waits_at_it(
    sockets: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    a = FaultyStream(sockets[0])
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(trio.BrokenResourceError, match="was cut"):
                await a.receive_some()

        await trio.testing.wait_all_tasks_blocked()
        a.cut()
    assert sockets[0].socket.fileno() == -1


@pytest.mark.trio
async def test_the_other_side_of_a_wrapped_memory_stream_sees_its_end() -> None:
    left, right = trio.testing.memory_stream_pair()
    a = FaultyStream(left)
    FaultyStream(a).cut()
    await refuses(a)
    assert await right.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await right.send_all(b"x")


# --- closing and misuse --------------------------------------------------------------------------


@pytest.mark.trio
async def test_closing_breaks_off_what_waits_here_and_ends_the_other_side() -> None:
    a, b = faulty_pair()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await a.receive_some()

        await trio.testing.wait_all_tasks_blocked()
        await a.aclose()
    assert await b.receive_some() == b""


@pytest.mark.trio
async def test_two_trio_tasks_may_not_receive_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.delay(5)
    await a.send_all(b"x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await b.receive_some()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda s: s.delay(-1), "from 0 upwards"),
        (lambda s: s.delay(2, 1), "from 0 upwards"),
        (lambda s: s.pieces(0), "one byte or more"),
        (lambda s: s.pieces(3, 2), "one byte or more"),
        (lambda s: s.slow(0), "a slow reader reads"),
        (lambda s: s.slow(float("nan")), "a slow reader reads"),
        (lambda s: s.cut(after_bytes=-1), "before now"),
        (lambda s: s.cut(after_bytes=1, direction="both"), "a direction is"),
        (lambda s: s.half_open("left"), "a direction is"),
        (lambda s: faulty_pair(capacity=0), "one byte or more"),
    ],
)
@pytest.mark.trio
async def test_a_fault_that_makes_no_sense_is_refused(fault: Any, said: str) -> None:
    a, b = faulty_pair()
    with pytest.raises(ValueError, match=said):
        fault(a)
    await a.send_all(b"unharmed")
    assert await b.receive_some() == b"unharmed"


# --- together ------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    chunks=st.lists(st.binary(max_size=200), max_size=12),
    seed=st.integers(0, 1000),
    faults=st.lists(st.sampled_from(["delay", "pieces", "slow", "hold", "release", "mend"])),
    capacity=st.integers(1, 300),
)
def test_no_mixture_of_curable_faults_loses_or_turns_bytes(
    chunks: list[bytes], seed: int, faults: list[str], capacity: int
) -> None:
    async def main() -> None:
        a, b = faulty_pair(seed=seed, capacity=capacity)
        arguments: dict[str, tuple[float, ...]] = {
            "delay": (0, 3), "pieces": (1, 50), "slow": (40,)
        }  # fmt: skip
        got = bytearray()

        async def read() -> None:
            drawn = random.Random(seed)
            while True:
                with trio.move_on_after(drawn.uniform(0, 4)):
                    chunk = await b.receive_some(drawn.randint(1, 100))
                    got.extend(chunk)
                    if not chunk:
                        return

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_and_end, a, *chunks)
            nursery.start_soon(read)
            for fault in faults:
                getattr(b, fault)(*arguments.get(fault, ()))
                await trio.sleep(1)
            b.mend()
        assert got == b"".join(chunks)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.trio
async def test_mending_wakes_who_waits_for_a_fault(
    autojump_clock: trio.testing.MockClock,
) -> None:
    a, b = faulty_pair()
    b.delay(1000)
    await a.send_all(b"x")
    start = trio.current_time()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            await trio.sleep(2)
            b.mend()

        assert await b.receive_some() == b"x"
    assert trio.current_time() - start == 2


# --- dialling twice ------------------------------------------------------------------------------


@pytest.mark.trio
async def test_two_connections_are_made_at_the_same_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    started: list[float] = []

    async def dial() -> FaultyStream:
        started.append(trio.current_time())
        await trio.sleep(1)
        return faulty_pair()[0]

    one, other = await dial_twice(dial)
    assert one is not other
    assert started[0] == started[1]


@pytest.mark.trio
async def test_if_one_fails_the_other_is_closed() -> None:
    made: list[FaultyStream] = []

    async def dial() -> FaultyStream:
        if made:
            raise OSError("refused")
        made.append(faulty_pair()[0])
        return made[0]

    with pytest.raises(ExceptionGroup) as caught:
        await dial_twice(dial)
    assert caught.group_contains(OSError, match="refused")
    with pytest.raises(trio.ClosedResourceError):
        await made[0].send_all(b"x")


@pytest.mark.trio
async def test_a_server_gets_two_connections(
    sockets: tuple[trio.SocketStream, trio.SocketStream],
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    one, other = await dial_twice(lambda: trio.open_tcp_stream("127.0.0.1", port))
    for each in (one, other):
        async with await listener.accept():
            assert each.socket.family in (socket.AF_INET, socket.AF_INET6)
        await each.aclose()
    await listener.aclose()
