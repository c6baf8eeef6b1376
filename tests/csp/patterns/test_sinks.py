"""Processes with an input and no output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import csp
from csp import Channel, Par, Process, Receiver, patterns
from csp.patterns import collect, emit, fold, printer, sink

Run = Callable[..., Any]


async def given(values: Any, make: Callable[[Receiver[Any]], Process[Any]]) -> Any:
    channel = Channel[Any](name="values")
    return (await Par(emit(values, channel.sender()), make(channel.receiver())))[1]


@pytest.mark.parametrize("values", [[], [1], [3, 1, 2]])
def test_collect_returns_all_in_order(run: Run, values: list[int]) -> None:
    assert run(given, values, collect) == values


def test_fold_goes_from_the_left(run: Run) -> None:
    assert run(given, "abc", lambda inp: fold(lambda a, b: f"({a}{b})", "", inp)) == "(((a)b)c)"


def test_fold_of_nothing_is_its_first_value(run: Run) -> None:
    assert run(given, [], lambda inp: fold(lambda a, b: a + b, 7, inp)) == 7


def test_sink_takes_everything(run: Run) -> None:
    taken: list[int] = []
    run(given, (taken.append(n) or n for n in range(5)), sink)
    assert taken == [0, 1, 2, 3, 4]


def test_printer_prints_a_line_a_value(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(given, [1, None, "x"], lambda inp: printer(inp, "> "))
    assert capsys.readouterr().out == "> 1\n> None\n> x\n"


@pytest.mark.parametrize("kind", ["collect", "fold"])
def test_a_sink_with_a_result_does_not_end_quietly_by_poison(run: Run, kind: str) -> None:
    async def main() -> None:
        channel = Channel(int, name="values")
        with channel.sender() as out:
            out.poison("no more")
            if kind == "fold":
                await fold(lambda a, b: a + b, 0, channel.receiver())
            else:
                await collect(channel.receiver())

    with pytest.raises(csp.Poisoned, match="no more"):
        run(main)


@pytest.mark.parametrize("kind", ["sink", "printer"])
def test_a_sink_without_a_result_ends_quietly_by_poison(run: Run, kind: str) -> None:
    async def main() -> None:
        channel = Channel(int, name="values")
        with channel.sender() as out:
            out.poison("no more")
            await getattr(patterns, kind)(channel.receiver())

    run(main)
