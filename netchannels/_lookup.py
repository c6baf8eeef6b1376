"""Looking a name up: all links of the node are asked at once, one of them should know it."""

from __future__ import annotations

from collections.abc import Callable

import trio

import csp

from ._errors import NameRefused
from ._link import Link
from ._passage import Passage

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two looks

Found = tuple[Link, int]


async def look_up(
    links: Callable[[], list[Link]],
    name: str,
    passage: Passage,
    *,
    receives: bool,
    peer: str | None = None,
    wait: float = 0,
) -> Found:
    """The one link on which `name` is shared, and the number of an open port to it.

    Raises NameRefused if nobody shares it within `wait` seconds, or several do, TypeRefused if
    the types differ, csp.LinkLost if there is no link.
    """
    deadline, pause = trio.current_time() + wait, FIRST_PAUSE
    while True:
        all_links = [link for link in links() if not link.lost]
        asked = _named(all_links, peer)
        found, errors = await _ask_all(asked, name, passage, receives)
        if len(found) == 1:
            return found[0]
        if found:
            for link, number in found:
                _close(link, number)
            labels = ", ".join(link.label for link, _ in found)
            raise NameRefused(f"{name!r} is shared by several nodes ({labels}): say peer=...")
        other = [error for error in errors if not isinstance(error, NameRefused)]
        if other:
            raise other[0]
        if trio.current_time() >= deadline:
            break
        with trio.move_on_at(deadline):
            await trio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
    if errors:
        raise errors[0]
    who = f" whose label begins with {peer!r}" if peer else ""
    known = ", ".join(link.label for link in all_links) or "none"
    raise csp.LinkLost(f"no link to a node{who} that could share {name!r}; links: {known}")


def _named(links: list[Link], peer: str | None) -> list[Link]:
    """Those whose label is `peer`, or else begins with it."""
    if peer is None:
        return links
    exact = [link for link in links if link.label == peer]
    return exact or [link for link in links if link.label.startswith(peer)]


async def _ask_all(
    links: list[Link], name: str, passage: Passage, receives: bool
) -> tuple[list[Found], list[Exception]]:
    asked = [(link, link.ask(name, passage, receives)) for link in links]
    try:
        for _, asking in asked:
            await asking.answered.wait()
    except BaseException:
        for link, asking in asked:
            if not asking.answered.is_set():
                link.give_up(asking)
            elif asking.error is None:
                _close(link, asking.number)
        raise
    found = [(link, asking.number) for link, asking in asked if asking.error is None]
    return found, [asking.error for _, asking in asked if asking.error is not None]


def _close(link: Link, number: int) -> None:
    link.connection.retire(number)
    link.poke()
