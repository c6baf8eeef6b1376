"""Addresses: a host and a port, or the path of a Unix socket."""

from __future__ import annotations

from typing import NamedTuple

LOOPBACK = ("localhost", "127.0.0.1", "::1", "")


class Address(NamedTuple):
    """Where a node listens, as text in the form that people write.

    >>> str(Address.parse("ant:5000")), str(Address.parse("[::1]:80")), str(Address.parse("unix:/run/farm"))
    ('ant:5000', '[::1]:80', 'unix:/run/farm')
    """

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """From "HOST:PORT", "[IPV6]:PORT", ":PORT" (loopback) or "unix:PATH".

        Raises ValueError for anything else.
        """
        if text.startswith("unix:") and len(text) > 5:
            return cls("", 0, text[5:])
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(
                f'an address is "HOST:PORT" or "unix:PATH", not {text!r}; port 0 takes a free one'
            )
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"write an IPv6 address in brackets: [{host}]:{port}")
        return cls(host, int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_local(self) -> bool:
        """True if nobody on another machine can get there, or listen on the way."""
        return bool(self.path) or self.host in LOOPBACK or _is_127(self.host)


def _is_127(host: str) -> bool:
    """True for an IPv4 address of loopback; a name like 127.example.org is none."""
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() for part in parts)
