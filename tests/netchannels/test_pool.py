"""Pools over real programs: what is called, mapped, tried again, limited, cancelled and heard."""

from __future__ import annotations

import importlib
import logging
import math
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest
import trio
import trio.testing

import csp
import netchannels
from netchannels import Cores, _staff, pool
from netchannels._sizes import SHORT

sys.path.insert(0, str(Path(__file__).parent))
import jobs

pytestmark = pytest.mark.usefixtures("no_pauses")
Main = Callable[[], Awaitable[None]]


def test_results_come_in_the_order_of_the_requests_or_as_they_are_there() -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(2)) as running:
            assert await running.call(12) == 144
            assert [n async for n in running.map(range(3000))] == [n * n for n in range(3000)]
            found = [n async for n in running.map(range(3000), ordered=False)]
            assert sorted(found) == [n * n for n in range(3000)]
            assert sum(worker.requests for worker in running.statistics()) == 6001

    csp.run(main)


def test_a_short_request_overtakes_a_long_one_as_completed() -> None:
    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(2)) as running:
            await until(lambda: states(running) == ["idle", "idle"])
            assert [n async for n in running.map([300, 1], ordered=False)] == [1, 300]
            assert [n async for n in running.map([300, 1])] == [300, 1]

    csp.run(main)


@pytest.mark.parametrize("function", [jobs.rest, jobs.through_a_channel])
def test_async_functions_and_processes_run_in_the_loop(function: Any) -> None:
    async def main() -> None:
        async with pool(function, workers=Cores(1)) as running:
            assert [n async for n in running.map([3, 1, 2])] == [3, 1, 2]

    csp.run(main)


def test_it_works_under_plain_trio_as_well() -> None:
    async def main() -> list[int]:
        async with pool(jobs.square, workers=Cores(1)) as running:
            return [n async for n in running.map([1, 2])]

    assert trio.run(main) == [1, 4]


def test_what_a_function_raises_fails_its_request_only_with_the_traceback() -> None:
    async def main() -> None:
        async with pool(jobs.fails_on_odd, workers=Cores(2)) as running:
            outcomes = [done async for done in running.outcomes(range(20))]
            assert sorted(done.request for done in outcomes) == list(range(20))
            for done in outcomes:
                if done.request % 2 == 0:
                    assert done.reply == done.request
                    continue
                assert isinstance(done.error, csp.RequestFailed)
                assert str(done.error) == f"ValueError: {done.request} is odd"
                assert "in fails_on_odd" in done.error.traceback
                assert len(done.error.history) == 1
            with pytest.raises(csp.RequestFailed, match="3 is odd"):
                [n async for n in running.map([2, 3, 4])]
            with pytest.raises(csp.RequestFailed, match="5 is odd"):
                await running.call(5)
            assert await running.call(6) == 6

    csp.run(main)


def test_errors_are_tried_again_if_that_is_wanted_after_a_pause(tmp_path: Path) -> None:
    clock = trio.testing.MockClock(rate=1.0)
    attempts: list[int] = []

    def hours(attempt: int) -> float:
        attempts.append(attempt)
        return 3600.0 * attempt

    async def main() -> None:
        async with pool(
            jobs.fails_at_first, workers=Cores(1), retry_errors=True, backoff=hours
        ) as running:
            async with trio.open_nursery() as nursery:

                async def use() -> None:
                    assert await running.call(str(tmp_path / "tries")) == "try 3"

                nursery.start_soon(use)
                for attempt in (1, 2):
                    await until(lambda attempt=attempt: attempts[-1:] == [attempt])
                    await trio.testing.wait_all_tasks_blocked()
                    clock.jump(3600 * attempt)

    csp.run(main, clock=clock)


def test_a_request_that_fails_as_often_as_it_may_has_a_line_for_each_attempt() -> None:
    async def main() -> None:
        async with pool(
            jobs.fails_on_odd, workers=Cores(1), retry_errors=True, max_attempts=2
        ) as running:
            with pytest.raises(csp.RequestFailed, match="tried 2 times") as caught:
                await running.call(1)
            assert len(caught.value.history) == 2
            assert "worker 1 (pid " in caught.value.history[0]
            assert caught.value.history[1].endswith("ValueError: 1 is odd")

    csp.run(main)


