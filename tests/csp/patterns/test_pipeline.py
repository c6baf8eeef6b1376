"""Pipelines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import csp
from csp import Channel, NoReceivers, Par, Receiver, Sender, Spawn, process
from csp.patterns import collect, drop, emit, identity, map, pipeline, successor, take

Run = Callable[..., Any]
Through = Callable[[Any, Any], list[Any]]

law = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `through` keeps nothing
)
numbers = st.lists(st.integers(), max_size=6)
STAGES: dict[str, Any] = {
    "identity": identity,
    "successor": successor,
    "drop 1": partial(drop, 1),
    "take 3": partial(take, 3),
    "double": partial(map, lambda n: 2 * n),
}
stages = st.sampled_from(sorted(STAGES)).map(STAGES.__getitem__)


@law
@given(values=numbers, length=st.integers(1, 5))
def test_a_pipeline_of_identities_changes_nothing(
    through: Through, values: list[int], length: int
) -> None:
    assert through(pipeline(*[identity] * length), values) == values


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_pipeline_of_n_identities_has_room_for_n_values_and_no_more(
    run: Run, length: int
) -> None:
    async def main() -> tuple[int, list[int]]:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        taken: list[int] = []

        @process
        async def give(out: Sender[int]) -> None:
            for number in range(9):
                await out.send(number)
                taken.append(number)

        async with Spawn() as spawn:
            spawn(give(a.sender()))
            spawn(pipeline(*[identity] * length)(a.receiver(), b.sender()))
            inp = b.receiver()
            await wait_all_tasks_blocked()
            room = len(taken)
            return room, await spawn(collect(inp))

    assert run(main) == (length, list(range(9)))


@law
@given(values=numbers, parts=st.tuples(stages, stages, stages))
def test_pipelines_associate(through: Through, values: list[int], parts: Any) -> None:
    p, q, r = parts
    flat = through(pipeline(p, q, r), values)
    assert through(pipeline(pipeline(p, q), r), values) == flat
    assert through(pipeline(p, pipeline(q, r)), values) == flat


@law
@given(values=numbers, stage=stages)
def test_identity_before_or_behind_a_stage_makes_no_difference_to_its_output(
    through: Through, values: list[int], stage: Any
) -> None:
    alone = through(pipeline(stage), values)
    assert through(pipeline(identity, stage), values) == alone
    assert through(pipeline(stage, identity), values) == alone


def test_it_returns_what_its_stages_return(run: Run) -> None:
    @process
    async def counted(inp: Receiver[int], out: Sender[int]) -> int:
        count = 0
        async for number in inp:
            await out.send(number)
            count += 1
        return count

    async def main() -> Any:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        joined = pipeline(counted, identity, counted)(a.receiver(), b.sender())
        return (await Par(emit([1, 2], a.sender()), joined, collect(b.receiver())))[1]

    assert run(main) == (2, None, 2)


def test_when_nobody_receives_the_stages_end_one_after_the_other(run: Run) -> None:
    async def main() -> int:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        b.receiver().retire()
        sent = 0
        async with Spawn() as spawn:
            spawn(pipeline(identity, identity, identity)(a.receiver(), b.sender()))
            with a.sender() as out:
                try:
                    while True:
                        await out.send(0)
                        sent += 1
                        await trio.sleep(1)
                except NoReceivers:
                    return sent

    assert run(main) == 3  # each stage needs one value to see it


def test_copies_of_a_pipeline_share_the_work(run: Run) -> None:
    async def main() -> list[int]:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        copies = 3 * pipeline(successor, successor)(a.receiver(), b.sender())
        return (await Par(emit(range(9), a.sender()), copies, collect(b.receiver())))[2]

    assert sorted(run(main)) == list(range(2, 11))


def test_a_stage_that_fails_fails_the_pipeline(through: Through) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        through(pipeline(identity, partial(map, int), identity), ["1", "x"])
    assert caught.group_contains(ValueError, match="invalid literal")


def test_a_pipeline_needs_a_stage() -> None:
    with pytest.raises(TypeError, match="at least one stage"):
        pipeline()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_end_that_does_not_fit_a_stage_is_refused_before_anything_runs(place: int) -> None:
    """And nothing is left that was not run, or not retired: a warning would fail this test."""

    @process
    async def refuses(inp: Receiver[int], out: Sender[int]) -> None: ...

    def wrong(inp: Receiver[int], out: Sender[int]) -> Any:
        return refuses(out, inp)  # type: ignore[arg-type]

    stages = [successor, successor, successor]
    stages[place] = wrong
    a, b = Channel(int, name="a"), Channel(int, name="b")
    with a.receiver() as inp, b.sender() as out, pytest.raises(csp.WiringError, match="refuses"):
        pipeline(*stages)(inp, out)
