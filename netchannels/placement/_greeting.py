"""What a program on a host says first, by which `Hosts` knows that netchannels runs there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

MARK = "\x1enetchannels "  # before the line that says who this is
ENDS = 128  # exit code of a program that a signal has ended: this and its number, as of a shell


@dataclass(frozen=True)
class Greeting:
    """Who is there: `version` of netchannels, `host` as it calls itself, `pid` of the program.

    >>> Greeting.parse(Greeting("1.0", "ant", 7).line())
    Greeting(version='1.0', host='ant', pid=7)
    >>> Greeting.parse("Welcome to ant!")
    """

    version: str
    host: str
    pid: int

    def line(self) -> str:
        """One line, without its end."""
        return MARK + json.dumps(asdict(self))

    @classmethod
    def parse(cls, line: str) -> Greeting | None:
        """The greeting in a line; None if it is another one, of a login script perhaps."""
        mark, _, text = line.rpartition(MARK)
        if mark or not line.startswith(MARK):
            return None
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def version() -> str:
    """That of netchannels here."""
    import importlib.metadata  # programs on the cores of this machine do without

    return importlib.metadata.version("netchannels")
