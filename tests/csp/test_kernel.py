"""The choke point: what every kernel has in common, and what each must say itself."""

from __future__ import annotations

from typing import Any

import pytest

from csp._kernel import HOLDER, PARK, PARKED, Holder, Kernel
from csp._observe import Event
from csp._offer import Party


def silent(*_: Any) -> Any:
    raise AssertionError("the test does not ask for this")


Bare: Any = type("Bare", (Kernel,), dict.fromkeys(Kernel.__abstractmethods__, silent))


class Clocked(Bare):
    """Knows the time, and remembers whom it was told to wake."""

    def __init__(self) -> None:
        super().__init__()
        self.woken: list[Party] = []

    def now(self) -> float:
        return 7.5

    def wake(self, party: Party) -> None:
        self.woken.append(party)


def holders(*names: str) -> list[Holder]:
    """Each started by the one before it."""
    made: list[Holder] = []
    for name in names:
        label, _, name = name.rpartition(".")
        made.append(Holder(None, name, parent=made[-1] if made else None, label=label))
    return made


# --- waiting -----------------------------------------------------------------------------------


def test_whoever_waits_hands_one_word_to_who_steps_it_and_goes_on_with_nothing() -> None:
    async def waits() -> str:
        assert await PARK is None
        assert await PARK is None
        return "over"

    coro = waits()
    assert coro.send(None) is PARKED
    assert coro.send(None) is PARKED
    with pytest.raises(StopIteration) as stop:
        coro.send(None)
    assert stop.value.value == "over"


def test_an_error_thrown_in_strikes_where_the_coroutine_waits() -> None:
    async def waits() -> str:
        try:
            await PARK
        except KeyError:
            return "caught"
        return "not struck"

    coro = waits()
    coro.send(None)
    with pytest.raises(StopIteration, match="caught"):
        coro.throw(KeyError())


# --- holders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["main"], "main"),
        (["main", "worker"], "main.worker"),
        (["main", "par[2].worker"], "main.par[2].worker"),
        (["main", "par[0].seq[1].worker", "spawn[3].helper"], "main.par[0].seq[1].worker.spawn[3].helper"),
        (["main", "sieve", "sieve", "sieve"], "main.sieve^3"),
        (["sieve", "sieve", "other", "sieve"], "sieve^2.other.sieve"),
        (["main", "par[0].sieve", "par[1].sieve", "par[1].sieve"], "main.par[0].sieve.par[1].sieve^2"),
    ],
)  # fmt: skip
def test_a_path_names_the_starters_and_counts_what_repeats_itself(
    names: list[str], path: str
) -> None:
    assert holders(*names)[-1].path() == path


def test_channels_are_counted_for_each_name() -> None:
    (holder,) = holders("main")
    assert [holder.count(name) for name in ("a", "b", "a", "a", "b")] == [1, 1, 2, 3, 2]


@pytest.mark.parametrize("dismissed", [None, 0, 1, 2])
def test_whoever_was_started_by_a_dismissed_process_was_dismissed_too(
    dismissed: int | None,
) -> None:
    family = holders("main", "parent", "child")
    if dismissed is not None:
        family[dismissed].dismissed = True
    expected = [dismissed is not None and i >= dismissed for i in range(3)]
    assert [holder.was_dismissed() for holder in family] == expected


def test_the_acting_holder_is_the_stepped_one_before_that_of_the_context() -> None:
    kernel, (outer, inner) = Clocked(), holders("outer", "inner")
    assert kernel.holder() is None
    token = HOLDER.set(outer)
    try:
        assert kernel.holder() is outer
        kernel.current = inner
        assert kernel.holder() is inner
    finally:
        HOLDER.reset(token)


# --- kernels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", sorted(Kernel.__abstractmethods__))
def test_a_kernel_that_leaves_out_a_word_cannot_be_made(left_out: str) -> None:
    words = dict.fromkeys(Kernel.__abstractmethods__ - {left_out}, silent)
    with pytest.raises(TypeError, match=left_out):
        type("Partial", (Kernel,), words)()


def test_a_kernel_has_no_way_in_for_threads_unless_it_says_so() -> None:
    assert Clocked().token() is None


@pytest.mark.parametrize(
    ("ready", "last", "chosen"),
    [
        (0b0001, -1, 0),
        (0b0001, 0, 0),  # nobody else is ready
        (0b0110, 0, 1),
        (0b0110, 1, 2),
        (0b0110, 2, 1),  # round the end
        (0b1001, 1, 3),
        (1 << 90 | 1, 5, 90),
    ],
)
def test_the_first_ready_guard_behind_the_last_one_is_taken(
    ready: int, last: int, chosen: int
) -> None:
    assert Clocked().choose(ready, last) == chosen


@pytest.mark.parametrize("ready", range(1, 32))
def test_all_that_stay_ready_have_their_turn_before_one_has_two(ready: int) -> None:
    kernel, guards = Clocked(), {i for i in range(5) if ready >> i & 1}
    for last in range(5):
        taken = []
        for _ in guards:
            last = kernel.choose(ready, last)
            taken.append(last)
        assert set(taken) == guards


def test_the_woken_are_resumed_in_order() -> None:
    kernel, parties = Clocked(), [Party() for _ in range(3)]
    kernel.wake_all(parties)
    assert kernel.woken == parties


# --- observers ---------------------------------------------------------------------------------


def test_an_event_names_who_acts_by_its_path_and_has_the_time_of_the_kernel() -> None:
    kernel, (_, worker), seen = Clocked(), holders("main", "par[0].worker"), list[Event]()
    kernel.hook, kernel.current = seen.append, worker
    kernel.tell("committed", "main.jobs", "send", "why")
    path = "main.par[0].worker"
    assert seen == [Event("committed", path, "main.jobs", "send", "why", 7.5)]


def test_an_event_may_be_of_another_or_of_nobody() -> None:
    kernel, (main, worker), seen = Clocked(), holders("main", "worker"), list[Event]()
    kernel.hook = seen.append
    kernel.tell("parked")
    kernel.current = main
    kernel.tell("ended", of=worker)
    assert [event.process for event in seen] == ["", "main.worker"]


def test_without_a_hook_nothing_is_told_and_nobody_is_asked_the_time() -> None:
    Bare().tell("started")
