"""The network: netchannels beside bare trio streams with msgspec, and beside multiprocessing.

Two programs that answer each other may be put on one processor or on two, as the scheduler of the
system likes: figures of the rendezvous come in two sizes, and the best of many is what counts.

Two programs each time, or three, over plain loopback; what is measured begins when all are there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .measure import Candidate, Effort, interleave
from .peers import on_multiprocessing, on_netchannels, on_streams
from .report import Goal, Group, Row

Tell = Callable[[str], object]

RENDEZVOUS = Goal(1.5, 1.2, at_most=True)
ONE_WAY = Goal(4, 2, at_most=True)  # a quarter, half
BULK = Goal(1 / 0.4, 1 / 0.6, at_most=True)

FEW, MANY = 32, 5_000  # rounds of the run that finds out how many there shall be


def measure(effort: Effort, tell: Tell) -> Group:
    """The table of the network."""
    ours = on_netchannels
    bare = {
        "round trip": Candidate("bare: 64 bytes and an answer", on_streams.round_trip),
        "one way": Candidate("bare: batches of small values", on_streams.one_way, first=MANY),
        "task": Candidate("bare, from and to trio tasks: small values", on_streams.one_by_one, first=MANY),
        "bulk": Candidate("bare: 1 MiB", on_streams.bulk, first=FEW),
    }  # fmt: skip
    rendezvous = Candidate("rendezvous, 64 bytes", ours.rendezvous)
    there = Candidate("rendezvous, sender elsewhere", ours.rendezvous_there)
    one_way = Candidate("one way, prefetch 256", ours.one_way, first=MANY)
    bulk = Candidate("one way, 1 MiB", ours.bulk, first=FEW)
    calls = {
        workers: Candidate(f"calls, {_programs(workers)}", partial(ours.calls, workers, 0))
        for workers in (1, 2)
    }
    ahead = {
        workers: Candidate(
            f"calls, {_programs(workers)}, prefetch {ours.AHEAD}",
            partial(ours.calls, workers, ours.AHEAD),
        )
        for workers in (1, 2)
    }
    managers = {
        workers: Candidate(
            f"managers, {_programs(workers)}",
            partial(on_multiprocessing.managers, workers),
        )
        for workers in (1, 2)
    }
    pools = {
        workers: Candidate(
            f"Pool.imap_unordered, {_programs(workers)}",
            partial(on_multiprocessing.pool, workers),
        )
        for workers in (1, 2)
    }
    own = [rendezvous, there, one_way, bulk, *calls.values(), *ahead.values()]
    interleave([*bare.values(), *own, *managers.values(), *pools.values()], effort, tell)

    group = Group(
        "network", "Between programs, an operation (bare: trio streams and msgspec)", "ratio"
    )

    def add(what: str, of: Candidate, ratio: float | None = None, goal: Goal | None = None) -> None:
        group.rows.append(Row(what, "us", of.samples, ratio, goal))

    def against(of: Candidate, peer: Candidate, goal: Goal | None) -> None:
        add(f"{of.what} / {peer.what.partition(':')[0]}", of, of.best / peer.best, goal)

    for candidate in bare.values():
        add(candidate.what, candidate)
    against(rendezvous, bare["round trip"], RENDEZVOUS)
    against(there, bare["round trip"], RENDEZVOUS)
    against(one_way, bare["one way"], ONE_WAY)
    against(one_way, bare["task"], None)
    against(bulk, bare["bulk"], BULK)
    for workers in (1, 2):
        for candidate in (calls[workers], ahead[workers]):
            add(candidate.what, candidate)
        best = min(calls[workers].best, ahead[workers].best)
        for peer in (managers[workers], pools[workers]):  # what pools reach is in group `pools`
            add(f"{peer.what} / calls", peer, peer.best / best)
    return group


def _programs(workers: int) -> str:
    return "one worker" if workers == 1 else f"{workers} workers"
