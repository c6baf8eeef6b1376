"""Addresses as people write them."""

import pytest

from netchannels._address import Address


@pytest.mark.parametrize(
    "text", ["ant:5000", "127.0.0.1:0", ":5000", "[::1]:80", "unix:/run/farm/socket"]
)
def test_an_address_reads_as_it_was_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "ant", "ant:", "ant:x", "ant:-1", "ant:65536", "ant:٣", "unix:", "::1:80"]
)
def test_what_is_no_address_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT|in brackets"):
        Address.parse(text)


def test_an_ipv6_address_without_brackets_is_shown_with_them() -> None:
    with pytest.raises(ValueError, match=r"\[fe80::1\]:80"):
        Address.parse("fe80::1:80")


@pytest.mark.parametrize("text", [":1", "localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"])
def test_loopback_is_local(text: str) -> None:
    assert Address.parse(text).is_local()


def test_a_unix_socket_is_local() -> None:
    assert Address.parse("unix:x").is_local()


@pytest.mark.parametrize("text", ["0.0.0.0:1", "ant:1", "[::]:1", "127.example.org:1", "127.1:1"])
def test_others_are_not(text: str) -> None:
    assert not Address.parse(text).is_local()
