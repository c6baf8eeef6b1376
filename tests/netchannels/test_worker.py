"""The program `python -m netchannels.worker`."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
from trio.testing import MockClock

import csp
from netchannels import NetworkError, TypeRefused, worker
from netchannels._codec import codec
from netchannels.placement._placed import Ended
from netchannels.placement._site import Orders
from netchannels.testing import faulty_pair, linked

COMMAND = [sys.executable, "-m", "netchannels.worker"]


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_orders_it_says_who_starts_it() -> None:
    ended = run("jobs:square", "--connect", "unix:/nowhere")
    assert ended.returncode == 1
    assert ended.stderr == (
        "netchannels.worker: no orders came: this program is started by a pool\n"
    )
    assert run("--help").returncode == 0


def test_it_ends_when_its_standard_input_does() -> None:
    orders = Orders("time:sleep", "", "n", "w", "a secret for this test", 1000, "", False, ())
    ended = run("time:sleep", "--connect", "127.0.0.1:1", stdin=orders.line() + "\n")
    assert ended.returncode == 1


def test_it_gives_up_where_nobody_lets_it_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "START", 0.2)
    orders = Orders("time:sleep", "", "n", "w", "a secret for this test", 1000)
    with pytest.raises(NetworkError, match="nobody has let this program in"):
        worker.run(orders, "127.0.0.1:1")


@pytest.mark.parametrize(
    ("target", "file", "way_out"),
    [
        ("only_here:f", "", "the PYTHONPATH of that Python"),
        ("script:f", "/only/here/script.py", "bring /only/here/script.py there under the same"),
    ],
)
def test_what_cannot_be_imported_is_told_with_the_way_out(
    target: str, file: str, way_out: str
) -> None:
    orders = Orders(target, file, "n", "w", "a secret for this test", 1000)
    with pytest.raises(TypeRefused, match=way_out):
        worker.run(orders, "unix:/nowhere")


class Switch:
    """A guard that says that it would end the program."""

    def __init__(self) -> None:
        self.ended = trio.Event()

    def expect(self, seconds: float, /) -> None:
        assert seconds > 60

    def end(self) -> None:
        self.ended.set()


def test_a_process_that_never_communicates_ends_with_the_link_of_its_program() -> None:
    given = csp.Channel(tuple[()], name="w's arguments")
    taken = csp.Channel(Ended, name="w's value")
    types = codec(tuple[()]).fingerprint + codec(None).fingerprint
    orders = Orders("m:f", "", "w", "w", "a secret for this test", 1000, types.hex(), whole=True)
    streams, switch = faulty_pair(), Switch()

    @csp.process
    async def computes() -> None:
        streams[1].half_open()  # the home vanishes
        await trio.sleep_forever()

    async def main() -> float:
        async with linked(streams) as (home, there), trio.open_nursery() as nursery:
            home.share("w", given.receiver())
            home.share("w ended", taken.sender())
            nursery.start_soon(worker._work_for, there, orders, computes, switch)
            with given.sender() as out, taken.receiver():
                await out.send(())
                began = trio.current_time()
                await switch.ended.wait()
                nursery.cancel_scope.cancel()
        return trio.current_time() - began

    assert 10 <= trio.run(main, clock=MockClock(autojump_threshold=0)) <= 15