def test_what_cannot_be_read_or_is_too_long_fails_its_request_only() -> None:
    async def main() -> None:
        async with pool(jobs.wrong, workers=Cores(1)) as running:
            with pytest.raises(
                csp.RequestFailed, match="`wrong` has returned no `int`: Expected `int`"
            ):
                await running.call(1)
        async with pool(jobs.big, workers=Cores(1), largest=100_000) as running:
            with pytest.raises(
                csp.RequestFailed, match=r"reply of 200,005 bytes, 100,000 at most.*largest="
            ):
                await running.call(200_000)
            sizes = [len(data) async for data in running.map([90_000] * 20)]
            assert sizes == [90_000] * 20
        async with pool(jobs.exits, workers=Cores(1)) as running:
            with pytest.raises(csp.RequestFailed, match="SystemExit: 4"):
                await running.call(4)

    csp.run(main)


def test_what_cannot_travel_is_refused_at_the_call() -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            with pytest.raises(netchannels.EncodeFailed, match="65 bits"):
                await running.call(2**64)
            outcomes = [done async for done in running.outcomes([2**64, 2])]
            assert [type(done.error) for done in outcomes if done.error] == [
                netchannels.EncodeFailed
            ]

    csp.run(main)


def test_what_is_of_another_type_is_refused_before_it_is_sent() -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            asked: Any = "a text"
            with pytest.raises(csp.ChannelTypeError, match=r"`square`.*Expected `int`, got `str`"):
                await running.call(asked)
            outcomes = [done async for done in running.outcomes([asked, 2])]
            assert [type(done.error) for done in outcomes if done.error] == [csp.ChannelTypeError]
            with pytest.raises(csp.ChannelTypeError):
                [n async for n in running.map([1, True])]
            assert sum(worker.failures for worker in running.statistics()) == 0

    csp.run(main)


def test_whatever_a_function_raises_fails_its_request_and_costs_no_program() -> None:
    async def main() -> None:
        async with pool(jobs.raises_odd_things, workers=Cores(1)) as running:
            outcomes = [done async for done in running.outcomes(range(4))]
            assert [str(done.error) for done in sorted(outcomes, key=lambda done: done.request)] == [
                "None", "Odd: odd", "KeyboardInterrupt: mine", "OSError: \\udcff",
            ]  # fmt: skip
            assert [worker.restarts for worker in running.statistics()] == [0]

    csp.run(main)


def test_what_reads_the_standard_input_of_a_worker_finds_its_end() -> None:
    async def main() -> None:
        async with pool(jobs.reads_its_input, workers=Cores(1)) as running:
            assert await running.call(1) == ""

    csp.run(main)


# --- where requests come from ----------------------------------------------------------------


def test_requests_are_drawn_only_as_programs_are_free_for_them() -> None:
    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(2)) as running:
            batch = SHORT / 0.020
            drawn, in_hand = 0, list[int]()

            def endless() -> Iterator[int]:
                nonlocal drawn
                while True:
                    drawn += 1
                    answered = sum(worker.requests for worker in running.statistics())
                    in_hand.append(drawn - answered)
                    yield 20

            seen = 0
            async for _ in running.map(endless()):
                seen += 1
                if seen == 30:
                    break
            # of each program: at work, waiting there, on its way, drawn
            assert max(in_hand) <= 2 * 4 * batch

    csp.run(main)


@pytest.mark.parametrize("what", ["map", "outcomes"])
def test_two_may_read_from_one_map_and_both_hear_of_its_end(what: str) -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            replies: Any = getattr(running, what)(range(4))
            got: list[Any] = []

            async def read() -> None:
                async for reply in replies:
                    got.append(reply)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                nursery.start_soon(read)
            assert len(got) == 4

    csp.run(main)


def test_an_async_source_gives_requests_as_they_come() -> None:
    async def source() -> AsyncIterator[int]:
        for number in range(5):
            await trio.sleep(0.01)
            yield number

    async def main() -> None:
        async with pool(jobs.square, workers=Cores(2)) as running:
            assert [n async for n in running.map(source())] == [0, 1, 4, 9, 16]

    csp.run(main)


