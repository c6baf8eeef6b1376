"""Where requests come into a pool: channels of calls whose receiver is the pool itself.

So `map`, `outcomes` and `call` of a pool are those of any sender, and nothing waits in the pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import csp
from csp.lowlevel import Item, Taker, take_over

from ._codec import Codec, DecodeFailed, EncodeFailed
from ._requests import Request


class Intake:
    """One channel of calls; what comes in has its `timeout` and `priority`.

    `taken(request)` gets each request while `may()` is true: call `ask` when it has become so.
    `given_up(request)` is told when nobody waits for it any more.
    """

    def __init__(
        self,
        kind: Any,
        codecs: tuple[Codec, Codec],
        *,
        name: str,
        timeout: float,
        priority: float,
        may: Callable[[], bool],
        taken: Callable[[Request], object],
        given_up: Callable[[Request], object],
    ) -> None:
        self._request, self._reply = codecs
        self._timeout, self._priority = timeout, priority
        self._tell_taken, self._tell_given_up = taken, given_up
        self.open = 0  # requests without an answer
        channel: csp.Channel[Any] = csp.Channel(kind, name=name)
        self.sender: csp.Sender[Any] = take_over(channel.sender())
        self._taker = Taker(channel.receiver(), may=may, taken=self._taken, ended=lambda: None)
        self.ask()

    def ask(self) -> None:
        """Take what is there, or wait for it."""
        self._taker.ask()

    def close(self) -> None:
        """Nothing comes in any more."""
        self._taker.close()
        self.sender.close()

    def _taken(self, item: Item) -> None:
        taker = self._taker
        try:
            data = self._request.encode(item.value.request)
        except EncodeFailed as error:
            taker.fail(item, error)
            return

        def answer(reply: Any, error: Exception | None) -> None:
            self.open -= 1
            if error is None:
                try:
                    reply = self._reply.decode(reply)
                except DecodeFailed as why:
                    error = csp.CallFailed(str(why))
            if error is None:
                taker.done(item, reply)
            else:
                taker.fail(item, error)

        def give_up() -> None:
            if not request.over:
                request.over = True
                self._tell_given_up(request)
                answer(None, csp.CallFailed("the caller was cancelled"))

        request = Request(data, answer, timeout=self._timeout, priority=self._priority)
        self.open += 1
        taker.keep(item, extended=False, cancel=give_up)
        if not request.over:
            self._tell_taken(request)
