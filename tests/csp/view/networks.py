"""Process networks to be drawn."""

from __future__ import annotations

from typing import Any

from csp import Barrier, Channel, Member, Par, Process, Receiver, Sender, Seq, process


@process
async def source(out: Sender[Any]) -> None:
    raise AssertionError("what is drawn does not run")


@process
async def relay(inp: Receiver[Any], out: Sender[Any]) -> None:
    raise AssertionError("what is drawn does not run")


@process
async def drain(inp: Receiver[Any]) -> None:
    raise AssertionError("what is drawn does not run")


@process
async def cell(inps: list[Receiver[int]], outs: list[Sender[int]], phase: Member) -> None:
    raise AssertionError("what is drawn does not run")


def chain(length: int = 3) -> Process[object]:
    """A source, relays, a drain: `length` in all."""
    ways = [Channel(int, name=f"way {n}") for n in range(length - 1)]
    relays = (
        relay(ways[n].receiver(), ways[n + 1].sender()).named(f"relay {n}")
        for n in range(length - 2)
    )
    return Par(source(ways[0].sender()), *relays, drain(ways[-1].receiver()))


def ring(length: int = 12) -> Process[object]:
    ways = [Channel(int, name=f"to {n}") for n in range(length)]
    return Par(
        *(
            relay(ways[n].receiver(), ways[(n + 1) % length].sender()).named(f"station {n}")
            for n in range(length)
        )
    )


def farm(workers: int = 12) -> Process[object]:
    """Each worker has a name of its own."""
    jobs, results = Channel(str, name="jobs"), Channel(float, name="results", buffer=3)
    return Par(
        source(jobs.sender()),
        Par(
            *(relay(jobs.receiver(), results.sender()).named(f"worker {n}") for n in range(workers))
        ),
        drain(results.receiver()),
    )


def grid(rows: int = 5, columns: int = 8) -> Process[object]:
    """Cells that send to their neighbours on all four sides, and a barrier of all."""
    phase = Barrier(name="phase")
    ways: dict[tuple[tuple[int, int], tuple[int, int]], Channel[int]] = {}

    def way(one: tuple[int, int], other: tuple[int, int]) -> Channel[int]:
        return ways.setdefault((one, other), Channel(int, name=f"{one} to {other}"))

    def at(row: int, column: int) -> Process[None]:
        steps = ((0, 1), (1, 0), (0, -1), (-1, 0))
        around = [(row + down, column + right) for down, right in steps]
        near = [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < columns]
        inps = [way(other, (row, column)).receiver() for other in near]
        outs = [way((row, column), other).sender() for other in near]
        return cell(inps, outs, phase.member()).named(f"cell {row},{column}")

    return Par(*(at(row, column) for row in range(rows) for column in range(columns)))


def nested() -> Process[object]:
    """A Seq, copies of a Par, a channel that nobody receives from, names full of marks."""
    a, b, c, d, e = (Channel(int, name=name) for name in "abcde")
    lone = Channel(bytes, name='<&> "lone"')
    return Par(
        Seq(relay(a.receiver(), b.sender()).named("first <b>"), drain(e.receiver())),
        3 * Par(relay(b.receiver(), c.sender()), relay(c.receiver(), d.sender())),
        Par(source(a.sender()), Par(drain(d.receiver()), source(lone.sender()))),
        source(e.sender()).named("Quelle\n源"),
    )


NETWORKS = {
    "three": chain,
    "chain of 40": lambda: chain(40),
    "ring of 12": ring,
    "farm of 12": farm,
    "grid of 40": grid,
    "nested": nested,
}
