"""The kernel that steps main alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import trio

from csp import (
    Alternation,
    Call,
    Channel,
    Flag,
    Par,
    Process,
    Seq,
    Skip,
    Spawn,
    Timeout,
    Wait,
    process,
    run,
)
from csp.lowlevel import current_kernel
from csp.view import DrawError, Node, picture_of_main

from .networks import drain, relay, source


def titles(main: Callable[..., Any], *args: Any) -> list[str]:
    return [node.title for node in picture_of_main(main, *args).nodes().values()]


def wired() -> tuple[Process[None], Process[None]]:
    a = Channel(int, name="a")
    return source(a.sender()), drain(a.receiver())


async def pair() -> None:
    await Par(*wired())
    raise AssertionError("main goes no further than its Par")


def test_main_runs_up_to_its_par_and_what_it_starts_is_not_stepped() -> None:
    assert titles(pair) == ["source", "drain"]


@process(name="the main")
async def main_process() -> None:
    await Par(*wired())


def test_a_process_function_can_be_main() -> None:
    picture = picture_of_main(main_process)
    assert [node.title for node in picture.nodes().values()] == ["source", "drain"]


async def in_turn() -> None:
    await Seq(*wired())


async def copied() -> None:
    a = Channel(int, name="a")
    await (3 * drain(a.receiver()))


@pytest.mark.parametrize(
    ("main", "expected"), [(in_turn, ["1. source", "2. drain"]), (copied, ["3 * drain"])]
)
def test_main_goes_no_further_than_a_seq_or_copies(main: Any, expected: list[str]) -> None:
    assert titles(main) == expected


async def spawns() -> None:
    one, other = wired()
    async with Spawn() as spawn:
        spawn(one)
        running = spawn(other, background=True)
        assert running.name == "drain"


def test_what_main_spawns_is_drawn_when_it_waits_at_the_end_of_the_block() -> None:
    assert titles(spawns) == ["source", "drain (background)"]


async def spawns_and_receives() -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    async with Spawn() as spawn:
        spawn(source(a.sender()))
        with a.receiver() as rx:
            await rx.receive()
            spawn(drain(b.receiver()))


def test_main_goes_no_further_than_its_first_wait() -> None:
    picture = picture_of_main(spawns_and_receives)
    assert [node.title for node in picture.nodes().values()] == ["spawns_and_receives", "source"]
    line = spawns_and_receives.__code__.co_firstlineno + 5
    assert picture.note == f"up to test_recording.py:{line}"


async def waits_for_time() -> None:
    async with Spawn() as spawn:
        spawn(wired()[0])
        await Alternation(Timeout(1.0)).select()
        raise AssertionError("time does not pass")


async def waits_for_a_flag() -> None:
    async with Spawn() as spawn:
        spawn(wired()[0])
        await Alternation(Wait(Flag())).select()


async def calls() -> None:
    squares = Channel(Call[int, int], name="squares")
    with squares.sender() as tx:
        async with Spawn() as spawn:
            spawn(drain(squares.receiver()))
            async for _ in tx.map([1, 2]):
                raise AssertionError("nobody replies")


async def selects_for_ever() -> None:
    async with Spawn() as spawn:
        spawn(wired()[0])
        with Channel(int).receiver() as rx:
            while True:
                await Alternation(rx, Skip()).select()


@pytest.mark.parametrize("main", [waits_for_time, waits_for_a_flag, calls, selects_for_ever])
def test_every_wait_ends_the_recording(main: Any) -> None:
    assert {"source", "drain"} & set(titles(main))


async def uses_buffers() -> None:
    a, b = Channel(int, name="a", buffer=1), Channel(int, name="b")
    with a.sender() as tx, a.receiver() as rx:
        await tx.send(1)
        assert await rx.receive() == 1
        await tx.send(2)
    await Par(source(b.sender()), drain(b.receiver()))


def test_an_operation_that_need_not_wait_is_carried_out() -> None:
    assert titles(uses_buffers) == ["source", "drain"]


@process
async def quick() -> int:
    return 3


async def awaits_quick() -> None:
    a, b = Channel(int, name="a"), Channel(int, name="b")
    assert await quick() == 3
    await Par(relay(a.receiver(), b.sender()))


def test_a_process_that_ends_without_a_wait_has_run_and_is_not_drawn() -> None:
    assert titles(awaits_quick) == ["relay"]


# --- what cannot be drawn --------------------------------------------------------------------


async def sleeps() -> None:
    await trio.sleep(0)
    await pair()


async def opens_a_nursery() -> None:
    async with trio.open_nursery():  # which raises AttributeError
        await pair()


async def sleeps_in_asyncio() -> None:
    await asyncio.sleep(0)
    await pair()


@pytest.mark.parametrize("main", [sleeps, opens_a_nursery, sleeps_in_asyncio])
def test_waiting_in_trio_is_an_error_that_says_where_and_what_to_do(main: Any) -> None:
    with pytest.raises(DrawError) as caught:
        picture_of_main(main)
    line = main.__code__.co_firstlineno + 1
    where = f"at test_recording.py:{line}"
    assert str(caught.value).startswith(f"`{main.__name__}` waits in trio {where} before")
    assert "csp draw FILE:NAME" in str(caught.value)


async def starts_nothing() -> int:
    return await quick()


async def only_waits() -> None:
    with Channel(int, name="a").receiver() as rx:
        await rx.receive()


@pytest.mark.parametrize(
    ("main", "message"),
    [
        (starts_nothing, "`starts_nothing` ends without starting a process"),
        (only_waits, r"`only_waits` waits at test_recording.py:\d+ before starting a process"),
    ],
)
def test_a_main_that_starts_nothing_is_an_error(main: Any, message: str) -> None:
    with pytest.raises(DrawError, match=message):
        picture_of_main(main)


async def fails() -> None:
    raise ValueError("its own")


async def fails_like_trio() -> None:
    raise RuntimeError("must be called from async context")


@pytest.mark.parametrize(("main", "error"), [(fails, ValueError), (fails_like_trio, RuntimeError)])
def test_an_error_of_main_passes(main: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"its own|must be called"):
        picture_of_main(main)


# --- what is left behind ---------------------------------------------------------------------


@pytest.mark.parametrize("main", [pair, spawns, in_turn, copied, calls, sleeps, only_waits])
def test_recording_leaves_no_warning_and_no_kernel_behind(
    main: Any, recwarn: pytest.WarningsRecorder
) -> None:
    try:
        picture_of_main(main)
    except DrawError:
        pass
    assert [str(warning.message) for warning in recwarn.list] == []
    with pytest.raises(RuntimeError):
        current_kernel()


async def unwinds(told: list[str]) -> None:
    try:
        await pair()
    finally:
        told.append("unwound")


def test_main_is_unwound_where_it_stopped() -> None:
    told: list[str] = []
    assert titles(unwinds, told) == ["source", "drain"]
    assert told == ["unwound"]


async def cleans_up_in_trio() -> None:
    try:
        await pair()
    finally:
        await trio.sleep(0)


async def cleans_up_in_vain() -> None:
    try:
        await pair()
    finally:
        raise ValueError


@pytest.mark.parametrize("main", [cleans_up_in_trio, cleans_up_in_vain])
def test_what_happens_in_the_unwinding_does_not_matter(main: Any) -> None:
    assert titles(main) == ["source", "drain"]


async def swallows() -> None:
    try:
        await Par(*wired())
    except BaseException:
        a = Channel(int, name="later")
        await Par(drain(a.receiver()))


def test_a_main_that_swallows_the_unwinding_is_drawn_as_it_was() -> None:
    assert titles(swallows) == ["source", "drain"]


def test_inside_of_a_run_a_process_can_be_drawn_too() -> None:
    async def main() -> list[Node]:
        one, other = wired()
        network = Par(one, other)
        from csp.view import picture_of

        picture = picture_of(network)
        network.close()
        return list(picture.nodes().values())

    assert [node.name for node in run(main)] == ["source", "drain"]
