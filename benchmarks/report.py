"""How figures are told: one table a group, with what is asked of each; and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import csp
from csp.lowlevel import TrioKernel, current_kernel

from .measure import Effort, Skipped

SCALES = {"us": 1e6, "ms": 1e3, "s": 1.0, "KiB": 1 / 1024, "instructions": 1.0, "tests": 1.0}
PEERS = ("aiochan", "pycsp", "greenlet", "celery", "redis", "distributed", "scoop")
PLACES = {"us": 2, "ms": 2, "s": 2, "KiB": 2, "instructions": 0, "tests": 2}


@dataclass(frozen=True)
class Goal:
    """What a ratio must reach and what it aims at; `at_most`: less is better."""

    must: float
    aim: float
    at_most: bool = False

    def verdict(self, value: float) -> str:
        """`aim`, `must` or `missed`."""
        sign = -1 if self.at_most else 1
        for name, wanted in (("aim", self.aim), ("must", self.must)):
            if value * sign >= wanted * sign:
                return name
        return "missed"

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{sign} {self.must:g} / {self.aim:g}"


@dataclass
class Row:
    """One line of a table: samples in seconds, bytes or counts; the least of them counts.

    `compared` is what `goal` speaks of (the text of the group's column says what it is).
    """

    what: str
    unit: str
    samples: list[float]
    compared: float | None = None
    goal: Goal | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """What was reached; empty if nothing was asked."""
        if self.goal is None or self.compared is None:
            return ""
        return self.goal.verdict(self.compared)

    def shown(self, value: float) -> str:
        """A value in this row's unit."""
        return f"{value * SCALES[self.unit]:,.{PLACES[self.unit]}f} {self.unit}"


@dataclass
class Group:
    """The figures that belong together; `comparison` says what the ratios are."""

    name: str
    title: str
    comparison: str
    rows: list[Row] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print the table, and what was skipped and why."""
        if self.rows:
            table = Table(title=self.title, title_justify="left")
            table.add_column("what", no_wrap=True)
            for name in ("best", "median", self.comparison, "must / aim"):
                table.add_column(name, justify="right")
            table.add_column("reached")
            for row in self.rows:
                table.add_row(*_cells(row))
            console.print(table)
        for row in self.rows:
            if row.note:
                console.print(f"  {row.what}: {row.note}", style="dim", highlight=False)
        for skipped in self.skipped:
            console.print(f"skipped: {skipped.what}: {skipped.why}", style="yellow", markup=False)

    def as_json(self) -> dict[str, Any]:
        """The group as plain values: samples in seconds, bytes or counts."""
        rows = [
            {
                "what": row.what,
                "unit": {"us": "s", "ms": "s", "KiB": "bytes"}.get(row.unit, row.unit),
                "best": min(row.samples),
                "samples": row.samples,
                "compared": row.compared,
                "must": row.goal and row.goal.must,
                "aim": row.goal and row.goal.aim,
                "reached": row.verdict,
                "note": row.note,
            }
            for row in self.rows
        ]
        skipped = [{"what": each.what, "why": each.why} for each in self.skipped]
        return {"comparison": self.comparison, "rows": rows, "skipped": skipped}


COLOURS = {"aim": "green", "must": "green", "missed": "red", "": ""}


def _cells(row: Row) -> list[str]:
    verdict = row.verdict
    colour = COLOURS[verdict]
    return [
        row.what,
        row.shown(min(row.samples)),
        row.shown(statistics.median(row.samples)),
        "" if row.compared is None else f"{row.compared:.2f}",
        "" if row.goal is None else str(row.goal),
        f"[{colour}]{verdict}[/{colour}]" if colour else verdict,
    ]


async def _lends() -> bool:
    kernel = current_kernel()
    return isinstance(kernel, TrioKernel) and kernel.lend


def machine() -> dict[str, Any]:
    """What one has to know about the machine to read the figures."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python optimised": "--enable-optimizations"
        in str(sysconfig.get_config_var("CONFIG_ARGS")),
        "trio": version("trio"),
        "peers": {name: _version(name) for name in PEERS},
        "path": "lending turns" if csp.run(_lends) else "trio's scheduler alone",
        "commit": _commit(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def write(path: Path, groups: list[Group], facts: dict[str, Any], effort: Effort) -> None:
    """Write all figures to `path`."""
    told = {
        "machine": facts,
        "effort": vars(effort),
        "groups": {group.name: group.as_json() for group in groups},
    }
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


__all__ = ["Goal", "Group", "Row", "machine", "write"]
