"""What a node tells about itself: events as they happen, and its state at a moment.

The state travels: `netchannels status` reads it through the built-in port `@status`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ._counters import Counters


class NodeEvent(msgspec.Struct, frozen=True):
    """Something that happened to a link: `peer` is the label of the other node, `address` where
    it is, as far as known.

    >>> PeerJoined("worker.py@ant:17", "127.0.0.1:5000").peer
    'worker.py@ant:17'
    """

    peer: str
    address: str


class PeerJoined(NodeEvent, frozen=True):
    """A node has proved that it has the secret; `role` is the one whose secret it has.

    >>> PeerJoined("worker.py@ant:17", "127.0.0.1:5000", role="worker").role
    'worker'
    """

    role: str = ""


class PeerSuspect(NodeEvent, frozen=True):
    """It has been silent for `suspect` seconds: it gets no new work.

    >>> PeerSuspect("worker.py@ant:17", "127.0.0.1:5000").address
    '127.0.0.1:5000'
    """


class PeerRecovered(NodeEvent, frozen=True):
    """It has spoken again.

    >>> PeerRecovered("worker.py@ant:17", "").peer
    'worker.py@ant:17'
    """


class PeerLost(NodeEvent, frozen=True):
    """The link is lost; `why` says how.

    >>> PeerLost("worker.py@ant:17", "", why="silent for 10 s").why
    'silent for 10 s'
    """

    why: str = ""


class PeerLeft(NodeEvent, frozen=True):
    """It said goodbye.

    >>> PeerLeft("worker.py@ant:17", "").why
    ''
    """

    why: str = ""


class PeerRefused(NodeEvent, frozen=True):
    """Somebody did not get in; `why` says what he lacked.

    >>> PeerRefused("?", "10.0.0.9:4711", why="an HTTP request came").address
    '10.0.0.9:4711'
    """

    why: str = ""


class LinkStatus(msgspec.Struct):
    """One link of a node: who is there, what hangs on it, what was counted; times in seconds.

    `oldest` is the age of the oldest value in work there; `credit` the bytes that may still be
    sent ahead; `p50` and `p99` of the latest round trips.

    >>> LinkStatus("b", "ant:5000", "", "alive", [], Counters(), None, None, None, 0).state
    'alive'
    """

    peer: str
    address: str
    role: str
    state: str
    ports: list[str]
    counters: Counters
    p50: float | None
    p99: float | None
    oldest: float | None
    credit: int


class NodeStatus(msgspec.Struct):
    """A node at a moment.

    `shared` are the names that can be asked for, with what they carry; `lost` counts links that
    ended without a goodbye, `refused` those who did not get in; `lag` is how late the program's
    own clock was looked at, in seconds, the worst of the last ten times; `uptime` in seconds.

    >>> import trio
    >>> from netchannels.testing import linked
    >>> async def main() -> None:
    ...     async with linked() as (home, there):
    ...         print(home.status().joined, home.status().links[0].peer)
    >>> trio.run(main)
    1 there
    """

    label: str
    address: str
    uptime: float
    shared: dict[str, str]
    links: list[LinkStatus]
    total: Counters
    joined: int
    lost: int
    refused: int
    lag: float


def as_builtins(status: NodeStatus) -> Any:
    """A status as dicts and lists, for JSON.

    >>> as_builtins(NodeStatus("a", "", 0.0, {}, [], Counters(), 0, 0, 0, 0.0))["label"]
    'a'
    """
    return msgspec.to_builtins(status)
