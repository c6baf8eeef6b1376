"""What both kinds of ends share: the channel behind them, ownership, ends in values.

Invariants of an end:
* `_owner` is the holder that may use it; a retired or given end has the owner `CLOSED`, whose
  kernel never steps anybody, so the hot paths need no further test.
* an open end counts once in `_core.ends[side]`, also while it is claimed or travels in a value.
* the old handle of an end sent in a value is closed when the value is committed, not before.
"""

from __future__ import annotations

import copy
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast, get_args, get_origin

import trio
from trio.lowlevel import current_task, enable_ki_protection

from . import _types
from ._buffers import Buffer
from ._errors import (
    Abandoned,
    ChannelEnded,
    ChannelTypeError,
    EndClosed,
    EndOfChannel,
    NoReceivers,
    Poisoned,
)
from ._offer import POISONED, RECEIVE, SEND, Party
from ._parking import Holder, Kernel, _holder, current_kernel
from ._rendezvous import Rendezvous

T = TypeVar("T")

CLOSED = Holder(cast(Kernel, types.SimpleNamespace(current=None)), "closed")
TRAVELLING = Holder(cast(Kernel, types.SimpleNamespace(current=None)), "in a value")
LEAVES = frozenset({int, str, bytes, float, bool, complex, type(None), bytearray})


