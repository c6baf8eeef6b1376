"""Writes the parts of protocol.md that are made from the source: `python docs/network/tables.py`.

Each part stands between two lines `<!-- made: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from netchannels.wire import FRAMES, HEARS, MOVES, Connection, Kind
from netchannels.wire.frames import LAST, MORE, Parser
from netchannels.wire.port import LATE, Fate

PAGE = Path(__file__).with_name("protocol.md")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def names(kinds: Iterable[int]) -> str:
    """The names of frames, in the order of the protocol."""
    return ", ".join(Kind(kind).name for kind in sorted(kinds)) or "nothing"


def frames() -> str:
    """All frames: number, name, id, longest body, flags, meaning."""
    flags = {0: "", MORE: "MORE", LAST: "LAST", MORE | LAST: "MORE, LAST"}
    return table(
        ["no.", "frame", "id", "longest body", "flags", "says"],
        [
            [number, Kind(number).name, m.id, f"{m.longest:,}", flags[m.flags], m.says]
            for number, m in FRAMES.items()
        ],
    )


def states() -> str:
    """What a port may hear in each of its states."""
    rows = [[state.name, state.value, names(kinds)] for state, kinds in HEARS.items()]
    return table(["state", "the port is", "hears"], rows)


def late() -> str:
    """Frames that say nothing any more on a port that is over."""
    return f"    {names(LATE)}"


def fates() -> str:
    """What each answer does to a value."""
    answers = sorted({kind for _, kind in MOVES})
    rows: list[list[str]] = []
    for fate in Fate:
        moves = [
            "" if (fate, kind) not in MOVES else (to.name if (to := MOVES[fate, kind]) else "over")
            for kind in answers
        ]
        rows.append([fate.name, fate.value, *moves])
    return table(["fate", "the value is", *(Kind(kind).name for kind in answers)], rows)


def exchange() -> str:
    """A call, as two connections really say it."""
    worker, home = Connection(dialled=True), Connection(dialled=False)
    lines: list[str] = []

    def pass_on(one: Connection, other: Connection, arrow: str, *remarks: str) -> None:
        data = one.data_to_send()
        other.receive_data(data, 0.0)
        other.events()
        for frame, remark in zip(Parser().feed(data), remarks, strict=True):
            said = f"{Kind(frame.kind).name} port={frame.port} id={frame.id}"
            lines.append(f"    worker {arrow} home   {said:<26} {remark}")

    port = worker.open("square", receives=True, fingerprint=bytes(16), described="Call[int, int]")
    pass_on(worker, home, "->", '"square", to receive')
    home.opened(port)
    pass_on(home, worker, "<-", "here you are")
    worker.want(port)
    pass_on(worker, home, "->", "one value, please")
    request = home.deliver(port, b"\x07", attempt=1)
    pass_on(home, worker, "<-", "7, for the first time")
    worker.hold(port, request)
    worker.want(port)
    pass_on(worker, home, "->", "somebody works on it", "and the next one, please")
    worker.done(port, request, b"\x31")
    pass_on(worker, home, "->", "49")
    home.retire(port)
    pass_on(home, worker, "<-", "there are no more")
    worker.retire(port)
    pass_on(worker, home, "->", "then I have gone as well: the port is over")
    assert not worker.ports
    assert not home.ports
    return "\n".join(lines)


MADE: dict[str, Callable[[], str]] = {
    "frames": frames,
    "states": states,
    "late": late,
    "fates": fates,
    "exchange": exchange,
}


def renewed(page: str) -> str:
    """The page with all parts made anew."""

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n\n{MADE[found[2]]()}\n\n{found[3]}"

    return re.sub(r"(<!-- made: (\w+) -->).*?(<!-- end -->)", part, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