def test_what_the_source_raises_is_raised_behind_the_replies_to_those_before() -> None:
    def source() -> Iterator[int]:
        yield 3
        raise LookupError("no more paper")

    async def main() -> None:
        found: list[int] = []
        async with pool(jobs.square, workers=Cores(1)) as running:
            with pytest.raises(LookupError, match="no more paper"):
                async for number in running.map(source()):
                    found.append(number)
        assert found == [9]

    csp.run(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_so_is_what_is_no_exception(error: type[BaseException]) -> None:
    def source() -> Iterator[int]:
        yield 3
        raise error

    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            with pytest.raises(error):
                [number async for number in running.map(source())]
            assert await running.call(2) == 4

    csp.run(main)


def test_what_cannot_be_iterated_after_all_says_so_each_time() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise LookupError("no beginning")

    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            replies = running.map(Broken())
            for _ in range(2):
                with pytest.raises(LookupError, match="no beginning"):
                    await replies.__anext__()

    csp.run(main)


def test_those_with_a_higher_priority_go_first() -> None:
    order: list[int] = []

    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(1)) as running:
            await running.call(0)

            async def ask(milliseconds: int, priority: int) -> None:
                order.append(await running.call(milliseconds, priority=priority))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, 300, 0)
                await until(lambda: states(running) == ["working"])
                for milliseconds in (1, 2, 3):
                    nursery.start_soon(ask, milliseconds, milliseconds)
        # one may be prefetched already
        assert order[0] == 300
        assert order[2:] == sorted(order[2:], reverse=True)

    csp.run(main)


def test_no_more_requests_begin_than_the_rate_allows() -> None:
    clock = trio.testing.MockClock()  # it stands still but for what follows

    async def pass_time(running: Any) -> None:
        while True:
            await trio.testing.wait_all_tasks_blocked(0.001)
            if running._ticks:
                clock.jump(0.01)

    async def main() -> float:
        clock.jump(1e6)  # where a sum of times is not exact
        async with pool(jobs.square, workers=Cores(2), rate=100) as running:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pass_time, running)
                await running.call(0)
                started = trio.current_time()
                assert len([n async for n in running.map(range(60))]) == 60
                nursery.cancel_scope.cancel()
            return trio.current_time() - started

    assert csp.run(main, clock=clock) >= 0.5  # 9 at once, then one each 10 ms


def test_a_bar_is_drawn_on_a_terminal_only_and_taken_away(
    capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            assert len([n async for n in running.map(range(9), progress=True)]) == 9

    csp.run(main)
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal then
    csp.run(main)
    shown = capfd.readouterr().err
    assert "square" in shown
    assert "9/9" in shown


# --- limits and cancels ----------------------------------------------------------------------


def test_a_request_that_runs_too_long_fails_and_the_others_have_their_results() -> None:
    async def main() -> None:
        async with pool(jobs.hangs_on_13, workers=Cores(2), timeout=0.2, max_attempts=2) as running:
            outcomes = [done async for done in running.outcomes(range(20))]
            failed = [done for done in outcomes if done.error]
            assert [done.request for done in failed] == [13]
            assert "ran longer than 0.2 s" in str(failed[0].error)
            assert sorted(done.request for done in outcomes) == list(range(20))
            assert sum(worker.restarts for worker in running.statistics()) >= 1
            error = failed[0].error
            assert isinstance(error, csp.RequestFailed)
            assert "in hangs_on_13" in error.traceback  # where it was

    csp.run(main)


def test_an_async_function_that_runs_too_long_costs_no_program() -> None:
    async def main() -> None:
        async with pool(jobs.rest, workers=Cores(1), timeout=0.1, max_attempts=1) as running:
            with pytest.raises(csp.RequestFailed, match=r"longer than 0\.1 s"):
                await running.call(10_000)
            assert await running.call(1) == 1
            assert [worker.restarts for worker in running.statistics()] == [0]
            assert await running.call(150, timeout=5) == 150

    csp.run(main)


@pytest.mark.parametrize(
    ("function", "restarts"), [(jobs.rests_at_first, 0), (jobs.runs_on_at_first, 1)]
)
def test_a_cancelled_call_frees_its_program(function: Any, restarts: int, tmp_path: Path) -> None:
    file = tmp_path / "begun"

    async def main() -> None:
        async with pool(function, workers=Cores(1)) as running:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(running.call, str(file))
                await until(file.exists)
                nursery.cancel_scope.cancel()
            with trio.fail_after(20):
                assert await running.call(str(file)) == str(file)
            assert [worker.restarts for worker in running.statistics()] == [restarts]

    csp.run(main)


def test_a_def_that_ends_within_a_second_of_its_cancel_keeps_its_program() -> None:
    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(1)) as running:
            assert await running.call(0) == 0
            with trio.move_on_after(0.05):
                await running.call(400)
            assert await running.call(1) == 1
            assert [worker.restarts for worker in running.statistics()] == [0]

    csp.run(main)


