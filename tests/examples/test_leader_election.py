from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import csp

Run = Callable[..., Any]


def messages(nodes: int, seed: int) -> int:
    """Each proposal goes on to the first node that is higher; then the leader tells all."""
    ring = random.Random(seed).sample(range(nodes), nodes)
    ways = 0
    for i, own in enumerate(ring):
        after = [*ring[i + 1 :], *ring[:i]]
        ways += next((n for n, other in enumerate(after, 1) if other > own), nodes)
    return ways + nodes


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("nodes", [1, 2, 7, 30])
def test_the_highest_is_elected(run: Run, nodes: int, seed: int) -> None:
    assert run("leader_election", nodes=nodes, seed=seed) == (nodes - 1, messages(nodes, seed))


def test_without_room_for_a_message_all_send_and_nobody_receives(run: Run) -> None:
    with pytest.raises(csp.Deadlock, match="`node 6` waits to send to"):
        run("leader_election", buffer=0)
