"""Every error of csp, each also a builtin or trio class, so that old `except` clauses keep working.

`ChannelEnded` is nobody's mistake (the other side is gone); `EndClosed` is yours; the rest
are programming errors or failed work.  `DeliveryUnknown` and `LinkLost` are raised by network
channels and stand here so that one `except` serves both kinds.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeVar, cast

import trio

from ._places import refuse_caller

# the pages of csp/mistakes/: what was probably done, and how to mend it
Page = Literal[
    "abandoned",
    "closed-end",
    "deadlock",
    "dropped-end",
    "failed-process",
    "false-conditions",
    "forgotten-await",
    "kept-end",
    "never-given",
    "never-run",
    "no-other-end",
    "not-a-process",
    "not-an-end",
    "other-loop",
    "run-twice",
    "wrong-end",
    "wrong-type",
]
E = TypeVar("E", bound=BaseException)


def see(page: Page) -> str:
    """What a message ends with that has a page: `csp explain` shows it."""
    return f"(csp explain {page})"


def explained(error: E, page: Page) -> E:
    """`error`, with a note that names the page about it; the first one counts."""
    if not is_explained(error):
        error.add_note(see(page))
        refuse_caller()
    return error


def is_explained(error: BaseException) -> bool:
    """True if a note names a page."""
    return any(note.startswith("(csp explain ") for note in getattr(error, "__notes__", ()))


def leaves_of(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, or the one."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    parts: tuple[BaseException, ...] = cast(Any, error).exceptions
    return [leaf for part in parts for leaf in leaves_of(part)]


class Cause(NamedTuple):
    """Why an end has left: the error of the process that had it, and the name of that."""

    error: BaseException
    who: str

    def in_words(self) -> str:
        """Trio's own words for a cancel name no process, but an address."""
        if all(isinstance(leaf, trio.Cancelled) for leaf in leaves_of(self.error)):
            return f"`{self.who}` was cancelled"
        return f"{type(self.error).__name__}: {self.error}"


class ChannelEnded(Exception):
    """The channel cannot be used any more; raised only as one of its subclasses.

    `end` is the end on which the operation failed (None when unknown); a process compares it
    with the ends it was given to decide whether it may end quietly.

    >>> issubclass(EndOfChannel, ChannelEnded), issubclass(EndClosed, ChannelEnded)
    (True, False)
    """

    end: object = None


class EndOfChannel(ChannelEnded, trio.EndOfChannel):
    """Raised when receiving: all senders have retired and everything sent was received.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     numbers.sender().retire()
    ...     with numbers.receiver() as rx:
    ...         try:
    ...             await rx.receive()
    ...         except EndOfChannel as error:
    ...             print(error)
    >>> csp.run(main)
    all senders of channel `numbers` have retired
    """


class NoReceivers(ChannelEnded, trio.BrokenResourceError):
    """Raised when sending: all receivers have retired, nobody can take the value.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     numbers.receiver().retire()
    ...     with numbers.sender() as tx:
    ...         try:
    ...             await tx.send(1)
    ...         except NoReceivers as error:
    ...             print(error)
    >>> csp.run(main)
    all receivers of channel `numbers` have retired
    """


class Poisoned(ChannelEnded, trio.BrokenResourceError):
    """Raised by any operation on a poisoned channel; says who poisoned it and why.

    `reason` is the text given to `poison(reason)`, `who` the name of the process.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     with numbers.sender() as tx, numbers.receiver() as rx:
    ...         tx.poison("no more paper")
    ...         try:
    ...             await rx.receive()
    ...         except Poisoned as error:
    ...             print(error.reason)
    >>> csp.run(main)
    no more paper
    """

    def __init__(self, message: str = "", *, reason: str = "", who: str = "") -> None:
        super().__init__(message)
        self.reason: str = reason
        self.who: str = who


class Abandoned(ChannelEnded, trio.BrokenResourceError):
    """The last end of the other side is gone, and one left because its process failed.

    `causes` lists the errors with which ends of the other side left.

    >>> import csp
    >>> @csp.process
    ... async def fails(out: csp.Sender[int]) -> None:
    ...     raise ValueError("broken")
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     with numbers.receiver() as rx:
    ...         try:
    ...             await fails(numbers.sender())
    ...         except ValueError:
    ...             pass
    ...         try:
    ...             await rx.receive()
    ...         except Abandoned as error:
    ...             print(error.causes)
    >>> csp.run(main)
    (ValueError('broken'),)
    """

    def __init__(self, message: str = "", causes: tuple[BaseException, ...] = ()) -> None:
        super().__init__(message)
        self.causes: tuple[BaseException, ...] = causes


