"""Processes: claims, ownership, quiet endings, composition."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
import trio

import csp
from csp import Channel, Par, Receiver, Sender, Seq, Spawn, process


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param)


@process
async def put(out: Sender[int], *numbers: int) -> None:
    for number in numbers:
        await out.send(number)


@process
async def collect(feed: Receiver[int]) -> list[int]:
    return [number async for number in feed]


def test_a_process_that_is_never_run_warns_and_retires_its_ends() -> None:
    channel = Channel(int, name="jobs")
    with pytest.warns(RuntimeWarning, match=r"process `put` \(test_process.py:\d+\) was never run"):
        put(channel.sender(), 1)
        gc.collect()
    assert channel._core.gone[0]


def test_its_ends_retire_though_its_warning_is_an_error() -> None:
    channel = Channel(int, name="jobs")
    put(channel.sender(), 1)  # python -W error, as in these tests: the error is only shown
    gc.collect()
    assert channel._core.gone[0]


def wrong_direction(channel: Any) -> None:
    Par(put(channel.sender(), 1), put(channel.sender(), 2), collect(channel.sender()))


def given_away(channel: Any) -> None:
    tx = channel.sender()
    Par(put(tx, 1), put(tx.clone(), 2), collect(channel.receiver()))


def an_end_of_its_own(channel: Any) -> None:
    print(channel.receiver(), collect(channel.sender()))


@pytest.mark.parametrize(
    "describe", [wrong_direction, given_away, an_end_of_its_own], ids=lambda f: f.__name__
)
def test_what_was_made_for_a_call_of_which_an_argument_is_refused_is_lost_without_a_word(
    describe: Callable[[Any], None], run: Any, recwarn: pytest.WarningsRecorder
) -> None:
    channel = Channel(int, name="jobs")

    async def main() -> None:
        describe(channel)

    with pytest.raises((csp.WiringError, csp.EndClosed)):
        run(main)
    assert [str(each.message) for each in recwarn] == []
    assert channel._core.gone[0]


def test_who_catches_that_error_and_forgets_a_process_is_told(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs")
        kept = put(channel.sender(), 1)
        with pytest.raises(csp.WiringError):
            collect(channel.sender())  # type: ignore[arg-type]
        with pytest.warns(RuntimeWarning, match="was never run"):
            del kept

    run(main)


def test_an_end_given_away_names_both_places(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs")
        tx, rx = channel.sender(), channel.receiver()
        running = Par(put(tx, 1), collect(rx))
        with pytest.raises(csp.EndClosed, match=r"you gave `jobs`'s sender to `put` at test_pro"):
            tx.send_nowait(2)
        with tx:
            pass  # leaving `with` on an end that was given away is a no-op
        assert await running == (None, [1])
        with pytest.raises(csp.EndClosed, match=r"you gave `jobs`'s sender to `put` at test_pro"):
            tx.send_nowait(2)

    run(main)


def test_one_end_for_two_processes_side_by_side_is_refused_before_anything_runs(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs")
        tx, rx = channel.sender(), channel.receiver()
        first, second = put(tx, 1), put(tx, 2)
        with pytest.raises(csp.EndClosed, match="`.clone\\(\\)` it for one of them"):
            Par(first, second)
        first.close()
        second.close()
        rx.retire()

    run(main)


def test_a_handle_passes_from_step_to_step_of_a_seq(run: Any) -> None:
    async def main() -> list[int]:
        channel = Channel(int, name="jobs")
        tx = channel.sender()
        return (await Par(Seq(put(tx, 1), put(tx, 2)), collect(channel.receiver())))[1]

    assert run(main) == [1, 2]


def test_copies_count_as_one_element_and_zero_copies_retire_the_ends(run: Any) -> None:
    async def main() -> Any:
        channel = Channel(int, name="jobs")
        values = await Par(3 * put(channel.sender(), 5), collect(channel.receiver()))
        other = Channel(int, name="none")
        return values, await Par(0 * put(other.sender(), 5), collect(other.receiver()))

    assert run(main) == (([None] * 3, [5, 5, 5]), ([], []))


def test_an_end_is_used_only_by_the_process_it_was_given_to(run: Any) -> None:
    async def main() -> None:
        channel = Channel(int, name="jobs")

        with channel.sender() as tx, channel.receiver():

            @process
            async def thief() -> None:
                await tx.send(1)

            with pytest.raises(csp.EndClosed, match="`thief` was never given the sender of `jobs`"):
                await thief()

    run(main)


def test_a_failure_reaches_the_other_side_as_abandoned_with_its_cause(run: Any) -> None:
    @process
    async def fails(out: Sender[int]) -> None:
        await out.send(1)
        raise ValueError("broken")

    async def main() -> Any:
        channel = Channel(int, name="jobs")
        with channel.receiver() as rx:
            with pytest.raises(ExceptionGroup) as caught:
                async with Spawn() as spawn:
                    spawn(fails(channel.sender()))
                    await rx.receive()
                    await trio.sleep_forever()
            assert isinstance(caught.value.exceptions[0], ValueError)
            with pytest.raises(csp.Abandoned) as abandoned:
                await rx.receive()
            return abandoned.value.causes

    (cause,) = run(main)
    assert str(cause) == "broken"
    assert any("in process `fails` (test_process.py:" in note for note in cause.__notes__)


def test_a_failure_within_a_nested_par_cancels_those_around_it_at_once(run: Any) -> None:
    @process
    async def fails() -> None:
        raise ValueError("broken")

    @process
    async def slow_to_leave(gone: csp.Flag) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(60, shield=True):
                await csp.Alternation(csp.Wait(gone)).select()
                left.append("the one inside")

    @process
    async def neighbour(gone: csp.Flag) -> None:
        try:
            await trio.sleep_forever()
        finally:
            left.append("the one outside")
            gone.set()

    left: list[str] = []

    async def main() -> None:
        gone = csp.Flag()
        with pytest.raises(ExceptionGroup):
            await Par(Par(fails(), slow_to_leave(gone)), neighbour(gone))

    run(main)
    assert left == ["the one outside", "the one inside"]


def test_a_process_that_promises_a_value_does_not_end_quietly(run: Any) -> None:
    @process
    async def promises(feed: Receiver[int]) -> int:
        return await feed.receive()

    async def main() -> None:
        channel = Channel(int, name="jobs")
        channel.sender().retire()
        await promises(channel.receiver())

    with pytest.raises(csp.EndOfChannel):
        run(main)


def test_poison_passes_through_a_process_unless_it_says_otherwise(run: Any) -> None:
    @process
    async def passes(feed: Receiver[int], out: Sender[int]) -> None:
        await out.send(await feed.receive())

    keeps = process(passes_poison=False)(passes.function)  # type: ignore[attr-defined]

    async def main() -> list[type[BaseException]]:
        seen = []
        for middle in (passes, keeps):
            a, b = Channel(int, name="a"), Channel(int, name="b")
            with a.sender() as tx, b.receiver() as rx:
                async with Spawn() as spawn:
                    spawn(middle(a.receiver(), b.sender()))
                    tx.poison("enough")
                    try:
                        await rx.receive()
                    except csp.ChannelEnded as error:
                        seen.append(type(error))
        return seen

    assert run(main) == [csp.Poisoned, csp.EndOfChannel]


def test_a_background_process_is_cancelled_when_the_others_have_ended(run: Any) -> None:
    @process
    async def server(out: Sender[int]) -> None:
        await trio.sleep_forever()

    async def main() -> None:
        channel = Channel(int, name="jobs")
        with channel.receiver() as rx:
            async with Spawn() as spawn:
                spawn(server(channel.sender()), background=True)
            with pytest.raises(csp.EndOfChannel):
                await rx.receive()

    run(main)


def test_an_end_sent_in_a_value_belongs_to_its_receiver(run: Any) -> None:
    @process
    async def client(server: Sender[Sender[str]]) -> str:
        reply = Channel(str, name="reply")
        with reply.receiver() as rx:
            await server.send(reply.sender())
            return await rx.receive()

    @process
    async def serve(requests: Receiver[Sender[str]]) -> None:
        async for answer in requests:
            await answer.send("here")
            answer.retire()

    async def main() -> Any:
        requests = Channel[Sender[str]](name="requests")
        return (await Par(client(requests.sender()), serve(requests.receiver())))[0]

    assert run(main) == "here"


def test_par_takes_channel_operations_and_refuses_bare_coroutines(run: Any) -> None:
    async def bare() -> None:
        return None

    async def main() -> Any:
        a = Channel(int, name="a")
        with a.sender() as tx, a.receiver() as rx:
            values = await Par(tx.send(4), rx.receive())
            with pytest.raises(TypeError, match="decorate it with @process"):
                Par(bare())
            return values

    assert run(main) == (None, 4)


@pytest.mark.parametrize(("kind", "value"), [(int, "x"), (int, True), (str, 1), (list[int], (1,))])
def test_a_value_of_the_wrong_type_is_refused(kind: Any, value: Any) -> None:
    async def main() -> None:
        channel = Channel(kind, name="jobs")
        with channel.sender() as tx, channel.receiver():
            with pytest.raises(csp.ChannelTypeError, match="channel `jobs` carries"):
                await tx.send(value)

    csp.run(main)
