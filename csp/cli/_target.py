"""FILE[:NAME]: the function that a command is about."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class UsageError(Exception):
    """What the user should change, in one line."""


def split(target: str) -> tuple[str, str]:
    """The file and the name of its function."""
    if not Path(target).exists() and ":" in target:
        file, _, name = target.rpartition(":")
        return file, name
    return target, "main"


def load(target: str) -> Callable[..., Any]:
    """The function; raises UsageError if there is none, and what its file raises."""
    target, name = split(target)
    path = Path(target)
    if path.is_dir():
        raise UsageError(f"{target} is a directory")
    if not path.is_file():
        raise UsageError(f"there is no file {target}")
    # under its own name, so that it can be imported elsewhere, unless that name is in use
    module_name = path.stem if path.stem not in sys.modules else f"{path.stem} (run by csp)"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{target} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if function is None:
        found = [
            n
            for n, v in vars(module).items()
            if callable(v)
            and inspect.iscoroutinefunction(inspect.unwrap(v))
            and inspect.unwrap(v).__module__ == module_name
        ]
        known = f"it has {', '.join(found)}" if found else "it has no async functions"
        raise UsageError(f"{target} has no {name}; {known}")
    if not callable(function) or isinstance(function, type):
        raise UsageError(f"{name} in {target} is no function")
    return typing.cast(Callable[..., Any], function)


@contextmanager
def program_name(target: str) -> Generator[None]:
    """The program is called what its file is called: nodes of a network show `sys.argv[0]`."""
    argv, sys.argv = sys.argv, [split(target)[0]]
    try:
        yield
    finally:
        sys.argv = argv
