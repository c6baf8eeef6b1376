"""Check answers to the exercises of the course, and say in words what is not right yet.

python docs/course/check.py 01_squares.py
python docs/course/check.py --exercise 01_squares my_answer.py
python docs/course/check.py docs/course/solutions/*.py

An answer is run in a process network of the check, in virtual time, with a limit on its steps; so a
deadlock, a process that never ends and a forgotten `await` are found at once.

Exit codes: 0 all are right, 1 some are not yet, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, cast

import trio
from checks.kit import Wrong
from trio.testing import MockClock

import csp
from csp.lowlevel import current_kernel

HERE = Path(__file__).parent
LINES = 100_000  # of the answer, executed: more than any right answer needs
PATIENCE = 300  # seconds, virtual

Check = Callable[[ModuleType], Awaitable[None]]


class UsageError(Exception):
    """What to change on the command line."""


class NotYet(Exception):
    """Why a file is no answer that could run."""


class TooLong(BaseException):
    """The answer has executed too many lines; no `except Exception` in it shall stop this."""


def main(argv: list[str] | None = None) -> int:
    """Check the files that `argv` names, print a verdict on each, return the exit code."""
    parser = argparse.ArgumentParser(description="Check answers to the exercises of the course.")
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path)
    parser.add_argument("--exercise", help="its name, if it is not the name of the file")
    options = parser.parse_args(argv)
    try:
        verdicts = [tell(file, options.exercise or file.stem) for file in options.files]
    except UsageError as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    return 0 if all(verdicts) else 1


def tell(file: Path, exercise: str) -> bool:
    """Check one file, print what is to be said about it, return whether it is right."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    problems = judge(file, find(exercise))
    print(f"{exercise}: not yet" if problems else f"{exercise}: right")
    for problem in problems:
        print("  " + problem.replace("\n", "\n  "))
    return not problems


def exercises() -> list[str]:
    """The names of all exercises, in the order of the course."""
    return sorted(file.stem for file in (HERE / "exercises").glob("*.py"))


def find(exercise: str) -> Check:
    """The check of an exercise: `01_squares` is the function `squares` of `checks/session_01.py`."""
    if exercise not in exercises():
        raise UsageError(
            f"there is no exercise {exercise}; say --exercise NAME, one of {', '.join(exercises())}"
        )
    session, _, name = exercise.partition("_")
    check: Check = getattr(importlib.import_module(f"checks.session_{session}"), name)
    return check


def judge(file: Path, check: Check) -> list[str]:
    """What is wrong with the answer in `file`, in words; an empty list if nothing is."""
    found: list[str] = []
    gc.collect()  # in a notebook: what earlier cells have left
    with warnings.catch_warnings(record=True) as warned, origins():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", RuntimeWarning)
        warnings.simplefilter("always", ResourceWarning)
        try:
            answer = load(file)
            csp.run(limited(check, file), answer, clock=MockClock(autojump_threshold=0))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: an answer does not end its check
            found = [words(leaf, file) for leaf in leaves(error)]
        gc.collect()  # what was never awaited says so when it is collected
    return list(dict.fromkeys(causes(warned, file) + found)) or ends_left(warned)


@contextmanager
def origins() -> Generator[None]:
    """Meanwhile coroutines remember the lines that made them, of csp and of the answer."""
    before = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(5)
    try:
        yield
    finally:
        sys.set_coroutine_origin_tracking_depth(before)


def causes(warned: list[warnings.WarningMessage], file: Path) -> list[str]:
    """What the answer has never awaited, or never run."""
    told: list[str] = []
    for warning in warned:
        message, *made_at = str(warning.message).splitlines()  # coroutines say where they were made
        for line in re.findall(rf'File "{re.escape(str(file))}", line (\d+)', "".join(made_at)):
            message += place(str(file), int(line), file, message)
        if f"{file.name}:" in message:
            told.append(message)
    return told


