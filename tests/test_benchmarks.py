"""The benchmarks' pieces: that they run and tell sane figures, not how fast anything is."""

import ast
import json
import math
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import observer, parked, pools, tracing
from benchmarks.measure import SMOKE, Candidate, Skipped, Unavailable, interleave, peer
from benchmarks.peers import (
    on_asyncio,
    on_csp,
    on_go,
    on_multiprocessing,
    on_netchannels,
    on_streams,
    on_trio,
)
from benchmarks.peers.elsewhere import elsewhere
from benchmarks.report import Goal, Group, Row, machine, write

pytestmark = pytest.mark.usefixtures("swept")
TINY = replace(SMOKE, seconds=0.001, repeats=1, parked=50, counted=10, requests=4)


def is_time(seconds: float) -> bool:
    return math.isfinite(seconds) and 0 < seconds < 1


@pytest.mark.parametrize(
    "run",
    [
        on_csp.commstime,
        on_csp.commstime_fallback,
        on_trio.commstime,
        on_asyncio.commstime,
        lambda rounds: on_csp.selection(10, rounds),
        lambda rounds: on_csp.selection_alone(10, rounds),
        lambda rounds: on_csp.selection_of_writers(10, rounds),
    ],
)
def test_programs_without_extras(run):
    assert is_time(run(20))


@pytest.mark.parametrize(
    "run",
    [
        on_streams.round_trip,
        on_streams.one_way,
        on_streams.one_by_one,
        on_streams.bulk,
        on_netchannels.rendezvous,
        on_netchannels.rendezvous_there,
        on_netchannels.one_way,
        on_netchannels.bulk,
        lambda rounds: on_netchannels.calls(2, 0, rounds),
        lambda rounds: on_netchannels.calls(1, 4, rounds),
        lambda rounds: on_netchannels.disturbed(rounds, workers=2, by=""),
        lambda rounds: on_netchannels.disturbed(rounds, workers=1, by="noise"),
        lambda rounds: on_netchannels.disturbed(rounds, workers=1, by="frozen"),
        lambda rounds: on_multiprocessing.managers(2, rounds),
        lambda rounds: on_multiprocessing.pool(2, rounds),
    ],
)
def test_programs_between_programs(run):
    assert is_time(run(20))


def test_a_program_elsewhere_that_fails_is_an_error():
    with elsewhere("on_streams", "no such word", 1) as other:
        with pytest.raises(RuntimeError, match="ended with 1"):
            other.said()


def test_a_program_elsewhere_that_hangs_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with elsewhere("on_streams", "answer", silent.getsockname()[1]) as other:
            with pytest.raises(RuntimeError, match="has not ended in 0"):
                other.said(0)


@pytest.mark.parametrize("contender", pools.contenders(), ids=lambda each: each.what)
def test_a_pool_takes_its_turn(contender):
    try:
        contender.check()
    except Unavailable as error:
        pytest.skip(str(error))
    contender.take_turn(TINY)
    for samples in (contender.trivial, contender.burn, contender.payload):
        assert is_time(samples[0])
    assert 0 < contender.start[0] < pools.PATIENCE


def test_a_pool_says_what_it_needs(monkeypatch):
    with pytest.raises(Unavailable, match=r"there is no nonesuch; pip install -e '.\[bench\]'"):
        pools.Contender("x", (), ("nonesuch",)).check()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match="there is no `nonesuch`: buy one"):
        pools.Contender("x", (), (), {"nonesuch": "buy one"}).check()


class Told(pools.Contender):
    """A pool whose figures are known."""

    def take_turn(self, effort):
        if self.what == "broken":
            raise RuntimeError("it broke")
        factor = 1 if self.what == "ours" else 20
        for samples, figure in (
            (self.start, 0.1),
            (self.trivial, 1e-5),
            (self.burn, 0.00625),
            (self.payload, 1e-3),
        ):
            samples.append(figure * factor)


def test_pools_are_compared_with_ours(monkeypatch):
    names = ["ours", "managers", "Pool.imap_unordered", "broken"]
    known = [Told(name, ()) for name in names] + [Told("absent", (), ("nonesuch",))]
    monkeypatch.setattr(pools, "contenders", lambda: known)
    group = pools.measure(TINY, lambda text: None)
    rows = {row.what: (row.compared, row.verdict) for row in group.rows}
    assert rows["trivial: managers / ours"] == (pytest.approx(20), "aim")
    assert rows["trivial: Pool.imap_unordered / ours"] == (pytest.approx(20), "aim")
    assert rows["10 ms CPU"] == (pytest.approx(0.8), "missed")
    assert rows["start: managers / ours"] == (pytest.approx(20), "")
    assert [each.what for each in group.skipped] == ["absent", "broken"]


def test_ours_may_not_fail(monkeypatch):
    monkeypatch.setattr(pools, "contenders", lambda: [Told("broken", ())])
    with pytest.raises(RuntimeError, match="it broke"):
        pools.measure(TINY, lambda text: None)


