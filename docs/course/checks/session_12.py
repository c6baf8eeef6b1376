"""Protocols, and what can be proved of them."""

from __future__ import annotations

from itertools import product
from types import ModuleType

from checks.kit import expect
from csp import Channel, Par, Process, Receiver, Sender, patterns, process


async def once(answer: ModuleType) -> None:
    packets = Channel[tuple[int, str]](name="packets")
    acks, out = Channel(int, name="acks"), Channel(str, name="out")
    sent = [(0, "a"), (0, "a"), (1, "b"), (0, "c"), (0, "c"), (0, "c")]
    values = await Par(
        patterns.emit(sent, packets.sender()),
        answer.receiver(packets.receiver(), acks.sender(), out.sender()),
        patterns.collect(acks.receiver()),
        patterns.collect(out.receiver()),
    )
    expect("the packets 0a 0a 1b 0c 0c 0c: what was passed on", values[3], ["a", "b", "c"])
    expect("the packets 0a 0a 1b 0c 0c 0c: the confirmations", values[2], [0, 0, 1, 0, 0, 0])


class Crash(Exception):
    """The power was cut."""


@process
async def participant(says: str, orders: Receiver[str], votes: Sender[bool]) -> str:
    """Return what it is told in the end."""
    await orders.receive()
    if says == "crash":
        raise Crash
    await votes.send(says == "yes")
    return await orders.receive()


@process
async def machine(program: Process[str]) -> str:
    """Run a program; its crash is not that of others."""
    try:
        return await program
    except Crash:
        return "crashed"


async def votes(answer: ModuleType) -> None:
    for all_say in product(("yes", "no", "crash"), repeat=3):
        decision = "commit" if all_say == ("yes",) * 3 else "abort"
        orders = [Channel(str, name=f"orders to {n}") for n in range(3)]
        heard = [Channel(bool, name=f"vote of {n}") for n in range(3)]
        said, told = await Par(
            answer.coordinator([c.sender() for c in orders], [c.receiver() for c in heard]),
            Par(
                *(
                    machine(participant(says, orders[n].receiver(), heard[n].sender()))
                    for n, says in enumerate(all_say)
                )
            ),
        )
        votes_are = f"the participants say {', '.join(all_say)}"
        expect(f"{votes_are}: the decision", said, decision)
        wanted = tuple("crashed" if says == "crash" else decision for says in all_say)
        expect(f"{votes_are}: what they are told", told, wanted)


async def traces(answer: ModuleType) -> None:
    events = [("in", 1), ("in", 2), ("out", 1), ("out", 2)]
    for size, length in product((1, 2), range(5)):
        for trace in product(events, repeat=length):
            seen = " ".join(f"{direction} {value}" for direction, value in trace) or "nothing"
            expect(f"size {size}: {seen}", answer.is_buffer(size, list(trace)), may(size, trace))


def may(size: int, trace: tuple[tuple[str, int], ...]) -> bool:
    """By the definition: at each moment what came out is a prefix of what went in."""
    for moment in range(len(trace) + 1):
        went_in = [value for direction, value in trace[:moment] if direction == "in"]
        came_out = [value for direction, value in trace[:moment] if direction == "out"]
        if came_out != went_in[: len(came_out)] or len(went_in) - len(came_out) > size:
            return False
    return True
