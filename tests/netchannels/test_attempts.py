"""How often a request is tried."""

from __future__ import annotations

import pytest

import csp
from netchannels._attempts import Attempts
from netchannels._batches import OVERRAN, RAISED, Failure
from netchannels._requests import Request


def tried(times: int) -> Request:
    request = Request(None, "x", b"", 0, 0)  # type: ignore[arg-type]
    request.attempts = times
    request.history = tuple(f"worker {n}: lost" for n in range(times))
    return request


def test_pauses_double_each_spread_by_half() -> None:
    attempts = Attempts(9, 2.0)
    for attempt, least, most in ((1, 1, 3), (2, 2, 6), (4, 8, 24)):
        pauses = [attempts.pause(attempt) for _ in range(200)]
        assert least <= min(pauses) < max(pauses) <= most


def test_what_is_lost_or_overruns_is_tried_again_as_often_as_it_may_be() -> None:
    attempts = Attempts(3)
    assert attempts.after_loss(tried(2)) == 0
    assert attempts.after(tried(2), Failure(OVERRAN, "it ran longer")) == 0
    error = attempts.after_loss(tried(3))
    assert isinstance(error, csp.RequestFailed)
    assert str(error) == "it was tried 3 times; the last time, worker 2: lost"
    assert error.history == ("worker 0: lost", "worker 1: lost", "worker 2: lost")


def test_what_the_function_raises_is_tried_again_only_if_that_is_wanted() -> None:
    failure = Failure(RAISED, "ValueError: no", "the traceback")
    error = Attempts(3).after(tried(1), failure)
    assert isinstance(error, csp.RequestFailed)
    assert (str(error), error.traceback) == ("ValueError: no", "the traceback")
    assert Attempts(3, retry_errors=True).after(tried(1), failure) == 0


@pytest.mark.parametrize(("most", "backoff"), [(0, 0), (1.5, 0), (1, -1)])
def test_numbers_out_of_range_are_refused(most: int, backoff: float) -> None:
    with pytest.raises(ValueError, match="max_attempts|backoff"):
        Attempts(most, backoff)


def test_a_backoff_that_is_no_number_fails_the_request() -> None:
    def broken(attempt: int) -> float:
        return 1 / (attempt - 1)

    error = Attempts(3, broken).after_loss(tried(1))
    assert isinstance(error, csp.RequestFailed)
    assert str(error) == "there is no pause: ZeroDivisionError: division by zero"
    assert error.history == ("worker 0: lost",)
