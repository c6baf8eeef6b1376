"""What a node tells about itself: records that travel."""

from __future__ import annotations

import json
from typing import Any

import pytest

import netchannels
from netchannels import Counters, LinkStatus, NodeEvent, NodeStatus
from netchannels._passage import Passage
from netchannels._status import as_builtins


class NoLink:
    """No end travels over it."""

    def lower(self, end: Any) -> bytes:
        raise AssertionError(f"{end} wants to travel")

    def lift(self, name: bytes, kind: Any) -> Any:
        raise AssertionError(f"{name!r} has travelled")


NO_LINK = NoLink()
EVENTS = [
    kind for name, kind in vars(netchannels).items() if name.startswith("Peer")
]  # all of them

STATUS = NodeStatus(
    label="home",
    address="127.0.0.1:5000",
    uptime=1.5,
    shared={"jobs": "int (receive)"},
    links=[LinkStatus("a", "x:1", "worker", "alive", ["jobs"], Counters(1), 0.5, 0.9, None, 4096)],
    total=Counters(2),
    joined=1,
    lost=0,
    refused=3,
    lag=0.001,
)


def test_a_status_travels_as_it_is() -> None:
    passage = Passage(NodeStatus)
    assert passage.decode(passage.encode(STATUS, NO_LINK), NO_LINK) == STATUS


def test_a_status_is_json_with_the_same_names() -> None:
    plain = json.loads(json.dumps(as_builtins(STATUS)))
    assert plain["links"][0]["counters"]["sent"] == 1
    assert set(plain) == set(NodeStatus.__struct_fields__)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_an_event_says_who_and_where_and_cannot_be_changed(kind: Any) -> None:
    event = kind("worker", "ant:5000")
    assert isinstance(event, NodeEvent)
    assert (event.peer, event.address) == ("worker", "ant:5000")
    with pytest.raises(AttributeError):
        event.peer = "other"


def test_there_are_six_kinds_of_events() -> None:
    assert len(EVENTS) == 6
