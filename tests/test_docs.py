"""Every example and every block of code in the docs runs; what the docs name exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest

from .launcher import Launcher, by_itself

ROOT = Path(__file__).parent.parent
PACKAGES = ("csp", "netchannels")
SOURCES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    ROOT / "DEVELOPING.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("csp/mistakes/*.md")),
]
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
    [name for door in ("csp", "csp.patterns", "csp.view", *NETWORK) for name in public(door)],
)
def test_a_public_class_or_function_shows_an_example(name: str) -> None:
    door, _, last = name.rpartition(".")
    shows_one = ">>> " in (getattr(importlib.import_module(door), last).__doc__ or "")
    assert shows_one


DOORS = {  # and the page of the reference that has all of its names
    "csp": "csp.md",
    "csp.from_thread": "from_thread.md",
    "csp.lowlevel": "lowlevel.md",
    "csp.patterns": "patterns.md",
    "csp.testing": "testing.md",
    "csp.view": "view.md",
    "netchannels": "netchannels.md",
    "netchannels.testing": "netchannels-testing.md",
}


@pytest.mark.parametrize("door", DOORS)
def test_the_reference_has_every_public_name(door: str) -> None:
    page = (ROOT / "docs" / "reference" / DOORS[door]).read_text(encoding="utf-8")
    named = re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE)
    values = vars(importlib.import_module(door))
    names = [n for n in values if not n.startswith("_") and not inspect.ismodule(values[n])]
    assert sorted(named) == sorted(f"{door}.{name}" for name in names)


# --- blocks in pages -----------------------------------------------------------------------------

FENCE = re.compile(
    r"(?:^ *<!-- (?P<mark>[^>]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
TYPED_ELSEWHERE = {  # pages whose commands another test types in
    "README.md": "tests/test_readme.py",
    "README.zh.md": "tests/test_readme.py",  # the same commands: tests/test_translation.py
    "docs/network/tutorial.md": "tests/test_tutorial.py",
}


SAVE = re.compile(r"(?:[Ss]ave (?:it|this one) as|保存为) `([\w./-]+)`")


class Fence(NamedTuple):
    """A fenced block of a page: what it holds, and what the page says of it."""

    where: str
    line: int
    kind: str
    mark: str  # of the comment on the line before: "skip: reason", "fails", "beside the next"
    text: str
    prints: str | None  # the `text` block that follows in the same section
    beside: str  # the program that runs meanwhile: the block before, if "beside the next"

    @property
    def skipped(self) -> str:
        return self.mark.removeprefix("skip: ") if self.mark.startswith("skip: ") else ""


def fences_in(text: str, where: str = "page.md") -> Iterator[Fence]:
    found = list(FENCE.finditer(text))
    beside = ""
    for this, following in zip_longest(found, found[1:]):
        kind, code = this["kind"], textwrap.dedent(this["text"])
        line = text.count("\n", 0, this.start("text")) + 1
        prints = None
        if following and following["kind"] == "text":
            between = text[this.end() : following.start()]
            if not re.search("^#", between, re.MULTILINE):
                prints = textwrap.dedent(following["text"])
        yield Fence(f"{where}:{line}", line, kind, this["mark"] or "", code, prints, beside)
        beside = code if this["mark"] == "beside the next" else ""


FENCES = {
    name: list(fences_in(page.read_text(encoding="utf-8"), name))
    for name, page in zip(PAGE_IDS, PAGES, strict=True)
}
PROGRAMS = [
    fence
    for fences in FENCES.values()
    for fence in fences
    if fence.kind == "python" and fence.mark != "beside the next"
]


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as launcher:
        yield launcher


@pytest.mark.parametrize("fence", PROGRAMS, ids=[fence.where for fence in PROGRAMS])
def test_a_block_of_code_runs(fence: Fence, tmp_path: Path, launcher: Launcher) -> None:
    if fence.skipped:
        pytest.skip(fence.skipped)
    key, port = tmp_path / "farm.key", free_port()
    key.touch(0o600)
    key.write_text(secrets.token_urlsafe(), encoding="utf-8")
    (tmp_path / "program.py").write_text(fence.text.replace("5000", port), encoding="utf-8")
    (tmp_path / "beside.py").write_text(fence.beside.replace("5000", port), encoding="utf-8")
    if fence.mark == "fails":
        done = launcher.run(["-m", "csp", "run", "program.py"], tmp_path)
        assert done.returncode == 1 or done.stderr
        assert same(done.stderr, fence.prints or ""), done.stderr
        return
    with running("beside.py", tmp_path) if fence.beside else nullcontext():
        done = launcher.run(["program.py"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert fence.prints is None or same(done.stdout, fence.prints), done.stdout


def same(printed: str, shown: str) -> bool:
    """But for blanks at the ends of lines, which nobody sees."""
    return [line.rstrip() for line in printed.rstrip().splitlines()] == [
        line.rstrip() for line in shown.rstrip().splitlines()
    ]


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


# --- commands in pages ---------------------------------------------------------------------------

PAGES_WITH_COMMANDS = [
    name
    for name, fences in FENCES.items()
    if name not in TYPED_ELSEWHERE
    and any(fence.kind == "sh" and not fence.skipped for fence in fences)
]


def commands_of(block: str) -> list[str]:
    """One a line, without comments; a backslash joins lines."""
    lines = (line.strip() for line in block.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def saved_in(text: str) -> dict[str, str]:
    """The files that a reader is told to save, each the block that follows."""
    return {save[1]: next(fences_in(text[save.end() :])).text for save in SAVE.finditer(text)}


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a Unix shell")
@pytest.mark.parametrize("name", PAGES_WITH_COMMANDS)
def test_the_commands_of_a_page_run(name: str, tmp_path: Path, launcher: Launcher) -> None:
    """In the order of the page, in a checkout that has the files that the page had saved."""
    for part in ("examples", "docs"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=leave_out)
    for file, text in saved_in((ROOT / name).read_text(encoding="utf-8")).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    for fence in FENCES[name]:
        if fence.kind == "sh" and not fence.skipped:
            printed = "".join(typed(line, tmp_path, launcher) for line in commands_of(fence.text))
            assert fence.prints is None or same(printed, fence.prints), (fence.where, printed)


def typed(line: str, where: Path, launcher: Launcher) -> str:
    """What a command that does not fail prints."""
    words = shlex.split(line, comments=True)
    plain = not re.search(r"[|&;<>$*`]", line)
    if plain and words[0] == "python":
        done = launcher.run(words[1:], where)
    elif plain and words[0] in PACKAGES:
        done = launcher.run(["-m", *words], where)
    else:
        done = by_itself(["-c", SHELL, line], where)
    assert done.returncode == 0, (line, done)
    return done.stdout


SHELL = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1], shell=True).returncode)"


# --- what pages name -----------------------------------------------------------------------------


def code_in(text: str) -> str:
    """What stands in backticks, in fences and in indented blocks."""
    fenced = [fence.text for fence in fences_in(text) if fence.kind not in ("python", "text")]
    text = FENCE.sub("", text)
    return "\n".join(fenced + re.findall(r"^    .*", text, re.MULTILINE) + spans_in(text))


def links_in(text: str) -> set[str]:
    """The files to which a page links; code may look like a link."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", prose))


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
    links = links_in(text)
    own = {"program.py", *SAVE.findall(text)}
    return {name for name in named | links if name not in own and not is_placeholder(name)}