def place_of_caller() -> str:
    """`file.py:12` of the first frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "csp":
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"


class Core(Rendezvous):
    """A channel as its ends see it: the meeting place, its name, type and check."""

    __slots__ = (
        "__weakref__", "carries", "channel", "check", "detached", "exact", "failed", "kind",
        "maker", "max_attempts", "name", "reply_check", "request_check",
    )  # fmt: skip

    def __init__(self, kind: Any, name: str, buffer: Buffer | None, deep: bool) -> None:
        super().__init__(buffer)
        self.kind, self.name = kind, name
        self.exact = kind if kind in LEAVES else None  # values of this very class need no check
        self.carries = self.exact is None  # a value may hold ends
        self.check: Callable[[object], bool] | None
        self.request_check: Callable[[object], bool] | None = None
        self.reply_check: Callable[[object], bool] | None = None
        if get_origin(kind) is not None and get_origin(kind).__name__ == "Call":
            request, reply = get_args(kind)
            self.request_check = _types.value_check(request, deep)
            self.reply_check = _types.value_check(reply, deep)
            self.check = lambda value: type(value).__name__ == "Ticket"
        else:
            self.check = _types.value_check(kind, deep)
        self.channel: weakref.ref[Any] | None = None  # counts as both ends, held by `maker`
        self.maker: Holder | None = None
        self.detached = False  # an end is used by a thread: never judged
        self.max_attempts = 3
        self.failed: Any = None

    def refuse(self, value: object) -> None:
        """Raise ChannelTypeError if `value` is not of the element type."""
        if self.check is not None and not self.check(value):
            raise ChannelTypeError(
                f"channel `{self.name}` carries {_types.describe(self.kind)}, "
                f"not {type(value).__name__} ({value!r:.60})"
            )

    def refuse_request(self, value: object) -> NoReturn:
        """Raise ChannelTypeError for a request of the wrong type."""
        self._refuse_part("requests", 0, value)

    def refuse_reply(self, value: object) -> NoReturn:
        """Raise ChannelTypeError for a reply of the wrong type."""
        self._refuse_part("replies", 1, value)

    def _refuse_part(self, what: str, index: int, value: object) -> NoReturn:
        wanted = _types.describe(get_args(self.kind)[index])
        raise ChannelTypeError(
            f"the {what} of channel `{self.name}` are {wanted}, "
            f"not {type(value).__name__} ({value!r:.60})"
        )

    def error(self, side: int, outcome: Any, end: _End) -> ChannelEnded:
        """The exception for an operation on `end` that met the end of the channel."""
        error: ChannelEnded
        if outcome == POISONED:
            assert self.poison is not None
            reason, who = self.poison
            text = f"channel `{self.name}` was poisoned by `{who}`" + (reason and f": {reason}")
            error = Poisoned(text, reason=reason, who=who)
        elif self.causes:
            other = "senders" if side == RECEIVE else "receivers"
            listed = "; ".join(f"{type(c).__name__}: {c}" for c in self.causes)
            error = Abandoned(
                f"the {other} of channel `{self.name}` are gone, and not all in order: {listed}",
                self.causes,
            )
        elif side == RECEIVE:
            error = EndOfChannel(f"all senders of channel `{self.name}` have retired")
        else:
            error = NoReceivers(f"all receivers of channel `{self.name}` have retired")
        error.end = end
        return error


class _End:
    """What both kinds of ends share: ownership, retiring, poison."""

    __slots__ = ("__weakref__", "_claims", "_core", "_given", "_last", "_owner", "_story", "_token")
    _side = SEND
    _what = "sender"

    def __init__(self, core: Core, owner: Holder | None, given: bool = False) -> None:
        self._core = core
        self._given = given  # obtained as an argument or in a value: its end is a quiet one
        self._story = ""  # why it is closed
        self._claims: list[Any] = []  # descriptions of processes it was given to
        self._token: Any = None  # of the run, once it is detached
        self._last: Holder | None = None  # the owner before it was closed
        self._owner: Holder = owner if owner is not None else UNOWNED
        core.open_end(self._side)
        if owner is not None:
            owner.ends[id(self)] = weakref.ref(self)

    @property
    def channel_name(self) -> str:
        """The name of the channel."""
        return self._core.name

    @property
    def type(self) -> Any:
        """The element type of the channel."""
        return self._core.kind

    def __repr__(self) -> str:
        closed = " (closed)" if self._owner is CLOSED else ""
        return f"<{self._what} of {self._core.name}{closed}>"

    def _raise(self, outcome: Any) -> NoReturn:
        if outcome == "closed":
            raise EndClosed(self._why_closed())
        raise self._core.error(self._side, outcome, self)

    async def _fail(self, outcome: Any) -> NoReturn:
        """Raise what `outcome` means; a pending cancel wins, as its cause is the cancel's too."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._raise(outcome)

    # --- ownership -------------------------------------------------------------------------

    def _acting(self) -> Kernel:
        """The kernel, if the caller may use this end; EndClosed or RuntimeError otherwise."""
        owner = self._owner
        if owner is CLOSED or owner is TRAVELLING or self._claims:
            raise EndClosed(self._why_closed())
        kernel = current_kernel()
        if kernel.producing:
            raise RuntimeError("`produce` and conditions may not communicate")
        holder = kernel.holder()
        if self._token is None and (holder or UNOWNED) is not owner:
            assert holder is not None or owner is not UNOWNED
            who = f"process `{holder.name}`" if holder is not None else "this trio task"
            raise EndClosed(
                f"{who} was never given the {self._what} of `{self._core.name}`: "
                f"pass `{self._core.name}`'s {self._what} as an argument"
            )
        return kernel

    def _why_closed(self) -> str:
        if self._story:
            return self._story
        name, what = self._core.name, self._what
        if self._claims:
            claim = self._claims[0]
            return (
                f"you gave `{name}`'s {what} to `{claim.name}` at {claim.place}; "
                f"`.clone()` it to keep one"
            )
        return f"this {what} of `{name}` was retired"

    def _move(self: Any, owner: Holder) -> Any:
        """A new handle for `owner`; this one is closed, and counts no more."""
        new = type(self)(self._core, owner, given=True)
        story = self._why_closed()
        self._leave()
        self._story = story
        return new

    def _leave(self) -> None:
        self._core.ends[self._side] -= 1
        self._last = self._owner
        self._owner.ends.pop(id(self), None)
        self._owner = CLOSED

    def _adopt(self, owner: Holder | None) -> None:
        """An end that arrived in a value belongs to its receiver."""
        if self._owner is TRAVELLING:
            self._owner = owner if owner is not None else UNOWNED
            if owner is not None:
                owner.ends[id(self)] = weakref.ref(self)

    def clone(self: Any) -> Any:
        """Make another end of the same channel and direction, owned by the caller.

        Raises EndClosed if this end was retired or given away.
        """
        if self._owner is CLOSED or self._claims:
            raise EndClosed(self._why_closed())
        new = type(self)(self._core, None, given=self._given)
        if self._owner is not UNOWNED:
            new._owner = self._owner
            new._owner.ends[id(new)] = weakref.ref(new)
        return new

    def retire(self, *, _cause: BaseException | None = None) -> None:
        """Close this end; with the last one its direction of the channel ends.  Idempotent.

        On an end that was given away it does nothing.
        """
        if self._owner is CLOSED or self._claims:
            return
        self._retire(_cause)

    @enable_ki_protection
    def _retire(self, cause: BaseException | None = None) -> None:
        owner = self._owner
        if owner is CLOSED:
            return
        owner.ends.pop(id(self), None)
        self._last, self._owner = owner, CLOSED
        woken: list[Party] = []
        self._core.retire(self._side, woken, cause)
        _close_waiting(self, woken)
        if self._core.watches is not None:
            for watch in list(self._core.watches[self._side]):
                if watch.end is self:
                    watch.selector.hints |= watch.bit
                    self._core.unwatch(watch)
        if woken:
            current_kernel().wake_all(woken)
        kernel = owner.kernel  # told after waking: an observer may cancel whoever was settled
        if getattr(kernel, "hook", None) is not None:
            side = "send" if self._side == SEND else "receive"
            kernel.tell("retired", self._core.name, side, repr(cause) if cause else "")

    def detach(self) -> None:
        """Hand this end to a thread or callback (see `csp.from_thread`).

        It belongs to no process from now on: retire it yourself.  Its channel is never judged
        in a search for deadlocks.  Raises EndClosed if it is not yours.
        """
        self._acting()
        self._owner.ends.pop(id(self), None)
        self._owner = UNOWNED
        self._core.detached = True
        self._token = trio.lowlevel.current_trio_token()

    def close(self) -> None:
        """Retire this end (trio's name for it)."""
        self.retire()

    async def aclose(self) -> None:
        """Retire this end, then execute a checkpoint (trio's name for it)."""
        self.retire()
        await trio.lowlevel.checkpoint()

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *exc: object) -> None:
        self.retire()

    @enable_ki_protection
    def poison(self, reason: str = "", /) -> None:
        """Kill the channel at once, in both directions; buffered values are dropped.

        `reason` is shown by the `Poisoned` error of everybody who uses the channel.
        Raises EndClosed if this end was retired or given away.
        """
        kernel = self._acting()
        holder = kernel.holder()
        self._poison(reason, holder.name if holder is not None else "main")

    def _poison(self, reason: str, who: str) -> None:
        woken: list[Party] = []
        self._core.kill(reason, who, woken)
        if woken:
            current_kernel().wake_all(woken)
        kernel = current_kernel()
        if kernel.hook is not None:
            kernel.tell("poisoned", self._core.name, "", reason)

    def __del__(self) -> None:
        if self._owner is CLOSED:
            return
        if self._owner is not TRAVELLING and not self._claims:
            warnings.warn(
                f"the {self._what} of channel `{self._core.name}` was dropped without being "
                f"retired: use `with`, or give it to a process",
                ResourceWarning,
                stacklevel=1,
            )
        self._retire()

    def statistics(self) -> Statistics:
        """The numbers that trio's memory channels give, for this channel."""
        core = self._core
        buffer = core.buffer
        used = (len(buffer) if buffer is not None else 0) + (len(core.front) if core.front else 0)
        return Statistics(
            current_buffer_used=used,
            max_buffer_size=buffer.size if buffer is not None else 0,
            open_send_channels=core.ends[SEND],
            open_receive_channels=core.ends[RECEIVE],
            tasks_waiting_send=core.waiting(SEND),
            tasks_waiting_receive=core.waiting(RECEIVE),
            peak_buffer_used=buffer.peak if buffer is not None else 0,
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """A snapshot of a channel, with the fields of `trio.MemoryChannelStatistics`.

    Counts of values, ends and waiting parties; `max_buffer_size` is an int or `math.inf`.
    """

    current_buffer_used: int
    max_buffer_size: float
    open_send_channels: int
    open_receive_channels: int
    tasks_waiting_send: int
    tasks_waiting_receive: int
    peak_buffer_used: int


class _Unowned(Holder):
    """Owns the ends of plain trio tasks: it keeps no list, so that they can be collected."""

    __slots__ = ()


UNOWNED: Holder = _Unowned(cast(Kernel, types.SimpleNamespace(current=None)), "main")


def _close_waiting(end: _End, woken: list[Party]) -> None:
    """An end closed under an operation that waits on it: that operation raises EndClosed."""
    core, party = end._core, end._core.first
    while party is not None:
        following = party.next
        if party.side == end._side and party.end is end:
            core.unlink(party)
            party.outcome = "closed"
            woken.append(party)
        party = following


def maker() -> Holder | None:
    """The holder that the caller acts for, if any."""
    try:
        current_task()
    except RuntimeError:
        return None
    return current_kernel().holder() if _holder.get() is not None else None


def ends_on(holder: Holder, core: Core) -> bool:
    """True if `holder` holds an end of the channel."""
    return any((end := ref()) is not None and end._core is core for ref in holder.ends.values())


# the operations that `Par` takes besides processes, known by their code
OPERATIONS: set[types.CodeType] = set()


class Cargo:
    """The old handles of ends that travel in a value: closed when it is committed."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[_End, _End]] = []

    def settle(self, committed: bool) -> None:
        """Close the old handles, or the new ones if the value was not taken."""
        for old, new in self.pairs:
            if committed:
                old._leave()
                old._story = f"you sent this {old._what} of `{old._core.name}` away"
            else:
                new._leave()


def pack(value: Any, holder: Holder | None) -> tuple[Any, Cargo | None]:
    """`value` with each end in it replaced by one that travels, and the old ends."""
    cargo = Cargo()

    def move(end: _End) -> _End:
        end._acting()
        new = type(end)(end._core, None, given=True)
        new._owner = TRAVELLING
        cargo.pairs.append((end, new))
        return new

    value = map_ends(value, move)
    return value, cargo if cargo.pairs else None


def adopt(value: Any, holder: Holder | None) -> None:
    """The ends in a received value belong to the receiver from now on."""

    def take(end: _End) -> _End:
        end._adopt(holder)
        return end

    map_ends(value, take)


def map_ends(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with `change` applied to each end in it; the same object if there is none.

    Looks into lists, tuples, dicts, dataclasses and Structs.
    """
    kind = type(value)
    if kind in LEAVES:
        return value
    if isinstance(value, _End):
        return change(value)
    if kind is list or isinstance(value, tuple):
        items = [map_ends(v, change) for v in value]
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        return items if kind is list else kind(*items) if hasattr(kind, "_fields") else kind(items)
    if kind is dict:
        changed = {k: map_ends(v, change) for k, v in value.items()}
        return value if all(changed[k] is value[k] for k in value) else changed
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "__struct_fields__", None)
    if fields is not None and not isinstance(value, type):
        return _map_fields(value, list(fields), change)
    return value


def _map_fields(value: Any, fields: list[str], change: Callable[[Any], Any]) -> Any:
    changed = {}
    for name in fields:
        old = getattr(value, name, None)
        new = map_ends(old, change)
        if new is not old:
            changed[name] = new
    if not changed:
        return value
    result = copy.copy(value)
    for name, new in changed.items():
        object.__setattr__(result, name, new)
    return result
