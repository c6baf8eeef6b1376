"""The front doors: which names are public, how they are exported, that each is documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("swept")
ROOT = Path(__file__).parent.parent
PACKAGES = ("csp", "netchannels")

DOORS = {
    "csp": """
        Process process Par Seq Spawn Running run
        Channel Sender Receiver Broadcast Barrier Member Flag Statistics
        Fifo Sliding Dropping
        Alternation Choice Timeout Deadline Every Signal Skip Wait
        Lease Failed Call Accepted Outcome
        ChannelEnded EndOfChannel NoReceivers Poisoned Abandoned LinkLost DeliveryUnknown
        EndClosed WiringError ChannelTypeError Deadlock LeaseFailed CallFailed RequestFailed
        observe Event Dropped
    """,
    "csp.abc": "Guard Sender Receiver",
    "csp.from_thread": "send receive retire",
    "csp.lowlevel": """
        Item Party Standing Watch Rendezvous Given Giver Taker Settling
        take_over travelling home_of same_channel Latch
        Kernel TrioKernel Holder Nursery Scope Waiting PARK PARKED current_kernel install
        on_event copies_elsewhere description_of channel_of Description ChannelDescription protected
        assignable
    """,
    "csp.view": """
        picture_of picture_of_main as_text as_mermaid as_svg Picture Node Box Wire DrawError
        TraceFile Trace BrokenTrace short_names
        stamped Stamped spans Span usage Usage meetings Meetings Met
        chart Chart Message Repeated chart_as_text chart_as_mermaid write_timeline
    """,
    "csp.patterns": """
        emit counter ticker collect fold sink printer
        identity prefix successor map filter scan take drop batch flatten delay regulate
        merge pri_merge multiplex plus gather zip
        delta seq_delta copy_to_all split scatter demultiplex
        pipeline Stage farm
    """,
    "csp.testing": "check_channel cancel_at_every_step",
    "netchannels": """
        serve connect over Node
        pool Pool PoolFailed WorkerStatus map_reduce Cores Hosts DaskCluster CannotStart ProgramLost
        secret keygen Secret user_contexts Certificate
        NodeEvent PeerJoined PeerSuspect PeerRecovered PeerLost PeerLeft PeerRefused
        NodeStatus LinkStatus Counters
        NetworkError HandshakeError ProtocolError SecretError NameRefused TypeRefused
        EncodeFailed RemoteError
        LinkLost DeliveryUnknown
    """,
    "netchannels.testing": "linked faulty_pair FaultyStream Direction dial_twice",
    "netchannels.wire": "Connection Event FRAMES Kind WireError Liveness HEARS MOVES",
}
NAMES = {door: set(names.split()) for door, names in DOORS.items()}
PUBLIC = [(door, name) for door, names in NAMES.items() for name in sorted(names)]

# not among our words: of earlier designs, or other libraries' for what has a word here
SYNONYMS = [
    "fork",
    "hold",
    "task",
    "tasks",
    "thread",
    "coroutine",
    "actor",
    "alt",
    "reader",
    "writer",
]
TRIOS = {"tasks_waiting_send", "tasks_waiting_receive", "from_thread"}  # as trio names them
OF_CSP = {"LinkLost", "DeliveryUnknown"}  # that netchannels shows as well
INSIDES = {"netchannels.testing", "netchannels.wire"}  # bytes are held back, values are held


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class that we have written."""
    for name in dir(cls):
        owner = next((c for c in cls.__mro__ if name in vars(c)), object)
        if not name.startswith("_") and owner.__module__.startswith(PACKAGES):
            value = vars(owner)[name]
            value = getattr(value, "__func__", value)  # of a class or static method
            if inspect.isfunction(value) or isinstance(value, property):
                yield name, value


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


# --- which names -----------------------------------------------------------------------------


@pytest.mark.parametrize(("door", "name"), PUBLIC, ids=[f"{d}.{n}" for d, n in PUBLIC])
def test_a_public_name_is_there_and_documented(door: str, name: str) -> None:
    value = getattr(importlib.import_module(door), name)
    speaks = inspect.isclass(value) or inspect.isroutine(value)
    assert not speaks or inspect.cleandoc(value.__doc__ or "")


@pytest.mark.parametrize("door", [door for door in NAMES if door != "csp.abc"])
def test_nothing_else_leaks_through_a_front_door(door: str) -> None:
    module = importlib.import_module(door)
    seen = {name for name in vars(module) if not name.startswith("_")}
    own = {n for n in seen if getattr(getattr(module, n), "__name__", "") == f"{door}.{n}"}
    assert seen - own == NAMES[door]


def test_abc_defines_nothing_else() -> None:
    module = importlib.import_module("csp.abc")
    shown = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    own = {n for n, v in shown.items() if getattr(v, "__module__", "") == "csp.abc"}
    assert {name for name in own if isinstance(getattr(module, name), type)} == NAMES["csp.abc"]


@pytest.mark.parametrize("door", [door for door in NAMES if door != "csp.abc"])
def test_a_front_door_exports_each_name_under_its_own(door: str) -> None:
    file = importlib.import_module(door).__file__
    assert file is not None
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    exported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        and (node.module if node.level else node.module == "csp")
        for alias in node.names
        if alias.asname == alias.name
    }
    assert exported == NAMES[door]


@pytest.mark.parametrize(
    "door",
    ["csp", "csp.from_thread", "csp.patterns", "csp.testing", "netchannels", "netchannels.testing"],
)
def test_public_names_say_that_they_are(door: str) -> None:
    module = importlib.import_module(door)
    private = {
        name: value.__module__
        for name in sorted(NAMES[door])
        if (value := getattr(module, name)).__module__ not in (door, "typing", "collections.abc")
        and not (door == "netchannels" and name in OF_CSP)
    }
    assert not private, "a traceback would name a private module"


@pytest.mark.parametrize("door", PACKAGES)
def test_star_import_gives_the_public_names(door: str) -> None:
    names: dict[str, Any] = {}
    exec(f"from {door} import *", names)
    classes = {n for n, v in names.items() if not isinstance(v, ModuleType)} - {"__builtins__"}
    assert classes == NAMES[door]


# --- what is written at them -------------------------------------------------------------------


@pytest.mark.parametrize(("door", "name"), PUBLIC, ids=[f"{d}.{n}" for d, n in PUBLIC])
def test_public_methods_and_properties_are_documented(door: str, name: str) -> None:
    value = getattr(importlib.import_module(door), name)
    found = members(value) if isinstance(value, type) else []
    assert not [name for name, member in found if not inspect.getdoc(member)]


@pytest.mark.parametrize("door", NAMES)
def test_a_module_says_what_it_is_for(door: str) -> None:
    assert importlib.import_module(door).__doc__


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", SYNONYMS)
def test_a_synonym_is_no_part_of_a_public_name(word: str) -> None:
    found = set[str]()
    for door, name in PUBLIC:
        if door in INSIDES:
            continue
        value = getattr(importlib.import_module(door), name)
        inside = [n for n, _ in members(value)] if isinstance(value, type) else []
        found |= {n for n in [name, *inside] if word in words(n) and n not in TRIOS}
    assert not found


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The docstrings and messages in a source file, with their lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_a_trio_task_is_named_in_full(file: Path) -> None:
    alone = re.compile(r"""(?<!trio )(?<!trio's )(?<!Dask )(?<![`_."'])\btasks?\b(?![`_(])""")
    assert not [
        f"{file.name}:{line}: ...{text[max(found.start() - 30, 0) : found.end() + 20]!r}..."
        for line, text in texts(file)
        for found in alone.finditer(re.sub(r"\s+", " ", text))
    ]
