"""A bucket of tokens: who waits for how long."""

from __future__ import annotations

import trio
import trio.testing

from netchannels._pace import Pace


def seconds(*steps: tuple[str, float]) -> list[float]:
    """When each step was over: "room", "spend" or "give_back" so many tokens, or "sleep"."""
    times: list[float] = []

    async def main() -> None:
        pace = Pace(burst=4, rate=2)
        began = trio.current_time()
        for what, number in steps:
            if what == "room":
                await pace.room()
            elif what == "sleep":
                await trio.sleep(number)
            else:
                getattr(pace, what)(number)
            times.append(round(trio.current_time() - began, 6))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return times


def test_as_many_as_are_saved_up_do_not_wait_and_the_others_come_at_the_rate() -> None:
    assert seconds(*[("room", 1)] * 7) == [0, 0, 0, 0, 0.5, 1.0, 1.5]


def test_no_more_is_saved_up_than_the_burst() -> None:
    assert seconds(("sleep", 100), *[("room", 1)] * 5)[1:] == [100, 100, 100, 100, 100.5]


def test_what_was_spent_beyond_what_there_was_is_waited_for() -> None:
    assert seconds(("spend", 8), ("room", 1)) == [0, 2.5]


def test_what_is_given_back_lets_the_next_one_in_at_once() -> None:
    assert seconds(("spend", 4), ("give_back", 2), *[("room", 1)] * 3) == [0, 0, 0, 0, 0.5]


def test_no_more_can_be_given_back_than_the_burst() -> None:
    assert seconds(("give_back", 50), *[("room", 1)] * 5) == [0, 0, 0, 0, 0, 0.5]
