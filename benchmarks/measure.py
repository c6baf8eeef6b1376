"""Candidates measured in turns, so that a change of the machine's speed meets all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Candidate = Callable[[], float]  # seconds for one of whatever is measured


class Missing(Exception):
    """A candidate that cannot run here, and why."""


def in_turns(
    candidates: Mapping[str, Candidate], repeats: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Measure every candidate `repeats` times, one after the other.

    Returns the seconds of each, and why those that are missing are.
    """
    seconds: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    for _ in range(repeats):
        for name, measure in candidates.items():
            if name not in missing:
                try:
                    seconds.setdefault(name, []).append(measure())
                except Missing as reason:
                    missing[name] = str(reason)
                    seconds.pop(name, None)
    return seconds, missing


def best(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """The least of each: the machine's other work only ever adds time."""
    return {name: min(values) for name, values in seconds.items()}
