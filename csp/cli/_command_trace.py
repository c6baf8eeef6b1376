"""csp trace FILE: what happened in a run, from the file that `csp run --trace` has written."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from csp.view import (
    BrokenTrace,
    Trace,
    chart,
    chart_as_mermaid,
    chart_as_text,
    meetings,
    short_names,
    stamped,
    usage,
    write_timeline,
)

from ._target import UsageError

EXAMPLES = """\
  csp trace run.jsonl
  csp trace run.jsonl --lanes 'fork*,butler' --format mermaid
  csp trace run.jsonl --meetings
  csp trace run.jsonl --table
  csp trace run.jsonl --perfetto run.json
"""

LONGEST_WAITS = 3


def describe(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "trace", metavar="FILE", help="a trace, as `csp run --trace FILE` writes it"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--format",
        choices=("text", "mermaid"),
        default="text",
        help="of the sequence chart, which is shown unless one of the next four is given",
    )
    what.add_argument("--meetings", action="store_true", help="who met whom, where, how often")
    what.add_argument("--table", action="store_true", help="how long each process ran and waited")
    what.add_argument(
        "--clocks", action="store_true", help="each event with its vector clock, causes first"
    )
    what.add_argument(
        "--perfetto", metavar="OUT.json", help="write a timeline for https://ui.perfetto.dev"
    )
    part = parser.add_argument_group("the part of the run that the chart shows")
    part.add_argument(
        "--lanes",
        metavar="NAME,...",
        default="",
        help="processes, by name or pattern (fork*); unless given, the first 8 that communicate",
    )
    part.add_argument("--from", dest="begin", type=float, default=0.0, metavar="SECONDS")
    part.add_argument("--to", dest="end", type=float, default=float("inf"), metavar="SECONDS")


def run(options: argparse.Namespace) -> None:
    """Show it."""
    trace = Trace(options.trace)
    try:
        _shown(options)(trace, options)
    except BrokenTrace as error:
        raise UsageError(str(error)) from None
    except BrokenPipeError:  # who reads what we print has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as error:
        reads = str(error.filename) == options.trace
        to = options.perfetto or "to standard output"
        what = f"read {options.trace}" if reads else f"write {to}"
        raise UsageError(f"cannot {what}: {error.strerror}") from None
    if trace.cut:
        print(f"csp: {trace.cut}", file=sys.stderr)


def _shown(options: argparse.Namespace) -> Callable[[Trace, argparse.Namespace], None]:
    if options.meetings:
        return _meetings
    if options.table:
        return _table
    if options.clocks:
        return _clocks
    return _timeline if options.perfetto else _chart


def _chart(trace: Trace, options: argparse.Namespace) -> None:
    lanes = [name.strip() for name in options.lanes.split(",") if name.strip()]
    drawn = chart(trace, lanes=lanes, begin=options.begin, end=options.end)
    if options.format == "mermaid":
        _say(chart_as_mermaid(drawn))
    else:
        _say(chart_as_text(drawn, ascii_only=not _can_show("│▶∥")))


def _can_show(characters: str) -> bool:
    try:
        characters.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _say(text: str) -> None:
    """Names may hold what this terminal cannot show."""
    encoding = sys.stdout.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _meetings(trace: Trace, _: argparse.Namespace) -> None:
    found = meetings(trace)
    names = short_names(found.steps)
    channels = short_names(
        dict.fromkeys([met.channel for met in found.pairs] + [name for name, _ in found.barriers])
    )
    table = Table("channel", "sender", "receiver", box=SIMPLE)
    table.add_column("times", justify="right")
    for met, times in found.pairs.items():
        sender = names[met.sender] if met.sender else "(not seen)"
        receiver = names[met.receiver] if met.receiver else "(not seen)"
        table.add_row(channels[met.channel], sender, receiver, f"{times:,}")
    for (barrier, member), times in found.barriers.items():
        table.add_row(channels[barrier], names[member], "(all members)", f"{times:,}")
    _print(table)
    _say("What each process did: c! sends, c? receives, b* meets at a barrier")
    for name, steps in found.steps.items():
        _say(f"  {names[name]}: {steps}")


def _table(trace: Trace, _: argparse.Namespace) -> None:
    found = usage(trace)
    names = short_names(process.process for process in found)
    table = Table("process", box=SIMPLE)
    for title in ("communications", "ran", "waited"):
        table.add_column(title, justify="right")
    table.add_column("on what")
    for process in found:
        on = [f"{_time(seconds)} {what}" for what, seconds in process.longest(LONGEST_WAITS)]
        more = len(process.on) - len(on)
        table.add_row(
            names[process.process],
            f"{process.communications:,}",
            _time(process.ran),
            _time(process.waited),
            "\n".join([*on, *([f"and {more} more"] if more else [])]),
        )
    _print(table)


def _time(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1e3:.3f} ms"


def _print(table: Table) -> None:
    """On a terminal as wide as that is, elsewhere as wide as it needs."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=1000, color_system=None)
        console.width = console.measure(table).maximum
    console.print(table, highlight=False)


def _clocks(trace: Trace, _: argparse.Namespace) -> None:
    for at in stamped(trace):
        event = at.event
        what = " ".join(part for part in (event.kind, event.side, event.channel) if part)
        clock = ", ".join(f"{name}: {count}" for name, count in sorted(at.clock.items()))
        _say(f"{event.process or '(no process)'} {what} {{{clock}}}")


def _timeline(trace: Trace, options: argparse.Namespace) -> None:
    out, source = Path(options.perfetto), Path(options.trace)
    source.stat()  # before the old timeline is lost
    if out.exists() and out.samefile(source):
        raise UsageError(f"{out} is the trace itself: name another file")
    with out.open("wb") as file:
        entries = write_timeline(trace, file, name=Path(options.trace).name)
    _say(f"{entries:,} entries in {out}: open it at https://ui.perfetto.dev")
