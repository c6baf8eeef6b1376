"""The notebooks of the course run, and their cells say what the text beside them promises."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

COURSE = Path(__file__).parent.parent.parent / "docs" / "course"
NOTEBOOKS = sorted((COURSE / "notebooks").glob("*.ipynb"))
IDS = [notebook.stem for notebook in NOTEBOOKS]

nbformat = pytest.importorskip("nbformat", reason="notebooks need nbclient and ipykernel")
nbclient = pytest.importorskip("nbclient", reason="notebooks need nbclient and ipykernel")
pytest.importorskip("ipykernel", reason="notebooks need nbclient and ipykernel")


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The cells of each notebook, executed all in one kernel, as it takes long to start one."""
    course = tmp_path_factory.mktemp("course") / "course"
    shutil.copytree(COURSE, course, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
    books = {path.stem: nbformat.read(path, as_version=4).cells for path in NOTEBOOKS}
    everything = nbformat.v4.new_notebook()
    for number, cells in enumerate(books.values()):
        for cell in cells:
            cell.id = f"{number}-{cell.id}"
        everything.cells += [nbformat.v4.new_code_cell("%reset -f"), *cells]
    folder = {"metadata": {"path": str(course / "notebooks")}}
    client = nbclient.NotebookClient(everything, timeout=60, resources=folder, allow_errors=True)
    client.execute()
    return books


@pytest.mark.filterwarnings("default")  # of Jupyter's own
@pytest.mark.parametrize("name", IDS)
def test_a_notebook_runs_and_says_what_it_promises(
    executed: dict[str, list[Any]], name: str
) -> None:
    for cell in executed[name]:
        if cell.cell_type == "code":
            said = "\n".join(map(text_of, cell.outputs))
            assert [words for words in cell.metadata.get("says", []) if words not in said] == [], (
                said
            )
            failed = "Traceback" in said or any(o.output_type == "error" for o in cell.outputs)
            assert failed == ("raises-exception" in cell.metadata.get("tags", [])), said


def text_of(output: Any) -> str:
    """What a reader sees of it."""
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=IDS)
def test_a_notebook_holds_no_output_and_promises_something(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert sum("says" in cell["metadata"] for cell in code) >= 5


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=IDS)
def test_a_notebook_links_what_exists(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (notebook.parent / link).exists()
    for page in re.findall(r"`(docs/course/[^`]+)`", text):
        assert (COURSE.parent.parent / page).exists()
