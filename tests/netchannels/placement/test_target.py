"""Functions by the names under which other programs import them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from netchannels import TypeRefused
from netchannels.placement._target import Target, is_async, types_of

sys.path.insert(0, str(Path(__file__).parent.parent))
import jobs


def test_a_function_of_a_module_is_found_by_its_name() -> None:
    target = Target.of(jobs.square)
    assert target == Target("jobs:square")
    assert target.load() is jobs.square
    assert Target.of(jobs.through_a_channel).name == "jobs:through_a_channel"
    assert Target.of(shutil.which).load() is shutil.which


@functools.wraps(jobs.square)
def renamed(number: int) -> int:
    return number


class Thing:
    def method(self, number: int) -> int:
        return number

    @staticmethod
    def plain(number: int) -> int:
        return number


def test_a_function_in_a_class_is_found_and_what_needs_an_object_is_not() -> None:
    assert Target.of(Thing.plain).load() is Thing.plain
    with pytest.raises(TypeError, match="something else under the name"):
        Target.of(Thing().method)


def test_what_nobody_could_import_is_refused_with_the_way_out() -> None:
    def nested(number: int) -> int:
        return number

    cases: list[tuple[Any, str]] = [
        (lambda number: number, "a lambda has no name.*def"),
        (nested, "inside of a function.*top of its file"),
        (functools.partial(jobs.square, 1), "no name to import it by.*def"),
        (renamed, "something else under the name `square`"),
        (3, "a function is wanted"),
    ]
    for function, message in cases:
        with pytest.raises(TypeError, match=message):
            Target.of(function)


def test_what_was_typed_in_is_refused() -> None:
    source = (
        "from netchannels.placement._target import Target\n"
        "def typed(n: int) -> int: return n\n"
        "try: Target.of(typed)\n"
        "except TypeError as error: print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-"], input=source, capture_output=True, text=True, check=True
    )
    assert "typed in at a prompt" in run.stdout


def test_a_script_goes_by_its_file_and_runs_nothing_below_its_guard(tmp_path: Path) -> None:
    script = tmp_path / "my_script.py"
    script.write_text(
        "from netchannels.placement._target import Target\n"
        "def work(n: int) -> int: return n + 1\n"
        "if __name__ == '__main__':\n"
        "    target = Target.of(work)\n"
        "    print(target.name, target.file)\n",
        encoding="utf-8",
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    name, _, file = run.stdout.strip().partition(" ")
    assert (name, Path(file)) == ("my_script:work", script)
    loaded = Target(name, file).load()
    assert loaded(1) == 2
    assert Target(name, file).load() is loaded
    del sys.modules["my_script"]


def test_the_main_program_of_a_directory_is_refused_for_its_name_is_that_of_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "__main__.py").write_text(
        "from netchannels.placement._target import Target\n"
        "def f(number: int) -> int:\n    return number\n"
        "Target.of(f)\n",
        encoding="utf-8",
    )
    ended = subprocess.run([sys.executable, str(tmp_path)], capture_output=True, text=True)
    assert "move it to a module beside it" in ended.stderr


def test_a_module_that_sys_path_does_not_lead_to_goes_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "somewhere.py"
    file.write_text("def work(n: int) -> int: return n\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("elsewhere_loaded", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["elsewhere_loaded"] = module
    spec.loader.exec_module(module)
    assert Target.of(module.work) == Target("elsewhere_loaded:work", str(file))
    del sys.modules["elsewhere_loaded"]


def test_a_module_in_a_zip_file_goes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("zipped_jobs.py", "def f(number: int) -> int: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path / "app.pyz"))
    module = importlib.import_module("zipped_jobs")
    target = Target.of(module.f)
    assert target == Target("zipped_jobs:f")
    assert target.load() is module.f


def test_what_is_not_there_any_more_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="has no `gone`"):
        Target("jobs:gone").load()


def test_the_types_are_those_of_one_parameter_and_the_result() -> None:
    assert types_of(jobs.square) == (int, int)
    assert types_of(jobs.through_a_channel) == (int, int)

    def with_default(number: int, base: int = 10) -> str:
        return str(number)

    assert types_of(with_default) == (int, str)
    with pytest.raises(TypeError, match="takes 2 arguments"):
        types_of(jobs.needs_two)

    def nothing() -> int:
        return 1

    def keyword(*, number: int) -> int:
        return number

    for function in (nothing, keyword):
        with pytest.raises(TypeError, match="arguments"):
            types_of(function)
    with pytest.raises(TypeRefused, match="its parameter `number`.*annotate it"):
        types_of(jobs.unannotated)

    def no_result(number: int):  # type: ignore[no-untyped-def]
        return number

    with pytest.raises(TypeRefused, match="what it returns"):
        types_of(no_result)


def test_async_functions_and_processes_are_async() -> None:
    assert is_async(jobs.rest)
    assert is_async(jobs.through_a_channel)
    assert not is_async(jobs.square)
    assert issubclass(TypeRefused, TypeError)


def test_a_file_that_starts_programs_when_it_is_imported_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "unguarded.py"
    file.write_text(
        "from netchannels.placement._target import Target\n"
        "def half(number: int) -> int: ...\n"
        "Target.of(half)\n"  # as a pool does
    )
    try:
        with pytest.raises(RuntimeError, match="`unguarded` starts programs when.*__main__"):
            Target("unguarded:half", str(file)).load()
        assert Target.of(jobs.square).load() is jobs.square
    finally:
        sys.modules.pop("unguarded", None)
        sys.path.remove(str(tmp_path))
