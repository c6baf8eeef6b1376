"""What runs in another program: a function by the name under which that program can import it.

Invariant: what `Target.load` finds there is what `Target.of` was given here: the object, not a namesake.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
import typing
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Any, cast

from .._errors import TypeRefused

HOW = "write it with `def` at the top of a file"

# what this program imports now to work for another one: if that started programs in its turn, each
# of them would import it again, and start more
_LOADING: ContextVar[str] = ContextVar("loading", default="")


@dataclass(frozen=True)
class Target:
    """A function as another program finds it: `name` is "module:qualname", `file` that of a script.

    `file` is "" where the module is found on `sys.path`.

    >>> import shutil
    >>> Target.of(shutil.disk_usage).name
    'shutil:disk_usage'
    """

    name: str
    file: str = ""

    @classmethod
    def of(cls, function: Callable[..., Any], /) -> Target:
        """Raises TypeError, with the way out, for what no other program can import: a lambda, a
        nested function, a method of an object, and what was typed in at a prompt; RuntimeError
        in a file that another program only imports.

        >>> try:
        ...     Target.of(lambda x: x)
        ... except TypeError as error:
        ...     print(str(error).partition(":")[0])
        a lambda has no name by which another program could import it
        """
        if loading := _LOADING.get():
            raise RuntimeError(
                f"`{loading}` starts programs when it is only imported, as each of them does: "
                f'write what starts them below `if __name__ == "__main__":`'
            )
        if not callable(function):
            raise TypeError(f"a function is wanted, not {function!r}")
        module = getattr(function, "__module__", None)
        qualname = getattr(function, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(qualname, str):
            raise TypeError(f"{function!r} has no name to import it by: {HOW}")
        if "<lambda>" in qualname:
            raise TypeError(f"a lambda has no name by which another program could import it: {HOW}")
        if "<locals>" in qualname:
            raise TypeError(
                f"`{qualname}` is defined inside of a function, where no other program can import "
                f"it: move it to the top of its file"
            )
        name, file = _module_of(module, qualname)
        found = _look_up(sys.modules.get(module), qualname)
        if found is not function:
            raise TypeError(
                f"`{module}` has something else under the name `{qualname}`, and that is what "
                f"another program would import: {HOW}, and keep its name"
            )
        return cls(f"{name}:{qualname}", file)

    def load(self) -> Callable[..., Any]:
        """Import it, in the other program.  Raises ImportError, and what the module raises."""
        name, _, qualname = self.name.partition(":")
        token = _LOADING.set(name)
        try:
            module = self._script(name) if self.file else importlib.import_module(name)
        finally:
            _LOADING.reset(token)
        found = _look_up(module, qualname)
        if found is None:
            raise ImportError(f"{name} ({module.__file__}) has no `{qualname}`")
        return cast("Callable[..., Any]", found)

    def _script(self, name: str) -> Any:
        """The script, imported once."""
        known = sys.modules.get(name)
        file = getattr(known, "__file__", None)
        if file is not None and os.path.abspath(file) == self.file:
            return known
        return _load_file(name, self.file)


def _module_of(module: str, qualname: str) -> tuple[str, str]:
    """The name of a module for another program, and its file if it is not on `sys.path`."""
    loaded: Any = sys.modules.get(module)
    spec: Any = getattr(loaded, "__spec__", None)
    file: str | None = getattr(loaded, "__file__", None)
    if module == "__main__" and spec is not None:  # python -m package.module
        if spec.name == "__main__":
            raise TypeError(
                f"`{qualname}` stands in the `__main__.py` of a directory or zip file, under whose name "
                f"another program imports something else: move it to a module beside it"
            )
        return cast(str, spec.name), ""
    if module != "__main__" and _is_found(module, file):
        return module, ""
    if file is None or not os.path.isfile(file):
        raise TypeError(
            f"`{qualname}` was typed in at a prompt, where no other program can import it: "
            f"put it into a file"
        )
    stem = os.path.splitext(os.path.basename(file))[0]
    return module if module.isidentifier() and module != "__main__" else stem, os.path.abspath(file)


def _is_found(module: str, file: str | None) -> bool:
    """True if `sys.path` leads to the module, not to another one of that name."""
    if "." in module or file is None:
        return file is not None or module in sys.builtin_module_names
    spec = PathFinder.find_spec(module)
    origin = spec.origin if spec is not None else None
    if origin is None or origin == file:  # a path into a zip file is that of no file
        return origin is not None
    return os.path.exists(origin) and os.path.exists(file) and os.path.samefile(origin, file)


def _load_file(name: str, file: str) -> Any:
    """A script, under the name of its file: what stands below `if __name__ == ...` does not run."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if (directory := os.path.dirname(file)) not in sys.path:  # as where it is the main program
        sys.path.insert(0, directory)
    spec.loader.exec_module(module)
    return module


def _look_up(module: Any, qualname: str) -> Any:
    return functools.reduce(
        lambda at, name: getattr(at, name, None), qualname.split("."), cast(object, module)
    )


# --- functions of one request --------------------------------------------------------------------


def is_async(function: Callable[..., Any], /) -> bool:
    """True for an `async def`, and for a process.

    >>> is_async(len)
    False
    """
    return inspect.iscoroutinefunction(inspect.unwrap(function))


def types_of(function: Callable[..., Any], /) -> tuple[Any, Any]:
    """The types of the request and of the reply of a function with one parameter.

    Raises TypeRefused if they are not annotated, TypeError if it takes none or needs several.

    >>> def halve(number: int) -> float: ...
    >>> types_of(halve)
    (<class 'int'>, <class 'float'>)
    """
    plain = inspect.unwrap(function)
    name = getattr(function, "__name__", repr(function))
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(plain).parameters.values())
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if (
        len(needed) > 1
        or not parameters
        or parameters[0].kind not in places
        or (needed and needed[0] is not parameters[0])
    ):
        raise TypeError(
            f"`{name}` takes {len(needed)} arguments: a request is one; make it a tuple or a dataclass"
        )
    try:
        hints = typing.get_type_hints(plain, include_extras=True)
    except NameError as error:
        raise TypeRefused(f"the annotations of `{name}` cannot be read: {error}") from error
    first = parameters[0].name
    for part, what in ((first, f"its parameter `{first}`"), ("return", "what it returns")):
        if part not in hints:
            raise TypeRefused(
                f"`{name}` does not say the type of {what}, by which values travel: annotate it, "
                f"as in `def {name}({first}: int) -> str`"
            )
    return hints[first], hints["return"]
