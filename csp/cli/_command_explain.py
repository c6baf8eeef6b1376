"""csp explain [NAME]: the page about a mistake, which the messages of csp name.

The pages are the files of `csp/mistakes/`; the first line of each is its title.
"""

from __future__ import annotations

import argparse
import sys
from importlib import resources

from rich.console import Console
from rich.markdown import Markdown

from ._target import UsageError

PAGES = resources.files("csp") / "mistakes"

EXAMPLES = """\
  csp explain
  csp explain never-run
"""


def describe(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("page", nargs="?", metavar="NAME", help="without it, all are listed")


def explain(options: argparse.Namespace) -> str | None:
    """The page, or the list; None if it is on the terminal already."""
    if options.page is None:
        return listed()
    if options.page not in names():
        raise UsageError(f"there is no page {options.page}; there are:\n{listed()}")
    text = page(options.page)
    if not sys.stdout.isatty():
        return text
    Console().print(Markdown(text))
    return None


def names() -> list[str]:
    """The names of all pages."""
    return sorted(f.name.removesuffix(".md") for f in PAGES.iterdir() if f.name.endswith(".md"))


def page(name: str) -> str:
    """Its text as Markdown, without the comments that say how its programs are tested."""
    lines = (PAGES / f"{name}.md").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("<!--"))


def listed() -> str:
    """A line a page: its name and its title."""
    width = max(map(len, names()))
    titles = {name: page(name).partition("\n")[0].removeprefix("# ") for name in names()}
    return "\n".join(f"{name:<{width}}  {title}" for name, title in titles.items())
