"""`netchannels status`: who is linked to a node, and how much goes over each link.

A node counts values since its links stand; what goes over them in a second is the difference of two
looks, divided by the time between them on the node's own clock.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import msgspec
import trio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

import csp
import netchannels
from netchannels import Counters, LinkStatus, NodeStatus

from ._text import NOTHING, columns, duration, printable, rate, size

HEADINGS = (
    "node", "state", "ports", "out/s", "in/s", "p50", "p99", "oldest", "credit",
)  # fmt: skip
TEXTS = 3  # columns of text; the others are numbers


@dataclass(frozen=True)
class Rates:
    """Values a second, None at the first look."""

    sent_per_second: float | None = None
    received_per_second: float | None = None


class Look:
    """A node at a moment, and the moment before."""

    def __init__(self, status: NodeStatus, before: NodeStatus | None = None) -> None:
        self.status, self._before = status, before
        self._seconds = status.uptime - before.uptime if before is not None else 0.0
        # the address tells the links of one node apart: it has the port of the connection
        links = before.links if before is not None else []
        self._counted = {(link.peer, link.address): link.counters for link in links}

    def total(self) -> Rates:
        """Of the whole node."""
        return self._rates(self.status.total, self._before.total if self._before else None)

    def of(self, link: LinkStatus) -> Rates:
        """Of one link; what a new one has counted came since the look before."""
        before = self._counted.get((link.peer, link.address), Counters())
        return self._rates(link.counters, before)

    def _rates(self, now: Counters, before: Counters | None) -> Rates:
        if before is None or self._seconds <= 0:
            return Rates()
        return Rates(
            (now.sent - before.sent) / self._seconds,
            (now.received - before.received) / self._seconds,
        )


class Watch:
    """Looks at a node again and again, without the link that `label`, this program, has to it."""

    def __init__(self, calls: csp.Sender[csp.Call[str, NodeStatus]], label: str) -> None:
        self._calls, self._label = calls, label
        self._before: NodeStatus | None = None

    async def look(self) -> Look:
        """One look; raises csp.LinkLost, with the reason, when the node is gone."""
        status = await self._calls.call("status")
        status.links = [link for link in status.links if link.peer != self._label]
        look = Look(status, self._before)
        self._before = status
        return look


# --- as text ---------------------------------------------------------------------------------


def heading(look: Look) -> str:
    """What is said of the node itself."""
    status, total = look.status, look.total()
    shared = [f"{printable(name)}: {printable(what)}" for name, what in status.shared.items()]
    counted = status.total
    return "\n".join(
        [
            f"{printable(status.label)} at {printable(status.address) or NOTHING}, "
            f"up {duration(status.uptime)}, lag {duration(status.lag)}",
            f"shares {'; '.join(shared) or 'nothing'}",
            f"links: {status.joined} joined, {status.lost} lost, {status.refused} refused",
            f"values: {counted.sent:,} sent ({rate(total.sent_per_second)}/s), {counted.taken:,} taken, "
            f"{counted.received:,} received ({rate(total.received_per_second)}/s), "
            f"{counted.retried:,} retried, {counted.unknown:,} unknown",
        ]
    )


def rows(look: Look) -> list[tuple[str, ...]]:
    """A row for each link, under the headings."""
    return [(*_texts(link), *_numbers(link, look.of(link))) for link in look.status.links]


def _texts(link: LinkStatus) -> tuple[str, ...]:
    role = f" ({printable(link.role)})" if link.role else ""
    ports = ", ".join(printable(port) for port in link.ports)
    return printable(link.peer) + role, printable(link.state), ports or NOTHING


def _numbers(link: LinkStatus, rates: Rates) -> tuple[str, ...]:
    return (
        rate(rates.sent_per_second),
        rate(rates.received_per_second),
        duration(link.p50),
        duration(link.p99),
        duration(link.oldest),
        size(link.credit),
    )


def plain(look: Look) -> str:
    """For files, pipes and logs."""
    found = rows(look)
    return f"{heading(look)}\n{columns([HEADINGS, *found]) if found else 'no other node is linked'}"


def drawn(look: Look) -> Group:
    """For terminals."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(HEADINGS):
        if number < TEXTS:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    for row in rows(look):
        style = "" if row[1] == "alive" else "yellow"
        table.add_row(*(Text(cell) for cell in row), style=style)
    return Group(Text(heading(look)), table if table.row_count else Text("no other node is linked"))


def as_json(look: Look) -> str:
    """One line: the status as it travels, with the rates."""
    found: dict[str, Any] = msgspec.to_builtins(look.status)
    found["total"] |= asdict(look.total())
    for link, shown in zip(look.status.links, found["links"], strict=True):
        shown["counters"] |= asdict(look.of(link))
    return json.dumps(found)


# --- the command -----------------------------------------------------------------------------


async def status(node: netchannels.Node, *, once: bool, lines: bool, interval: float) -> None:
    """Show the other node: once, as lines of JSON, or again and again until interrupted."""
    console = Console()
    with await node.sender("@status", csp.Call[str, NodeStatus]) as calls:
        watch = Watch(calls, node.label)
        if console.is_terminal and not lines and not once:
            await _draw(watch, console, interval)
        await watch.look()  # a rate takes two looks
        while True:
            await trio.sleep(interval)
            look = await watch.look()
            print(as_json(look) if lines else plain(look), flush=True)
            if once:
                return
            if not lines:
                print(flush=True)


async def _draw(watch: Watch, console: Console, interval: float) -> NoReturn:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(drawn(await watch.look()), refresh=True)
            await trio.sleep(interval)
