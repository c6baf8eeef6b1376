"""A sequence chart as text, and for Mermaid.

In the text an arrow is a communication: `───▶` of two who met, `╌╌╌▶` of a value that was kept for a
while; `●══●` is a barrier.  `∥` stands before a line that is concurrent with the one above: neither
can have caused the other.  `x14` stands before what came fourteen times, with its first values.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from ._chart import Chart, Message
from ._folding import Repeated
from ._names import short_names

NAME, REMARK = 12, 60  # characters of a line of a lane's name, of a note
PLAIN = str.maketrans("│┌└─╌▶◀┼●═╪∥↻", "|/\\-.><+*=#&@")


def chart_as_text(chart: Chart, /, *, ascii_only: bool = False) -> str:
    """The chart as lines of text; with `ascii_only` for terminals that have no other characters.

    >>> from csp.view import Chart, Message
    >>> print(chart_as_text(Chart(["main.a", "main.b"], [Message("main.c", "main.a", "main.b")])))
        a      b
        │─────▶│  c
    """
    if not chart.lanes:
        return "\n".join(["nobody communicated", *_remarks(chart)])
    text = "\n".join([*_Drawing(chart).lines(), *_remarks(chart)])
    return text.translate(PLAIN) if ascii_only else text


def chart_as_mermaid(chart: Chart, /) -> str:
    """The chart as a Mermaid `sequenceDiagram` (https://mermaid.js.org).

    `->>` is a rendezvous, `-)` a value that was kept for a while; what is concurrent stands in
    `par` and `and`; a barrier is a note over its members.

    >>> from csp.view import Chart, Message
    >>> print(chart_as_mermaid(Chart(["main.a", "main.b"], [Message("main.c", "main.a", "main.b")])))
    sequenceDiagram
        participant p0 as a
        participant p1 as b
        p0->>p1: c
    """
    return "\n".join(_Mermaid(chart).lines())


def _remarks(chart: Chart) -> list[str]:
    names, channels = short_names(chart.lanes), short_names(_channels(chart.items))
    said = [
        f"{names[name]} waited for {_shortened(what, channels)}"
        for name, what in chart.waiting.items()
    ]
    return [*said, *chart.left_out()]


def _channels(items: Iterable[Message | Repeated[Message]]) -> list[str]:
    found: dict[str, None] = {}
    for item in items:
        names = _channels(item.body) if isinstance(item, Repeated) else [item.channel]
        found.update(dict.fromkeys(names))
    return list(found)


def _shortened(what: str, channels: dict[str, str]) -> str:
    """What a process waits for, with channels as they are called in the chart."""
    parts = what.split(", ")
    if parts[-1] in ("send", "receive"):
        name = channels.get(", ".join(parts[:-1]), parts[0].rpartition(".")[2])
        return f"{name}, to {parts[-1]}"
    return ", ".join(channels.get(part, part.rpartition(".")[2]) for part in parts)


def _label(message: Message, channels: dict[str, str], most: int) -> str:
    values = ", ".join(message.values) + (", ..." if most > len(message.values) else "")
    more = f", with {message.unseen:,} more members" if message.unseen else ""
    return channels[message.channel] + more + (f": {values}" if message.values else "")


class _Drawing:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        names = short_names(chart.lanes)
        self.headers = [_wrapped(names[name]) for name in chart.lanes]
        self.channels = short_names(_channels(chart.items))
        self.at: dict[str, int] = {}
        column = 0
        for name, header in zip(chart.lanes, self.headers, strict=True):
            width = max(6, *(len(line) + 1 for line in header))
            self.at[name] = column + width // 2
            column += width + 1
        self.width = column

    def lines(self) -> list[str]:
        rows = list(_with_gutters(self.chart.items, _widest(self.chart.items)))
        gutter = max((len(prefix) for prefix, _, _ in rows), default=0)
        drawn = [
            f"{prefix:<{gutter}}{'∥' if message.concurrent else ' '}"
            f"{self.row(message).rstrip()}  {_label(message, self.channels, times)}"
            for prefix, message, times in rows
        ]
        return [*(f"{'':{gutter}} {line}".rstrip() for line in self.header()), *drawn]

    def header(self) -> list[str]:
        height = max(map(len, self.headers))
        lines: list[str] = []
        for number in range(height):
            line = ""
            for name, header in zip(self.chart.lanes, self.headers, strict=True):
                index = number - (height - len(header))
                word = header[index] if index >= 0 else ""
                line = line.ljust(self.at[name] - len(word) // 2) + word
            lines.append(line)
        return lines

    def row(self, message: Message) -> str:
        cells = [" "] * self.width
        for column in self.at.values():
            cells[column] = "│"
        if message.members:
            self._join([self.at[name] for name in message.members], cells)
        elif message.sender == message.receiver:
            cells[self.at[message.receiver]] = "↻"
        else:
            self._arrow(message, cells)
        return "".join(cells)

    def _join(self, columns: list[int], cells: list[str]) -> None:
        for column in range(min(columns), max(columns) + 1):
            cells[column] = "═" if cells[column] == " " else "╪"
        for column in columns:
            cells[column] = "●"

    def _arrow(self, message: Message, cells: list[str]) -> None:
        end = self.at[message.receiver]
        begin = self.at[message.sender] if message.sender else max(end - 3, -1)
        stroke = "╌" if message.waited else "─"
        step = 1 if begin < end else -1
        for column in range(begin + step, end, step):
            cells[column] = stroke if cells[column] == " " else "┼"
        cells[end - step] = "▶" if step == 1 else "◀"


def _wrapped(name: str) -> list[str]:
    """The lines of a lane's name, broken behind points and at blanks."""
    return textwrap.wrap(name.replace(".", ". "), NAME) or ["?"]


def _widest(items: Iterable[Message | Repeated[Message]]) -> int:
    """The length of the longest `x14`."""
    loops = [item for item in items if isinstance(item, Repeated)]
    return max((max(len(f"x{loop.times}"), _widest(loop.body)) for loop in loops), default=0)


def _with_gutters(
    items: list[Message | Repeated[Message]], width: int, times: int = 1
) -> Iterable[tuple[str, Message, int]]:
    """Each message with the brackets before it, and how often it came."""
    for item in items:
        if not isinstance(item, Repeated):
            yield "", item, times
            continue
        rows = list(_with_gutters(item.body, width, times * item.times))
        for number, (prefix, message, count) in enumerate(rows):
            mark = f"x{item.times}" if number == 0 else ""
            last = number == len(rows) - 1
            bracket = " " if len(rows) == 1 else "┌" if number == 0 else "└" if last else "│"
            yield f"{mark:>{width}} {bracket}{prefix}", message, count


class _Mermaid:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.ids = {name: f"p{number}" for number, name in enumerate(chart.lanes)}
        self.channels = short_names(_channels(chart.items))

    def lines(self) -> list[str]:
        names = short_names(self.chart.lanes)
        lines = ["sequenceDiagram"]
        for name, known_as in self.ids.items():
            lines.append(f"    participant {known_as} as {_escaped(names[name])}")
        lines += self.items(self.chart.items, "    ", 1)
        for name, what in self.chart.waiting.items():
            said = _escaped(f"waited for {_shortened(what, self.channels)}")
            lines.append(f"    Note over {self.ids[name]}: {said}")
        if self.ids:
            known = list(self.ids.values())
            everybody = ",".join(dict.fromkeys((known[0], known[-1])))
            for remark in self.chart.left_out():
                wrapped = "<br/>".join(textwrap.wrap(_escaped(remark), REMARK))
                lines.append(f"    Note over {everybody}: {wrapped}")
        return lines

    def items(
        self, items: list[Message | Repeated[Message]], indent: str, times: int
    ) -> Iterable[str]:
        together: list[Message] = []
        for item in items:
            if isinstance(item, Repeated) or item.concurrent < len(together):
                yield from self.side_by_side(together, indent, times)
                together = []
            if isinstance(item, Repeated):
                yield f"{indent}loop x{item.times}"
                yield from self.items(item.body, indent + "    ", times * item.times)
                yield f"{indent}end"
            else:
                together.append(item)
        yield from self.side_by_side(together, indent, times)

    def side_by_side(self, messages: list[Message], indent: str, times: int) -> Iterable[str]:
        """Messages that are concurrent with each other."""
        if len(messages) < 2:
            yield from (f"{indent}{self.line(message, times)}" for message in messages)
            return
        for number, message in enumerate(messages):
            yield f"{indent}{'and' if number else 'par'} {'' if number else 'concurrent'}".rstrip()
            yield f"{indent}    {self.line(message, times)}"
        yield f"{indent}end"

    def line(self, message: Message, times: int) -> str:
        label = _escaped(_label(message, self.channels, times))
        if message.members:
            ends = sorted((self.ids[name] for name in message.members), key=lambda i: int(i[1:]))
            return f"Note over {','.join(dict.fromkeys((ends[0], ends[-1])))}: barrier {label}"
        receiver = self.ids[message.receiver]
        sender = self.ids[message.sender] if message.sender else receiver
        return f"{sender}{'-)' if message.waited else '->>'}{receiver}: {label}"


def _escaped(text: str) -> str:
    """Mermaid reads `;` as the end of a line, and `#` as the beginning of a character's name."""
    escaped = text.replace("#", "#35;").replace(";", "#59;").replace("#35#59;", "#35;")
    return " ".join(escaped.split())
