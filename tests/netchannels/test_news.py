"""The events of a node, to everybody who listens."""

from __future__ import annotations

import pytest

import csp
from netchannels import NodeEvent, PeerJoined
from netchannels._news import LATEST, News

pytestmark = pytest.mark.trio


def numbered(number: int) -> NodeEvent:
    return PeerJoined(str(number), "")


async def test_each_listener_hears_all_from_then_on() -> None:
    news = News()
    news.tell(numbered(0))
    one = news.listen()
    news.tell(numbered(1))
    other = news.listen()
    news.tell(numbered(2))
    news.close()
    assert [event.peer async for event in one] == ["1", "2"]
    assert [event.peer async for event in other] == ["2"]


async def test_a_slow_listener_finds_the_latest() -> None:
    news = News()
    slow = news.listen()
    for number in range(LATEST + 5):
        news.tell(numbered(number))
    news.close()
    heard = [event.peer async for event in slow]
    assert (len(heard), heard[0], heard[-1]) == (LATEST, "5", str(LATEST + 4))


async def test_who_has_retired_is_told_nothing() -> None:
    news = News()
    news.listen().close()
    with news.listen() as stays:
        news.tell(numbered(1))
        news.tell(numbered(2))
        assert stays.receive_nowait().peer == "1"
    with pytest.raises(csp.EndClosed):
        stays.receive_nowait()