def ends_left(warned: list[warnings.WarningMessage]) -> list[str]:
    """Ends that were dropped; if something else is wrong, they are only what came of it."""
    return [str(w.message) for w in warned if issubclass(w.category, ResourceWarning)]


def load(file: Path) -> ModuleType:
    """The answer, as a module; NotYet if a `...` is still in it."""
    source = file.read_text(encoding="utf-8")
    try:
        tree = ast.parse(source, str(file))
    except SyntaxError as error:
        raise NotYet(f"this is no Python: {error.msg} ({file.name}:{error.lineno})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for step in ast.walk(node):
                if isinstance(step, ast.Constant) and step.value is ...:
                    raise NotYet(
                        f"`{node.name}` is still to be written, where `...` stands "
                        f"({file.name}:{step.lineno})"
                    )
    spec = importlib.util.spec_from_file_location("answer", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["answer"] = module  # dataclasses look there
    exec(compile(source, str(file), "exec"), module.__dict__)
    return module


# --- limits ----------------------------------------------------------------------------------


def limited(check: Check, file: Path) -> Check:
    """`check`, with a limit on the lines of `file` that are executed, and on virtual time."""

    async def checked(answer: ModuleType) -> None:
        limit, before, scope = Limit(str(file)), sys.gettrace(), trio.CancelScope()
        trio.lowlevel.add_instrument(limit)
        trio.lowlevel.spawn_system_task(after_a_while, scope)
        current_kernel().clock = trio.current_time  # deadlocks are looked for in virtual time
        await trio.lowlevel.checkpoint()  # the next step is the first that is counted
        try:
            with scope:
                await check(answer)
        except AttributeError as error:
            if error.obj is not answer:
                raise
            raise NotYet(f"there is no `{error.name}` in {file.name}: keep the skeleton's names")
        finally:
            trio.lowlevel.remove_instrument(limit)
            sys.settrace(before)
        if scope.cancelled_caught:
            raise NotYet(f"it has not ended after {PATIENCE} seconds (of virtual time)")

    checked.__name__ = "main"  # as deadlock reports call it
    return checked


async def after_a_while(scope: trio.CancelScope) -> None:
    """Cancel `scope`; second by second, so that a deadlock is found before the clock has jumped."""
    for _ in range(PATIENCE):
        await trio.sleep(1)
    scope.cancel()


class Limit(trio.abc.Instrument):
    """Counts lines.  Python drops a trace function that raises: each step sets it again."""

    def __init__(self, filename: str) -> None:
        self.filename, self.lines = filename, 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """A step begins."""
        sys.settrace(self.enter)

    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A function begins or goes on; those of the answer are traced."""
        return self.count if frame.f_code.co_filename == self.filename else None

    def count(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A line of the answer begins."""
        self.lines += event == "line"
        if self.lines > LINES:
            self.lines -= LINES // 100  # what it cleans up may take a few lines more
            raise TooLong
        return self.count


# --- words -----------------------------------------------------------------------------------


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in a group, or the one."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    parts: tuple[BaseException, ...] = cast(Any, error).exceptions
    return [leaf for part in parts for leaf in leaves(part)]


def words(error: BaseException, file: Path) -> str:
    """An error, as the student reads it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == str(file)]
    where = place(str(file), lines[-1], file, str(error)) if lines else ""
    if isinstance(error, TooLong):
        return f"it goes on and on: {LINES:,} lines of it were executed, without an end{where}"
    if isinstance(error, Wrong | NotYet):
        return str(error)
    told = f"{type(error).__name__}: {error}{where}"
    pages = [note for note in getattr(error, "__notes__", ()) if note.startswith("(csp explain ")]
    return ("\n" if "\n" in told else " ").join([told, *pages[:1]])


def place(filename: str, line: int, file: Path, message: str) -> str:
    """Where it happened, if that is in the answer and the message does not say it."""
    if filename != str(file) or f"{file.name}:" in message:
        return ""
    return f" ({file.name}:{line})"


if __name__ == "__main__":
    sys.exit(main())
