"""Laws of alternation: order and repetition of guards do not change what can be committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

import csp
from csp import Alternation, Channel, Receiver, Skip

law = settings(max_examples=30, deadline=None, derandomize=True)

R = TypeVar("R")
ready = st.lists(st.booleans(), min_size=1, max_size=5)  # which of the channels have values
ROUNDS = 12  # more selections than guards in any test


def with_inputs(
    ready: list[bool], body: Callable[[list[Receiver[int]]], Awaitable[R]], lend: bool
) -> R:
    """Run `body(receivers)`; a ready channel stays ready through `ROUNDS` selections."""

    async def main() -> R:
        with ExitStack() as stack:
            inputs = list[Receiver[int]]()
            for i, is_ready in enumerate(ready):
                channel = Channel(int, name=f"c{i}", buffer=ROUNDS)
                tx = stack.enter_context(channel.sender())
                inputs.append(stack.enter_context(channel.receiver()))
                for _ in range(ROUNDS if is_ready else 0):
                    tx.send_nowait(i)
            return await body(inputs)

    return csp.run(main, lend=lend)


async def committable(guards: list[Any]) -> set[int]:
    """What fair selection commits in as many selections as there are guards."""
    alternation = Alternation(*guards)
    return {(await alternation.select()).value for _ in guards}


@law
@given(data=st.data(), ready=ready.filter(any))
def test_alternation_commutes(data: st.DataObject, ready: list[bool], lend: bool) -> None:
    order = data.draw(st.permutations(range(len(ready))))
    expected = {i for i, is_ready in enumerate(ready) if is_ready}
    chosen = with_inputs(ready, lambda inputs: committable([inputs[i] for i in order]), lend)
    assert chosen == expected


@law
@given(data=st.data(), ready=ready.filter(any))
def test_alternation_is_idempotent(data: st.DataObject, ready: list[bool], lend: bool) -> None:
    again = data.draw(st.lists(st.sampled_from(range(len(ready))), max_size=4))
    expected = {i for i, is_ready in enumerate(ready) if is_ready}
    chosen = with_inputs(
        ready, lambda inputs: committable([*inputs, *(inputs[i] for i in again)]), lend
    )
    assert chosen == expected


@law
@given(data=st.data(), ready=ready)
def test_skip_commits_only_when_nothing_is_ready(
    data: st.DataObject, ready: list[bool], lend: bool
) -> None:
    place = data.draw(st.integers(0, len(ready)))

    async def body(inputs: list[Receiver[int]]) -> int | None:
        return (await Alternation(*inputs[:place], Skip(), *inputs[place:]).select()).value

    value = with_inputs(ready, body, lend)
    assert (value is None) == (not any(ready))
    assert value is None or ready[value]


@law
@given(data=st.data(), ready=ready.filter(any))
def test_skip_is_the_unit_of_selection_by_priority(
    data: st.DataObject, ready: list[bool], lend: bool
) -> None:
    place = data.draw(st.integers(0, len(ready)))

    async def body(inputs: list[Receiver[int]]) -> tuple[Any, Any]:
        without = await Alternation(*inputs).pri_select()
        beside = await Alternation(*inputs[:place], Skip(), *inputs[place:]).pri_select()
        return without, beside

    without, beside = with_inputs(ready, body, lend)
    assert without == beside
    assert without.value == ready.index(True)


@law
@given(ready=ready.filter(any), conditions=st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_false_condition_is_as_good_as_no_guard(
    ready: list[bool], conditions: list[bool], lend: bool
) -> None:
    async def body(inputs: list[Receiver[int]]) -> tuple[set[int | None], set[int | None]]:
        held = list(zip(inputs, conditions, strict=False))
        under = Alternation(*(i.when(partial(bool, c)) for i, c in held), Skip())
        only = Alternation(*(i for i, c in held if c), Skip())
        rounds = range(len(inputs) + 1)
        return {(await under.select()).value for _ in rounds}, {
            (await only.select()).value for _ in rounds
        }

    under, only = with_inputs(ready, body, lend)
    assert under == only


@law
@given(ready=ready.filter(any))
def test_what_is_not_chosen_is_left_as_it_was(ready: list[bool], lend: bool) -> None:
    async def body(inputs: list[Receiver[int]]) -> tuple[int, list[int]]:
        chosen = (await Alternation(*inputs).select()).value
        return chosen, [each.statistics().current_buffer_used for each in inputs]

    chosen, left = with_inputs(ready, body, lend)
    assert left == [(ROUNDS if r else 0) - (i == chosen) for i, r in enumerate(ready)]
