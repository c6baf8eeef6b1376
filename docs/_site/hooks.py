"""What the site has besides the pages in docs/: pages that stand elsewhere in the project.

On a forge a link goes from file to file.  In the site the same link leads to the page of that file,
if it has one, and otherwise is plain text.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).parent.parent.parent
OUTSIDE = {  # where pages stand in the project, and where in the site
    "CHANGELOG.md": "CHANGELOG.md",
    "DEVELOPING.md": "DEVELOPING.md",
    "csp/mistakes/*.md": "mistakes/",
    "examples/*.py": "examples/",
}
STARTS = {"README.md": "index.md", "README.zh.md": "zh/index.md"}  # these have pages of their own
HAN = "[\u4e00-\u9fff]"
PARTED = "\u200b"  # between Chinese words in the index of the search: a space that nobody sees
FENCES = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside; write out what `NAME/` in the nav stands for."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = in_site(path.relative_to(ROOT).as_posix())
            assert name is not None
            files.append(File.generated(config, name, content=page_of(path)))
    config.nav = [written_out(entry, files) for entry in config.nav or []]
    return files


def in_site(path: str) -> str | None:
    """The page of a file of the project, as its path in the site, or None."""
    if path in STARTS:
        return STARTS[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    for pattern, where in OUTSIDE.items():
        if Path(path).match(pattern) and path.count("/") == pattern.count("/"):
            name = f"{where}{posixpath.basename(path)}" if where.endswith("/") else where
            return re.sub(r"\.py$", ".md", name)
    return None


def page_of(path: Path) -> str:
    """A page as it stands; an example behind what it is, in a sentence of its own."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]
    return f"# {path.stem}\n\n{first}\n\n```python\n{text}```\n"


def written_out(entry: Any, files: Files) -> Any:
    """An entry of the nav with `NAME/` replaced by the pages there, index first."""
    if not isinstance(entry, dict):  # a page that is called after its heading
        return entry
    ((title, value),) = entry.items()
    if isinstance(value, list):
        return {title: [written_out(each, files) for each in value]}
    if not value.endswith("/"):
        return entry
    names = [f.src_uri for f in files.documentation_pages() if f.src_uri.startswith(value)]
    return {title: sorted(names, key=lambda name: (not name.endswith("/index.md"), name))}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links between files of the project become links between pages of the site."""
    here = next((path for path in sources(page.file.src_uri) if (ROOT / path).exists()), None)
    assert here is not None, page.file.src_uri

    def relinked(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), found[2]))
        name = in_site(target)
        if name is not None and files.get_file_from_path(name) is not None:
            away = posixpath.relpath(name, posixpath.dirname(page.file.src_uri) or ".")
            return f"[{found[1]}]({away}{found[3] or ''})"
        return found[1] if (ROOT / target).exists() else found[0]  # mkdocs tells what is missing

    parts: list[str] = []
    end = 0
    for fence in FENCES.finditer(markdown):
        parts += [LINK.sub(relinked, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(relinked, markdown[end:])])


def sources(name: str) -> list[str]:
    """Where in the project a page of the site may stand."""
    base = posixpath.basename(name)
    outside = [posixpath.join(posixpath.dirname(pattern), base) for pattern in OUTSIDE]
    return [f"docs/{name}", *outside, *(re.sub(r"\.md$", ".py", path) for path in outside)]


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Chinese pages say that they are; pages that have a diagram load Mermaid, from this site."""
    if page.url.startswith("zh/"):
        output = output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)
    if 'class="mermaid"' not in output:
        return output
    script = get_relative_url("assets/mermaid.min.js", page.url)
    return output.replace("</head>", f'<script src="{script}"></script>\n</head>', 1)


@event_priority(-100)  # when the search has written its index
def on_post_build(config: MkDocsConfig) -> None:
    file = Path(config.site_dir, "search", "search_index.json")
    index = json.loads(file.read_text(encoding="utf-8"))
    for entry in index["docs"]:
        entry["title"], entry["text"] = joined(entry["title"]), joined(entry["text"])
    file.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")


def joined(text: str) -> str:
    """Single Chinese characters become part of the word before them, or else of the one behind.

    The search cuts what a reader types into words of the index, but never asks for the whole of it:
    where a character is a word, it finds all words that begin with it.
    """
    text = re.sub(f"(?<={HAN}){PARTED}(?={HAN}(?!{HAN}))", "", text)
    return re.sub(f"(?<!{HAN})({HAN}){PARTED}(?={HAN})", r"\1", text)
