"""Processes with one input and several outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csp
from csp import Channel, Deadlock, Par, Process, Receiver, Sender, Spawn, process
from csp.patterns import (
    collect,
    copy_to_all,
    counter,
    delta,
    demultiplex,
    emit,
    gather,
    merge,
    multiplex,
    plus,
    scatter,
    seq_delta,
    split,
    take,
)

Run = Callable[..., Any]
Spread = Callable[[Receiver[Any], list[Sender[Any]]], Process[Any]]

law = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `run` keeps nothing
)
numbers = st.lists(st.integers(), max_size=6)
COPYING = [delta, seq_delta, copy_to_all]


async def spread(values: Any, make: Spread, outputs: int) -> list[list[Any]]:
    """What comes out of each output."""
    inp = Channel[Any](name="in")
    channels = [Channel[Any](name=f"out {i}") for i in range(outputs)]
    async with Spawn() as spawn:
        spawn(emit(values, inp.sender()))
        spawn(make(inp.receiver(), [channel.sender() for channel in channels]))
        running = [spawn(collect(channel.receiver())) for channel in channels]
        return [await each for each in running]


@law
@given(values=st.lists(st.none() | st.integers(), max_size=6), outputs=st.integers(1, 4))
@pytest.mark.parametrize("make", COPYING)
def test_each_output_gets_all_values_in_order(
    run: Run, make: Spread, values: list[Any], outputs: int
) -> None:
    assert run(spread, values, make, outputs) == [values] * outputs


@process
async def last_first(inps: list[Receiver[int]], count: int) -> list[int]:
    """Receives each value from the last channel before it receives it from the first."""
    return [await inp.receive() for _ in range(count) for inp in reversed(inps)]


async def backwards(make: Spread) -> list[int]:
    a, b, c = (Channel(int, name=name) for name in "abc")
    network = Par(
        emit([1, 2], a.sender()),
        make(a.receiver(), [b.sender(), c.sender()]),
        last_first([b.receiver(), c.receiver()], 2),
    )
    return (await network)[2]


@pytest.mark.parametrize("make", [delta, copy_to_all])
def test_the_outputs_may_be_served_in_any_order(run: Run, make: Spread) -> None:
    assert run(backwards, make) == [1, 1, 2, 2]


def test_a_seq_delta_whose_last_output_is_served_first_deadlocks(run: Run) -> None:
    with pytest.raises(Deadlock, match="`seq_delta` waits to send to"):
        run(backwards, seq_delta)


@pytest.mark.parametrize("make", [delta, seq_delta])
def test_a_delta_ends_with_the_first_output_that_nobody_receives(run: Run, make: Spread) -> None:
    async def main() -> tuple[list[int], list[int]]:
        a, b, c, d = (Channel(int, name=name) for name in "abcd")
        results = await Par(
            counter(a.sender()),
            make(a.receiver(), [b.sender(), c.sender()]),
            take(2, c.receiver(), d.sender()),
            collect(b.receiver()),
            collect(d.receiver()),
        )
        return results[3], results[4]

    all_of_b, all_of_d = run(main)
    assert all_of_d == [0, 1]
    assert all_of_b in ([0, 1], [0, 1, 2])  # the third may have reached this one


def test_copy_to_all_goes_on_with_the_outputs_that_are_left(run: Run) -> None:
    async def main() -> list[list[int]]:
        a = Channel(int, name="a")
        outs = [Channel(int, name=f"out {i}") for i in range(4)]
        ends = [Channel(int, name=f"end {i}") for i in range(4)]
        async with Spawn() as spawn:
            spawn(counter(a.sender()))
            spawn(copy_to_all(a.receiver(), [out.sender() for out in outs]))
            for count, (out, end) in enumerate(zip(outs, ends, strict=True)):
                spawn(take(count, out.receiver(), end.sender()))
            running = [spawn(collect(end.receiver())) for end in ends]
            return [await each for each in running]

    assert run(main) == [[], [0], [0, 1], [0, 1, 2]]


@law
@given(values=numbers)
def test_split_parts_the_values_and_keeps_their_order(run: Run, values: list[int]) -> None:
    odd, even = run(spread, values, lambda i, outs: split(lambda n: n % 2, i, *outs), 2)
    assert odd == [n for n in values if n % 2]
    assert even == [n for n in values if not n % 2]


rows = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(st.integers(), min_size=n, max_size=n), min_size=1, max_size=5)
)


@law
@given(rows=rows)
def test_scatter_transposes(run: Run, rows: list[list[int]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    assert run(spread, rows, scatter, len(columns)) == columns


async def there_and_back(
    values: Any, make: Spread, join: Callable[..., Process[Any]], lines: int
) -> list[Any]:
    a, b = Channel[Any](name="a"), Channel[Any](name="b")
    between = [Channel[Any](name=f"line {i}") for i in range(lines)]
    network = Par(
        emit(values, a.sender()),
        make(a.receiver(), [line.sender() for line in between]),
        join([line.receiver() for line in between], b.sender()),
        collect(b.receiver()),
    )
    return (await network)[3]


@law
@given(rows=rows)
def test_gather_undoes_scatter(run: Run, rows: list[list[int]]) -> None:
    assert run(there_and_back, rows, scatter, gather, len(rows[0])) == rows


@law
@given(tagged=st.lists(st.tuples(st.integers(0, 2), st.integers()), max_size=6))
def test_multiplex_undoes_demultiplex_but_for_the_order_between_outputs(
    run: Run, tagged: list[tuple[int, int]]
) -> None:
    heard = run(there_and_back, tagged, demultiplex, multiplex, 3)
    for number in range(3):
        assert [t for t in heard if t[0] == number] == [t for t in tagged if t[0] == number]


@law
@given(values=numbers)
def test_merge_brings_together_what_split_has_parted(run: Run, values: list[int]) -> None:
    def parted(inp: Receiver[int], outs: list[Sender[int]]) -> Process[None]:
        return split(lambda n: n > 0, inp, *outs)

    assert sorted(run(there_and_back, values, parted, merge, 2)) == sorted(values)


@law
@given(values=numbers)
@pytest.mark.parametrize("make", COPYING)
def test_a_delta_into_a_plus_doubles(run: Run, make: Spread, values: list[int]) -> None:
    heard = run(there_and_back, values, make, lambda inps, out: plus(*inps, out), 2)
    assert heard == [2 * n for n in values]


@pytest.mark.parametrize("number", [2, -1])
def test_demultiplex_refuses_a_number_without_an_output(run: Run, number: int) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run(spread, [(number, "x")], demultiplex, 2)
    assert caught.group_contains(IndexError, match=f"no output {number}: the outputs are 0 to 1")


def test_scatter_refuses_a_row_of_another_length(run: Run) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run(spread, [[1, 2, 3]], scatter, 2)
    assert caught.group_contains(ValueError, match="3 values cannot be scattered over 2 outputs")


def test_copy_to_all_needs_an_output(run: Run) -> None:
    with pytest.raises(ValueError, match="at least one guard"):
        run(copy_to_all(Channel(int).receiver(), []))


def test_a_type_that_does_not_fit_is_refused_before_anything_runs() -> None:
    a, b = Channel(int, name="a"), Channel(str, name="b")
    refused = pytest.raises(csp.WiringError, match=r"delta\(outs=\.\.\.\)")
    with a.receiver() as inp, b.sender() as out, refused:
        delta(inp, [out])  # type: ignore[list-item]
