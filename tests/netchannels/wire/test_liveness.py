"""Silence is counted in this program's own ticks; all times are injected."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels.wire import Event, Liveness
from netchannels.wire.events import Lost, Recovered, Suspected
from netchannels.wire.liveness import LONGEST_BUSY


def alive(now: float = 0.0) -> Liveness:
    return Liveness(heartbeat=2.0, suspect=5.0, lost=10.0, now=now)


def looks(liveness: Liveness, start: float, seconds: int) -> list[tuple[float, Event]]:
    """A look every second; what each one said."""
    times = [start + second for second in range(1, seconds + 1)]
    return [(time - start, event) for time in times for event in liveness.look(time)]


def test_silence_is_suspected_and_then_lost() -> None:
    assert looks(alive(), 0.0, 20) == [(5, Suspected()), (10, Lost("silent for 10 s"))]


def test_a_word_recovers_a_suspect_and_starts_anew() -> None:
    liveness = alive()
    assert looks(liveness, 0.0, 7) == [(5, Suspected())]
    assert liveness.hear() == [Recovered()]
    assert liveness.hear() == []
    assert looks(liveness, 7.0, 12) == [(5, Suspected()), (10, Lost("silent for 10 s"))]


def test_words_in_time_are_no_event() -> None:
    liveness = alive()
    for second in range(100):
        assert liveness.look(float(second)) == []
        if second % 4 == 0:
            assert liveness.hear() == []


def test_a_paused_program_judges_nobody() -> None:
    liveness = alive()
    assert liveness.look(60.0) == []
    assert liveness.silence == liveness.tick == 1.0
    assert liveness.look(3600.0) == []
    assert liveness.silence == 2.0
    assert looks(liveness, 3600.0, 3) == [(3, Suspected())]


def test_many_looks_count_no_more_than_the_time_that_went_by() -> None:
    liveness = alive()
    for step in range(1, 400):
        assert liveness.look(step / 100) == []
    assert liveness.silence == pytest.approx(3.99)


def test_a_clock_that_goes_back_counts_nothing() -> None:
    liveness = alive(now=1000.0)
    assert liveness.look(500.0) == []
    assert liveness.silence == 0.0
    assert looks(liveness, 500.0, 10) == [(5, Suspected()), (10, Lost("silent for 10 s"))]


def test_a_busy_other_side_is_not_judged_and_its_silence_starts_when_it_should_be_back() -> None:
    liveness = alive()
    liveness.excuse(30.0)
    assert looks(liveness, 0.0, 30) == []
    assert looks(liveness, 30.0, 20) == [(5, Suspected()), (10, Lost("silent for 10 s"))]


def test_busy_is_counted_in_ticks_too() -> None:
    liveness = alive()
    liveness.excuse(3.0)
    assert liveness.look(3600.0) == []  # we were paused: two seconds are left
    assert looks(liveness, 3600.0, 7) == [(7, Suspected())]


def test_busy_can_be_taken_back() -> None:
    liveness = alive()
    liveness.excuse(1000.0)
    assert looks(liveness, 0.0, 50) == []
    liveness.excuse(0.0)
    assert looks(liveness, 50.0, 5) == [(5, Suspected())]


def test_nobody_is_busy_for_longer_than_a_day() -> None:
    liveness = alive()
    liveness.excuse(1e12)
    assert liveness._busy_until == LONGEST_BUSY == 86_400.0


def test_a_suspect_that_becomes_busy_stays_one_and_is_not_lost() -> None:
    liveness = alive()
    assert looks(liveness, 0.0, 6) == [(5, Suspected())]
    assert liveness.hear() == [Recovered()]  # the announcement itself
    liveness.excuse(20.0)
    assert looks(liveness, 6.0, 24) == []


def test_heartbeats_are_due_at_their_interval_and_count_as_sent() -> None:
    liveness = alive()
    due = [step / 2 for step in range(20) if liveness.beat_is_due(step / 2)]
    assert due == [2.0, 4.0, 6.0, 8.0]


def test_after_a_pause_one_heartbeat_is_due_not_many() -> None:
    liveness = alive()
    assert [liveness.beat_is_due(60.0), liveness.beat_is_due(60.0)] == [True, False]


def test_a_clock_that_goes_back_does_not_stop_the_heartbeats() -> None:
    liveness = alive(now=1000.0)
    due = [step / 2 for step in range(20) if liveness.beat_is_due(step / 2)]
    assert due == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_the_next_look_is_a_tick_after_the_last() -> None:
    liveness = alive(now=7.0)
    assert liveness.next_look() == 8.0
    liveness.look(7.25)
    assert liveness.next_look() == 8.25
    assert Liveness(heartbeat=0.5, suspect=4.0, lost=9.0, now=0.0).next_look() == 0.25
    assert Liveness(heartbeat=9.0, suspect=2.0, lost=9.0, now=0.0).next_look() == 0.5


@pytest.mark.parametrize(
    "times", [(0, 1, 2), (-1, 1, 2), (1, 0, 2), (1, 3, 2), (1, 1, 0), (math.nan, 1, 2)]
)
def test_times_that_make_no_sense_are_refused(times: tuple[float, float, float]) -> None:
    heartbeat, suspect, lost = times
    with pytest.raises(ValueError, match="lost not below suspect"):
        Liveness(heartbeat=heartbeat, suspect=suspect, lost=lost, now=0.0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from(["look", "hear", "busy"]))))
def test_silence_never_grows_by_more_than_a_tick(moves: list[tuple[float, str]]) -> None:
    liveness = alive()
    for now, move in moves:
        before = liveness.silence
        events = liveness.look(now)
        assert before <= liveness.silence <= before + liveness.tick
        assert not any(isinstance(event, Lost) for event in events) or liveness.silence >= 10.0
        if move == "hear":
            liveness.hear()
            assert liveness.silence == 0.0
        elif move == "busy":
            liveness.excuse(abs(now))
