"""What an end and a guard are, whatever carries the values.

Local ends (`csp.Sender`, `csp.Receiver`) and network ends derive from these classes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import trio

T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
E_co = TypeVar("E_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)


class Guard(Generic[E_co, V_co]):
    """Something an `Alternation` can wait for.

    `E_co` is the type of `choice.guard` (what you named), `V_co` the type of `choice.value`.
    """

    __slots__ = ()

    def when(self, condition: Callable[[], object], /) -> Guard[E_co, V_co]:
        """This guard, enabled only in selections at whose start `condition()` is true."""
        return _Conditional(self, condition)


class _Conditional(Guard[E_co, V_co]):
    """A guard behind `.when(condition)`."""

    __slots__ = ("condition", "guard")

    def __init__(self, guard: Guard[E_co, V_co], condition: Callable[[], object]) -> None:
        if not callable(condition):
            raise TypeError(f"when takes a function: write `.when(lambda: ...)`, not {condition!r}")
        self.guard, self.condition = guard, condition


class Sender(trio.abc.SendChannel[T_contra]):
    """The sending end of a channel."""

    __slots__ = ()

    @property
    @abstractmethod
    def type(self) -> Any:
        """The element type of the channel."""

    @property
    @abstractmethod
    def channel_name(self) -> str:
        """The name of the channel, for messages."""


class Receiver(trio.abc.ReceiveChannel[T_co]):
    """The receiving end of a channel."""

    __slots__ = ()

    @property
    @abstractmethod
    def type(self) -> Any:
        """The element type of the channel."""

    @property
    @abstractmethod
    def channel_name(self) -> str:
        """The name of the channel, for messages."""
