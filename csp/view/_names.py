"""Names for pictures: as short as they can be told apart; and what their paths say."""

from __future__ import annotations

from collections.abc import Container, Iterable


def short_names(names: Iterable[str]) -> dict[str, str]:
    """For each path its last part, or as many of its last parts as make it unique.

    >>> short_names(["main.par[0].fork", "main.par[1].fork", "main.butler"])
    {'main.par[0].fork': 'par[0].fork', 'main.par[1].fork': 'par[1].fork', 'main.butler': 'butler'}
    """
    known = list(dict.fromkeys(names))
    shown: dict[str, str] = {}
    left, parts = known, 1
    while left:
        tails = {name: ".".join(name.split(".")[-parts:]) for name in left}
        counts: dict[str, int] = {}
        for tail in tails.values():
            counts[tail] = counts.get(tail, 0) + 1
        for name, tail in tails.items():
            if counts[tail] == 1 or tail == name:
                shown[name] = tail
        left = [name for name in left if name not in shown]
        parts += 1
    return {name: shown[name] for name in known}


def parent_of(name: str, known: Container[str]) -> str | None:
    """Who has started a process, of those that are known: names are paths.

    >>> parent_of("main.par[0].worker", {"main"})
    'main'
    """
    while "." in name:
        name = name.rpartition(".")[0]
        if name in known:
            return name
    return None
