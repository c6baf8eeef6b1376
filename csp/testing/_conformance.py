"""What a channel is, stated once: every kind of channel, local or remote, passes `check_channel`.

A check is an async function of a `Kit`; it makes its own pair of ends and asserts.  The parties
of a check are written once and run as processes or as plain trio tasks.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from csp import (
    Alternation,
    EndClosed,
    EndOfChannel,
    LeaseFailed,
    NoReceivers,
    Par,
    Poisoned,
    Receiver,
    Sender,
    Skip,
    Timeout,
    process,
)

MakePair = Callable[[], Awaitable[tuple[Sender[int], Receiver[int]]]]
Check = Callable[["Kit"], Awaitable[None]]
Party = Callable[[Any], Awaitable[None]]

CHECKS: list[Check] = []
_settle: ContextVar[Callable[[], Awaitable[None]]] = ContextVar("settle")
PATIENCE = 20.0  # seconds for one check, which takes milliseconds


async def check_channel(
    make_pair: MakePair,
    *,
    room: float = 0,
    processes: bool = True,
    offers: bool = True,
    instant: bool = True,
    settle: Callable[[], Awaitable[None]] = wait_all_tasks_blocked,
) -> None:
    """Check that what `make_pair` makes is a channel of ints, in every respect.

    `make_pair` is an async function that returns a new `(sender, receiver)` at each call, owned
    by its caller.  `room` is how many values the channel buffers (`math.inf` is allowed),
    `max_attempts` is the default of 3.  `processes=False` runs the parties as plain trio tasks.
    `offers=False` leaves output guards out, for channels that refuse them; `instant=False` what
    must be known at once, for channels whose other side is far away.  `settle()` waits until
    everybody else waits; give another one where values travel outside of the program.

    Raises AssertionError, or whatever a check met, with the name of the check in a note.

    >>> import csp
    >>> async def pair() -> tuple[csp.Sender[int], csp.Receiver[int]]:
    ...     numbers = csp.Channel(int, name="numbers")
    ...     return numbers.sender(), numbers.receiver()
    >>> csp.run(check_channel, pair)
    """
    for check in CHECKS:
        if check.__name__.startswith("offer_") and not offers:
            continue
        if check is nowait and not instant:
            continue
        try:
            with trio.fail_after(PATIENCE):
                _settle.set(settle)
                await check(Kit(make_pair, room, processes, instant))
        except BaseException as error:
            error.add_note(f"while checking that {check.__doc__}")
            raise


class Kit:
    """What a check works with."""

    def __init__(self, make_pair: MakePair, room: float, processes: bool, instant: bool) -> None:
        self.pair, self.room, self.processes, self.instant = make_pair, room, processes, instant

    async def beside(self, *parties: tuple[Party, Any]) -> None:
        """Run `party(end)` for each, side by side; each retires its end when it ends."""
        if self.processes:
            await Par(*(_as_process(party)(end) for party, end in parties))
            return
        async with trio.open_nursery() as nursery:
            for party, end in parties:
                nursery.start_soon(_as_task, party, end)

    async def fill(self, tx: Sender[int]) -> int:
        """Send until the buffer is full (3 values, if it never is); returns how many."""
        n = 3 if self.room == math.inf else int(self.room)
        for number in range(n):
            await tx.send(number)
        return n


def _as_process(party: Party) -> Any:
    async def run(end: Any) -> None:
        await party(end)

    run.__name__ = party.__name__
    return process(passes_poison=False)(run)


async def _as_task(party: Party, end: Any) -> None:
    with end:
        await party(end)


def _check(function: Check) -> Check:
    CHECKS.append(function)
    return function


async def _idle() -> None:
    """Wait until everybody else waits."""
    await _settle.get()()


def _sends(values: list[int]) -> Party:
    async def send(tx: Sender[int]) -> None:
        for value in values:
            await tx.send(value)

    return send


async def _send_for_ever(tx: Sender[int]) -> None:
    while True:
        await tx.send(0)
        await trio.sleep(0.01)


def _collects(into: list[int]) -> Party:
    async def collect(rx: Receiver[int]) -> None:
        async for value in rx:
            into.append(value)

    return collect


# --- rendezvous, order, any number of ends -----------------------------------------------------


@_check
async def sender_waits(kit: Kit) -> None:
    """a send returns when the value was taken, and not before."""
    tx, rx = await kit.pair()
    if kit.room == math.inf:
        tx.close()
        rx.close()
        return
    story: list[str] = []

    async def send(tx: Sender[int]) -> None:
        n = await kit.fill(tx)
        story.append("full")
        await tx.send(n)
        story.append("sent")

    async def receive(rx: Receiver[int]) -> None:
        await _idle()
        assert story == ["full"]
        assert await rx.receive() == 0
        await _idle()
        assert story == ["full", "sent"]
        for number in range(1, int(kit.room) + 1):
            assert await rx.receive() == number

    await kit.beside((send, tx), (receive, rx))


@_check
async def order_is_kept(kit: Kit) -> None:
    """values arrive in the order in which they were sent."""
    tx, rx = await kit.pair()
    got: list[int] = []
    await kit.beside((_sends([*range(300)]), tx), (_collects(got), rx))
    assert got == [*range(300)]


@_check
async def every_value_arrives_once(kit: Kit) -> None:
    """with several ends each value arrives once, and those of one sender in order."""
    tx, rx = await kit.pair()
    lists: list[list[int]] = [[], [], []]
    await kit.beside(
        (_sends([*range(100)]), tx.clone()),
        (_sends([*range(100, 200)]), tx),
        (_collects(lists[0]), rx.clone()),
        (_collects(lists[1]), rx.clone()),
        (_collects(lists[2]), rx),
    )
    assert sorted(lists[0] + lists[1] + lists[2]) == [*range(200)]
    for got in lists:
        for part in ([v for v in got if v < 100], [v for v in got if v >= 100]):
            assert part == sorted(part)


@_check
async def first_come_first_served(kit: Kit) -> None:
    """waiting receivers are served in the order in which they came."""
    tx, rx = await kit.pair()
    got: dict[str, int] = {}
    has_come = [trio.Event() for _ in range(4)]
    has_come[0].set()

    def take(name: str, turn: int) -> Party:
        async def take_one(rx: Receiver[int]) -> None:
            await has_come[turn - 1].wait()
            await _idle()
            has_come[turn].set()
            got[name] = await rx.receive()

        return take_one

    async def send(tx: Sender[int]) -> None:
        await has_come[3].wait()
        await _idle()
        for number in range(3):
            await tx.send(number)

    await kit.beside(
        (take("b", 2), rx.clone()), (take("a", 1), rx.clone()), (take("c", 3), rx), (send, tx)
    )
    assert got == {"a": 0, "b": 1, "c": 2}


@_check
async def nowait(kit: Kit) -> None:
    """the nowait operations commit at once or raise WouldBlock, and then did nothing."""
    tx, rx = await kit.pair()
    _raises(trio.WouldBlock, rx.receive_nowait)
    if kit.room == 0:
        _raises(trio.WouldBlock, tx.send_nowait, 1)
        _raises(trio.WouldBlock, rx.receive_nowait)
    elif kit.room != math.inf:
        n = await kit.fill(tx)
        _raises(trio.WouldBlock, tx.send_nowait, n)
        assert [rx.receive_nowait() for _ in range(n)] == [*range(n)]
        _raises(trio.WouldBlock, rx.receive_nowait)
    got: list[int] = []

    async def send(tx: Sender[int]) -> None:
        await _idle()
        tx.send_nowait(7)

    await kit.beside((send, tx), (_collects(got), rx))
    assert got == [7]


# --- ending ------------------------------------------------------------------------------------


@_check
async def end_of_channel(kit: Kit) -> None:
    """receivers get all that was sent, then EndOfChannel, when the last sender has retired."""
    tx, rx = await kit.pair()
    got: list[int] = []

    async def send_late(tx: Sender[int]) -> None:
        await _idle()
        await tx.send(2)

    await kit.beside((_sends([1]), tx.clone()), (send_late, tx), (_collects(got), rx.clone()))
    assert got == [1, 2]
    await _raises_async(EndOfChannel, rx.receive)
    _raises(EndOfChannel, rx.receive_nowait)
    await _raises_async(trio.EndOfChannel, rx.receive)
    rx.close()


@_check
async def end_wakes_receivers(kit: Kit) -> None:
    """a receiver that waits when the last sender retires raises EndOfChannel."""
    tx, rx = await kit.pair()
    seen: list[bool] = []

    async def receive(rx: Receiver[int]) -> None:
        await _raises_async(EndOfChannel, rx.receive)
        seen.append(True)

    async def retire(tx: Sender[int]) -> None:
        await _idle()

    await kit.beside((receive, rx.clone()), (receive, rx), (retire, tx))
    assert len(seen) == 2


@_check
async def no_receivers(kit: Kit) -> None:
    """a sender raises NoReceivers when the last receiver has retired, also if it waits."""
    tx, rx = await kit.pair()

    async def send(tx: Sender[int]) -> None:
        if kit.room != math.inf:
            n = await kit.fill(tx)
            await _raises_async(NoReceivers, tx.send, n)
        else:
            await _raises_async(NoReceivers, _send_for_ever, tx)
        await _raises_async(NoReceivers, tx.send, 0)
        _raises(NoReceivers, tx.send_nowait, 0)
        await _raises_async(trio.BrokenResourceError, tx.send, 0)

    async def retire(rx: Receiver[int]) -> None:
        await _idle()

    await kit.beside((send, tx), (retire, rx))


@_check
async def own_end_closed(kit: Kit) -> None:
    """an end that was retired raises EndClosed; retiring it again does nothing."""
    tx, rx = await kit.pair()
    for end in (tx, rx):
        end.retire()
        end.retire()
        end.close()
        await end.aclose()
        _raises(EndClosed, end.clone)
    await _raises_async(EndClosed, tx.send, 1)
    await _raises_async(EndClosed, rx.receive)
    _raises(EndClosed, tx.send_nowait, 1)
    _raises(EndClosed, rx.receive_nowait)
    _raises(trio.ClosedResourceError, rx.receive_nowait)


@_check
async def closed_under_a_waiting_operation(kit: Kit) -> None:
    """an end that is closed while it waits raises EndClosed there."""
    tx, rx = await kit.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_raises_async, EndClosed, rx.receive)
        await _idle()
        rx.close()
    tx.close()


@_check
async def poison(kit: Kit) -> None:
    """poison ends both directions at once, drops what is buffered, and gives its reason."""
    for poisoner in ("sender", "receiver"):
        tx, rx = await kit.pair()
        await kit.fill(tx)
        (tx if poisoner == "sender" else rx).poison("because")
        await _idle()
        for error in (
            await _raises_async(Poisoned, tx.send, 1),
            await _raises_async(Poisoned, rx.receive),
            _raises(Poisoned, tx.send_nowait, 1),
            _raises(Poisoned, rx.receive_nowait),
        ):
            assert error.reason == "because"
            assert "because" in str(error)
        tx.close()
        await _raises_async(Poisoned, rx.receive)
        rx.close()


@_check
async def poison_wakes(kit: Kit) -> None:
    """poison reaches those who wait."""
    seen: list[str] = []

    async def send(tx: Sender[int]) -> None:
        await kit.fill(tx)
        await _raises_async(Poisoned, tx.send, 1)
        seen.append("sender")

    async def receive(rx: Receiver[int]) -> None:
        await _raises_async(Poisoned, rx.receive)
        seen.append("receiver")

    async def kill(end: Any) -> None:
        await _idle()
        end.poison("x")

    tx, rx = await kit.pair()
    await kit.beside((receive, rx), (kill, tx))
    if kit.room != math.inf:
        tx, rx = await kit.pair()
        await kit.beside((send, tx), (kill, rx))
        assert seen == ["receiver", "sender"]


# --- cancel ------------------------------------------------------------------------------------


@_check
async def pending_cancel_strikes_first(kit: Kit) -> None:
    """an operation under a cancel that struck before raises Cancelled and does nothing."""
    tx, rx = await kit.pair()
    for _ in range(2):
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
    got: list[int] = []

    async def send(tx: Sender[int]) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            for number in range(1000):  # at the latest after 256
                await tx.send(number)
        assert scope.cancelled_caught
        await tx.send(-1)

    await kit.beside((send, tx), (_collects(got), rx))
    assert got == [*range(len(got) - 1), -1]
    assert len(got) <= 258


@_check
async def cancelled_receiver(kit: Kit) -> None:
    """a cancelled receive has taken nothing, and is not served any more."""
    tx, rx = await kit.pair()
    got: list[int] = []
    cancelled = trio.Event()

    async def receive(rx: Receiver[int]) -> None:
        for _ in range(3):
            with trio.move_on_after(0.01) as scope:
                await rx.receive()
            assert scope.cancelled_caught
        cancelled.set()
        await _collects(got)(rx)

    async def send(tx: Sender[int]) -> None:
        await cancelled.wait()
        await _sends([1, 2])(tx)

    await kit.beside((receive, rx), (send, tx))
    assert got == [1, 2]


@_check
async def cancelled_sender(kit: Kit) -> None:
    """a cancelled send has sent nothing."""
    if kit.room == math.inf:
        return
    tx, rx = await kit.pair()
    got: list[int] = []
    filled: list[int] = []
    cancelled = trio.Event()

    async def send(tx: Sender[int]) -> None:
        filled.append(await kit.fill(tx))
        with trio.move_on_after(0.01) as scope:
            await tx.send(-1)
        assert scope.cancelled_caught
        cancelled.set()

    async def receive(rx: Receiver[int]) -> None:
        await cancelled.wait()
        await _collects(got)(rx)

    await kit.beside((send, tx), (receive, rx))
    assert got == [*range(filled[0])]


@_check
async def cancel_at_any_moment(kit: Kit) -> None:
    """sent = received, whenever either side is cancelled."""
    for moment in range(24):
        for victim in ("sender", "receiver"):
            await _cancel_after(kit, moment, victim)


async def _cancel_after(kit: Kit, moment: int, victim: str) -> None:
    tx, rx = await kit.pair()
    scopes = {"sender": trio.CancelScope(), "receiver": trio.CancelScope()}
    sent: list[int] = []
    got: list[int] = []

    async def send(tx: Sender[int]) -> None:
        with scopes["sender"]:
            for number in range(8):
                await tx.send(number)
                sent.append(number)
                if number % 3 == 0:
                    await trio.sleep(0)

    async def receive(rx: Receiver[int]) -> None:
        with scopes["receiver"]:
            async for number in rx:
                got.append(number)
                if number % 4 == 0:
                    await trio.sleep(0)
        await _collects(got)(rx)

    async def cancel(_: object) -> None:
        for _turn in range(moment):
            await trio.lowlevel.cancel_shielded_checkpoint()
        scopes[victim].cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel, None)
        await kit.beside((send, tx), (receive, rx))
    assert got == sent, (moment, victim)
    assert victim == "sender" or len(got) == 8


# --- leases and the extended rendezvous --------------------------------------------------------


@_check
async def lease_done(kit: Kit) -> None:
    """a lease takes a value; the sender goes on; the channel ends after the last lease."""
    tx, rx = await kit.pair()
    story: list[str] = []
    leased = trio.Event()

    async def send(tx: Sender[int]) -> None:
        await tx.send(1)
        story.append("sent")

    async def work(rx: Receiver[int]) -> None:
        async with rx.lease() as job:
            assert (job.value, job.attempt) == (1, 1)
            leased.set()
            await _idle()
            assert story == ["sent"]
            story.append("done")

    async def other(rx: Receiver[int]) -> None:
        await leased.wait()
        await _raises_async(EndOfChannel, rx.receive)
        story.append("end")

    await kit.beside((send, tx), (work, rx.clone()), (other, rx))
    assert story == ["sent", "done", "end"]


@_check
async def lease_given_back(kit: Kit) -> None:
    """an error in a lease gives the value back to the front; a cancel does not count."""
    tx, rx = await kit.pair()
    attempts: list[tuple[int, int]] = []

    async def work(rx: Receiver[int]) -> None:
        async with rx.lease() as job:
            attempts.append((job.value, job.attempt))
            raise ValueError("try again")
        with trio.CancelScope() as scope:
            async with rx.lease() as job:
                attempts.append((job.value, job.attempt))
                scope.cancel()
                await trio.sleep_forever()
        async for job in rx.leases():
            async with job:
                attempts.append((job.value, job.attempt))

    await kit.beside((_sends([1, 2]), tx), (work, rx))
    assert attempts == [(1, 1), (1, 2), (1, 2), (2, 1)]


@_check
async def lease_failed(kit: Kit) -> None:
    """a value whose three attempts failed raises LeaseFailed where nobody takes the failed."""
    tx, rx = await kit.pair()
    attempts: list[int] = []

    async def work(rx: Receiver[int]) -> None:
        with _Raises(LeaseFailed):
            async for job in rx.leases():
                async with job:
                    attempts.append(job.attempt)
                    raise ValueError("no")
        await _raises_async(EndOfChannel, rx.receive)

    await kit.beside((_sends([1]), tx), (work, rx))
    assert attempts == [1, 2, 3]


@_check
async def extended(kit: Kit) -> None:
    """in an extended rendezvous the sender goes on when the block ends; a buffer frees it."""
    tx, rx = await kit.pair()
    story: list[str] = []

    async def send(tx: Sender[int]) -> None:
        await _idle()  # the receiver waits already
        await tx.send(1)
        story.append("sent")

    async def work(rx: Receiver[int]) -> None:
        async with rx.extended() as value:
            assert value == 1
            await _idle()
            story.append("worked")

    await kit.beside((send, tx), (work, rx))
    assert story == (["sent", "worked"] if kit.room else ["worked", "sent"])


@_check
async def extended_given_back(kit: Kit) -> None:
    """an error in an extended rendezvous passes on, and the value is there again."""
    tx, rx = await kit.pair()
    got: list[int] = []

    async def work(rx: Receiver[int]) -> None:
        with _Raises(ValueError):
            async with rx.extended():
                raise ValueError
        await _collects(got)(rx)

    await kit.beside((_sends([1]), tx), (work, rx))
    assert got == [1]


@_check
async def extended_cancelled(kit: Kit) -> None:
    """cancelling the sender ends the block, and the receiver goes on behind it."""
    if kit.room:  # then the sender does not wait for the block
        return
    tx, rx = await kit.pair()
    story: list[str] = []
    scope = trio.CancelScope()

    async def send(tx: Sender[int]) -> None:
        with scope:
            await tx.send(1)
        assert scope.cancelled_caught
        await tx.send(2)

    async def work(rx: Receiver[int]) -> None:
        async with rx.extended() as value:
            assert value == 1
            scope.cancel()
            await trio.sleep_forever()
        story.append("behind")
        assert await rx.receive() == 2

    await kit.beside((send, tx), (work, rx))
    assert story == ["behind"]


# --- alternation -------------------------------------------------------------------------------


@_check
async def alternation(kit: Kit) -> None:
    """an alternation receives from whichever is ready, loses nothing and ends with the last."""
    tx, rx = await kit.pair()
    tx2, rx2 = await kit.pair()
    got: dict[str, list[int]] = {"one": [], "two": []}

    async def select(both: list[Receiver[int]]) -> None:
        first, second = both
        async for end, value in Alternation(first, second):
            got["one" if end is first else "two"].append(value)

    if kit.processes:
        await kit.beside((_sends([*range(50)]), tx), (_sends([7, 8]), tx2), (select, [rx, rx2]))
    else:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_as_task, _sends([*range(50)]), tx)
            nursery.start_soon(_as_task, _sends([7, 8]), tx2)
            nursery.start_soon(select, [rx, rx2])
        rx.close()
        rx2.close()
    assert got == {"one": [*range(50)], "two": [7, 8]}


@_check
async def alternation_timeout(kit: Kit) -> None:
    """a selection that commits a timer has received nothing; Skip yields to what is ready."""
    tx, rx = await kit.pair()
    elapsed = trio.Event()

    async def select(rx: Receiver[int]) -> None:
        alternation = Alternation(rx, Timeout(0.01))
        assert isinstance((await alternation.select()).guard, Timeout)
        alternation.close()
        elapsed.set()
        waiting = Alternation(Skip(), rx)
        while (choice := await waiting.pri_select()).guard is not rx:
            await trio.sleep(0.01)
        assert choice.value == 1
        waiting.close()
        assert await rx.receive() == 2

    async def send(tx: Sender[int]) -> None:
        await elapsed.wait()
        await _sends([1, 2])(tx)

    await kit.beside((send, tx), (select, rx))


@_check
async def alternation_is_no_offer_between_selections(kit: Kit) -> None:
    """an alternation that is registered and not selecting takes nothing."""
    tx, rx = await kit.pair()
    alternation = Alternation(rx, Skip())
    await alternation.select()
    if kit.room == 0:
        _raises(trio.WouldBlock, tx.send_nowait, 1)
    alternation.close()
    tx.close()
    rx.close()


@_check
async def offer_commits(kit: Kit) -> None:
    """an output guard sends what it produces, once its partner is fixed."""
    tx, rx = await kit.pair()
    values = iter(range(100))
    got: list[int] = []

    async def select(tx: Sender[int]) -> None:
        offer = Alternation(tx.offer(lambda: next(values)))
        for number in range(10):
            choice = await offer.select()
            assert (choice.guard, choice.value) == (tx, number)

    await kit.beside((select, tx), (_collects(got), rx))
    assert got == [*range(10)]


@_check
async def offer_not_taken(kit: Kit) -> None:
    """an output guard that was not chosen has produced and sent nothing.

    Where the other side is far away it may have produced a value, which is the next one offered.
    """
    if kit.room == math.inf:
        return
    tx, rx = await kit.pair()
    produced: list[int] = []
    elapsed = trio.Event()

    def produce() -> int:
        produced.append(1)
        return 1

    async def select(tx: Sender[int]) -> None:
        await kit.fill(tx)
        choice = await Alternation(tx.offer(produce), Timeout(0.01)).select()
        assert isinstance(choice.guard, Timeout)
        assert len(produced) <= (not kit.instant)
        elapsed.set()

    got: list[int] = []

    async def receive(rx: Receiver[int]) -> None:
        await elapsed.wait()
        await _collects(got)(rx)

    await kit.beside((select, tx), (receive, rx))
    assert got == [*range(int(kit.room))]


@_check
async def offer_meets_alternation(kit: Kit) -> None:
    """both sides of a channel may be in alternations."""
    tx, rx = await kit.pair()
    got: list[int] = []
    values = iter(range(100))

    async def give(tx: Sender[int]) -> None:
        offer = Alternation(tx.offer(lambda: next(values)), Timeout(60))
        for _ in range(20):
            await offer.select()

    async def take(rx: Receiver[int]) -> None:
        async for choice in Alternation(rx):
            got.append(choice.value)

    await kit.beside((give, tx), (take, rx))
    assert got == [*range(20)]


# --- small helpers -----------------------------------------------------------------------------


class _Raises:
    """`with _Raises(kind):` asserts that the block raises `kind` (pytest is not needed here)."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind
        self.error: Any = None

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, tb: object) -> bool:
        assert error is not None, f"{self.kind.__name__} was not raised"
        self.error = error
        return isinstance(error, self.kind)


def _raises(kind: type[BaseException], function: Callable[..., object], *args: Any) -> Any:
    with _Raises(kind) as raised:
        function(*args)
    return raised.error


async def _raises_async(
    kind: type[BaseException], function: Callable[..., Awaitable[object]], *args: Any
) -> Any:
    with _Raises(kind) as raised:
        await function(*args)
    return raised.error
