"""Every example and every block of code in the docs runs; what the docs name exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("csp", "netchannels")
SOURCES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
PAGES = [ROOT / "README.md", ROOT / "DEVELOPING.md", *sorted(ROOT.glob("docs/**/*.md"))]
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]


# --- examples in docstrings ----------------------------------------------------------------------


class Example(NamedTuple):
    module: str
    owner: str
    text: str
    line: int


def examples() -> Iterator[Example]:
    """Found in the source: doctest's own search passes over classes whose `__module__` is set."""
    for file in SOURCES:
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = ast.get_docstring(node) or ""
                if ">>>" in text:
                    name, line = getattr(node, "name", "module"), getattr(node, "lineno", 0)
                    yield Example(module, name, text, line)


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}.{e.owner}" for e in EXAMPLES])
def test_an_example_in_a_docstring_runs(example: Example) -> None:
    module = importlib.import_module(example.module)
    test = doctest.DocTestParser().get_doctest(
        example.text, dict(vars(module)), example.owner, module.__file__, example.line
    )
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    if told:
        pytest.fail("".join(told), pytrace=False)


NETWORK = ("netchannels", "netchannels.testing")


def public(door: str) -> Iterator[str]:
    """The classes and functions at a front door."""
    for name, value in vars(importlib.import_module(door)).items():
        function = inspect.unwrap(value) if callable(value) else value  # behind @process
        if not name.startswith("_") and (inspect.isclass(value) or inspect.isfunction(function)):
            yield f"{door}.{name}"


@pytest.mark.parametrize(
    "name",
    [name for door in ("csp", "csp.patterns", *NETWORK) for name in public(door)],
)
def test_a_public_class_or_function_shows_an_example(name: str) -> None:
    door, _, last = name.rpartition(".")
    shows_one = ">>> " in (getattr(importlib.import_module(door), last).__doc__ or "")
    assert shows_one


# --- blocks in pages -----------------------------------------------------------------------------


class Block(NamedTuple):
    where: str
    code: str
    skipped: str  # the reason, from `<!-- skip: reason -->` on the line before the block
    beside: str  # the program that runs meanwhile: the block before, if `<!-- beside the next -->`


def blocks() -> Iterator[Block]:
    pattern = r"(?:<!-- (?:skip: ([^>]+?)|(beside the next)) -->\s*\n)?^```python[^\n]*\n(.*?)^```"
    for page, where in zip(PAGES, PAGE_IDS, strict=True):
        text, beside = page.read_text(encoding="utf-8"), ""
        for found in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
            if found[2]:
                beside = found[3]
                continue
            line = text.count("\n", 0, found.start(3)) + 1
            yield Block(f"{where}:{line}", found[3], found[1] or "", beside)
            beside = ""


BLOCKS = list(blocks())


@pytest.mark.parametrize("block", BLOCKS, ids=[block.where for block in BLOCKS])
def test_a_block_of_code_runs(block: Block, tmp_path: Path) -> None:
    if block.skipped:
        pytest.skip(block.skipped)
    key, port = tmp_path / "farm.key", free_port()
    key.touch(0o600)
    key.write_text(secrets.token_urlsafe(), encoding="utf-8")
    (tmp_path / "program.py").write_text(block.code.replace("5000", port), encoding="utf-8")
    (tmp_path / "beside.py").write_text(block.beside.replace("5000", port), encoding="utf-8")
    with running("beside.py", tmp_path) if block.beside else nullcontext():
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            # the workers of a small Dask cluster may complain that it closes
            env=os.environ | {"DASK_LOGGING__DISTRIBUTED": "critical"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def running(name: str, where: Path) -> Iterator[None]:
    """A program of a page that goes on until it is killed; it says a line when it is ready."""
    program = subprocess.Popen([sys.executable, name], cwd=where, stdout=subprocess.PIPE)
    with program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline(), "it has ended instead"
            yield
        finally:
            program.kill()


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


# --- what pages name -----------------------------------------------------------------------------


def code_in(text: str) -> str:
    """What stands in backticks, in fences and in indented blocks."""
    fenced = re.findall(r"^```(?!python)[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(fenced + re.findall(r"^    .*", text, re.MULTILINE) + spans_in(text))


def spans_in(text: str) -> list[str]:
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def make_targets(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z][\w-]*)", code_in(text)))


def files(text: str) -> set[str]:
    """The files and directories that a page names; those of the reader excepted."""
    code = re.sub(r"\w+://\S+", "", code_in(text))
    named = set(
        re.findall(
            r"(?<![\w./~$-])[\w.-]+/[\w./-]*|(?<![\w./-])[\w.-]+\.(?:py|md|toml|yaml)\b", code
        )
    )
    links = set(re.findall(r"\]\((?!\w+:|#)([^)#]+)", text))
    own = set(re.findall(r"[Ss]ave it as `([^`]+)`", text))
    return {name for name in named | links if name not in own and not is_placeholder(name)}


def is_placeholder(name: str) -> bool:
    """A word to be replaced, what make makes, or a name with a version."""
    return bool(re.search(r"\b[A-Z]+\b(?!\.md)|^\w+/\d+$", name)) or name.startswith(".venv/")


def exists(name: str, page: Path) -> bool:
    wanted = [name, f"{name}.py"]
    if "/" not in name:
        wanted += [f"{package}/{name}" for package in PACKAGES]
    return any((base / each).exists() for base in (ROOT, page.parent) for each in wanted)


def private_names(text: str) -> set[str]:
    """Private names in backticks, as in `_deadlock.Judge`."""
    dotted = [span for span in spans_in(text) if re.fullmatch(r"_[a-zA-Z]\w*(\.\w+)*", span)]
    return {part for span in dotted for part in span.removesuffix(".py").split(".")}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_each_make_target_that_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    missing = make_targets(page.read_text(encoding="utf-8")) - targets
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    named = files(page.read_text(encoding="utf-8"))
    missing = {name for name in named if not exists(name, page)}
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_each_private_name_in_a_page_occurs_in_the_source(page: Path) -> None:
    source = set[str]()
    for file in SOURCES:
        source |= {file.stem, *re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    missing = private_names(page.read_text(encoding="utf-8")) - source
    assert not missing


# --- the searches above find what they look for ---------------------------------------------------


def test_the_searches_find_what_they_look_for() -> None:
    text = (
        "Say `make demo`; see `csp/_offer`, [it](docs/x.md), `_a.b`.\n\n    make test   .ci/run\n"
    )
    assert make_targets(text) == {"demo", "test"}
    assert files(text) == {"csp/_offer", "docs/x.md", ".ci/run"}
    assert private_names(text) == {"_a", "b"}
    assert len(EXAMPLES) > 30
    assert BLOCKS