@pytest.mark.parametrize("function", [jobs.rest, jobs.slowly])
def test_whenever_a_call_is_cancelled_the_next_one_is_served(function: Any) -> None:
    moments = [0.0, 0.0005, 0.001, 0.002, 0.005, 0.02] * 10

    async def main() -> None:
        async with pool(function, workers=Cores(1)) as running:
            assert await running.call(0) == 0
            for moment in moments:
                with trio.move_on_after(moment):
                    await running.call(30)
                with trio.fail_after(20):
                    assert await running.call(1) == 1
            assert [worker.restarts for worker in running.statistics()] == [0]

    csp.run(main)


# --- programs come and go --------------------------------------------------------------------


def states(running: Any) -> list[str]:
    return [worker.state for worker in running.statistics()]


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(20):
        while not condition():
            await trio.sleep(0.01)


def test_programs_join_and_leave_while_it_runs() -> None:
    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(1)) as running:
            async with trio.open_nursery() as nursery:

                async def use() -> None:
                    assert [n async for n in running.map([10] * 100)] == [10] * 100

                nursery.start_soon(use)
                running.scale(3)
                await until(
                    lambda: len(running.statistics()) == 3 and "starting" not in states(running)
                )
                running.scale(1)
            await until(lambda: len(running.statistics()) == 1)
            running.scale(0)
            await until(lambda: not running.statistics())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(running.call, 1)  # waits for somebody
                await trio.testing.wait_all_tasks_blocked()
                running.scale(1)

    csp.run(main)


def broken(directory: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> Any:
    """A module with a function `work`, of which only `source` is left since."""
    file = directory / "broken_elsewhere.py"
    file.write_text("def work(n: int) -> int:\n    return n\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.delitem(sys.modules, file.stem, raising=False)
    module = importlib.import_module(file.stem)
    file.write_text(source, encoding="utf-8")
    return module


def test_a_pool_whose_programs_cannot_work_says_why(tmp_path: Path, monkeypatch: Any) -> None:
    module = broken(tmp_path, monkeypatch, "raise RuntimeError('broken since')\n")

    async def main() -> None:
        async with pool(module.work, workers=Cores(2)) as running:
            with pytest.raises(netchannels.PoolFailed, match="broken since"):
                await running.call(1)
            with pytest.raises(netchannels.PoolFailed, match="broken since"):
                [n async for n in running.map([1])]

    csp.run(main)


def test_a_request_with_which_every_program_fails_counts_its_attempts() -> None:
    async def main() -> None:
        async with pool(jobs.interrupted, workers=Cores(1), max_attempts=2) as running:
            with trio.fail_after(60), pytest.raises(csp.RequestFailed, match="tried 2 times"):
                await running.call(1)
        async with pool(jobs.square, workers=Cores(1), max_attempts=2) as running:
            running._limit = lambda timeout: True  # type: ignore[method-assign] # nobody can read it
            with trio.fail_after(60), pytest.raises(csp.RequestFailed, match="tried 2 times"):
                await running.call(1)
            del running._limit
            assert await running.call(2, timeout=Fraction(5)) == 4  # type: ignore[arg-type]

    csp.run(main)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_function_that_ends_its_program_by_any_code_fails_its_request_only(code: int) -> None:
    async def main() -> None:
        async with pool(jobs.leaves, workers=Cores(1), max_attempts=1) as running:
            for _ in range(2):
                with pytest.raises(csp.RequestFailed, match=f": exit code {code}$"):
                    await running.call(code)

    csp.run(main)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sys.exit(4)", r"broken_elsewhere.py\", line 1(.|\n)*SystemExit: 4"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("os._exit(0)", "worker 1: it left$"),
    ],
)
def test_so_does_one_whose_module_ends_the_program(
    tmp_path: Path, monkeypatch: Any, source: str, message: str
) -> None:
    module = broken(tmp_path, monkeypatch, f"import os, sys; {source}\n")

    async def main() -> None:
        async with pool(module.work, workers=Cores(1), restarts=1) as running:
            with pytest.raises(netchannels.PoolFailed, match=message):
                await running.call(1)

    csp.run(main)


