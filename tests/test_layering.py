"""Who may import whom, held against the source; each rule is one case."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

pytestmark = pytest.mark.usefixtures("swept")
ROOT = Path(__file__).parent.parent
ROOMS = {"testing", "cli", "patterns", "check", "view", "__main__"}
PUBLIC = {"csp", "csp.abc", "csp.lowlevel", "csp.from_thread"}

WITHOUT_TRIO = {"csp._offer", "csp._buffers", "csp._rendezvous", "csp._observe", "csp._kernel"}
PARKING, BRIDGE, ERRORS, RUN = "csp._parking", "csp._bridge", "csp._errors", "csp._run"


@dataclass(frozen=True)
class Use:
    """Something from elsewhere that a line needs when it runs: a module, or a name in one."""

    file: Path
    line: int
    name: str  # dotted, from the top: trio.lowlevel.current_task

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.name}"

    def starts(self, *modules: str) -> bool:
        return any(self.name == m or self.name.startswith(m + ".") for m in modules)


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    module_of(file): file
    for package in ("csp", "netchannels")
    for file in sorted((ROOT / package).rglob("*.py"))
}


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def package_of(module: str) -> str:
    return module.partition(".")[0]


CORE = [module for module in FILES if room(module) is None and package_of(module) == "csp"]
NETWORK = [m for m in FILES if room(m) is None and package_of(m) == "netchannels"]
IN_ROOMS = [module for module in FILES if room(module) is not None]

WIRE = [module for module in NETWORK if module.startswith("netchannels.wire")]
# who gets in, and how bytes get there: the only ones that know streams, sockets and TLS
GATE = [
    "netchannels._address",
    "netchannels._transport",
    "netchannels._secret",
    "netchannels._certificate",
    "netchannels._hello",
    "netchannels._handshake",
    "netchannels._rate",
    "netchannels._entrance",
]
BAR = "netchannels._progress"
DASK = "netchannels.placement.dask"
CODEC = [f"netchannels.{name}" for name in ("_shape", "_codec", "_counters", "_status")]


class _Uses(ast.NodeVisitor):
    """Collects imports and dotted uses; leaves out annotations and `if TYPE_CHECKING:`."""

    def __init__(self, file: Path) -> None:
        self.file, self.imports, self.names = file, list[Use](), list[Use]()
        self.bound: dict[str, str] = {}  # local name -> what it stands for
        package = module_of(file).split(".")
        self.package = package if file.name == "__init__.py" else package[:-1]

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.append(Use(self.file, node.lineno, alias.name))
            top = alias.name.partition(".")[0]
            self.bound[alias.asname or top] = alias.name if alias.asname else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.package[: len(self.package) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            self.imports.append(Use(self.file, node.lineno, f"{module}.{alias.name}"))
            self.bound[alias.asname or alias.name] = f"{module}.{alias.name}"

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts, at = [node.attr], node.value
        while isinstance(at, ast.Attribute):
            parts.append(at.attr)
            at = at.value
        if isinstance(at, ast.Name) and at.id in self.bound:
            dotted = ".".join([self.bound[at.id], *reversed(parts)])
            self.names.append(Use(self.file, node.lineno, dotted))
        else:
            self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        return

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in [*node.decorator_list, node.args, *node.body]:
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef


@functools.cache
def _parsed(module: str) -> _Uses:
    file = FILES[module]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = _Uses(file)
    for _ in range(2):  # imports in functions may stand below the uses of their names
        found.imports, found.names = [], []
        found.visit(tree)
    return found


def imports(modules: list[str]) -> Iterator[Use]:
    for module in modules:
        yield from _parsed(module).imports


def uses(modules: list[str]) -> Iterator[Use]:
    """Imports, and names used through them."""
    for module in modules:
        yield from _parsed(module).imports
        yield from _parsed(module).names


def ours(use: Use) -> str | None:
    """The module of csp or netchannels that an import names, if any."""
    if not use.starts("csp", "netchannels"):
        return None
    return use.name if use.name in FILES else use.name.rpartition(".")[0]


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def is_exception_of_trio(name: str) -> bool:
    value = getattr(trio, name.removeprefix("trio."), None)
    return isinstance(value, type) and issubclass(value, BaseException)


def others(*modules: str) -> list[str]:
    return [module for module in CORE if module not in modules]


# --- the rules: each returns what breaks it ------------------------------------------------


def the_deciding_files_know_no_trio() -> Iterator[Use]:
    """_offer, _buffers, _rendezvous, _observe and _kernel import the stdlib and each other;
    _observe has its records from msgspec"""
    for use in imports([m for m in CORE if m in WITHOUT_TRIO]):
        records = module_of(use.file) == "csp._observe" and use.starts("msgspec")
        if not (records or ours(use) in WITHOUT_TRIO or use.starts(*sys.stdlib_module_names)):
            yield use


def errors_know_only_exception_classes_of_trio() -> Iterator[Use]:
    """csp._errors uses nothing of trio but its exception classes"""
    for use in uses([ERRORS]):
        if use.starts("trio") and use.name != "trio" and not is_exception_of_trio(use.name):
            yield use


def only_parking_touches_the_scheduler() -> Iterator[Use]:
    """trio.lowlevel, private names of trio and outcome stand in csp/_parking.py only"""
    for use in uses(others(PARKING)):
        if use.starts("trio.lowlevel", "outcome") or (use.starts("trio") and is_private(use.name)):
            yield use


def nobody_waits_through_trio() -> Iterator[Use]:
    """the core uses trio.abc and trio's exception classes, and waits through the kernel"""
    for use in uses(others(PARKING, BRIDGE, ERRORS)):
        allowed = (
            not use.starts("trio")
            or use.starts("trio.abc", "trio.lowlevel")  # lowlevel: another rule
            or use.name == "trio"
            or is_private(use.name)
            or is_exception_of_trio(use.name)
            or (use.name == "trio.run" and module_of(use.file) == RUN)
        )
        if not allowed:
            yield use


