"""What both kinds of ends share: who owns them, how they close.

Invariants:
* `_owner` is the holder that may use the end; a retired or given one has the owner `CLOSED`, whose
  kernel never steps anybody, so the hot paths need no further test.
* an open end counts once in `_core.ends[side]`, also while it is claimed or travels in a value.
* `_claims` are the processes it was given to that have not started, held weakly: one that is
  forgotten says so at once.  The end may not be used meanwhile.
* `_user` is the owner while he may use the end, once he has used it or if he was given it; else
  `CLOSED`: the only test of the hot paths.
"""

from __future__ import annotations

import types
import warnings
import weakref
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, Self, cast

from ._core import SIDES, Core
from ._errors import Cause, DeliveryUnknown, EndClosed, explained, see
from ._kernel import HOLDER, Held, Holder, Kernel
from ._offer import CLOSED as CLOSED_END
from ._offer import RECEIVE, SEND, Party
from ._parking import current_kernel, is_for_its_run, protected
from ._places import is_lost_by_error

_NEVER = cast(Kernel, types.SimpleNamespace(current=None, hook=None, producing=False))


class _Unowned(Holder):
    """Owns the ends of plain trio tasks: it keeps no list, so that they can be collected."""

    __slots__ = ()


CLOSED = Holder(_NEVER, "closed")
TRAVELLING = Holder(_NEVER, "in a value")
UNOWNED: Holder = _Unowned(_NEVER, "main")


