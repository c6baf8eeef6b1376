"""Places in the user's code: a file and a line, never one of csp or trio."""

from __future__ import annotations

import _thread
import inspect
import queue
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import csp
from csp._places import place_of_caller, say_where_they_are_found


def here() -> str:
    """The line that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return f"test_places.py:{frame.f_back.f_lineno}"


def in_module(module: str, source: str, **names: Any) -> Any:
    """The function `f` of `source`, as if it stood in a file `there.py` of `module`."""
    namespace = {"__name__": module, **names}
    exec(compile(source, "/some/where/there.py", "exec"), namespace)
    return namespace["f"]


CALLING = "def f():\n    return call()"


def test_in_a_notebook_a_place_is_the_number_of_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def format_code_name(path: str) -> tuple[str, str] | None:
        return ("Cell", "In[3]") if path == "/some/where/there.py" else None

    shell = SimpleNamespace(compile=SimpleNamespace(format_code_name=format_code_name))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert in_module("__main__", CALLING, call=place_of_caller)() == "In[3]:2"
    assert place_of_caller() == here()  # a module that a cell imports
    shell.compile.format_code_name = lambda path: ("Cell", "In[4]")  # run again
    assert in_module("__main__", CALLING, call=place_of_caller)() == "In[4]:2"


def test_where_ipython_is_imported_and_not_running_a_place_is_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert place_of_caller() == here()


def test_a_place_is_the_file_without_its_folder_and_the_line() -> None:
    assert place_of_caller() == here()
    assert in_module("users.own", CALLING, call=place_of_caller)() == "there.py:2"


@pytest.mark.parametrize("module", ["csp", "csp._channel", "csp.cli", "trio", "trio._core._run"])
def test_frames_of_csp_and_trio_are_passed_over(module: str) -> None:
    inner = in_module(module, CALLING, call=place_of_caller)
    outer = in_module(module, CALLING, call=inner)
    assert outer() == here()


@pytest.mark.parametrize("module", ["cspace", "triology.trio", "my.csp", "__main__", ""])
def test_a_module_that_only_sounds_like_them_is_a_place(module: str) -> None:
    assert in_module(module, CALLING, call=place_of_caller)() == "there.py:2"


def test_where_nobody_else_calls_the_outermost_frame_is_the_place() -> None:
    places: queue.Queue[str] = queue.Queue()
    outermost = in_module("csp.made_up", "def f():\n    put(place())", put=places.put, place=place_of_caller)  # fmt: skip
    _thread.start_new_thread(outermost, ())
    assert places.get(timeout=60) == "there.py:2"


@csp.process
async def idle() -> None:
    return None


@pytest.mark.parametrize(
    "place_of",
    [
        lambda: (csp.Channel(int).name, here()),
        lambda: (csp.Channel[int]().name, here()),
        lambda: (csp.Barrier().name, here()),
        lambda: (csp.Broadcast(int).name, here()),
    ],
    ids=["Channel", "Channel[]", "Barrier", "Broadcast"],
)
def test_what_has_no_name_is_called_by_the_place_where_it_was_made(place_of: Any) -> None:
    name, place = place_of()
    assert name == place


def test_a_process_knows_the_place_of_its_call() -> None:
    called, place = idle(), here()
    copies, of_copies = 2 * called, here()
    assert (called.place, copies.place) == (place, of_copies)
    copies.close()


def test_public_names_are_found_at_the_door_and_others_where_they_are() -> None:
    def made(module: str) -> Any:
        return type("Made", (), {"__module__": module})

    ours, private, foreign, alike = made("csp._x"), made("csp._x"), made("trio"), made("cspace")
    names = {"Ours": ours, "_Private": private, "Foreign": foreign, "Alike": alike, "number": 3}
    say_where_they_are_found(names, "csp.door")
    assert [kind.__module__ for kind in (ours, private, foreign, alike)] == [
        "csp.door",
        "csp._x",
        "trio",
        "cspace",
    ]
