"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.status import Status

from . import commstime, disturbed, network, observer, parked, pools, selection, tracing
from .measure import FULL, NORMAL, SMOKE, Effort
from .report import Group, machine, write

GROUPS: dict[str, Callable[[Effort, Callable[[str], object]], Group]] = {
    "commstime": commstime.measure,
    "selection": selection.measure,
    "parked": parked.measure,
    "observer": observer.measure,
    "tracing": tracing.measure,
    "network": network.measure,
    "disturbed": disturbed.measure,
    "pools": pools.measure,
}
RESULTS = Path(__file__).parent / "results.json"

ABOUT = """\
csp and its peers side by side: CommsTime, selection, parked processes, what observing costs when
nobody observes and what tracing costs, channels between programs, what strangers cost them, and pools of workers.  Rounds
of all candidates are interleaved and the best of each counts.  A figure that misses its goal is
told and changes nothing else: the exit status is 0.

Peers that are not installed are skipped, with the reason: `pip install -e '.[bench]'` brings
aiochan, PyCSP, Celery, Dask and SCOOP; Celery wants a `redis-server`, Go a `go`, the counting of
instructions a `valgrind`.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    what = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"what to measure, of {', '.join(GROUPS)} (all)",
    )
    how = what.add_mutually_exclusive_group()
    how.add_argument(
        "--smoke", action="store_true", help="few rounds, under a minute: shows that all works"
    )
    how.add_argument(
        "--full", action="store_true", help="more rounds: for figures that are to be quoted"
    )
    what.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        default=RESULTS,
        help="where the figures go, in seconds and bytes (benchmarks/results.json)",
    )
    return what


def main(arguments: list[str] | None = None) -> int:
    """Measure, tell, write; returns the exit status."""
    options = parser().parse_args(arguments)
    unknown = [name for name in options.groups if name not in GROUPS]
    if unknown:
        parser().error(f"there is no group {unknown[0]!r}: {', '.join(GROUPS)}")
    effort = SMOKE if options.smoke else FULL if options.full else NORMAL
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # in a file or a log nothing needs to be folded
    facts = machine()
    for key in ("processor", "cores", "python", "python optimised", "trio", "path"):
        console.print(f"{key}: {facts[key]}", highlight=False)
    groups: list[Group] = []
    with Status("", console=console) as status:
        for name in options.groups or GROUPS:
            group = GROUPS[name](effort, status.update)
            group.show(console)
            groups.append(group)
    write(options.json, groups, facts, effort)
    console.print(f"written: {options.json}", highlight=False)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
