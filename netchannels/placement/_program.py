"""What a user writes: a placement, on which pools are opened and of which processes are multiplied.

How it starts programs, and the contract that it keeps, stands in `_site`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import csp

from ._placed import placed
from ._site import GRACE as GRACE
from ._site import Hear as Hear
from ._site import Orders as Orders
from ._site import Program as Program
from ._site import Site as Site
from ._site import how_it_ended as how_it_ended

T = TypeVar("T")


class Placement(ABC):
    """Where programs run; `Cores`, `Hosts` and `DaskCluster` are placements."""

    size: int

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[Site]:
        """Make ready whatever its programs share: a directory, a connection, a tunnel.

        Leaving the block removes all of it.
        """

    def __mul__(self, process: csp.Process[T], /) -> csp.Process[list[T]]:
        """`Cores(4) * worker(jobs.receiver(), results.sender())`: copies in programs of their own.

        A process for `Par` like any other: its value is the list of the values of the copies.
        The first copy takes the ends that the process was given, the others get clones; arguments
        travel by their annotations.  The channels stay in this program, which is their home.

        Raises TypeError for what is no called `@process` function of one file, and where an
        argument cannot travel; ProgramLost, when run, if a program ends before its process.
        """
        return placed(self.open, self.size, process)