def the_core_stands_on_the_stdlib_trio_and_msgspec() -> Iterator[Use]:
    """csp without its rooms imports the stdlib, trio and msgspec (and outcome, to park)"""
    for use in imports(CORE):
        if not use.starts(*sys.stdlib_module_names, "csp", "trio", "msgspec", "outcome"):
            yield use


def the_core_knows_no_room() -> Iterator[Use]:
    """csp without its rooms imports neither netchannels nor a room"""
    for use in uses(CORE):
        if use.starts("netchannels", *(f"csp.{name}" for name in ROOMS)):
            yield use


def rooms_use_public_names() -> Iterator[Use]:
    """rooms use public names of csp and netchannels, and nothing private of them"""
    for use in uses(IN_ROOMS):
        elsewhere = use.starts("csp", "netchannels") and not use.starts(own_room(use))
        if elsewhere and is_private(use.name):
            yield use


def own_room(use: Use) -> str:
    module = module_of(use.file)
    return f"{package_of(module)}.{room(module)}"


def rooms_do_not_know_each_other() -> Iterator[Use]:
    """a room imports no other room; the command may import every room"""
    for use in uses(IN_ROOMS):
        if room(module_of(use.file)) in ("cli", "__main__"):
            continue
        if use.starts(*(set(EVERY_ROOM) - {own_room(use)})):
            yield use


EVERY_ROOM = [f"{package}.{name}" for package in ("csp", "netchannels") for name in ROOMS]


def only_the_commands_draw() -> Iterator[Use]:
    """rich is imported by csp.cli, netchannels.cli and the bar of a pool only"""
    for use in imports([m for m in FILES if room(m) != "cli" and m != BAR]):
        if use.starts("rich"):
            yield use


def typing_extensions_is_for_the_checker() -> Iterator[Use]:
    """typing_extensions is imported under `if TYPE_CHECKING:` only"""
    for use in imports(list(FILES)):
        if use.starts("typing_extensions"):
            yield use


# --- the rules of the network --------------------------------------------------------------