class End:
    """One end of a channel."""

    __slots__ = (
        "__weakref__",
        "_claims",
        "_core",
        "_given",
        "_held",
        "_last",
        "_owner",
        "_story",
        "_token",
        "_user",
    )
    _side: ClassVar[int] = SEND
    _what: ClassVar[str] = "sender"

    def __init__(self, core: Core, owner: Holder | None, given: bool = False) -> None:
        self._core = core
        self._given = given  # obtained as an argument or in a value: its end is a quiet one
        self._story = ""  # why it is closed
        self._claims: tuple[weakref.ref[Any], ...] = ()
        self._token: Any = None  # of the run, once it is detached
        self._last: Holder | None = None  # the owner before it was closed
        self._held: Held | None = None  # its place among the ends of its owner
        core.open_end(self._side)
        self._own(owner)

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

    # --- ownership -------------------------------------------------------------------------

    def _claim(self, process: Any) -> None:
        """It was given to a process that has not started: nobody waits on it any more."""
        self._claims = (*self._claims, weakref.ref(process))
        self._user = CLOSED
        self._nobody_waits()

    def _unclaim(self, process: Any) -> None:
        """That process starts, or never will."""
        others = self._claims if len(self._claims) > 1 else ()
        self._claims = tuple([ref for ref in others if ref() not in (None, process)])

    def _claimants(self) -> list[Any]:
        """The processes it was given to that have not started."""
        return [process for ref in self._claims if (process := ref()) is not None]

    def _is_idle(self) -> bool:
        """True if its owner made it, and neither used it nor gave it away."""
        return not self._given and self._user is CLOSED and not self._claims

    def _tell_idle(self) -> None:
        warnings.warn(
            f"`{self._owner.name}` made a {self._what} of `{self._core.name}`, and neither used it "
            f"nor gave it to a process {see('dropped-end')}",
            ResourceWarning,
            stacklevel=1,
        )

    def _nobody_waits(self) -> None:
        woken: list[Party] = []
        self._core.close(self._side, self, woken)
        if woken:
            current_kernel().wake_all(woken)

    def _check_owner(self) -> None:
        """Raise EndClosed unless the end is the caller's, or nobody's."""
        holder = HOLDER.get()
        if self._owner is CLOSED or self._owner is TRAVELLING:
            raise self._closed_error()
        if self._owner is not UNOWNED and self._owner is not holder:
            raise self._never_given(holder)

    def _never_given(self, holder: Holder | None) -> EndClosed:
        who = f"process `{holder.name}`" if holder is not None else "this trio task"
        problem = (
            f"{who} was never given the {self._what} of `{self._core.name}`: "
            f"pass `{self._core.name}`'s {self._what} as an argument"
        )
        return explained(EndClosed(problem), "never-given")

    def _own(self, owner: Holder | None) -> None:
        self._owner = owner if owner is not None else UNOWNED
        self._user = CLOSED
        if owner is not None and owner is not TRAVELLING:
            self._held = owner.add_end(self)
            if self._given and not self._claims:
                self._user = owner

    def _disown(self) -> None:
        if self._held is not None:
            self._owner.drop_end(self._held)
            self._held = None

    def _acting(self) -> Kernel:
        """The kernel, if the caller may use this end; EndClosed or RuntimeError otherwise."""
        owner = self._owner
        if owner.kernel.current is self._user and not owner.kernel.producing:
            return owner.kernel
        if owner is CLOSED or owner is TRAVELLING or self._claims:
            raise self._closed_error()
        kernel = current_kernel()
        if kernel.producing:
            raise RuntimeError("`produce` and conditions may not communicate")
        holder = kernel.holder()
        if self._token is None and (holder or UNOWNED) is not owner:
            raise self._never_given(holder)
        self._user = owner
        return kernel

    def _closed_error(self) -> EndClosed:
        return explained(EndClosed(self._why_closed()), "closed-end")

    def _why_closed(self) -> str:
        if self._story:
            return self._story
        name, what = self._core.name, self._what
        for claim in self._claimants():
            return (
                f"you gave `{name}`'s {what} to `{claim.name}` at {claim.place}; "
                f"`.clone()` it to keep one"
            )
        return f"this {what} of `{name}` was retired"

    def _twin(self, owner: Holder | None) -> Self:
        """Another handle of the same end, as received by `owner`."""
        return type(self)(self._core, owner, given=True)

    def _step_aside(self, new: Any) -> None:
        """`new` has it in this step of a `Seq`, a later step has it after that; both count."""

    def _leave(self, story: str) -> None:
        """This handle is closed, and counts no more; another one stands for it."""
        if self._owner is CLOSED:
            return
        self._core.lose_end(self._side)
        self._last = self._owner
        self._disown()
        self._owner = self._user = CLOSED
        self._story = story

    def _adopt(self, owner: Holder | None) -> None:
        """An end that arrived in a value belongs to its receiver."""
        if self._owner is TRAVELLING:
            self._own(owner)

    def _pass_on(self, owner: Holder) -> None:
        """A claimed end goes to `owner` together with the process that claims it."""
        self._disown()
        self._own(owner)

    def clone(self) -> Self:
        """Make another end of the same channel and direction, owned by the caller.

        Raises EndClosed if this end was retired, given away, or never given to you.
        """
        if self._claims:
            raise self._closed_error()
        self._check_owner()
        return self._duplicate()

    def _duplicate(self) -> Self:
        return type(self)(self._core, self._owner, given=self._given)

    # --- closing ---------------------------------------------------------------------------

    def _raise(self, outcome: Any) -> NoReturn:
        if outcome == CLOSED_END:
            raise self._closed_error()
        if isinstance(outcome, BaseException):
            raise outcome
        raise self._core.error(self._side, outcome, self)

    async def _fail(self, outcome: Any) -> NoReturn:
        """Raise what `outcome` means; a pending cancel wins, as its cause is the cancel's too.

        Not over DeliveryUnknown: Cancelled would say that nobody has taken the value.
        """
        if not isinstance(outcome, DeliveryUnknown):
            await current_kernel().cancel_point()
        self._raise(outcome)

    def retire(self) -> None:
        """Close this end; with the last one its direction of the channel ends.  Idempotent.

        On an end that was given away it does nothing.  In a thread that has a detached end it
        returns at once, and the run retires it soon: `csp.from_thread.retire` waits for that.
        """
        if not self._claims:
            self._retire()

    @protected
    def _retire(self, cause: BaseException | None = None) -> None:
        owner, core = self._owner, self._core
        if owner is CLOSED:
            return
        if self._token is not None and is_for_its_run(self._token, self._retire):
            return
        self._disown()
        self._last, self._owner, self._user = owner, CLOSED, CLOSED
        woken: list[Party] = []
        core.close(self._side, self, woken)
        core.retire(self._side, woken, None if cause is None else Cause(cause, owner.name))
        if woken:
            current_kernel().wake_all(woken)
        # told after waking: an observer may cancel who was settled
        if owner.kernel.hook is not None:
            detail = repr(cause) if cause is not None else ""
            owner.kernel.tell("retired", core.path(), SIDES[self._side], detail)

    def detach(self) -> None:
        """Hand this end to a thread or callback (see `csp.from_thread`).

        It belongs to no process from now on: retire it yourself, in the thread or in trio.  Its
        channel is never judged in a search for deadlocks.  Raises EndClosed if it is not yours.
        """
        kernel = self._acting()
        self._disown()
        self._own(None)
        self._core.detached = True
        self._token = kernel.token()

    def close(self) -> None:
        """Retire this end (trio's name for it)."""
        self.retire()

    async def aclose(self) -> None:
        """Retire this end, then execute a checkpoint (trio's name for it)."""
        self.retire()
        kernel = current_kernel()
        await kernel.cancel_point()
        await kernel.after()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.retire()

    @protected
    def poison(self, reason: str = "", /) -> None:
        """Kill the channel at once, in both directions; buffered values are dropped.

        `reason` is shown by the `Poisoned` error of everybody who uses the channel.
        Raises EndClosed if this end was retired or given away.
        """
        holder = self._acting().holder()
        self._poison(reason, holder.name if holder is not None else "main")

    def _poison(self, reason: str, who: str) -> None:
        woken: list[Party] = []
        self._core.kill(reason, who, woken)
        kernel = current_kernel()
        kernel.wake_all(woken)
        if kernel.hook is not None:
            kernel.tell("poisoned", self._core.path(), "", reason)

    def _matters(self) -> bool:
        """True if somebody may wait for it to retire: its channel is not over."""
        return self._core.state(self._side) is None

    def __del__(self) -> None:
        if self._owner is CLOSED:
            return
        try:
            ending = getattr(self._owner.body, "cr_frame", self) is None  # its process has returned
            if ending and self._is_idle():
                self._tell_idle()
            elif (
                not ending
                and self._owner is not TRAVELLING
                and not self._claims
                and self._matters()
                and not is_lost_by_error()
            ):
                warnings.warn(
                    f"the {self._what} of channel `{self._core.name}` was dropped without being "
                    f"retired: use `with`, or give it to a process {see('dropped-end')}",
                    ResourceWarning,
                    stacklevel=1,
                )
        finally:  # warnings may be errors
            self._retire()

    def statistics(self) -> Statistics:
        """The numbers that trio's memory channels give, for this channel."""
        core = self._core
        senders, receivers = core.ends
        buffer = core.buffer
        used = (len(buffer) if buffer is not None else 0) + (len(core.front) if core.front else 0)
        return Statistics(
            current_buffer_used=used,
            max_buffer_size=buffer.size if buffer is not None else 0,
            open_send_channels=senders,
            open_receive_channels=receivers,
            tasks_waiting_send=core.waiting(SEND),
            tasks_waiting_receive=core.waiting(RECEIVE),
            peak_buffer_used=buffer.peak if buffer is not None else 0,
        )


@dataclass(frozen=True, slots=True)
class Statistics:
    """A snapshot of a channel, with the fields of `trio.MemoryChannelStatistics`.

    Counts of values, ends and waiting parties; `max_buffer_size` is an int or `math.inf`.

    >>> import csp
    >>> with csp.Channel(int, buffer=3).sender() as tx:
    ...     print(tx.statistics().max_buffer_size)
    3
    """

    current_buffer_used: int
    max_buffer_size: float
    open_send_channels: int
    open_receive_channels: int
    tasks_waiting_send: int
    tasks_waiting_receive: int
    peak_buffer_used: int
