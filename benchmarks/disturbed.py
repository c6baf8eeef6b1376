"""What workers keep of their rate while somebody misbehaves: a stranger at the door, one of their own.

Four programs wait 5 ms for each request, so that it is not the processors of this machine that
limit them: a request takes longer if the home is kept from its work.  The one who misbehaves is a
program of its own, at work before the first request of a measurement and until after the last.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial

from .measure import Candidate, Effort, Skipped, interleave
from .peers import on_netchannels, troublemaker
from .report import Goal, Group, Row

KEPT = Goal(0.9, 0.98)

ABOUT = {
    "idle": f"{troublemaker.ASIDE:,} connections that say nothing",
    "slow": "a handshake of one byte a second, again and again",
    "noise": "noise instead of a handshake, without end",
    "secret": "another secret, without end",
    "page": "requests for a web page, without end",
}


def measure(effort: Effort, tell: Callable[[str], object]) -> Group:
    """The table of what others cost."""
    run = partial(on_netchannels.disturbed, workers=4)
    calm = Candidate("four workers", partial(run, by=""), first=100)
    trouble = [
        Candidate(ABOUT[name], partial(run, by=name), first=100) for name in troublemaker.STRANGERS
    ]
    frozen = Candidate("a fifth worker that stands still", partial(run, by="frozen"), first=100)
    group = Group("disturbed", "A request, while somebody misbehaves", "rate kept")
    if hasattr(signal, "SIGSTOP"):
        trouble.append(frozen)
    else:
        group.skipped.append(Skipped(frozen.what, "this system cannot let a program stand still"))
    interleave([calm, *trouble], effort, tell)
    group.rows.append(Row(calm.what, "us", calm.samples))
    for each in trouble:
        group.rows.append(Row(each.what, "us", each.samples, calm.best / each.best, KEPT))
    return group
