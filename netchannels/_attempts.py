"""How often a request is tried, and how long it rests in between.

The pause doubles from one attempt to the next and is spread by half, so that many which failed
together do not come back together (exponential backoff with jitter: M. Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import cast

import csp

from ._batches import OVERRAN, Failure
from ._errors import in_words
from ._numbers import as_number
from ._requests import Request

Backoff = float | Callable[[int], float]


class Attempts:
    """`most` attempts; `backoff` is the first pause in seconds, or a function from attempt to pause.

    What a function raises is tried again only with `retry_errors`: it would most likely raise it again.

    Raises ValueError for fewer than 1 attempt, and a pause below 0; TypeError for a pause that is no number.

    >>> Attempts(3, lambda attempt: attempt * 2.0).pause(2)
    4.0
    """

    def __init__(self, most: int = 3, backoff: Backoff = 0.0, retry_errors: bool = False) -> None:
        if not isinstance(cast(object, most), int) or most < 1:
            raise ValueError(f"max_attempts is 1 or more, not {most!r}")
        if not callable(backoff):
            backoff = as_number(backoff, "backoff is 0 or more seconds, or a function", least=0)
        self.most: int = most
        self.backoff: Backoff = backoff
        self.retry_errors: bool = retry_errors

    def pause(self, attempt: int) -> float:
        """Seconds after so many attempts."""
        if callable(self.backoff):
            return self.backoff(attempt)
        return float(self.backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))

    def after(self, request: Request, failure: Failure) -> float | Exception:
        """What follows a failed attempt: a pause before the next, or the error for who waits."""
        if failure.kind == OVERRAN or self.retry_errors:
            return self.after_loss(request, failure)
        return _failed(failure.text, request, failure.traceback)

    def after_loss(self, request: Request, failure: Failure | None = None) -> float | Exception:
        """What follows the loss of a program that had worked on it."""
        if request.attempts < self.most:
            try:
                return float(self.pause(request.attempts))
            except Exception as error:  # it is user code
                return _failed(f"there is no pause: {in_words(error)[0]}", request, "")
        times = "once" if request.attempts == 1 else f"{request.attempts} times"
        text = f"it was tried {times}; the last time, {request.history[-1]}"
        return _failed(text, request, failure.traceback if failure is not None else "")


def _failed(text: str, request: Request, traceback: str) -> csp.RequestFailed:
    return csp.RequestFailed(text, traceback=traceback, history=request.history)
