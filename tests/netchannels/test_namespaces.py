"""Home and workers in network namespaces of their own, joined by a cable that is pulled.

The test starts this file as a program in a new namespace: that is the home.  The workers live in
another one.  Needs Linux, `ip`, and the right to make namespaces (root, or a user namespace).

Invariants: as for every silence; a short one costs nothing, a long one ends the link in time, in
whichever direction the packets are lost; what was in work there goes to others, once.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio

import csp
import netchannels

sys.path.insert(0, str(Path(__file__).parent))
from farm import SECRET, Calls, Farm, square

UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]
HOME, FAR = "10.99.0.1", "10.99.0.2"  # in these namespaces only
TIMES = {"heartbeat": 0.2, "suspect": 1.0, "lost": 2.0}
NIGHTLY = bool(os.environ.get("NIGHTLY"))
NOWHERE = "02:00:00:00:00:99"  # nobody's MAC address


def reason() -> str:
    """Why it cannot be done here; "" if it can."""
    if sys.platform != "linux":
        return "namespaces are Linux's"
    if not (shutil.which("ip") and shutil.which("unshare") and shutil.which("nsenter")):
        return "needs the commands ip, unshare and nsenter"
    tried = subprocess.run(
        [*UNSHARE, "ip", "link", "add", "test0", "type", "veth", "peer", "name", "test1"],
        capture_output=True,
        check=False,
    )
    return "" if tried.returncode == 0 else "network namespaces are not allowed here"


# --- the home, in its namespace ------------------------------------------------------------------


class Cable:
    """A pair of virtual network cards: one here, one in the namespace of another program."""

    def __init__(self, pid: int) -> None:
        self.pid = str(pid)
        self.here("ip", "link", "set", "lo", "up")
        self.here(
            "ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", self.pid
        )
        self.here("ip", "addr", "add", f"{HOME}/24", "dev", "near")
        self.here("ip", "link", "set", "near", "up")
        self.there("ip", "addr", "add", f"{FAR}/24", "dev", "far")
        self.there("ip", "link", "set", "far", "up")

    def here(self, *command: str) -> None:
        subprocess.run(command, check=True)

    def there(self, *command: str) -> None:
        subprocess.run(["nsenter", "--target", self.pid, "--net", *command], check=True)

    def pull(self, how: str) -> None:
        """Nothing arrives any more: at all, there, or here."""
        if how == "both":
            self.here("ip", "link", "set", "near", "down")
        elif how == "there":
            self._misdirect(self.here, FAR, "near")
        else:
            self._misdirect(self.there, HOME, "far")

    def _misdirect(self, run: Any, address: str, card: str) -> None:
        run("ip", "neigh", "replace", address, "lladdr", NOWHERE, "dev", card, "nud", "permanent")

    def plug(self, how: str) -> None:
        """It is whole again."""
        if how == "both":
            self.here("ip", "link", "set", "near", "up")
        elif how == "there":
            self.here("ip", "neigh", "del", FAR, "dev", "near")
        else:
            self.there("ip", "neigh", "del", HOME, "dev", "far")


async def home(how: str, seconds: float) -> dict[str, Any]:
    """Call the workers on both sides of the cable, pull it for a while, tell what happened."""
    replies, told = Counter[int](), list[tuple[str, float]]()
    with Farm("unshare", "--net") as far, Farm() as near:
        cable = Cable(far.nursery.pid)
        async with netchannels.serve(f"{HOME}:0", secret=SECRET, **TIMES) as node:
            calls = csp.Channel(Calls, name="square", max_attempts=math.inf)
            node.share("square", calls.receiver())
            with node.events() as events, calls.sender() as tx:
                for farm in (far, near):
                    farm.start("serve", node.address)
                    with trio.fail_after(10):
                        assert isinstance(await events.receive(), netchannels.PeerJoined)
                pulled = trio.current_time()

                async def listen() -> None:
                    async for event in events:
                        told.append((type(event).__name__, trio.current_time() - pulled))

                async def pull() -> None:
                    cable.pull(how)
                    await trio.sleep(seconds)
                    cable.plug(how)

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(listen)
                    async with trio.open_nursery() as work:
                        work.start_soon(pull)

                        async def ask(request: int) -> None:
                            replies[await tx.call(request)] += 1

                        for request in range(200):
                            work.start_soon(ask, request)
                            await trio.sleep(0.005)
                    await trio.sleep(1)
                    nursery.cancel_scope.cancel()
            status = node.status()
    assert replies == Counter(square(request) for request in range(200))
    return {"told": told, "lost": status.lost, "links": len(status.links)}


# --- the test ------------------------------------------------------------------------------------


def pulled(how: str, seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [*UNSHARE, sys.executable, __file__, how, str(seconds)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def namespaces() -> None:
    if why := reason():
        pytest.skip(why)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("how", ["both", "there", "here"] if NIGHTLY else ["both"])
def test_a_cable_that_is_pulled_for_a_moment_costs_nothing(how: str) -> None:
    happened = pulled(how, 0.3)
    assert (happened["lost"], happened["links"]) == (0, 2)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("how", ["both", "there", "here"] if NIGHTLY else ["there", "here"])
def test_a_cable_that_stays_pulled_ends_its_link_in_time_and_loses_no_reply(how: str) -> None:
    happened = pulled(how, 4.0)
    assert (happened["lost"], happened["links"]) == (1, 1)
    told = dict(happened["told"])
    assert 1.0 < told["PeerLost"] < 4.0
    if how != "there":  # where the home hears nothing
        assert 0.5 < told["PeerSuspect"] < told["PeerLost"]


if __name__ == "__main__":
    print(json.dumps(trio.run(home, sys.argv[1], float(sys.argv[2]))))