@pytest.mark.parametrize("name", ["on_aiochan", "on_pycsp"])
@pytest.mark.filterwarnings("ignore")
def test_installed_peers(name):
    try:
        module = peer(name)
    except Unavailable as error:
        pytest.skip(str(error))
    assert is_time(module.commstime(20))


def test_a_missing_peer_says_how_to_get_it():
    with pytest.raises(Unavailable, match=r"pip install -e '.\[bench\]'"):
        peer("on_nothing")


def test_without_go_the_reason_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    on_go.version.cache_clear()
    with pytest.raises(Unavailable, match="golang-go"):
        on_go.version()


def test_interleaving_gives_each_candidate_its_turn():
    turns = []

    def of(name):
        def run(rounds):
            turns.append(name)
            return 1e-6 * len(turns)

        return run

    a, b = Candidate("a", of("a")), Candidate("b", of("b"))
    interleave([a, b], replace(TINY, repeats=3), lambda text: None)
    assert turns == ["a", "b"] * 4  # the first are to find out how many rounds there shall be
    assert (len(a.samples), len(b.samples)) == (3, 3)
    assert a.best == min(a.samples)


def test_goals():
    assert [Goal(6, 8).verdict(x) for x in (5.9, 6, 8)] == ["missed", "must", "aim"]
    assert [Goal(3, 2, at_most=True).verdict(x) for x in (3.1, 3, 2)] == ["missed", "must", "aim"]


@pytest.mark.parametrize("kind", ["csp", "trio-events"])
def test_parked_processes(kind):
    told = parked.measure_one(kind, 100)
    assert is_time(told["start"])
    assert is_time(told["finish"])
    assert not told["given_up"]
    # so few may find room in what others have freed
    assert told["bytes"] is None or 0 <= told["bytes"] < 1e6


def test_parked_processes_are_given_up_when_they_take_too_long():
    assert parked.measure_one("csp", 100, limit=0.001)["given_up"]


SOURCE = """
if a.hook is not None:
    tell()
if b and c.hook is None and d:
    fast()
if x.hook is not None or y:
    other()
"""


def test_the_rewriter_drops_tests_of_the_hook():
    rewriter = observer.Rewriter("drop")
    assert ast.unparse(rewriter.visit(ast.parse(SOURCE))).split("\n") == [
        "pass",
        "if b and d:",
        "    fast()",
        "if y:",
        "    other()",
    ]
    assert rewriter.found == 3


def test_the_rewriter_counts_and_keeps():
    assert observer.COUNTER in ast.unparse(observer.Rewriter("count").visit(ast.parse(SOURCE)))
    kept = ast.unparse(observer.Rewriter("keep").visit(ast.parse(SOURCE)))
    assert kept == ast.unparse(ast.parse(SOURCE))


def test_the_copy_without_tests_works_and_has_none(tmp_path):
    assert observer.copy_of_csp(tmp_path, "drop") > 0
    left = observer.Rewriter("keep")
    for path in (tmp_path / "csp").rglob("*.py"):
        left.visit(ast.parse(path.read_text()))
    assert left.found == 0
    where = "import csp; print(csp.__file__)"
    said = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, capture_output=True)
    assert Path(said.stdout.decode().strip()).is_relative_to(tmp_path)
    observer._run(tmp_path, "tests", 10)


def test_figures_are_told_and_written(tmp_path, capsys):
    path = tmp_path / "results.json"
    group = Group("g", "title", "ratio", [Row("a", "us", [2e-6, 1e-6], 7.0, Goal(6, 8))])
    group.skipped.append(Skipped("b", "it is not there"))
    write(path, [group], machine(), TINY)
    told = json.loads(path.read_text())
    assert told["machine"]["trio"]
    (row,) = told["groups"]["g"]["rows"]
    assert row["best"] == 1e-6
    assert row["reached"] == "must"
    assert told["groups"]["g"]["skipped"] == [{"what": "b", "why": "it is not there"}]


def test_the_command_measures_tells_and_writes(tmp_path, monkeypatch, capsys):
    def nothing(effort, tell):
        assert effort is SMOKE
        tell("now")
        return Group("nothing", "t", "r", [], [Skipped("all of it", "[for] a test")])

    monkeypatch.setitem(command.GROUPS, "nothing", nothing)
    path = tmp_path / "r.json"
    assert command.main(["nothing", "--smoke", "--json", str(path)]) == 0
    assert "skipped: all of it: [for] a test" in capsys.readouterr().out
    assert "nothing" in json.loads(path.read_text())["groups"]


def test_an_unknown_group_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["nonsense"])
    assert stop.value.code == 2
    assert "commstime" in capsys.readouterr().err


def test_tracing_is_measured_an_event():
    group = tracing.measure(TINY, lambda _: None)
    plain, counted, traced = group.rows
    assert 4 <= tracing.events_of_a_communication(20) <= 8
    assert plain.goal is None
    assert counted.goal is traced.goal is tracing.COST
    assert all(math.isfinite(row.compared) for row in (counted, traced))
