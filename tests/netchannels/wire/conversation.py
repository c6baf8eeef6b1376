"""A conversation that says everything that can be said on a link, and how to hold it in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from netchannels.wire import Connection, Event

Step = tuple[int, Callable[[Connection], object]]  # which side does it; 0 has dialled

LONG = bytes(range(40))  # cut into chunks where a test makes chunks small


def script() -> Iterator[Step]:
    """Side 0 works, side 1 is the home; what is due in between is what the steps rest on."""
    yield 0, lambda c: c.open("jobs", receives=True, fingerprint=b"\x01\x02", described="int")
    yield 0, lambda c: c.want(1, 7)
    yield 1, lambda c: c.opened(1, buffered=True)
    yield 1, lambda c: c.deliver(1, b"one")
    yield 1, lambda c: c.deliver(1, b"two", attempt=2, last=True)
    yield 1, lambda c: c.deliver(1, LONG, attempt=1)
    yield 1, lambda c: c.deliver(1, b"")
    yield 1, lambda c: c.withdraw(1, 4)
    yield 0, lambda c: c.accept(1, 1)
    yield 0, lambda c: c.hold(1, 2)
    yield 0, lambda c: c.hold(1, 3)
    yield 0, lambda c: c.release(1, 4)
    yield 1, lambda c: c.cancel(1, 2)
    yield 0, lambda c: c.fail(1, 2, b"ValueError")
    yield 0, lambda c: c.done(1, 3, LONG)
    yield 1, lambda c: c.deliver(1, b"five")
    yield 0, lambda c: c.hold(1, 5)
    yield 0, lambda c: c.give_back(1, 5)
    yield 1, lambda c: c.deliver(1, b"six", attempt=4)
    yield 0, lambda c: c.hold(1, 6)
    yield 0, lambda c: c.give_back(1, 6, tried=True)
    yield 0, lambda c: c.unwant(1)
    yield 1, lambda c: c.handle_time(2.0)
    yield 1, lambda c: c.busy(1.5)
    yield 1, lambda c: c.open("logs", receives=False)
    yield 0, lambda c: c.refuse(2, 3, "no such name: logs")
    yield 1, lambda c: c.open("results", receives=True)
    yield 0, lambda c: c.opened(4)
    yield 0, lambda c: c.poison(4, "broken", "worker")
    yield 1, lambda c: c.retire(4)
    yield 0, lambda c: c.retire(1, ("ValueError: x", "KeyError: y"))
    yield 1, lambda c: c.retire(1)
    yield 1, lambda c: c.goodbye("the work is done")


def written(connection: Connection) -> bytes:
    """All that a connection has to say."""
    return b"".join(iter(connection.data_to_send, b""))


def hold(
    cut: Callable[[bytes], Iterable[bytes]], steps: Iterable[Step] | None = None
) -> tuple[list[list[Event]], list[bytes]]:
    """Events after each step, and the bytes that each side has written in all."""
    sides = [Connection(dialled=True), Connection(dialled=False)]
    events: list[list[Event]] = []
    said = [b"", b""]
    for side, do in script() if steps is None else steps:
        do(sides[side])
        happened: list[Event] = []
        for speaker in (side, 1 - side, side):
            data = written(sides[speaker])
            said[speaker] += data
            for piece in cut(data):
                sides[1 - speaker].receive_data(piece, now=2.5)
            happened += sides[1 - speaker].events()
        events.append(happened)
    return events, said


def shake(a: Connection, b: Connection, now: float = 0.0) -> None:
    """Bring everything that both have to say to the other one."""
    while True:
        there, back = written(a), written(b)
        if not (there or back):
            return
        b.receive_data(there, now)
        a.receive_data(back, now)


def opened(*, wants: int = 0, **limits: int) -> tuple[Connection, Connection]:
    """A link with port 1, on which the first one sends and the second, who has dialled, receives."""
    if "credit" in limits:
        limits.setdefault("grants", limits["credit"])
    sender, receiver = Connection(dialled=False, **limits), Connection(dialled=True, **limits)
    port = more(sender, receiver, wants)
    assert port == 1
    return sender, receiver


def more(sender: Connection, receiver: Connection, wants: int = 0) -> int:
    """Another port for the receiver; returns its number."""
    port = receiver.open("jobs", receives=True)
    if wants:
        receiver.want(port, wants)
    shake(sender, receiver)
    sender.opened(port)
    shake(sender, receiver)
    sender.events()
    receiver.events()
    return port


def why_lost(connection: Connection) -> str:
    """What the last event says, which must be Lost."""
    last = connection.events()[-1]
    assert type(last).__name__ == "Lost", last
    return last.why  # type: ignore[union-attr]