class LinkLost(ChannelEnded, trio.BrokenResourceError):
    """The node on the other side of the link is gone; `delivered` is False when nobody took it.

    >>> LinkLost("the link to worker-3 is lost").delivered is None
    True
    """

    delivered: bool | None = None


class DeliveryUnknown(trio.BrokenResourceError):
    """The other side was lost between taking the value and answering.

    >>> isinstance(DeliveryUnknown(), trio.BrokenResourceError)
    True
    """


class EndClosed(trio.ClosedResourceError):
    """You used an end that you retired, gave away, or were never given.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     tx = numbers.sender()
    ...     tx.retire()
    ...     try:
    ...         await tx.send(1)
    ...     except EndClosed as error:
    ...         print(error)
    >>> csp.run(main)
    this sender of `numbers` was retired
    """


class WiringError(TypeError):
    """A process was given an end of the wrong direction or element type.

    >>> import csp
    >>> @csp.process
    ... async def producer(out: csp.Sender[int]) -> None: ...
    >>> numbers = csp.Channel(int, name="numbers")
    >>> with numbers.receiver() as rx:
    ...     try:
    ...         producer(rx)
    ...     except WiringError as error:
    ...         print("Sender" in str(error), "`numbers`" in str(error))
    True True
    """


class ChannelTypeError(TypeError):
    """A value that the channel does not carry was sent.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     with numbers.sender() as tx, numbers.receiver():
    ...         try:
    ...             await tx.send("one")
    ...         except ChannelTypeError as error:
    ...             print(error)
    >>> csp.run(main)
    channel `numbers` carries int, not str ('one')
    """


class Deadlock(RuntimeError):
    """A set of processes waits only for each other; the message names the cycle.

    >>> import csp
    >>> async def main() -> None:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     with numbers.sender(), numbers.receiver() as rx:
    ...         await rx.receive()
    >>> try:
    ...     csp.run(main)
    ... except Deadlock as error:
    ...     print(str(error).splitlines()[0])
    `main` waits to receive from `numbers`, whose only sender `main` holds
    """


class LeaseFailed(RuntimeError):
    """A leased value failed `max_attempts` times and nobody receives from `channel.failed`.

    >>> import csp
    >>> async def main() -> None:
    ...     jobs = csp.Channel(int, name="jobs", buffer=1, max_attempts=1)
    ...     with jobs.sender() as tx, jobs.receiver() as rx:
    ...         await tx.send(7)
    ...         try:
    ...             async with rx.lease():
    ...                 raise ValueError("no")
    ...         except LeaseFailed as error:
    ...             print(repr(error.__cause__))
    >>> csp.run(main)
    ValueError('no')
    """


class CallFailed(RuntimeError):
    """The server of a call failed; the message has the type and text of its error.

    `traceback` is the text of the server's traceback, "" where there is none.

    >>> import csp
    >>> @csp.process
    ... async def server(calls: csp.Receiver[csp.Call[int, float]]) -> None:
    ...     await calls.serve(lambda n: 1 / n)
    >>> @csp.process
    ... async def client(calls: csp.Sender[csp.Call[int, float]]) -> None:
    ...     try:
    ...         await calls.call(0)
    ...     except CallFailed as error:
    ...         print(error)
    >>> async def main() -> None:
    ...     calls = csp.Channel(csp.Call[int, float], name="calls")
    ...     await csp.Par(server(calls.receiver()), client(calls.sender()))
    >>> csp.run(main)
    ZeroDivisionError: division by zero
    """

    def __init__(self, message: str = "", *, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback: str = traceback


class RequestFailed(CallFailed):
    """A request of a pool failed as often as it may.

    `history` has a line for each attempt: which worker, when, what happened.

    >>> RequestFailed("failed 3 times").history
    ()
    """

    def __init__(
        self, message: str = "", *, traceback: str = "", history: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, traceback=traceback)
        self.history: tuple[str, ...] = history
