"""Two-phase commit: all do it, or none does, also if somebody crashes.

csp run examples/two_phase_commit.py                            all commit
csp run examples/two_phase_commit.py --arg against=Bob          all abort
csp run examples/two_phase_commit.py --arg crash=Bob            the others abort
csp run examples/two_phase_commit.py --arg crash=coordinator    all are in doubt

    [ coordinator ]--order-->[ participant ]     prepare, then commit or abort
    [             ]<--vote---[             ]     yes or no

What it teaches: an end that retires and a process that fails are different things, and the other side can
tell them apart.  When a participant has crashed its ends are abandoned: the coordinator gets `Abandoned`, with
the cause, and takes that for a no.  And it shows the weakness of this protocol: who has voted yes may neither
commit nor abort by itself; if the coordinator crashes then, all wait for it, in doubt.

A crash is an error in a process; `machine` is what keeps it from the others, as a computer of its own would.

Source: J. Gray, Notes on Data Base Operating Systems (1978).
"""

import contextlib

from csp import Abandoned, Channel, ChannelEnded, Par, Process, Receiver, Sender, process

NAMES = ("Ann", "Bob", "Eve")


class Crash(Exception):
    """The power was cut."""


@process
async def participant(vote: bool, crash: bool, orders: Receiver[str], votes: Sender[bool]) -> str:
    """Returns what it knows in the end."""
    await orders.receive()  # prepare
    if crash:
        raise Crash
    await votes.send(vote)
    if not vote:
        return "abort"
    try:
        return await orders.receive()
    except Abandoned:
        return "in doubt"


@process
async def coordinator(crash: bool, orders: list[Sender[str]], votes: list[Receiver[bool]]) -> str:
    """Returns its decision."""
    for order in orders:
        await order.send("prepare")
    decision = "commit" if all([await heard(vote) for vote in votes]) else "abort"
    if crash:
        raise Crash
    for order in orders:
        with contextlib.suppress(ChannelEnded):  # it has crashed, or said no and gone
            await order.send(decision)
    return decision


async def heard(vote: Receiver[bool]) -> bool:
    """A vote; that of a crashed participant is a no."""
    try:
        return await vote.receive()
    except Abandoned:
        return False


@process
async def machine(program: Process[str]) -> str:
    """Runs a program; its crash is not the crash of others."""
    try:
        return await program
    except Crash:
        return "crashed"


async def main(against: str = "", crash: str = "") -> dict[str, str]:
    """What each of them knows in the end."""
    orders = {name: Channel(str, name=f"orders to {name}") for name in NAMES}
    votes = {name: Channel(bool, name=f"vote of {name}") for name in NAMES}
    decision, knows = await Par(
        machine(
            coordinator(
                crash == "coordinator",
                [orders[name].sender() for name in NAMES],
                [votes[name].receiver() for name in NAMES],
            )
        ),
        Par(
            *(
                machine(
                    participant(
                        name != against,
                        name == crash,
                        orders[name].receiver(),
                        votes[name].sender(),
                    )
                )
                for name in NAMES
            )
        ),
    )
    return {"coordinator": decision} | dict(zip(NAMES, knows, strict=True))
