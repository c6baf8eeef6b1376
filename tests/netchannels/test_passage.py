"""What travels on a port: values, or requests and replies, each with its codec."""

from __future__ import annotations

from typing import Any

import pytest

import csp
from netchannels import TypeRefused
from netchannels._codec import DecodeFailed, EncodeFailed
from netchannels._passage import Passage


class NoLink:
    """No end travels over it."""

    def lower(self, end: Any) -> bytes:
        raise AssertionError(f"{end} wants to travel")

    def lift(self, name: bytes, kind: Any) -> Any:
        raise AssertionError(f"{name!r} has travelled")


NO_LINK = NoLink()


class Link:
    """Names the ends that leave, and makes a new one of each name that comes."""

    def __init__(self) -> None:
        self.left: list[Any] = []

    def lower(self, end: Any) -> bytes:
        self.left.append(end)
        return b"name"

    def lift(self, name: bytes, kind: Any) -> Any:
        assert name == b"name"
        return csp.Channel(int, name="lifted").sender()


def test_a_value_comes_out_as_it_went_in() -> None:
    passage = Passage(dict[str, int])
    assert passage.decode(passage.encode({"a": 1}, NO_LINK), NO_LINK) == {"a": 1}
    assert not passage.calls


def test_of_calls_the_request_and_the_reply_have_codecs_of_their_own() -> None:
    passage = Passage(csp.Call[int, str])
    assert passage.decode(passage.encode(7, NO_LINK), NO_LINK) == 7
    assert passage.decode_reply(passage.encode_reply("x", NO_LINK), NO_LINK) == "x"
    with pytest.raises(DecodeFailed):
        passage.decode_reply(passage.encode(7, NO_LINK), NO_LINK)


def test_what_is_not_of_the_type_does_not_come_out() -> None:
    with pytest.raises(DecodeFailed, match="no `int` arrived"):
        Passage(int).decode(Passage(str).encode("x", NO_LINK), NO_LINK)


def test_what_cannot_travel_is_told_with_its_place() -> None:
    with pytest.raises(EncodeFailed, match="beyond 64"):
        Passage(int).encode(2**64, NO_LINK)


def test_a_call_has_another_fingerprint_when_only_its_reply_differs() -> None:
    assert Passage(csp.Call[int, str]).fingerprint != Passage(csp.Call[int, int]).fingerprint
    assert Passage(csp.Call[int, str]).fingerprint != Passage(int).fingerprint


@pytest.mark.parametrize("kind", [object, csp.Call[int, object], csp.Call])
def test_a_type_that_cannot_travel_is_refused(kind: Any) -> None:
    with pytest.raises(TypeRefused):
        Passage(kind)


@pytest.mark.parametrize("reply", [False, True])
def test_ends_are_named_by_the_link(reply: bool) -> None:
    link: Any = Link()
    kind: Any = csp.Call[int, csp.Sender[int]] if reply else csp.Sender[int]
    passage = Passage(kind)
    end = csp.Channel(int, name="numbers").sender()
    with end:
        data = passage.encode_reply(end, link) if reply else passage.encode(end, link)
        assert link.left == [end]
        lifted = passage.decode_reply(data, link) if reply else passage.decode(data, link)
        with lifted:
            assert isinstance(lifted, csp.Sender)