def is_placeholder(name: str) -> bool:
    """A word to be replaced, what make makes, or a name with a version."""
    return bool(
        re.search(r"(?<![A-Za-z])[A-Z]+(?![A-Za-z]|[\w.]*\.md)|^\w+/\d+$", name)
    ) or name.startswith((".venv/", "site/"))


def exists(name: str, page: Path) -> bool:
    wanted = [name, f"{name}.py"]
    if "/" not in name:
        # messages name a file without its folder
        wanted += [
            f"{folder}/{name}" for folder in (*PACKAGES, "examples", "docs/course/exercises")
        ]
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
def test_each_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = links_in(page.read_text(encoding="utf-8"))
    missing = {link for link in links if not (page.parent / link).exists()}
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
    assert PROGRAMS


PAGE = """
# A page

Save it as `wrong.py`:

<!-- fails -->
```python
import csp
```

This is what it says:

```text
it fails
```

    ```python
    csp.run()
    ```

## Next

```text
not of the block before
```

```sh
csp run wrong.py --arg \\
  count=2   # twice
# no command
```
"""


def test_the_blocks_of_a_page_are_found_with_what_they_print() -> None:
    fails, printed, indented, _, commands = fences_in(PAGE)
    assert (fails.kind, fails.mark, fails.text) == ("python", "fails", "import csp\n")
    assert fails.prints == printed.text == "it fails\n"
    assert (indented.text, indented.prints) == ("csp.run()\n", None)
    assert commands_of(commands.text) == ["csp run wrong.py --arg    count=2   # twice"]
    assert saved_in(PAGE) == {"wrong.py": "import csp\n"}
