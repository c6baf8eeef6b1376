"""A channel as its ends see it: the meeting place, with a name, an element type and a check.

Invariants:
* `exact` is set only for classes whose instances hold no ends and need no check but their class.
* `maker` is the holder that made the channel; while `channel` is alive it counts as both ends.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, NoReturn, get_args

from . import _types
from ._buffers import Buffer, Fifo
from ._errors import (
    Abandoned,
    CallFailed,
    Cause,
    ChannelEnded,
    ChannelTypeError,
    EndOfChannel,
    LinkLost,
    NoReceivers,
    Poisoned,
    explained,
)
from ._kernel import Holder
from ._offer import POISONED, RECEIVE, SEND, Item, Party, Watch
from ._rendezvous import Rendezvous, Woken

# classes that hold no ends: their values are sent as they are
LEAVES = frozenset({int, str, bytes, float, bool, complex, type(None), bytearray})
SIDES = {SEND: "send", RECEIVE: "receive"}


class Core(Rendezvous):
    """What the ends of one channel share."""

    __slots__ = (
        "__weakref__", "answers", "carries", "channel", "check", "detached", "exact", "failed",
        "home", "kind", "known_path", "lost", "maker", "max_attempts", "name", "number", "replies", "reply_check",
        "request_check",
        "roomy", "shared", "tell_home", "wanted", "work",
    )  # fmt: skip

    def __init__(
        self,
        kind: Any,
        name: str,
        *,
        buffer: Buffer | None = None,
        deep: bool = False,
        maker: Holder | None = None,
        answers: type[Any] | None = None,
    ) -> None:
        super().__init__(buffer)
        self.kind: Any = kind
        self.name: str = name
        self.maker: Holder | None = maker
        self.exact: Any = kind if kind in LEAVES else None
        self.carries: bool = self.exact is None  # a value may hold ends
        self.answers: type[Any] | None = (
            answers  # of a channel of calls: the class of what travels on it
        )
        self.check: Callable[[object], bool] | None
        self.request_check: Callable[[object], bool] | None = None
        self.reply_check: Callable[[object], bool] | None = None
        if answers is not None:
            self.engages = False  # the ticket hears what becomes of the request
            request, reply = get_args(kind) or (object, object)
            self.request_check = _types.value_check(request, deep)
            self.reply_check = _types.value_check(reply, deep)
            self.check = lambda value: type(value) is answers
        else:
            self.check = _types.value_check(kind, deep)
        self.channel: weakref.ref[Any] | None = None
        self.detached: bool = False  # an end is used by a thread: never judged
        self.max_attempts: float = 3
        self.failed: Core | None = None  # where values go that failed too often
        self.shared: bool = False  # its `Channel` was given to other processes
        self.work: dict[Item, Holder | None] | None = (
            None  # what is leased or in a block, and by whom
        )
        self.home: object | None = None  # what leads to it, if it is another program
        self.roomy: bool = False  # which has a buffer for it
        # waits until what was said to that home is on its way
        self.tell_home: Callable[[], Awaitable[object]] | None = None
        self.lost: str = ""  # why the node with the other ends is gone
        # told when a receiver waits for a sender elsewhere, or has looked in vain (True)
        self.wanted: Callable[[bool], object] | None = None
        self.known_path: str = ""  # once it was asked for
        self.replies: int = 0  # of a channel of calls, for observers
        self.number: int = 0  # tells it apart from others of its name and maker
        if maker is not None:
            self.number = maker.count(name)

    def enqueue(self, party: Party) -> None:
        """Let `party` wait at the end of the line; a sender elsewhere is told of a receiver."""
        super().enqueue(party)
        if self.wanted is not None and party.side == RECEIVE:
            self.wanted(False)

    def made_by(self, channel: object) -> None:
        """Ends can be made as long as `channel` is alive."""
        self.channel = weakref.ref(channel, self._forget_channel)

    def _forget_channel(self, _channel: object) -> None:
        self.channel = None

    def path(self) -> str:
        """Its name behind that of its maker: `main.jobs`."""
        if not self.known_path:
            maker = "" if self.maker is None else f"{self.maker.path()}."
            twin = f"#{self.number}" if self.maker is not None and self.number > 1 else ""
            self.known_path = f"{maker}{self.name}{twin}"
        return self.known_path

    def refuse(self, value: object) -> None:
        """Raise ChannelTypeError if `value` is not of the element type."""
        if self.check is not None and not self.check(value):
            carries = "calls: use `call`" if self.answers else _types.describe(self.kind)
            problem = f"channel `{self.name}` carries {carries}, {_but(value)}"
            raise explained(ChannelTypeError(problem), "wrong-type")

    def refuse_plain(self) -> None:
        """Raise TypeError on a channel of calls, whose values are no user's."""
        if self.answers is not None:
            raise TypeError(
                f"channel `{self.name}` carries calls: take them with `accept()`, `accepting()` "
                f"or `serve(function)`"
            )

    def refuse_request(self, value: object) -> None:
        """Raise ChannelTypeError if `value` is no request of this channel of calls."""
        if self.request_check is not None and not self.request_check(value):
            self._refuse_part("requests", 0, value)

    def refuse_reply(self, value: object) -> None:
        """Raise ChannelTypeError if `value` is no reply of this channel of calls."""
        if self.reply_check is not None and not self.reply_check(value):
            self._refuse_part("replies", 1, value)

    def _refuse_part(self, what: str, index: int, value: object) -> NoReturn:
        wanted = _types.describe(get_args(self.kind)[index])
        problem = f"the {what} of channel `{self.name}` are {wanted}, {_but(value)}"
        raise explained(ChannelTypeError(problem), "wrong-type")

    def discard(self, value: Any) -> None:
        """The channel has dropped `value`: a call fails, ends in it retire as it is collected."""
        if self.answers is not None:
            error = self.error(SEND, self.state(SEND), None) if self.state(SEND) else None
            why = str(error) if error is not None else "dropped by the buffer"
            value.answer(error=CallFailed(f"no reply: {why}"))

    def settle(self, item: Item, woken: Woken, *, give_back: bool = False) -> None:
        """A block has ended."""
        if self.work is not None:
            self.work.pop(item, None)
        super().settle(item, woken, give_back=give_back)

    def work_on(self, item: Item, holder: Holder | None) -> None:
        """`holder` has the value in work, until it is settled."""
        if self.work is None:
            self.work = {}
        self.work[item] = holder

    def open_failed(self) -> Core:
        """Where values go that failed too often; it ends when no more can come."""
        if self.failed is None:
            self.failed = Core(object, f"{self.name}.failed", buffer=Fifo(inf), maker=self.maker)
            self.failed.open_end(SEND)
            self._end_failed([])
        return self.failed

    def _end_if_drained(self, woken: Woken) -> None:
        super()._end_if_drained(woken)
        if self.failed is not None:
            self._end_failed(woken)

    def kill(self, reason: str, who: str, woken: Woken) -> None:
        """Poison the channel."""
        super().kill(reason, who, woken)
        self._end_failed(woken)

    def _end_failed(self, woken: Woken) -> None:
        failed = self.failed
        if failed is None or self.held or failed.gone[SEND]:
            return
        if self.gone[RECEIVE] or self.state(RECEIVE) is not None:
            failed.retire(SEND, woken)

    def error(self, side: int, outcome: Any, end: object) -> ChannelEnded:
        """The exception for an operation on `end` that met the end of the channel."""
        error: ChannelEnded
        causes: tuple[Cause, ...] = self.causes[1 - side]
        if self.lost:
            error = LinkLost(self.lost)
            error.delivered = False if side == SEND else None
        elif outcome == POISONED:
            assert self.poison is not None
            reason, who = self.poison
            text = f"channel `{self.name}` was poisoned by `{who}`" + (reason and f": {reason}")
            error = Poisoned(text, reason=reason, who=who)
        elif causes:
            other = "senders" if side == RECEIVE else "receivers"
            listed = "; ".join(cause.in_words() for cause in causes)
            text = f"the {other} of channel `{self.name}` are gone, and not all in order: {listed}"
            error = explained(Abandoned(text, tuple(cause.error for cause in causes)), "abandoned")
        elif side == RECEIVE:
            error = EndOfChannel(f"all senders of channel `{self.name}` have retired")
        else:
            error = NoReceivers(f"all receivers of channel `{self.name}` have retired")
        error.end = end
        return error


class Joint(Core):
    """A core whose offers many decide together: whoever selects looks at its guards each time."""

    __slots__ = ()
    pairs = False

    def __init__(self, kind: Any, name: str, **options: Any) -> None:
        super().__init__(kind, name, **options)
        self.quick = False

    def _review(self) -> None:
        """It is never quick."""

    def watch(self, watch: Watch) -> None:
        """A guard; it may be ready without a hint."""
        super().watch(watch)
        watch.selector.mutual |= watch.bit


def _but(value: object) -> str:
    return f"not {type(value).__name__} ({value!r:.60})"
