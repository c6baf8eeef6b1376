"""Docstrings of this project as Markdown: examples are fenced, `Raises:` begins a paragraph."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class Docstrings(Extension):
    """Called by mkdocstrings for each object of the packages."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring with its examples as fenced blocks, and its sections as paragraphs."""
    text = re.sub(r"^(Ends|Raises|Source): ", r"\n**\1:** ", text, flags=re.MULTILINE)
    # an example goes from its prompt to the next empty line
    example = r"^( *)>>> .*(?:\n(?!\s*$).*)*"
    return re.sub(example, lambda found: fenced(found[0]), text, flags=re.MULTILINE)


def fenced(example: str) -> str:
    return f"```pycon\n{example}\n```"
