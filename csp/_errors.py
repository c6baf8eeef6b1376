"""Every error of csp, each also a builtin or trio class, so that old `except` clauses keep working.

`ChannelEnded` is nobody's mistake (the other side is gone); `EndClosed` is yours; the rest
are programming errors or failed work.  `DeliveryUnknown` and `LinkLost` are raised by network
channels and stand here so that one `except` serves both kinds.
"""

from __future__ import annotations

import trio


class ChannelEnded(Exception):
    """The channel cannot be used any more; raised only as one of its subclasses.

    `end` is the end on which the operation failed (None when unknown); a process compares it
    with the ends it was given to decide whether it may end quietly.
    """

    end: object = None


class EndOfChannel(ChannelEnded, trio.EndOfChannel):
    """Raised when receiving: all senders have retired and everything sent was received."""


class NoReceivers(ChannelEnded, trio.BrokenResourceError):
    """Raised when sending: all receivers have retired, nobody can take the value."""


class Poisoned(ChannelEnded, trio.BrokenResourceError):
    """Raised by any operation on a poisoned channel; says who poisoned it and why.

    `reason` is the text given to `poison(reason)`, `who` the name of the process.
    """

    def __init__(self, message: str = "", *, reason: str = "", who: str = "") -> None:
        super().__init__(message)
        self.reason: str = reason
        self.who: str = who


class Abandoned(ChannelEnded, trio.BrokenResourceError):
    """The last end of the other side is gone, and one left because its process failed.

    `causes` lists the errors with which ends of the other side left.
    """

    def __init__(self, message: str = "", causes: tuple[BaseException, ...] = ()) -> None:
        super().__init__(message)
        self.causes: tuple[BaseException, ...] = causes


class LinkLost(ChannelEnded, trio.BrokenResourceError):
    """The node on the other side of the link is gone; `delivered` is False when nobody took it."""

    delivered: bool | None = None


class DeliveryUnknown(trio.BrokenResourceError):
    """The other side was lost between taking the value and answering."""


class EndClosed(trio.ClosedResourceError):
    """You used an end that you retired, gave away, or were never given."""


class WiringError(TypeError):
    """A process was given an end of the wrong direction or element type."""


class ChannelTypeError(TypeError):
    """A value that the channel does not carry was sent."""


class Deadlock(RuntimeError):
    """A set of processes waits only for each other; the message names the cycle."""


class LeaseFailed(RuntimeError):
    """A leased value failed `max_attempts` times and nobody receives from `channel.failed`."""


class CallFailed(RuntimeError):
    """The server of a call failed; the message has the type and text of its error.

    `traceback` is the text of the server's traceback, "" where there is none.
    """

    def __init__(self, message: str = "", *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback: str = traceback


class RequestFailed(CallFailed):
    """A request of a pool failed as often as it may; `history` lists the errors."""

    history: tuple[str, ...] = ()
