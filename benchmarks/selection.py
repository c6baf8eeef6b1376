"""Selection: over 100 ready guards against 10, and against Go's reflect.Select.

A selection is measured together with the refill of what it took, for all alike: one selection
and one send into a channel with room for one value, or one selection among rendezvous channels
whose writers offer again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .measure import Candidate, Effort, Skipped, Unavailable, interleave
from .peers import on_csp, on_go
from .report import Goal, Group, Row

GROWTH = Goal(1.5, 1.1, at_most=True)
FASTER = Goal(1, 5)
FEW, MANY = 10, 100

Tell = Callable[[str], object]


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of selections."""
    group = Group("selection", f"Selection over {FEW} and {MANY} ready guards", "ratio")
    programs = {
        "and refill": on_csp.selection,
        "alone": on_csp.selection_alone,
        "among writers": on_csp.selection_of_writers,
    }
    pairs = {
        kind: [Candidate(_named("csp", n, kind), partial(run, n)) for n in (FEW, MANY)]
        for kind, run in programs.items()
    }
    others: dict[str, list[Candidate]] = {}
    try:
        tell("compiling the Go program")
        on_go.program()
        for kind, program in (("and refill", "selection"), ("among writers", "writers")):
            others[f"Go {kind}"] = [
                Candidate(_named("Go reflect.Select", n, kind), on_go.selection(program, n))
                for n in (FEW, MANY)
            ]
    except Unavailable as error:
        group.skipped.append(Skipped("Go reflect.Select", str(error)))
    interleave([c for pair in (*pairs.values(), *others.values()) for c in pair], effort, tell)

    for few, many in (*pairs.values(), *others.values()):
        ours = few.what.startswith("csp")
        group.rows.append(Row(few.what, "us", few.samples))
        group.rows.append(
            Row(
                f"{many.what} (/ its {FEW})",
                "us",
                many.samples,
                many.best / few.best,
                GROWTH if ours else None,
            )
        )
    for kind in ("and refill", "among writers"):
        if f"Go {kind}" in others:
            mine, go = pairs[kind][1], others[f"Go {kind}"][1]
            group.rows.append(
                Row(
                    f"Go's time / csp's, {MANY}, {kind}",
                    "us",
                    go.samples,
                    go.best / mine.best,
                    FASTER if kind == "and refill" else None,
                )
            )
    return group


def _named(who: str, guards: int, kind: str) -> str:
    return f"{who}, {guards}, {kind}"