def the_wire_knows_only_the_stdlib() -> Iterator[Use]:
    """netchannels.wire imports itself and the stdlib, but no socket, ssl, time or random"""
    for use in imports(WIRE):
        allowed = use.starts("netchannels.wire", *sys.stdlib_module_names)
        if not allowed or use.starts("socket", "ssl", "time", "random", "asyncio", "select"):
            yield use


def the_gate_knows_no_channel() -> Iterator[Use]:
    """transport and handshake import the stdlib, wire, errors, numbers, trio, cryptography, each other"""
    known = ("netchannels.wire", "netchannels._errors", "netchannels._numbers", *GATE)
    for use in imports(GATE):
        if not use.starts(*sys.stdlib_module_names, "trio", "cryptography", *known):
            yield use


def only_the_gate_knows_streams() -> Iterator[Use]:
    """trio's streams and sockets, socket, ssl and cryptography stand in the gate only"""
    for use in uses([module for module in NETWORK if module not in GATE]):
        if use.starts("ssl", "socket.socket", "cryptography") or is_stream_of_trio(use.name):
            yield use


def is_stream_of_trio(name: str) -> bool:
    """True for whatever of trio makes, is or waits for a stream or a socket."""
    if not name.startswith("trio."):
        return False
    return bool(re.search(r"(?i)stream|socket|listener|ssl|dtls", name.removeprefix("trio.")))


def the_network_uses_public_names_of_csp() -> Iterator[Use]:
    """netchannels uses csp, csp.abc and csp.lowlevel, and nothing private of them"""
    for use in uses(NETWORK):
        private = use.starts("csp") and is_private(use.name)
        if private or use.starts("csp.from_thread", *EVERY_ROOM):
            yield use


def the_network_leaves_the_scheduler_alone() -> Iterator[Use]:
    """netchannels uses public names of trio, and nothing of trio.lowlevel but checkpoint"""
    for use in uses(NETWORK):
        if use.starts("trio.lowlevel", "outcome") or (use.starts("trio") and is_private(use.name)):
            yield use


def the_network_stands_on_little() -> Iterator[Use]:
    """netchannels imports the stdlib, csp, trio, cryptography (gate) and msgspec (codec, status)"""
    for use in imports([module for module in NETWORK if module != BAR]):
        if use.starts("distributed") and module_of(use.file) == DASK:  # in a Dask worker
            continue
        if not use.starts(
            *sys.stdlib_module_names, "csp", "netchannels", "trio", "cryptography", "msgspec"
        ):
            yield use
        if use.starts("msgspec") and module_of(use.file) not in CODEC:
            yield use


def no_module_is_on_a_cycle() -> Iterator[str]:
    """no import cycles at run time; imports inside functions count"""
    for module in FILES:
        for use in imports([module]):
            to = ours(use)
            if to is not None and to != module and module in reached_from(to):
                yield f"{use} leads back to {module}"


@functools.cache
def reached_from(module: str) -> set[str]:
    """The modules that importing `module` imports, and itself."""
    seen, todo = set[str](), [module]
    while todo:
        at = todo.pop()
        if at in FILES and at not in seen:
            seen.add(at)
            todo += [to for use in imports([at]) if (to := ours(use)) is not None]
    return seen


RULES: list[Callable[[], Iterator[object]]] = [
    the_deciding_files_know_no_trio,
    errors_know_only_exception_classes_of_trio,
    only_parking_touches_the_scheduler,
    nobody_waits_through_trio,
    the_core_stands_on_the_stdlib_trio_and_msgspec,
    the_core_knows_no_room,
    rooms_use_public_names,
    rooms_do_not_know_each_other,
    only_the_commands_draw,
    typing_extensions_is_for_the_checker,
    the_wire_knows_only_the_stdlib,
    the_gate_knows_no_channel,
    only_the_gate_knows_streams,
    the_network_uses_public_names_of_csp,
    the_network_leaves_the_scheduler_alone,
    the_network_stands_on_little,
    no_module_is_on_a_cycle,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Callable[[], Iterator[object]]) -> None:
    broken = "".join(f"\n  {use}" for use in dict.fromkeys(map(str, rule())))
    if broken:
        pytest.fail(f"the rule: {rule.__doc__}; broken by{broken}", pytrace=False)


