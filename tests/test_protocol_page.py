"""docs/network/protocol.md: what is made from the source is current, and numbers are those of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from netchannels import _hello
from netchannels._entrance import HANDSHAKE
from netchannels._handshake import SIZE_LIMIT
from netchannels._nesting import LIMIT
from netchannels.wire import FRAMES, HEARS, Kind, connection
from netchannels.wire.frames import CHUNK, HEADER, LONGEST_CHUNK
from netchannels.wire.port import Fate

FOLDER = Path(__file__).parent.parent / "docs" / "network"
PAGE = (FOLDER / "protocol.md").read_text(encoding="utf-8")


def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", FOLDER / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_made_from_the_source_is_current() -> None:
    assert tables().renewed(PAGE) == PAGE, "run: python docs/network/tables.py"


def test_an_old_page_would_be_noticed() -> None:
    assert tables().renewed(PAGE.replace("are you there?", "hello?")) != PAGE.replace(
        "are you there?", "hello?"
    )


@pytest.mark.parametrize("part", ["frames", "states", "late", "fates", "exchange"])
def test_the_page_has_each_part_once(part: str) -> None:
    assert PAGE.count(f"<!-- made: {part} -->") == 1


def test_every_frame_state_and_fate_is_on_the_page() -> None:
    for each in [*(Kind(kind) for kind in FRAMES), *HEARS, *Fate]:
        assert f"| {each.name} |" in PAGE


@pytest.mark.parametrize(
    "said",
    [
        f"A header of {HEADER.size} bytes",
        f"at most\n    {_hello.LARGEST_HELLO} bytes",
        f"{HANDSHAKE:g} seconds and {SIZE_LIMIT} bytes in each direction",
        f"never above {_hello.LONGEST_LOST // 1000} s",
        f"longer than {CHUNK // 1024} KiB is cut",
        f"growing to {LONGEST_CHUNK // 1024} KiB",
        f"({_hello.Hello(bytes(16)).credit // 2**20} MiB)",
        f"| {connection.PORTS:,} opened by each side |",
        f"| name of a port | {connection.NAME} bytes |",
        f"| wants of a port | {connection.WANTS:,} |",
        f"| pings without an answer | {connection.PINGS:,} |",
        f"at most {_hello.LARGEST_VALUE // 2**20} MiB |",
        f"| {LIMIT} arrays and maps within each other |",
    ],
)
def test_a_number_is_that_of_the_source(said: str) -> None:
    assert said in PAGE
