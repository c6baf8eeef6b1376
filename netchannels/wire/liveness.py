"""Is the other side alive?  Judged in this program's own ticks.

A program that was paused (a debugger, `SIGSTOP`, a laptop that slept) finds that much time has
gone by in which it could not have read a heartbeat.  So silence is counted in ticks of this
program: each look at the clock counts for one tick at most, however long it was ago.

A time for which the other side has announced that it is busy is no silence at all.

Invariant: `silence` never grows by more than `tick` between two looks.
"""

from __future__ import annotations

from .events import Event, Lost, Recovered, Suspected

LONGEST_BUSY = 24 * 3600.0


class Liveness:
    """Counts the silence of the other side; times are seconds of the caller's clock.

    Raises ValueError unless 0 < heartbeat and 0 < suspect <= lost.

    >>> alive = Liveness(heartbeat=2.0, suspect=5.0, lost=10.0, now=0.0)
    >>> [event for second in range(1, 12) for event in alive.look(second)]
    [Suspected(), Lost(why='silent for 10 s')]
    """

    def __init__(self, *, heartbeat: float, suspect: float, lost: float, now: float) -> None:
        if not (heartbeat > 0 and 0 < suspect <= lost):
            raise ValueError(
                f"heartbeat {heartbeat}, suspect {suspect}, lost {lost}: all must be above 0, "
                f"and lost not below suspect"
            )
        self.heartbeat: float = heartbeat
        self.suspect: float = suspect
        self.lost: float = lost
        self.tick: float = min(heartbeat / 2, suspect / 4, 1.0)
        self.silence: float = 0.0
        self.ticks: float = 0.0  # the sum of all ticks: a clock that stands while we are paused
        self.suspected: bool = False
        self.over: bool = False
        self._busy_until = 0.0  # in ticks
        self._looked = now
        self._beat = now  # when the last heartbeat went out

    def look(self, now: float) -> list[Event]:
        """The time is `now`; returns what that says about the other side."""
        step = min(max(now - self._looked, 0.0), self.tick)
        self._looked = now
        self.ticks += step
        if self.over or self.ticks <= self._busy_until:
            return []
        self.silence += step
        if self.silence >= self.lost:
            self.over = True
            return [Lost(f"silent for {self.lost:g} s")]
        if self.silence >= self.suspect and not self.suspected:
            self.suspected = True
            return [Suspected()]
        return []

    def hear(self) -> list[Event]:
        """Something arrived."""
        self.silence = 0.0
        if self.suspected:
            self.suspected = False
            return [Recovered()]
        return []

    def excuse(self, seconds: float) -> None:
        """The other side has announced that it may be silent for so long."""
        self._busy_until = self.ticks + min(seconds, LONGEST_BUSY)

    def beat_is_due(self, now: float) -> bool:
        """True when it is time for a heartbeat of ours; it counts as sent then.

        A clock that was set back makes it due at once.
        """
        if 0 <= now - self._beat < self.heartbeat:
            return False
        self._beat = now
        return True

    def next_look(self) -> float:
        """When `look` should be called at the latest."""
        return self._looked + self.tick