def test_a_program_that_is_not_free_in_time_is_told_to_be_late(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(_staff, "START", 0.5)
    module = broken(tmp_path, monkeypatch, "import time; time.sleep(1000)\n")

    async def main() -> None:
        async with pool(module.work, workers=Cores(1), restarts=1) as running:
            with pytest.raises(netchannels.PoolFailed, match=r"not free for work within 0\.5 s"):
                await running.call(1)

    csp.run(main)


def test_a_program_without_standard_output_works_on() -> None:
    async def main() -> None:
        async with pool(jobs.closes_its_output, workers=Cores(1), timeout=20) as running:
            assert [n async for n in running.map(range(3))] == [0, 1, 2]
            assert [worker.restarts for worker in running.statistics()] == [0]

    csp.run(main)


def test_what_programs_write_and_log_arrives_labelled(capsys: Any, caplog: Any) -> None:
    async def main() -> None:
        async with pool(jobs.says, workers=Cores(1)) as running:
            await running.call("hello")

    with caplog.at_level(logging.WARNING):
        csp.run(main)
    out, err = capsys.readouterr()
    assert out == "worker 1: hello\n"
    assert err == "worker 1: hello\n"
    assert [r.getMessage() for r in caplog.records if r.name == "jobs"] == [
        "worker 1: logged hello"
    ]


def test_an_error_in_the_block_passes_bare_and_ends_the_programs_at_once() -> None:
    async def main() -> None:
        async with pool(jobs.slowly, workers=Cores(2)) as running:
            await running.call(0)
            async for _ in running.map([0, 100_000]):
                raise LookupError("enough")

    started = time.monotonic()
    with pytest.raises(LookupError, match="enough"):
        csp.run(main)
    assert time.monotonic() - started < 15


def test_a_pool_is_used_inside_of_its_block() -> None:
    running = pool(jobs.square, workers=Cores(1))
    with pytest.raises(RuntimeError, match="inside of its `async with`"):
        trio.run(running.call, 1)  # type: ignore[attr-defined]


def test_a_pool_is_used_in_the_run_that_has_opened_it() -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:

            def elsewhere() -> None:
                with pytest.raises(RuntimeError, match="in the run that has opened it"):
                    csp.run(running.call, 1)

                async def maps() -> None:
                    running.map([1])

                with pytest.raises(RuntimeError, match="in the run that has opened it"):
                    trio.run(maps)
                assert trio.from_thread.run(running.call, 3) == 9

            await trio.to_thread.run_sync(elsewhere)

    csp.run(main)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"backoff": -1}, "backoff"),
        ({"restarts": 0}, "restarts"),
        ({"rate": 0}, "rate"),
        ({"largest": 1.5}, "largest"),
        ({"timeout": 10**400}, "timeout is more than 0 seconds"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pool(jobs.square, workers=Cores(1), **options)


@pytest.mark.parametrize("option", ["timeout", "backoff", "rate"])
def test_what_is_no_number_is_refused_in_words(option: str) -> None:
    with pytest.raises(TypeError, match=f"{option} is .* not 'soon'"):
        pool(jobs.square, workers=Cores(1), **{option: "soon"})  # type: ignore[call-overload, unused-ignore]


def test_a_wrong_priority_or_timeout_is_refused_where_it_is_said_and_harms_no_others() -> None:
    async def main() -> None:
        async with pool(jobs.square, workers=Cores(1)) as running:
            others = running.map([1, 2], priority=1)
            wrong: Any
            for wrong in ("high", None):
                with pytest.raises(TypeError, match="priority is a number, not"):
                    running.map([1], priority=wrong)
                with pytest.raises(TypeError, match="priority is a number, not"):
                    await running.call(1, priority=wrong)
            with pytest.raises(ValueError, match="priority is a number, not nan"):
                running.map([1], priority=math.nan)
            with pytest.raises(TypeError, match="timeout is more than 0 seconds, not '5'"):
                running.map([1], timeout=cast(Any, "5"))
            assert [reply async for reply in others] == [1, 4]

    csp.run(main)


def test_workers_are_a_placement() -> None:
    for wrong in (2, None, Cores):
        with pytest.raises(TypeError, match=r"a placement, like Cores\(4\)"):
            pool(jobs.square, workers=wrong)  # type: ignore[call-overload, unused-ignore]


def test_functions_that_others_cannot_call_are_refused() -> None:
    with pytest.raises(TypeError, match="takes 2 arguments"):
        pool(jobs.needs_two, workers=Cores(1))  # type: ignore[arg-type, call-overload, unused-ignore]
    with pytest.raises(netchannels.TypeRefused, match="annotate it"):
        pool(jobs.unannotated, workers=Cores(1))
