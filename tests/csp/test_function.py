"""`@process` functions: what may be one, what a call describes, and how a process ends."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Channel, EndClosed, EndOfChannel, Par, Poisoned, Receiver, Sender, Spawn, process
from csp._function import ProcessFunction
from csp._kernel import HOLDER
from csp.lowlevel import current_kernel
from csp.testing import cancel_at_every_step


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main, *args: csp.run(main, *args, lend=request.param)


@process
async def drain(feed: Receiver[Any]) -> None:
    async for _ in feed:
        pass


# --- what may be one ---------------------------------------------------------------------------


async def generator() -> Any:
    yield 1


@pytest.mark.parametrize("wrong", [3, "name", int, lambda: None, generator, pytest, [drain]])
@pytest.mark.parametrize("decorate", [process, process(name="x")])
def test_only_an_async_function_can_be_made_a_process(wrong: Any, decorate: Any) -> None:
    with pytest.raises(TypeError, match="@process needs an `async def` function, (not|but)"):
        decorate(wrong)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (generator, "`generator` is a generator: send values to a channel instead of `yield`"),
        (pytest.raises, "`raises` is a plain `def`"),
    ],
)
def test_it_is_said_why_a_function_cannot_be_made_a_process(wrong: Any, why: str) -> None:
    with pytest.raises(TypeError, match=re.escape(why)):
        process(wrong)


async def plain(feed: Receiver[int], *, limit: int = 3) -> int:
    """Says what it does."""
    return limit


@pytest.mark.parametrize(
    ("decorate", "name"),
    [(process, "plain"), (process(), "plain"), (process(name="other"), "other")],
)
def test_a_process_function_has_the_name_the_text_and_the_signature_of_its_function(
    decorate: Any, name: str
) -> None:
    made = decorate(plain)
    assert repr(made) == f"<process function {name}>"
    assert (made.__name__, made.__doc__) == ("plain", "Says what it does.")
    assert inspect.signature(made) == inspect.signature(plain)


def test_a_method_is_a_process_function_that_knows_its_object(run: Any) -> None:
    class Counter:
        def __init__(self, start: int) -> None:
            self.start = start

        @process
        async def count(self, steps: int) -> int:
            """Counts."""
            return self.start + steps

    assert isinstance(Counter.count, ProcessFunction)
    assert Counter.count.__doc__ == "Counts."
    assert run(Counter(40).count(2)) == 42
    assert run(Counter.count(Counter(1), 2)) == 3


# --- a call ------------------------------------------------------------------------------------


def test_a_call_runs_nothing_and_knows_its_name_and_place() -> None:
    ran: list[int] = []

    @process
    async def notes() -> None:
        ran.append(1)

    described = notes()
    assert ran == []
    assert repr(described).startswith("<process notes (test_function.py:")
    assert repr(described.named("other")).startswith("<process other (")
    csp.run(described)
    assert ran == [1]


@pytest.mark.parametrize("args", [(), (1, 2), ("a", "b", "c")])
def test_wrong_arguments_are_refused_by_name_and_place_and_claim_nothing(args: Any) -> None:
    @process
    async def takes(feed: Receiver[int], number: int) -> None:
        return None

    with Channel(int, name="c").receiver() as rx:
        with pytest.raises(TypeError, match=r"^takes\(\) at test_function.py:\d+: "):
            takes(rx, *args, **{"and": "more"})  # type: ignore[arg-type, call-arg]
        assert not rx._claims


def test_defaults_and_keywords_reach_the_function(run: Any) -> None:
    @process
    async def shows(a: int, b: int = 2, *more: int, c: int = 3, **rest: int) -> Any:
        return a, b, more, c, rest

    assert run(shows(1)) == (1, 2, (), 3, {})
    assert run(shows(1, 5, 6, 7, c=8, d=9)) == (1, 5, (6, 7), 8, {"d": 9})


@pytest.mark.parametrize(
    "given",
    [
        lambda takes, end: takes(end, end),
        lambda takes, end: takes(end, other=end),
        lambda takes, end: takes([end], {"a": (end,)}),
    ],
    ids=["arguments", "keyword", "inside"],
)
def test_one_end_given_twice_is_refused_and_stays_where_it_was(run: Any, given: Any) -> None:
    @process
    async def takes(one: Any, other: Any = None) -> None:
        return None

    async def main() -> int:
        channel = Channel(int, name="c", buffer=1)
        with channel.sender() as tx, channel.receiver() as rx:
            with pytest.raises(EndClosed, match=r"`takes` at .* twice: `.clone\(\)` it for one of"):
                given(takes, rx)
            tx.send_nowait(1)
            return await rx.receive()

    assert run(main) == 1


def test_a_process_gets_new_handles_wherever_its_ends_stood(run: Any) -> None:
    @process
    async def compares(
        old: tuple[int, ...], one: Any, *more: Any, named: Any, **rest: Any
    ) -> list[bool]:
        new = [one, more[0][0], named["a"], rest["last"][0]]
        return [id(end) not in old and end._owner is HOLDER.get() for end in new]

    async def main() -> list[bool]:
        ends = [Channel(int, name="c").sender() for _ in range(4)]
        old = tuple(id(end) for end in ends)
        return await compares(old, ends[0], [ends[1]], named={"a": ends[2]}, last=(ends[3],))

    assert run(main) == [True] * 4


def test_a_process_among_the_arguments_takes_its_ends_along(run: Any) -> None:
    @process
    async def runs(inner: csp.Process[None]) -> None:
        assert [end._owner for end in inner._claims] == [HOLDER.get()]
        await inner

    async def main() -> None:
        channel = Channel(int, name="c")
        async with Spawn() as spawn:
            with channel.sender() as tx:
                spawn(runs(drain(channel.receiver())))
                await tx.send(1)
        assert channel._core.ends == (0, 0)

    run(main)


def test_a_channel_that_is_given_away_is_shared_from_then_on(run: Any) -> None:
    @process
    async def takes(given: Any) -> None:
        return None

    async def main() -> None:
        given, inside, kept = (Channel(int, name=name) for name in ("given", "inside", "kept"))
        await takes([given, {"a": inside}])
        assert [each._core.shared for each in (given, inside, kept)] == [True, True, False]

    run(main)


# --- how it ends -------------------------------------------------------------------------------


class Broken(Exception):
    pass


@pytest.mark.parametrize("how", ["return", "fail", "cancel"])
def test_when_a_process_has_ended_all_its_ends_are_retired(run: Any, how: str) -> None:
    @process
    async def holds(
        given: Sender[int], feed: Receiver[Receiver[int]], made: Channel[int], begun: csp.Flag
    ) -> None:
        kept = [await feed.receive(), made.sender(), given.clone()]
        kept[1].send_nowait(1)  # type: ignore[union-attr]
        begun.set()
        if how == "fail":
            raise Broken(kept)
        if how == "cancel":
            await trio.sleep_forever()

    async def main() -> None:
        given, sent, made = (Channel(int, name=name, buffer=1) for name in ("a", "b", "c"))
        ends, begun = Channel[Receiver[int]](name="ends", buffer=1), csp.Flag()
        try:
            with ends.sender() as out, sent.sender():
                await out.send(sent.receiver())
                async with Spawn() as spawn:
                    running = spawn(holds(given.sender(), ends.receiver(), made, begun))
                    await csp.Alternation(csp.Wait(begun)).select()
                    if how == "cancel":
                        running.cancel()
        except* Broken:
            assert how == "fail"
        for channel in (given, sent, made, ends):
            assert channel._core.ends == (0, 0)

    run(main)


def test_an_error_passes_unchanged_with_a_note_of_each_process_it_went_through(run: Any) -> None:
    error = Broken("no")

    @process
    async def inner() -> None:
        raise error

    @process(name="outer")
    async def around() -> None:
        await inner()

    with pytest.raises(Broken) as caught:
        run(around())
    assert caught.value is error
    first, second = error.__notes__
    assert first.startswith("in process `inner` (test_function.py:")
    assert second.startswith("in process `outer` (test_function.py:")


# --- quiet ends --------------------------------------------------------------------------------


async def no_annotation(feed: Receiver[int]):  # type: ignore[no-untyped-def]
    await feed.receive()


async def none(feed: Receiver[int]) -> None:
    await feed.receive()


async def none_class(feed: Receiver[int]) -> type(None):  # type: ignore[valid-type]
    await feed.receive()


async def a_value(feed: Receiver[int]) -> int:
    return await feed.receive()


async def perhaps_a_value(feed: Receiver[int]) -> int | None:
    return await feed.receive()


async def anything(feed: Receiver[int]) -> Any:
    return await feed.receive()


none_class.__annotations__["return"] = type(None)
no_annotation.__annotations__.pop("return", None)


@pytest.mark.parametrize(
    ("function", "quiet"),
    [
        (no_annotation, True),
        (none, True),
        (none_class, True),
        (a_value, False),
        (perhaps_a_value, False),
        (anything, False),
    ],
)
def test_only_a_process_that_promises_no_value_ends_quietly(
    run: Any, function: Any, quiet: bool
) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        channel.sender().retire()
        if quiet:
            assert await process(function)(channel.receiver()) is None
        else:
            with pytest.raises(EndOfChannel):
                await process(function)(channel.receiver())

    run(main)


async def receives(feed: Receiver[int]) -> None:
    await feed.receive()


async def receives_of_a_clone(feed: Receiver[int]) -> None:
    with feed.clone() as another:
        await another.receive()


async def receives_of_its_own(feed: Receiver[int]) -> None:
    channel = Channel(int, name="own")
    channel.sender().retire()
    with channel.receiver() as rx:
        await rx.receive()


async def receives_in_trio_tasks(feed: Receiver[int]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.receive)
        nursery.start_soon(feed.receive)


async def fails_beside(feed: Receiver[int]) -> None:
    try:
        await feed.receive()
    except EndOfChannel as error:
        raise ExceptionGroup("both", [error, Broken()])


async def raises_one_made_by_hand(feed: Receiver[int]) -> None:
    raise EndOfChannel("by hand")


async def selects(feed: Receiver[int]) -> None:
    await csp.Alternation(feed).select()


async def of_an_inner_process(feed: Receiver[int]) -> None:
    await process(a_value)(feed.clone())


@pytest.mark.parametrize(
    ("function", "quiet"),
    [
        (receives, True),
        (receives_of_a_clone, True),
        (receives_in_trio_tasks, True),
        (selects, True),
        (receives_of_its_own, False),
        (fails_beside, False),
        (raises_one_made_by_hand, False),
        (of_an_inner_process, False),
    ],
)
def test_an_end_is_quiet_only_about_what_the_process_was_given(
    run: Any, function: Any, quiet: bool
) -> None:
    async def main() -> None:
        channel = Channel(int, name="c")
        channel.sender().retire()
        started = process(function)(channel.receiver())
        if quiet:
            await started
        else:
            with pytest.raises((EndOfChannel, ExceptionGroup)):
                await started

    run(main)


def test_the_outermost_process_never_ends_quietly(run: Any) -> None:
    async def made() -> Any:
        channel = Channel(int, name="c")
        channel.sender().retire()
        return channel.receiver()

    with pytest.raises(EndOfChannel):
        run(process(receives)(trio.run(made)))


def test_poison_goes_on_with_its_reason_and_its_author(run: Any) -> None:
    async def main() -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")

        @process
        async def waits(feed: Receiver[int], out: Sender[int]) -> None:
            await feed.receive()

        @process
        async def kills(out: Sender[int]) -> None:
            out.poison("fire")

        with b.receiver() as rx:
            await Par(waits(a.receiver(), b.sender()), kills(a.sender()))
            with pytest.raises(Poisoned, match="`b` was poisoned by `kills`: fire"):
                await rx.receive()

    run(main)


def test_poison_that_ends_a_process_with_an_error_goes_on_too(run: Any) -> None:
    async def main() -> str:
        a, b = Channel(int, name="a"), Channel(int, name="b")

        @process
        async def promises(feed: Receiver[int], out: Sender[int]) -> int:
            return await feed.receive()

        with a.sender() as tx, b.receiver() as rx:
            tx.poison("fire")
            with pytest.raises(Poisoned):
                await promises(a.receiver(), b.sender())
            with pytest.raises(Poisoned) as caught:
                await rx.receive()
        return caught.value.reason

    assert run(main) == "fire"


# --- idle ends ---------------------------------------------------------------------------------


def test_a_process_that_makes_an_end_for_nothing_is_told_so(run: Any) -> None:
    @process
    async def idles() -> None:
        kept = Channel(int, name="c").sender()
        assert kept is not None

    with pytest.warns(ResourceWarning, match="`idles` made a sender of `c`, and neither used it"):
        run(idles())


def test_a_process_that_fails_is_not_told_of_its_ends_as_well(
    run: Any, recwarn: pytest.WarningsRecorder
) -> None:
    @process
    async def fails() -> None:
        kept = Channel(int, name="c").sender()
        raise Broken(kept)

    with pytest.raises(Broken):
        run(fails())
    assert not recwarn.list


# --- while it runs -----------------------------------------------------------------------------


def test_the_holder_of_a_process_is_its_context_and_that_of_its_trio_tasks(run: Any) -> None:
    seen: list[str] = []

    @process
    async def looks() -> None:
        def note() -> None:
            holder = current_kernel().holder()
            assert holder is not None
            seen.append(holder.name)

        async def task() -> None:
            note()

        note()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)

    async def main() -> None:
        before = HOLDER.get()
        await looks()
        assert HOLDER.get() is before
        await Par(looks().named("one"), looks().named("one"))

    run(main)
    assert seen == ["looks", "looks", "one", "one", "one", "one"]


# --- a cancel amid a quiet end -----------------------------------------------------------------


@pytest.mark.parametrize("spawned", [True, False], ids=["spawned", "awaited"])
@pytest.mark.parametrize("lend", [True, False], ids=["lending", "fallback"])
def test_a_cancel_amid_a_quiet_end_of_one_of_two_operations_is_a_cancel(
    spawned: bool, lend: bool
) -> None:
    """The group of both is no error: the scope around catches what is left of it."""

    @process
    async def pairs(a: Receiver[int], b: Receiver[int]) -> None:
        while True:
            await Par(a.receive(), b.receive())

    @process
    async def give(out: Sender[int]) -> None:
        with contextlib.suppress(csp.ChannelEnded):
            await out.send(1)

    async def scenario(scope: trio.CancelScope) -> None:
        a, b = Channel(int, name="a"), Channel(int, name="b")
        async with Spawn() as spawn:
            spawn(give(a.sender()))
            spawn(give(b.sender()))
            with scope:
                if spawned:
                    async with Spawn() as inner:
                        inner(pairs(a.receiver(), b.receiver()))
                else:
                    await pairs(a.receiver(), b.receiver())

    assert cancel_at_every_step(scenario, lend=lend) > 4


def test_the_end_of_an_end_of_others_amid_a_cancel_stays_an_error(run: Callable[..., Any]) -> None:
    async def main() -> None:
        with trio.CancelScope() as scope:
            await both(scope)

    @process
    async def both(scope: trio.CancelScope) -> None:
        own = Channel(int, name="own")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            with own.receiver() as feed:
                own.sender().retire()
                try:
                    await feed.receive()
                finally:
                    scope.cancel()

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert caught.group_contains(EndOfChannel)
