"""How the commands show times, sizes, rates and what other programs call themselves."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"


def printable(text: str) -> str:
    """Text of another program, without what would steer a terminal.

    >>> printable("farm\x1b[2J")
    'farm?[2J'
    """
    return "".join(c if c.isprintable() else "?" for c in text)


def duration(seconds: float | None) -> str:
    """A time with its unit, three digits of it.

    >>> [duration(s) for s in (0.00085, 0.25, 12.345, 75, 7260, None)]
    ['0.850 ms', '250 ms', '12.3 s', '1 min 15 s', '2 h 1 min', '-']
    """
    if seconds is None:
        return NOTHING
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1000)} ms"
    if seconds < 60:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _three_digits(value: float) -> str:
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def size(count: int) -> str:
    """Bytes with their unit.

    >>> [size(n) for n in (0, 1023, 1536, 64 * 1024 * 1024)]
    ['0 B', '1023 B', '1.5 KiB', '64.0 MiB']
    """
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.1f} KiB"
    return f"{count / 1024 / 1024:.1f} MiB"


def rate(per_second: float | None) -> str:
    """Values a second.

    >>> [rate(r) for r in (0.0, 2.5, 12345.6, None)]
    ['0.0', '2.5', '12,346', '-']
    """
    if per_second is None:
        return NOTHING
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows below each other, each column as wide as its longest entry.

    >>> print(columns([["name", "type"], ["square", "Call[int, int]"]]))
    name    type
    square  Call[int, int]
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
