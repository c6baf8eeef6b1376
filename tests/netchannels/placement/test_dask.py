"""`DaskCluster`: which clients and clusters it takes, and what becomes of Dask workers that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netchannels.placement import DaskCluster
from netchannels.placement._site import Orders
from netchannels.placement.dask import run_there

HERE, ELSEWHERE = "tcp://127.0.0.1:8786", "tls://10.1.2.3:8786"


def client(address: str, threads: int = 4, **changes: Any) -> Any:
    """As much of a client as the constructor looks at."""

    def nothing(*_: object) -> None: ...

    return SimpleNamespace(
        submit=nothing,
        run=nothing,
        subscribe_topic=nothing,
        asynchronous=changes.get("asynchronous", False),
        scheduler=SimpleNamespace(address=address),
        nthreads=lambda: {"tcp://127.0.0.1:1": threads} if threads else {},
    )


@pytest.mark.parametrize(
    ("address", "size"), [(HERE, 4), ("inproc://10.0.0.1/7/1", 4), ("tcp://[::1]:8786", 4)]
)
def test_each_thread_of_a_cluster_of_this_machine_gets_a_program(address: str, size: int) -> None:
    assert DaskCluster(client(address)).size == size
    assert DaskCluster(client(address), 7).size == 7


def test_a_cluster_elsewhere_needs_an_address_of_this_machine() -> None:
    with pytest.raises(ValueError, match=r'DaskCluster\(client, listen="HOST:0"\)'):
        DaskCluster(client(ELSEWHERE))
    assert DaskCluster(client(ELSEWHERE), listen="10.1.2.4:0").size == 4


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", ":0", "unix:/run/node", "ant"])
def test_others_must_be_able_to_connect_to_that_address(listen: str) -> None:
    with pytest.raises(ValueError, match="address"):
        DaskCluster(client(ELSEWHERE), listen=listen)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((client(HERE), 0), "1 or more"),
        ((client(HERE), -1), "1 or more"),
        ((client(HERE, threads=0),), "no Dask worker is there yet"),
    ],
)
def test_there_is_a_program_at_least(arguments: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        DaskCluster(*arguments)


@pytest.mark.parametrize("what", ["tcp://127.0.0.1:8786", client(HERE, asynchronous=True)])
def test_what_is_no_client_is_refused(what: Any) -> None:
    with pytest.raises(TypeError, match="client is asynchronous|Client is wanted"):
        DaskCluster(what)


# --- with a real cluster -----------------------------------------------------------------------

TICKET = "the ticket of a program that shall not start"

CANCELLED_BEFORE = f"""
import sys
from distributed import Client
from netchannels.placement._site import Orders
from netchannels.placement.dask import end_there, run_there
with Client(sys.argv[1]) as client:
    client.run(end_there, {TICKET!r}, True)
    orders = Orders("places:square", "", "name", "label", "a secret for this test", 10)
    print(client.submit(run_there, orders, "127.0.0.1:1", {TICKET!r}, "topic").result())
"""

LEFT = """
import sys
from distributed import Client
with Client(sys.argv[1]) as client:
    print(client.run_on_scheduler(lambda dask_scheduler: [*map(str, dask_scheduler.tasks)]))
"""


def ask(script: str, address: str) -> str:
    """What a script says about a cluster."""
    done = subprocess.run(
        [sys.executable, "-c", script, address], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_was_ended_before_it_began_does_not_begin(dask_address: str) -> None:
    assert ask(CANCELLED_BEFORE, dask_address) == "it was ended before it began"


def test_the_cluster_forgets_the_tasks_of_a_pool(dask_address: str, run_places: Any) -> None:
    program = run_places({"kind": "dask", "address": dask_address, "n": 2}, "some_results")
    assert program.ends() == 0, str(program)
    assert ask(LEFT, dask_address) == "[]"


def test_programs_come_to_the_address_that_they_are_told(
    dask_address: str, run_places: Any, traces: Any
) -> None:
    wanted = {"kind": "dask", "address": dask_address, "n": 2, "listen": "localhost:0"}
    program = run_places(wanted, "some_results")
    assert json.loads(program.says("^values=(.*)")[1]) == [0, 1, 4, 9]
    assert program.ends() == 0, str(program)
    traces.vanish()


ENCRYPTED = """
import csp
import netchannels

def square(number: int) -> int:
    return number * number

@csp.process
async def double(number: int) -> int:
    return 2 * number

async def main() -> None:
    from distributed import Client, LocalCluster, Security
    security = Security.temporary()
    with LocalCluster(
        n_workers=1, threads_per_worker=1, security=security, dashboard_address=":0",
        worker_dashboard_address=None,
    ) as cluster, Client(cluster) as client:
        workers = netchannels.DaskCluster(client, listen="127.0.0.1:0")
        async with netchannels.pool(square, workers=workers) as pool:
            print(client.scheduler.address.partition(":")[0], await pool.call(7))
        print(await (workers * double(4)))

if __name__ == "__main__":
    csp.run(main)
"""


def test_a_cluster_with_tls_is_like_any_other(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "encrypted.py").write_text(ENCRYPTED)
    command = [sys.executable, "-W", "always::ResourceWarning", tmp_path / "encrypted.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "tls 49\n[8]\n"), done.stderr
    assert "dask/_task_spec.py" not in done.stderr  # where it would be said of a pipe of ours


def test_more_programs_than_threads_wait_without_being_given_up(
    dask_address: str, run_places: Any, traces: Any
) -> None:
    program = run_places({"kind": "dask", "address": dask_address, "n": 4}, "some_results")
    assert json.loads(program.says("^values=(.*)")[1]) == [0, 1, 4, 9]
    assert program.ends() == 0, str(program)
    traces.vanish()


@pytest.mark.skipif(sys.platform == "win32", reason="signals and ps of POSIX")
def test_a_dask_worker_that_is_killed_takes_its_program_along_and_another_one_is_started(
    dask_address: str, run_places: Any, traces: Any
) -> None:
    program = run_places({"kind": "dask", "address": dask_address, "n": 2}, "forever")
    pids = json.loads(program.says("^pids=(.*)")[1])
    parent = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(pids[0])], capture_output=True, text=True, check=True
    )
    os.kill(int(parent.stdout), signal.SIGKILL)
    program.says("lost.*: starting another one")
    assert pids[1] in json.loads(program.says("^again=(.*)")[1])
    program.send(signal.SIGINT)
    program.ends()
    traces.vanish()


def test_the_secret_is_not_in_what_dask_may_log() -> None:
    orders = Orders("m:f", "", "name", "label", "a secret for this test", 10)
    assert "a secret" not in f"{orders!r} {(orders,)} {run_there!r}"
