"""The site is built without a warning, needs no other host, and works in a browser.

`SITE_PICTURES=DIRECTORY` keeps a picture of each page.
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from .browser import CHROMIUM, Browser

ROOT = Path(__file__).parent.parent
LOADED = r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=\"?([^\s\">]+)"

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("mkdocs") is None,
        reason="it needs mkdocs: pip install -e '.[docs]'",
    ),
    pytest.mark.timeout(600),  # a browser looks at all pages
]
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None or sys.platform == "win32", reason="it needs Chromium: apt install chromium"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(where)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return where


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        serving.join()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Who asked for what is looked at in the browser."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def part(name: str) -> ModuleType:
    """A file of docs/_site/, which mkdocs loads by its path."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "_site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("README.md", "index.md"),
        ("README.zh.md", "zh/index.md"),
        ("DEVELOPING.md", "DEVELOPING.md"),
        ("docs/network/tutorial.md", "network/tutorial.md"),
        ("examples/life.py", "examples/life.md"),
        ("csp/_end.py", None),
        ("tests/examples/test_life.py", None),
    ],
)
def test_a_file_has_its_page_in_the_site(file: str, page: str | None) -> None:
    assert (ROOT / file).exists()
    assert part("hooks").in_site(file) == page


def test_links_lead_to_pages_and_to_no_source(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="examples/chat/"' in start
    developing = (site / "DEVELOPING" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'href="[^"]*\.(?:py|md)"', start + developing)


def test_docstrings_become_markdown() -> None:
    text = "Add.\n\n    [ add ]\n\nEnds: with its input.\nRaises: ValueError.\n\n>>> add(1)\n2\n\nMore."
    assert part("docstrings").as_markdown(text).split("\n\n") == [
        "Add.",
        "    [ add ]",
        "\n**Ends:** with its input.",
        "**Raises:** ValueError.",
        "```pycon\n>>> add(1)\n2\n```",
        "More.",
    ]


def pages(site: Path) -> list[Path]:
    return sorted(page for page in site.rglob("*.html") if page.name != "404.html")


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = {
        (page.relative_to(site), address)
        for page in pages(site)
        for address in re.findall(LOADED, page.read_text(encoding="utf-8"))
    }
    assert loaded
    assert not [each for each in loaded if re.match(r"(\w+:)?//", each[1])]


def test_the_styles_load_nothing_from_another_host(site: Path) -> None:
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8"))


@in_a_browser
def test_pages_ask_no_other_host_and_complain_of_nothing(
    site: Path, address: str, browser: Browser
) -> None:
    for page in pages(site):
        name = page.relative_to(site).as_posix().removesuffix("index.html")
        browser.open(address + name)
        diagrams = page.read_text(encoding="utf-8").count('class="mermaid"')
        if diagrams:
            assert browser.until(lambda wanted=diagrams: drawn(browser) >= wanted), name
        strange = [
            url for url in browser.requests if not url.startswith((address, "data:", "blob:"))
        ]
        assert (strange, browser.complaints) == ([], []), name
        if directory := os.environ.get("SITE_PICTURES"):
            browser.value("scrollTo(0, 0)")
            browser.picture(Path(directory) / f"{name.strip('/').replace('/', '-') or 'index'}.png")


def drawn(browser: Browser) -> int:
    """Mermaid draws into a closed shadow tree, only where a diagram is seen."""
    browser.value("document.querySelectorAll('.mermaid').forEach(each => each.scrollIntoView())")
    return browser.elements("svg", inside="mermaid")


@in_a_browser
def test_a_diagram_is_drawn(site: Path, address: str, browser: Browser) -> None:
    browser.open(address)
    assert browser.until(lambda: drawn(browser)) == 1


@pytest.mark.parametrize(
    ("parted", "joined"),
    [
        ("两个|进程|会|结束", "两个|进程会|结束"),
        ("出|了|错|的|时候", "出了错的|时候"),
        ("会|结束", "会结束"),
        ("`Par` |与|接线", "`Par` |与接线"),
        ("死锁|检测", "死锁|检测"),
    ],
)
def test_a_single_character_is_no_word_of_the_search(parted: str, joined: str) -> None:
    assert part("hooks").joined(parted.replace("|", "\u200b")).replace("\u200b", "|") == joined


@in_a_browser
@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("rendezvous", "concepts/extended-rendezvous/"),
        ("死锁", "zh/tutorial/06-errors-and-deadlock/"),
        ("会合", "zh/"),
    ],
)
def test_the_search_finds_a_word(address: str, browser: Browser, word: str, page: str) -> None:
    browser.open(address)
    browser.value("document.querySelector('[data-md-component=search-query]').focus()")
    browser.say("Input.insertText", text=word)
    found = "document.querySelector('.md-search-result__link')?.getAttribute('href')"
    assert (browser.until(lambda: browser.value(found)) or "").startswith(f"{address}{page}?")
    assert browser.complaints == []


def test_chinese_pages_say_that_they_are(site: Path) -> None:
    for name, language in (("zh/index.html", "zh-Hans"), ("index.html", "en")):
        assert f'<html lang="{language}"' in (site / name).read_text(encoding="utf-8")
