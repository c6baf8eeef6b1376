"""CommsTime a communication: csp on both paths, and its peers."""

from __future__ import annotations

from collections.abc import Callable

from .measure import Candidate, Effort, Skipped, Unavailable, interleave, peer
from .peers import on_asyncio, on_csp, on_go, on_trio
from .report import Goal, Group, Row

GOALS = {
    "trio.open_memory_channel(0)": Goal(6, 8),
    "asyncio.Queue(1)": Goal(3, 4),
    "PyCSP greenlets": Goal(1.5, 2),
}
GO = Goal(12, 8, at_most=True)
PER_ROUND = 4  # communications

Tell = Callable[[str], object]


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of CommsTime."""
    group = Group(
        "commstime",
        "CommsTime, a communication (prefix, delta, successor, consumer)",
        "its time / csp's",
    )
    fallback = Candidate("csp, trio's scheduler alone", on_csp.commstime_fallback, PER_ROUND)
    try:
        on_csp.commstime(10)
        ours = Candidate("csp, lending turns", on_csp.commstime, PER_ROUND)
    except Unavailable as error:
        group.skipped.append(Skipped("csp, lending turns", str(error)))
        ours = fallback
    candidates = [
        *([ours] if ours is not fallback else []),
        fallback,
        Candidate("trio.open_memory_channel(0)", on_trio.commstime, PER_ROUND),
        Candidate("asyncio.Queue(1)", on_asyncio.commstime, PER_ROUND),
    ]
    for what, module in (("aiochan", "on_aiochan"), ("PyCSP greenlets", "on_pycsp")):
        try:
            candidates.append(Candidate(what, peer(module).commstime, PER_ROUND))
        except Unavailable as error:
            group.skipped.append(Skipped(what, str(error)))
    go: list[Candidate] = []
    try:
        tell("compiling the Go program")
        on_go.program()
        go.append(Candidate("Go", on_go.commstime(), PER_ROUND))
        go.append(Candidate("Go, GOMAXPROCS=1", on_go.commstime(1), PER_ROUND))
    except Unavailable as error:
        group.skipped.append(Skipped("Go", str(error)))
    interleave(candidates + go, effort, tell)
    for candidate in candidates:
        ratio = candidate.best / ours.best
        goal = GOALS.get(candidate.what)
        group.rows.append(Row(candidate.what, "us", candidate.samples, ratio, goal))
    fastest = min(go, key=lambda candidate: candidate.best, default=None)
    for candidate in go:
        ratio = candidate.best / ours.best
        group.rows.append(Row(candidate.what, "us", candidate.samples, ratio))
    if fastest is not None:
        group.rows.append(
            Row(
                "csp's time / the faster of Go's",
                "us",
                ours.samples,
                ours.best / fastest.best,
                GO,
                note=on_go.version(),
            )
        )
    return group
