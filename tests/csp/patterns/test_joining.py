"""Processes with several inputs and one output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csp
from csp import Channel, Par, Process, Receiver, Sender, Spawn, patterns
from csp.patterns import collect, counter, emit, gather, merge, multiplex, plus, pri_merge

Run = Callable[..., Any]
Join = Callable[[list[Receiver[Any]], Sender[Any]], Process[Any]]

law = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `run` keeps nothing
)


async def joined(inputs: list[list[Any]], join: Join, buffer: int = 0) -> list[Any]:
    """What comes out of `join` when its inputs are these."""
    channels = [Channel[Any](name=f"in {i}", buffer=buffer) for i in range(len(inputs))]
    out = Channel[Any](name="out")
    async with Spawn() as spawn:
        for values, channel in zip(inputs, channels, strict=True):
            spawn(emit(values, channel.sender()))
        spawn(join([channel.receiver() for channel in channels], out.sender()))
        return await spawn(collect(out.receiver()))


def zipped(inps: list[Receiver[Any]], out: Sender[Any]) -> Process[None]:
    return patterns.zip(*inps, out)  # type: ignore[call-overload, no-any-return]


inputs = st.lists(st.lists(st.integers(), max_size=5), min_size=1, max_size=4)


def numbered(lists: list[list[int]]) -> list[list[tuple[int, int]]]:
    return [[(i, value) for value in values] for i, values in enumerate(lists)]


@law
@given(lists=inputs, buffer=st.sampled_from([0, 2]))
@pytest.mark.parametrize("join", [merge, pri_merge])
def test_merge_loses_nothing_and_keeps_the_order_of_each_input(
    run: Run, join: Join, lists: list[list[int]], buffer: int
) -> None:
    heard = run(joined, numbered(lists), join, buffer)
    assert [[v for v in heard if v[0] == i] for i in range(len(lists))] == numbered(lists)


@law
@given(lists=inputs)
def test_multiplex_says_where_each_value_came_from(run: Run, lists: list[list[int]]) -> None:
    heard = run(joined, lists, multiplex)
    assert [[v for number, v in heard if number == i] for i in range(len(lists))] == lists


async def full(join: Join) -> list[str]:
    """What comes out of `join` when each of its inputs `a`, `b`, `c` has three values at once."""
    channels = [Channel(str, name=name, buffer=3) for name in "abc"]
    out = Channel(str, name="out")
    for channel in reversed(channels):
        with channel.sender() as give:
            for _ in range(3):
                await give.send(channel.name)
    inps = [channel.receiver() for channel in channels]
    return (await Par(join(inps, out.sender()), collect(out.receiver())))[1]


def test_merge_serves_no_input_twice_while_another_one_waits(run: Run) -> None:
    heard = run(full, merge)
    assert [set(heard[i : i + 3]) for i in (0, 3, 6)] == [{"a", "b", "c"}] * 3


def test_pri_merge_serves_the_first_input_that_waits(run: Run) -> None:
    assert run(full, pri_merge) == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


@law
@given(lists=st.lists(st.lists(st.integers(), max_size=4), min_size=2, max_size=4))
def test_zip_is_pythons_zip(run: Run, lists: list[list[int]]) -> None:
    assert run(joined, lists, zipped) == list(zip(*lists, strict=False))


@law
@given(lists=inputs)
def test_gather_makes_lists_of_one_value_from_each(run: Run, lists: list[list[int]]) -> None:
    assert run(joined, lists, gather) == [list(row) for row in zip(*lists, strict=False)]


@law
@given(lists=st.lists(st.lists(st.integers(), max_size=4), min_size=2, max_size=2))
def test_plus_adds_in_step(run: Run, lists: list[list[int]]) -> None:
    heard = run(joined, lists, lambda inps, out: plus(*inps, out))
    assert heard == [a + b for a, b in zip(*lists, strict=False)]


@pytest.mark.parametrize("join", [gather, zipped, lambda inps, out: plus(*inps, out)])
def test_the_inputs_may_come_in_any_order(run: Run, join: Join) -> None:
    """One process feeds the last input first: reading them in order would deadlock."""

    @csp.process
    async def backwards(outs: list[Sender[int]]) -> None:
        for number in range(3):
            for out in reversed(outs):
                await out.send(number)

    async def main() -> list[Any]:
        a, b, c = Channel[Any](name="a"), Channel[Any](name="b"), Channel[Any](name="c")
        network = Par(
            backwards([a.sender(), b.sender()]),
            join([a.receiver(), b.receiver()], c.sender()),
            collect(c.receiver()),
        )
        return (await network)[2]

    assert len(run(main)) == 3


@pytest.mark.parametrize("join", [gather, zipped, lambda inps, out: plus(*inps, out)])
def test_the_end_of_one_input_is_seen_while_the_other_is_silent(run: Run, join: Join) -> None:
    async def main() -> list[Any]:
        a, b, c = Channel[Any](name="a"), Channel[Any](name="b"), Channel[Any](name="c")
        with b.sender():  # never sends
            a.sender().retire()
            joining = join([a.receiver(), b.receiver()], c.sender())
            return (await Par(joining, collect(c.receiver())))[1]

    assert run(main) == []


def test_an_endless_input_ends_with_the_other_one(run: Run) -> None:
    async def main() -> list[int]:
        a, b, c = (Channel(int, name=name) for name in "abc")
        network = Par(
            counter(a.sender()),
            emit([10, 20], b.sender()),
            plus(a.receiver(), b.receiver(), c.sender()),
            collect(c.receiver()),
        )
        return (await network)[3]

    assert run(main) == [10, 21]


def test_gather_of_no_inputs_ends_at_once(run: Run) -> None:
    assert run(joined, [], gather) == []


@pytest.mark.parametrize("join", [merge, pri_merge, multiplex])
def test_a_merge_of_no_inputs_is_refused(run: Run, join: Join) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run(joined, [], join)
    assert caught.group_contains(ValueError, match="at least one guard")


def test_zip_refuses_what_it_cannot_zip() -> None:
    a, b = Channel(int, name="a"), Channel[Any](name="b")
    refused = pytest.raises(TypeError, match="two, three or four receivers and a sender, not 2 end")
    with a.receiver() as inp, b.sender() as out, refused:
        patterns.zip(inp, out)  # type: ignore[call-overload]


def test_the_wiring_of_zip_is_checked_with_the_types_of_all_its_ends() -> None:
    a, b = Channel(int, name="a"), Channel(str, name="b")
    pairs = Channel(tuple[str, int], name="pairs")
    refused = pytest.raises(csp.WiringError, match=r"zip2\(out=\.\.\.\)")
    with a.receiver() as left, b.receiver() as right, pairs.sender() as out, refused:
        patterns.zip(left, right, out)  # type: ignore[arg-type]