# --- the reading order ---------------------------------------------------------------------


def reading_order(package: str) -> list[str]:
    text = (ROOT / "DEVELOPING.md").read_text(encoding="utf-8")
    section = text.partition("## Layout and reading order")[2].partition("\n## ")[0]
    block = "\n".join(line for line in section.splitlines() if line.startswith("    "))
    names = re.findall(rf"(?<![\w/]){package}/([\w/]+)", block)
    return [f"{package}.{name.replace('/', '.')}" for name in names]


def places(package: str) -> dict[str, int]:
    found = {name: i for i, name in enumerate(reading_order(package))}
    if "netchannels.wire.connection" in found:  # the door of the wire is its last file
        found["netchannels.wire"] = found["netchannels.wire.connection"]
    return found


@pytest.mark.parametrize(("package", "modules"), [("csp", CORE), ("netchannels", NETWORK)])
def test_the_reading_order_names_every_file_once(package: str, modules: list[str]) -> None:
    named = reading_order(package)
    doors = {module for module in modules if FILES[module].name == "__init__.py"}
    missing, gone = set(modules) - doors - set(named), set(named) - set(modules)
    twice = {name for name in named if named.count(name) > 1}
    assert (missing, gone, twice) == (set(), set(), set())


@pytest.mark.parametrize("package", ["csp", "netchannels"])
def test_the_front_door_tells_the_same_reading_order(package: str) -> None:
    door = ast.get_docstring(ast.parse(FILES[package].read_text(encoding="utf-8"))) or ""
    block = "\n".join(line for line in door.splitlines() if line.startswith("    "))
    named = re.findall(r"(?<!\w)_[a-z]\w*", block)
    order = [name.removeprefix(f"{package}.") for name in reading_order(package)]
    assert named == [name.rpartition(".")[2] for name in order if is_private(name)]


DOORS = {"csp", "csp.lowlevel", "netchannels", "netchannels.placement", "netchannels.wire"}


@pytest.mark.parametrize("module", [m for m in CORE + NETWORK if m not in DOORS])
def test_a_file_imports_only_what_is_read_before_it(module: str) -> None:
    place = places(package_of(module))
    assert module in place, f"{module} is missing in the reading order of DEVELOPING.md"
    late = [
        str(use)
        for use in imports([module])
        if (to := ours(use)) is not None
        and package_of(to) == package_of(module)
        and place.get(to, len(place)) >= place[module]
    ]
    assert not late, f"read later than {module}: {late}"


# --- the test itself: it would see what it forbids -----------------------------------------


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import trio\ntrio.lowlevel.checkpoint()", {"trio", "trio.lowlevel.checkpoint"}),
        ("from trio import lowlevel as low\nlow.x", {"trio.lowlevel", "trio.lowlevel.x"}),
        ("def f():\n    from ._offer import Party", {"csp._offer.Party"}),
        ("from . import _call", {"csp._call"}),
        ("if TYPE_CHECKING:\n    import trio\nelse:\n    import msgspec", {"msgspec"}),
        ("import trio\ndef f(a: trio.Event) -> trio.Event: x: trio.Event", {"trio"}),
    ],
)
def test_what_a_file_uses_is_seen(source: str, seen: set[str]) -> None:
    found = _Uses(ROOT / "csp" / "_made_up.py")
    found.visit(ast.parse(source))
    assert {use.name for use in found.imports + found.names} == seen


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        ("trio.open_tcp_stream", True),
        ("trio.abc.Stream", True),
        ("trio.SSLStream", True),
        ("trio.serve_listeners", True),
        ("trio.socket.socket", True),
        ("trio.Event", False),
        ("trio.open_nursery", False),
    ],
)
def test_a_stream_of_trio_is_known_when_it_is_seen(name: str, forbidden: bool) -> None:
    assert is_stream_of_trio(name) is forbidden
