"""What a node shares: ends under names, for whom, and until when.

Invariant: under each name there is at most one sender and one receiver, of one channel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, cast

import csp
from csp.lowlevel import home_of, same_channel, take_over

from ._errors import NameRefused, NetworkError
from ._link import DIRECTION, FORBIDDEN, TYPE, UNKNOWN, Link, mismatch
from ._passage import Passage
from .wire import events
from .wire.connection import NAME

STATUS = "@status"  # the built-in name


class SharedEnd(NamedTuple):
    """One of the ends under a name, and the roles that may use it (None: all)."""

    end: Any
    allow: frozenset[str] | None

    def is_for(self, role: str | None) -> bool:
        """True if that role may use it (None: whoever asks is ourselves)."""
        return self.allow is None or role is None or role in self.allow


class Shared:
    """What is shared under one name."""

    def __init__(self, name: str, passage: Passage) -> None:
        self.name, self.passage = name, passage
        self.until: str | None = None
        self.ends: dict[bool, SharedEnd] = {}  # by whether the other side receives

    def any_end(self) -> Any:
        """One of the ends."""
        return next(iter(self.ends.values())).end

    def described(self, role: str | None) -> str:
        """What it carries, and what that role can do with it; "" if nothing."""
        ways = [
            "receive" if receives else "send"
            for receives, shared in sorted(self.ends.items())
            if shared.is_for(role)
        ]
        return f"{self.passage.described} ({', '.join(ways)})" if ways else ""

    def has_ended(self) -> bool:
        """True if nothing can come through it any more, and nothing is in work."""
        statistics: csp.Statistics = self.any_end().statistics()
        return (
            statistics.open_send_channels == 0
            and statistics.current_buffer_used == 0
            and statistics.tasks_waiting_send == 0
        )

    def close(self) -> None:
        """Nobody can ask for it any more."""
        for shared in self.ends.values():
            shared.end.close()


class Shares:
    """All that a node shares, by name; `roles` are those that its secrets tell apart."""

    def __init__(self, roles: Iterable[str]) -> None:
        self.roles: frozenset[str] = frozenset(roles)
        self._by_name: dict[str, Shared] = {}
        self._status: dict[str, Shared] = {}  # by role

    def add(
        self,
        name: str,
        end: csp.Sender[Any] | csp.Receiver[Any],
        until: str | None,
        allow: Iterable[str] | None,
    ) -> None:
        """Share an end; see `Node.share`."""
        if not isinstance(cast(object, end), (csp.Sender, csp.Receiver)):
            hint = f": write `{end.name}.receiver()`" if isinstance(end, csp.Channel) else ""
            raise TypeError(f"an end of a channel is shared, not {end!r}{hint}")
        _check_name(name)
        allowed = self._known_roles(allow)
        if until is not None and until not in self._by_name:
            raise ValueError(f"until={until!r}: nothing is shared under that name; share it first")
        if home_of(end) is not None:
            raise NetworkError(
                f"the home of `{end.channel_name}` is another program: let the others connect there"
            )
        shared = self._by_name.get(name) or Shared(name, Passage(end.type))
        receives = isinstance(end, csp.Receiver)
        if receives in shared.ends:
            what = "receiver" if receives else "sender"
            raise ValueError(
                f"a {what} is shared as {name!r} already: unshare it, or take another name"
            )
        if shared.ends and not same_channel(shared.any_end(), end):
            raise ValueError(f"{name!r} is the name of another channel: take another one")
        end.clone().close()  # EndClosed, if it is not ours to give
        shared.ends[receives] = SharedEnd(take_over(end), allowed)
        shared.until = until or shared.until
        self._by_name[name] = shared

    def _known_roles(self, allow: Iterable[str] | None) -> frozenset[str] | None:
        if allow is None:
            return None
        allowed = frozenset([allow] if isinstance(allow, str) else allow)
        if not allowed <= self.roles or self.roles == frozenset({""}):
            raise ValueError(
                f"`allow` needs one secret a role: serve(secret={{'worker': s1, 'admin': s2}}); "
                f"roles of this node: {sorted(self.roles - {''}) or 'none'}"
            )
        return allowed

    def add_status(self, role: str, end: csp.Sender[Any]) -> None:
        """Share the built-in name with a role, which has one of its own: it says who asks."""
        shared = self._status[role] = Shared(STATUS, Passage(end.type))
        shared.ends[False] = SharedEnd(take_over(end), None)

    def remove(self, name: str) -> None:
        """Share it no more; raises NameRefused."""
        shared = self._by_name.pop(name, None)
        if shared is None:
            raise NameRefused(f"nothing is shared as {name!r}; shared: {self._listed()}")
        shared.close()

    def remove_all(self, *, status: bool) -> None:
        """Share nothing any more, the built-in name as well if `status` is true."""
        for name in list(self._by_name):
            self.remove(name)
        while status and self._status:
            self._status.popitem()[1].close()

    def remove_served(self, in_use: Collection[str]) -> None:
        """Share no more what has waited for something that has ended; `in_use` has open ports."""
        for shared in list(self._by_name.values()):
            until = shared.until
            if until is None or shared.name in in_use or until in in_use:
                continue
            source = self._by_name.get(until)
            if source is None or source.has_ended():
                self.remove(shared.name)

    def find(
        self, link: Link, asked: events.Opening, label: str
    ) -> tuple[Any, Passage, float] | tuple[int, str]:
        """A clone of the end that is asked for, its passage and buffer; or why there is none."""
        role = link.role
        shared = self._status[role] if asked.name == STATUS else self._by_name.get(asked.name)
        if shared is None:
            return UNKNOWN, f"{label} shares no {asked.name!r}; it shares: {self._listed(role)}"
        found = shared.ends.get(asked.receives)
        if found is None:
            way = "sender" if asked.receives else "receiver"
            can = "send" if asked.receives else "receive"
            return DIRECTION, f"others can only {can} on {asked.name!r}: use `node.{way}`"
        if not found.is_for(role):
            return FORBIDDEN, f"{asked.name!r} is not for the role {role!r}"
        end = found.end
        why = mismatch(asked, shared.passage, end)
        if why:
            return TYPE, f"{asked.name!r}: {why} ({link.label} asks {label})"
        return end.clone(), shared.passage, end.statistics().max_buffer_size

    def described(self, role: str | None = None) -> dict[str, str]:
        """The names that a role may ask for (None: all of them), with what they carry."""
        said = {name: shared.described(role) for name, shared in self._by_name.items()}
        return {name: what for name, what in said.items() if what}

    def _listed(self, role: str | None = None) -> str:
        return ", ".join(sorted(self.described(role))) or "nothing"


def _check_name(name: str) -> None:
    if not name or name[0] in "@~" or len(name.encode()) > NAME:
        raise ValueError(
            f"a name has 1 to {NAME} bytes and does not begin with @ or ~: {name[:40]!r}"
        )
