"""What observing costs when nobody observes: counted, not timed.

The package is copied twice.  In one copy every test of a kernel's `hook` (`kernel.hook is None`)
is taken out of the source, as if observers had never been thought of; both run CommsTime under
valgrind, which counts the instructions of the machine.  A run of half as many rounds is
subtracted, so what starts and ends a program does not count; and the clock of the kernel stands
still, so that a slow run ends its passes as a fast one does: by the number of steps.

A third copy counts the tests themselves, and a run with an observer counts the events.

`python -m benchmarks.observer COUNT ROUNDS` is the program that runs in the copies.
"""

from __future__ import annotations

import ast
import builtins
import concurrent.futures
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import csp
from csp.lowlevel import current_kernel, on_event

from .measure import Effort, Skipped
from .peers import on_csp
from .report import Goal, Group, Row

COST = Goal(2, 2, at_most=True)  # per cent
TESTS = Goal(1, 1, at_most=True)  # tests an event
COUNTER = "_count_of_hook_tests"

Tell = Callable[[str], object]


# --- the copies ------------------------------------------------------------------------------


class Rewriter(ast.NodeTransformer):
    """Finds the tests `x.hook is None` and `x.hook is not None`; `found` counts them.

    `keep`: they stay; `count`: they call a counter first; `drop`: they are gone, and so is what
    stood behind them.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.found = 0

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """A comparison: is it one of ours?"""
        self.generic_visit(node)
        if not _is_hook_test(node):
            return node
        self.found += 1
        if self.mode == "drop":
            return ast.Constant(isinstance(node.ops[0], ast.Is))
        if self.mode == "count":
            call = ast.Call(ast.Name(COUNTER, ast.Load()), [], [])
            return ast.BoolOp(ast.And(), [call, node])  # the counter starts at 1: true
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`and`, `or`: without what is settled."""
        self.generic_visit(node)
        neutral = isinstance(node.op, ast.And)
        left: list[ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                if value.value is neutral:
                    continue
                left.append(value)
                break
            left.append(value)
        if not left:
            return ast.Constant(neutral)
        node.values = left
        return left[0] if len(left) == 1 else node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        """`if`: only the branch that is left."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant) and isinstance(node.test.value, bool):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        return node


def _is_hook_test(node: ast.Compare) -> bool:
    left, right = node.left, node.comparators[0]
    return (
        isinstance(left, ast.Attribute)
        and left.attr == "hook"
        and len(node.ops) == 1
        and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        and isinstance(right, ast.Constant)
        and right.value is None
    )


def copy_of_csp(into: Path, mode: str) -> int:
    """Copy csp and the benchmarks into a directory; returns how many tests were found.

    All copies go through `ast`, also the one that keeps the tests: they differ in nothing else.
    """
    found = 0
    source = Path(csp.__file__).parent
    ours = Path(__file__).parent
    ignore = shutil.ignore_patterns("__pycache__", "*.json")
    shutil.copytree(source, into / "csp", ignore=ignore)
    shutil.copytree(ours, into / "benchmarks", ignore=ignore)
    for path in (into / "csp").rglob("*.py"):
        rewriter = Rewriter(mode)
        tree = rewriter.visit(ast.parse(path.read_text(encoding="utf-8")))
        path.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding="utf-8")
        found += rewriter.found
    return found


# --- the program in the copies ---------------------------------------------------------------


def program(what: str, rounds: int) -> None:
    """CommsTime; prints how many tests or events there were, if `what` asks for them."""
    counter = itertools.count(1).__next__
    setattr(builtins, COUNTER, counter)
    seen = 0

    def see(_event: object) -> None:
        nonlocal seen
        seen += 1

    async def main() -> None:
        stopped: Any = itertools.repeat(0.0).__next__  # as cheap as perf_counter
        current_kernel().clock = stopped
        if what == "events":
            with on_event(see):
                await on_csp.ring(rounds)
        else:
            await on_csp.ring(rounds)

    csp.run(main, lend=True)
    print(seen if what == "events" else counter() - 1)


def _run(copy: Path, what: str, rounds: int, *before: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CSP_LEND")}
    environment |= {"PYTHONHASHSEED": "0"}
    return subprocess.run(
        [*before, sys.executable, "-m", "benchmarks.observer", what, str(rounds)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def counted(copy: Path, what: str, rounds: int) -> float:
    """Tests or events of one communication."""
    more, fewer = (int(_run(copy, what, n).stdout) for n in (2 * rounds, rounds))
    return (more - fewer) / rounds / 4


VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


def instructions(copy: Path, rounds: int) -> int:
    """The instructions of a run under valgrind."""
    said = _run(copy, "instructions", rounds, *VALGRIND).stderr
    line = next(line for line in said.splitlines() if "I" in line and "refs:" in line)
    return int(line.rpartition(":")[2].replace(",", ""))


# --- the table -------------------------------------------------------------------------------


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of the observer that is off."""
    group = Group(
        "observer", "Observer off, a communication of CommsTime", "per cent, or tests an event"
    )
    with tempfile.TemporaryDirectory(prefix="benchmarks-observer-") as directory:
        copies: dict[str, Path] = {}
        for mode in ("keep", "drop", "count"):  # names of one length or not: paths do not matter
            copies[mode] = Path(directory) / mode
            found = copy_of_csp(copies[mode], mode)
        if not found:
            group.skipped.append(
                Skipped(
                    "observer", "no test of `.hook` is in csp: teach `observer.py` the new name"
                )
            )
            return group
        tell("counting events and tests")
        events = counted(copies["keep"], "events", effort.counted)
        tests = counted(copies["count"], "tests", effort.counted)
        group.rows.append(
            Row(
                "tests of the hook",
                "tests",
                [tests],
                tests / events,
                TESTS,
                note=f"{events:.2f} events; {found} tests in the source",
            )
        )
        if shutil.which("valgrind") is None:
            why = "there is no valgrind (Debian, Ubuntu: apt-get install valgrind)"
            group.skipped.append(Skipped("instructions", why))
            return group
        kept, dropped = _instructions(copies, effort.counted, tell)
        group.rows += [
            Row("csp as it is", "instructions", [kept], 100 * (kept / dropped - 1), COST),
            Row("without the tests", "instructions", [dropped]),
        ]
    return group


def _instructions(copies: dict[str, Path], rounds: int, tell: Tell) -> tuple[float, float]:
    """Instructions of a communication as it is, and without the tests."""
    tell("counting instructions under valgrind")
    for mode in ("keep", "drop"):
        _run(copies[mode], "instructions", 10)  # compiles, and shows that it works
    cores = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(cores) as threads:
        runs = {
            (mode, n): threads.submit(instructions, copies[mode], n)
            for mode in ("keep", "drop")
            for n in (rounds, 2 * rounds)
        }
    kept, dropped = (
        (runs[mode, 2 * rounds].result() - runs[mode, rounds].result()) / rounds / 4
        for mode in ("keep", "drop")
    )
    return kept, dropped


if __name__ == "__main__":
    program(sys.argv[1], int(sys.argv[2]))
