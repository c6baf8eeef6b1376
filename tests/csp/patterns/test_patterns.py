"""What is promised of all patterns: how they end, what becomes of their ends, what a cancel costs."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from trio._core import _run
from trio.testing import MockClock

import csp
from csp import (
    Abandoned,
    Channel,
    EndOfChannel,
    NoReceivers,
    Poisoned,
    Process,
    Receiver,
    Sender,
    Spawn,
    patterns,
    process,
)
from csp.testing import cancel_at_every_step

Run = Callable[..., Any]
Ins, Outs = list[Receiver[Any]], list[Sender[Any]]


async def same(value: Any) -> Any:
    return value


@dataclass
class Shape:
    """How to make a pattern, how many ends it has, and a value that makes it send something."""

    make: Callable[[Ins, Outs], Process[Any]]
    inputs: int = 1
    outputs: int = 1
    value: Any = 1
    returns: Any = None


def one(pattern: Callable[..., Process[Any]], *first: Any, **options: Any) -> Callable[..., Any]:
    return lambda ins, outs: pattern(*first, *ins, *outs, **options)


SHAPES: dict[str, Shape] = {
    "emit": Shape(one(patterns.emit, [1] * 9), 0),
    "counter": Shape(lambda ins, outs: patterns.counter(outs[0]), 0),
    "ticker": Shape(one(patterns.ticker, 1.0), 0),
    "collect": Shape(one(patterns.collect), 1, 0, returns=[]),
    "fold": Shape(one(patterns.fold, lambda a, b: a + b, 0), 1, 0, returns=0),
    "sink": Shape(one(patterns.sink), 1, 0),
    "printer": Shape(one(patterns.printer), 1, 0),
    "identity": Shape(one(patterns.identity)),
    "prefix": Shape(one(patterns.prefix, 0)),
    "successor": Shape(one(patterns.successor)),
    "map": Shape(one(patterns.map, str)),
    "filter": Shape(one(patterns.filter, bool)),
    "scan": Shape(one(patterns.scan, lambda a, b: a + b, 0)),
    "take": Shape(one(patterns.take, 9)),
    "drop": Shape(one(patterns.drop, 0)),
    "batch": Shape(one(patterns.batch, 1)),
    "flatten": Shape(one(patterns.flatten), value=[1]),
    "delay": Shape(one(patterns.delay, 1.0)),
    "regulate": Shape(one(patterns.regulate, 1.0)),
    "merge": Shape(lambda ins, outs: patterns.merge(ins, *outs), 2),
    "pri_merge": Shape(lambda ins, outs: patterns.pri_merge(ins, *outs), 2),
    "multiplex": Shape(lambda ins, outs: patterns.multiplex(ins, *outs), 2),
    "plus": Shape(one(patterns.plus), 2),
    "gather": Shape(lambda ins, outs: patterns.gather(ins, *outs), 2),
    "zip": Shape(one(patterns.zip), 2),
    "zip of 3": Shape(one(patterns.zip), 3),
    "zip of 4": Shape(one(patterns.zip), 4),
    "delta": Shape(lambda ins, outs: patterns.delta(*ins, outs), 1, 2),
    "seq_delta": Shape(lambda ins, outs: patterns.seq_delta(*ins, outs), 1, 2),
    "copy_to_all": Shape(lambda ins, outs: patterns.copy_to_all(*ins, outs), 1, 2),
    "split": Shape(one(patterns.split, bool), 1, 2),
    "scatter": Shape(lambda ins, outs: patterns.scatter(*ins, outs), 1, 2, value=[1, 2]),
    "demultiplex": Shape(lambda ins, outs: patterns.demultiplex(*ins, outs), 1, 2, value=(0, 1)),
    "farm": Shape(one(patterns.farm, same, workers=2)),
    "pipeline": Shape(
        one(patterns.pipeline(patterns.identity, patterns.identity)), returns=(None, None)
    ),
}
WITH_INPUT = [name for name, shape in SHAPES.items() if shape.inputs]
WITH_OUTPUT = [name for name, shape in SHAPES.items() if shape.outputs]
WITH_BOTH = [name for name in WITH_INPUT if name in WITH_OUTPUT]
WITH_RESULT = ["collect", "fold"]


class Wired:
    """A pattern, and the other ends of its channels in the hands of the test."""

    def __init__(self, name: str) -> None:
        self.shape = shape = SHAPES[name]
        self.ins = [Channel[Any](name=f"in {i}") for i in range(shape.inputs)]
        self.outs = [Channel[Any](name=f"out {i}") for i in range(shape.outputs)]
        self.process = shape.make(
            [channel.receiver() for channel in self.ins],
            [channel.sender() for channel in self.outs],
        )

    @contextlib.contextmanager
    def far_ends(self) -> Iterator[tuple[list[Sender[Any]], list[Receiver[Any]]]]:
        with contextlib.ExitStack() as stack:
            senders = [stack.enter_context(channel.sender()) for channel in self.ins]
            receivers = [stack.enter_context(channel.receiver()) for channel in self.outs]
            yield senders, receivers


async def feed(out: Sender[Any], value: Any) -> None:
    """Send for as long as anybody receives."""
    try:
        while True:
            await out.send(value)
            await trio.sleep(0.25)  # the clock shall go on
    except csp.ChannelEnded:
        pass


def test_every_pattern_is_in_the_table() -> None:
    public = {name for name, value in vars(patterns).items() if callable(value)}
    described = {name.partition(" ")[0] for name in SHAPES}
    assert {name for name in public if not name.startswith("_")} - {"Stage"} == described


@pytest.mark.parametrize("name", WITH_INPUT)
def test_when_its_inputs_have_ended_it_ends_and_its_outputs_retire(run: Run, name: str) -> None:
    async def main() -> Any:
        wired = Wired(name)
        with wired.far_ends() as (senders, receivers):
            for sender in senders:
                sender.retire()
            async with Spawn() as spawn:
                running = spawn(wired.process)
                if name == "prefix":
                    assert await receivers[0].receive() == 0
                for receiver in receivers:
                    with pytest.raises(EndOfChannel):
                        await receiver.receive()
                return await running

    assert run(main) == SHAPES[name].returns


@pytest.mark.parametrize("name", WITH_OUTPUT)
def test_when_nobody_receives_it_ends_and_its_inputs_retire(run: Run, name: str) -> None:
    async def main() -> None:
        wired = Wired(name)
        with wired.far_ends() as (senders, receivers):
            for receiver in receivers:
                receiver.retire()
            async with trio.open_nursery() as nursery:
                for sender in senders:
                    nursery.start_soon(feed, sender, wired.shape.value)
                await wired.process
            for sender in senders:
                with pytest.raises(NoReceivers):
                    await sender.send(wired.shape.value)

    run(main)


@pytest.mark.parametrize("name", WITH_BOTH)
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_poison_of_an_input_goes_through_to_all_other_ends(run: Run, name: str, which: int) -> None:
    async def main() -> None:
        wired = Wired(name)
        with wired.far_ends() as (senders, receivers):
            async with Spawn() as spawn:
                spawn(wired.process)
                senders[which].poison("enough")
                if name == "prefix":
                    assert await receivers[0].receive() == 0
                for receiver in receivers:
                    with pytest.raises(Poisoned, match="enough"):
                        await receiver.receive()
            for sender in senders:
                with pytest.raises(Poisoned, match="enough"):
                    await sender.send(wired.shape.value)

    run(main)


@pytest.mark.parametrize("name", WITH_BOTH)
def test_poison_of_an_output_goes_back_to_all_inputs(run: Run, name: str) -> None:
    async def main() -> None:
        wired = Wired(name)
        with wired.far_ends() as (senders, receivers):
            receivers[0].poison("enough")
            async with trio.open_nursery() as nursery:
                for sender in senders:
                    nursery.start_soon(feed, sender, wired.shape.value)
                await wired.process
            for sender in senders:
                with pytest.raises(Poisoned, match="enough"):
                    await sender.send(wired.shape.value)
            for receiver in receivers:
                with pytest.raises(Poisoned, match="enough"):
                    await receiver.receive()

    run(main)


@process
async def failing(*ends: Sender[Any] | Receiver[Any]) -> None:
    raise OSError("broken")


async def abandon(*ends: Sender[Any] | Receiver[Any]) -> None:
    """Let a process fail that has these ends."""
    with pytest.raises(OSError, match="broken"):
        await failing(*ends)


@pytest.mark.parametrize("name", WITH_INPUT)
def test_an_input_that_was_abandoned_is_an_error_and_no_quiet_end(run: Run, name: str) -> None:
    async def main() -> None:
        wired = Wired(name)
        with contextlib.ExitStack() as stack:
            receivers = [stack.enter_context(channel.receiver()) for channel in wired.outs]
            await abandon(*(channel.sender() for channel in wired.ins))
            with pytest.raises((Abandoned, ExceptionGroup)) as caught:
                async with trio.open_nursery() as nursery:
                    for receiver in receivers:
                        nursery.start_soon(drain, receiver)
                    await wired.process
            assert [str(cause) for cause in causes_of(caught.value)] == ["broken"] * len(
                causes_of(caught.value)
            )
            assert causes_of(caught.value)

    run(main)


async def drain(inp: Receiver[Any]) -> None:
    with contextlib.suppress(csp.ChannelEnded):
        async for _ in inp:
            pass


def causes_of(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [cause for each in error.exceptions for cause in causes_of(each)]
    assert isinstance(error, Abandoned)
    return list(error.causes)


@pytest.mark.parametrize("name", WITH_OUTPUT)
def test_an_output_that_was_abandoned_is_an_error_and_no_quiet_end(run: Run, name: str) -> None:
    async def main() -> None:
        wired = Wired(name)
        with contextlib.ExitStack() as stack:
            senders = [stack.enter_context(channel.sender()) for channel in wired.ins]
            await abandon(*(channel.receiver() for channel in wired.outs))
            with pytest.raises((Abandoned, ExceptionGroup)) as caught:
                async with trio.open_nursery() as nursery:
                    for sender in senders:
                        nursery.start_soon(feed, sender, wired.shape.value)
                    await wired.process
            assert {str(cause) for cause in causes_of(caught.value)} == {"broken"}

    run(main)


# --- the page ------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[3] / "docs" / "patterns.md"
NAMES = sorted({name.partition(" ")[0] for name in SHAPES})


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_line_and_the_picture_of_its_docstring(name: str) -> None:
    text = inspect.getdoc(getattr(patterns, name)) or ""
    line = text.partition("\n")[0]
    picture = "\n".join(re.findall(r"^    .+$", text.partition("\nEnds:")[0], re.MULTILINE))
    assert picture
    page = PAGE.read_text(encoding="utf-8")
    entry = re.search(rf"^### {name}\n\n(.+?)\n\n(.+?)(?=\n\n|\Z)", page, re.MULTILINE | re.DOTALL)
    assert entry is not None
    assert (entry[1], entry[2]) == (line, picture)


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_says_how_the_pattern_ends_and_where_it_comes_from(name: str) -> None:
    text = inspect.getdoc(getattr(patterns, name)) or ""
    assert "\nEnds: " in text
    assert "\nSource: " in text


# --- a cancel ------------------------------------------------------------------------------------


@process
async def give(values: list[Any], out: Sender[Any], given: list[Any]) -> None:
    """Send these, and note what was taken."""
    with contextlib.suppress(csp.ChannelEnded):
        for value in values:
            await out.send(value)
            given.append(value)


@process
async def keep(inp: Receiver[Any], kept: list[Any]) -> None:
    """Note what comes."""
    with contextlib.suppress(csp.ChannelEnded):
        async for value in inp:
            kept.append(value)


IN_HAND = {"identity": 1, "map": 1, "merge": 1, "split": 1, "delay": 1, "pipeline": 2, "farm": 5}


@pytest.mark.parametrize("name", list(IN_HAND))
def test_a_cancel_at_any_step_costs_at_most_what_it_had_in_hand(lend: bool, name: str) -> None:
    values = [1, 2, 3]

    async def scenario(scope: trio.CancelScope) -> None:
        _run._r.seed(1)  # trio throws dice for the order of its tasks
        wired = Wired(name)
        given: list[list[Any]] = [[] for _ in wired.ins]
        kept: list[list[Any]] = [[] for _ in wired.outs]
        async with Spawn() as spawn:
            for channel, note in zip(wired.ins, given, strict=True):
                spawn(give(values, channel.sender(), note))
            for out, note in zip(wired.outs, kept, strict=True):
                spawn(keep(out.receiver(), note))
            with scope:
                await wired.process
        arrived = sorted(int(value) for note in kept for value in note)
        sent = sorted(value for note in given for value in note)
        lost = len(sent) - len(arrived)
        assert 0 <= lost <= IN_HAND[name]
        assert scope.cancelled_caught or lost == 0
        for value in arrived:
            sent.remove(value)  # nothing arrives that was not sent, nothing twice
        for note in kept:
            assert name == "merge" or [int(value) for value in note] == sorted(map(int, note))

    clock = MockClock(autojump_threshold=0)
    assert cancel_at_every_step(scenario, lend=lend, clock=clock) > 3


@pytest.mark.parametrize("name", ["delta", "seq_delta", "copy_to_all"])
def test_a_cancel_at_any_step_leaves_the_outputs_one_value_apart(lend: bool, name: str) -> None:
    values = [1, 2, 3]

    async def scenario(scope: trio.CancelScope) -> None:
        _run._r.seed(1)  # trio throws dice for the order of its tasks
        wired = Wired(name)
        given: list[Any] = []
        kept: list[list[Any]] = [[], []]
        async with Spawn() as spawn:
            spawn(give(values, wired.ins[0].sender(), given))
            for out, note in zip(wired.outs, kept, strict=True):
                spawn(keep(out.receiver(), note))
            with scope:
                await wired.process
        for note in kept:
            assert note == given[: len(note)]
            assert len(given) - len(note) <= 1
        assert scope.cancelled_caught or kept == [values, values]

    assert cancel_at_every_step(scenario, lend=lend) > 3


@pytest.mark.parametrize("name", ["plus", "gather", "zip"])
def test_a_cancel_at_any_step_breaks_no_pair(lend: bool, name: str) -> None:
    async def scenario(scope: trio.CancelScope) -> None:
        _run._r.seed(1)  # trio throws dice for the order of its tasks
        wired = Wired(name)
        given: list[list[Any]] = [[], []]
        kept: list[Any] = []
        async with Spawn() as spawn:
            spawn(give([1, 2, 3], wired.ins[0].sender(), given[0]))
            spawn(give([10, 20, 30], wired.ins[1].sender(), given[1]))
            spawn(keep(wired.outs[0].receiver(), kept))
            with scope:
                await wired.process
        pairs = [(1, 10), (2, 20), (3, 30)]
        whole = [a + b if name == "plus" else [a, b] for a, b in pairs]
        assert [each if name == "plus" else list(each) for each in kept] == whole[: len(kept)]
        assert all(0 <= len(note) - len(kept) <= 1 for note in given)

    assert cancel_at_every_step(scenario, lend=lend) > 3
