"""A progress bar on standard error, while somebody reads the replies of a pool."""

from __future__ import annotations

import operator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """One bar: how many of `requests`, if it says how many they are; nothing if nobody looks at it."""

    def __init__(self, name: str, requests: Any) -> None:
        console = Console(stderr=True)
        total = operator.length_hint(requests, -1)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task(name, total=total if total >= 0 else None)
        self._runs = False

    def advance(self) -> None:
        """One more is over."""
        if not self._runs:
            self._runs = True
            self._progress.start()
        self._progress.advance(self._bar)

    def close(self) -> None:
        """Nobody reads on: take it from the screen."""
        if self._runs:
            self._runs = False
            self._progress.stop()
