"""The programs of a pool: started, started again, and ended; each works on the batches that it is given.

Each program is served over a channel of its own, under a name of its own, so what it has in hand is
known here, in order; retiring that channel is how it is told to leave.

Invariants:
* a slot has one program at a time; another one is started only when nothing of the last is left.
* nothing here waits for a program without a limit of time, but for its work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import trio

import csp
from csp.lowlevel import take_over

from ._batches import Answers
from ._batches import Batches as BatchCalls
from ._errors import NameRefused
from ._members import Batches, InHand, Member, Share, WorkerStatus
from ._node import Node
from ._status import PeerLeft, PeerLost
from .placement._site import GRACE, CannotStart, Orders, Program, Site

START = 60.0  # seconds from the start of a program until it is free for work
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds before a program is started again
STRUCK = "Timeout ("  # what the guard of a program writes when it ends it
UNSTOPPABLE = "exit code 3"  # and one that has left as a request could not be stopped
CANNOT_WORK = "exit code 2"  # how a program ends that would never be able to work

LOG = logging.getLogger("netchannels")


class Policy(Protocol):
    """Whose programs they are: says what they work on."""

    def take(self, member: Member, /) -> InHand | None:
        """What a free program works on next, if there is something for it."""
        ...

    def answered(self, member: Member, work: InHand, answers: Answers, /) -> None:
        """A batch has its answers."""
        ...

    def given_back(self, work: list[InHand], /) -> None:
        """Batches come back untried."""
        ...

    def lost(self, member: Member, /) -> None:
        """A program has ended, with what it has in hand."""
        ...

    def nobody_is_left(self, member: Member, /) -> None:
        """The last program has ended, and no other one will be started."""
        ...


class Slot:
    """The place of one program, and of those that follow it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.share = Share()
        self.member: Member | None = None
        self.scope = trio.CancelScope()
        self.closing = False
        self.done = trio.Event()

    def status(self) -> WorkerStatus:
        """What its programs have done."""
        member, share = self.member, self.share
        program = member.program if member is not None else None
        return WorkerStatus(
            label=f"worker {self.number + 1}",
            pid=program.pid if program is not None else 0,
            host=program.host if program is not None else "",
            state=member.state() if member is not None else "ended",
            requests=share.requests,
            failures=share.failures,
            busy=share.busy,
            restarts=max(share.programs - 1, 0),
        )

    def retire(self) -> None:
        """Its program leaves when it has done what it has in hand; no other one follows."""
        self.closing = True
        if self.member is not None and self.member.joined:
            self.member.retire()
        else:
            self.scope.cancel()


class Staff:
    """Programs in slots; used while their site is open."""

    def __init__(
        self,
        site: Site,
        node: Node,
        nursery: trio.Nursery,
        policy: Policy,
        *,
        orders: Callable[[str], Orders],
        hear: Callable[[Member, str, str], object],
        restarts: int,
    ) -> None:
        self._site, self._node, self._nursery = site, node, nursery
        self._policy, self._orders, self._hear = policy, orders, hear
        self._restarts = restarts
        self._programs = 0
        self.slots: list[Slot] = []
        self.members: dict[str, Member] = {}  # by the label of their node
        nursery.start_soon(self._hear_of_links, node.events())

    def scale(self, n: int) -> None:
        """So many slots from now on."""
        staying = [slot for slot in self.slots if not slot.closing]
        for slot in staying[n:]:
            slot.retire()
        used = {slot.number for slot in self.slots}
        free = (number for number in range(n + len(used)) if number not in used)
        for _ in range(n - len(staying)):
            slot = Slot(next(free))
            self.slots.append(slot)
            self._nursery.start_soon(self._keep, slot)

    async def leave(self, seconds: float) -> None:
        """End all programs: after so many seconds they are killed."""
        slots = list(self.slots)
        with trio.move_on_after(seconds):
            for slot in slots:
                slot.retire()
            for slot in slots:
                await slot.done.wait()
        for slot in slots:
            slot.scope.cancel()
        for slot in slots:
            await slot.done.wait()

    # --- one slot --------------------------------------------------------------------------

    async def _keep(self, slot: Slot) -> None:
        """Start its program again and again."""
        pause, vain, member = FIRST_PAUSE, 0, Member("", slot.share)
        try:
            with slot.scope:
                while True:
                    member = await self._run(slot)
                    if slot.closing:
                        return
                    if member.joined:
                        pause, vain = FIRST_PAUSE, 0
                    else:
                        vain += 1
                    if vain >= self._restarts or member.hopeless:
                        LOG.error("%s is given up: %s", member.label, member.how or "it left")
                        return
                    LOG.warning(
                        "%s: starting another one", member.happened(member.how or "it left")
                    )
                    await trio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self.slots.remove(slot)
            slot.done.set()
            if not slot.closing and not any(not other.closing for other in self.slots):
                self._policy.nobody_is_left(member)

    async def _run(self, slot: Slot) -> Member:
        """One program, from its start to its end."""
        self._programs += 1
        slot.share.programs += 1
        label = f"worker {slot.number + 1}"
        name = f"{label} #{self._programs}"
        member = slot.member = self.members[name] = Member(label, slot.share)
        channel: csp.Channel[Any] = csp.Channel(BatchCalls, name=name, max_attempts=1)
        self._node.share(name, channel.receiver())
        calls = take_over(channel.sender())
        try:
            async with trio.open_nursery() as nursery:
                over = nursery.cancel_scope.cancel
                nursery.start_soon(self._end_after_its_link, member)
                await nursery.start(self._program, slot.number, member, self._orders(name), over)
                await self._sessions(member, calls)
                calls.close()
                with trio.move_on_after(GRACE):
                    await member.ended.wait()
                    await member.lost.wait()
                over()
        finally:
            calls.close()
            with suppress(NameRefused):  # Ctrl-C has closed the node already
                self._node.unshare(name)
            del self.members[name]
            slot.member = None
            self._policy.lost(member)
        return member

    async def _program(
        self,
        number: int,
        member: Member,
        orders: Orders,
        over: Callable[[], object],
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        def hear(stream: str, line: str) -> None:
            if stream == "stderr":
                member.said.append(line)
                member.overran = member.overran or line.startswith(STRUCK)
            self._hear(member, stream, line)

        async def run(*, task_status: trio.TaskStatus[Program]) -> None:
            member.how = "its link is lost"  # for it may be ended before it has ended
            try:
                member.how = await self._site.run(
                    number, orders, self._node.address, hear, task_status=task_status
                )
            except OSError as error:
                member.how = f"it cannot be started: {error}"
                member.hopeless = isinstance(error, CannotStart)
                if member.program is None:
                    task_status.started(Program.none())
            if member.overran:
                member.how = f"it ran too long and held the interpreter ({member.how})"
            elif member.how == UNSTOPPABLE and member.blameless:
                member.how = "it left, as a request could not be stopped"
            elif member.late:
                member.how = f"it was not free for work within {START:g} s of its start"
            elif member.how == CANNOT_WORK and not member.joined:
                member.hopeless = True
            member.ended.set()

        async with trio.open_nursery() as nursery:
            member.program = await nursery.start(run)
            task_status.started()
        if member.joined:  # what it has said last is still on its way
            with trio.move_on_after(GRACE):
                await member.lost.wait()
        over()

    async def _end_after_its_link(self, member: Member) -> None:
        await member.lost.wait()
        await trio.sleep(GRACE)
        member.kill()

    async def _hear_of_links(self, events: csp.Receiver[Any]) -> None:
        with events:
            async for event in events:
                member = self.members.get(event.peer)
                if member is not None and isinstance(event, (PeerLost, PeerLeft)):
                    in_order = isinstance(event, PeerLeft) and not event.why
                    member.blameless = member.blameless or in_order
                    member.lost.set()

    # --- its work --------------------------------------------------------------------------

    async def _sessions(self, member: Member, calls: csp.Sender[BatchCalls]) -> None:
        """Give it work until it shall leave, or is lost; again each time that work was cancelled."""
        patience = START
        while True:
            with trio.CancelScope() as member.session:
                await self._session(member, calls, patience)
            if not member.session.cancelled_caught:
                return
            back = list(member.in_hand)
            member.in_hand.clear()
            self._policy.given_back(back)
            patience = GRACE

    async def _session(
        self, member: Member, calls: csp.Sender[BatchCalls], patience: float
    ) -> None:
        """It must be free within `patience` seconds."""
        batches = Batches(member, self._policy.take)
        outcomes: Any = calls.outcomes(batches)
        try:
            with trio.move_on_after(patience) as waiting:
                async for outcome in outcomes:
                    if outcome.error is not None:
                        if isinstance(outcome.error, csp.CallFailed):
                            LOG.error("%s: %s", member.label, outcome.error)
                            member.kill()
                        return
                    waiting.deadline = float("inf")
                    work = member.in_hand.popleft()
                    if not work.requests:
                        member.joined = True
                    else:
                        member.closing = member.closing or outcome.reply.leaves
                        member.blameless = member.blameless or outcome.reply.leaves
                        self._policy.answered(member, work, outcome.reply)
                    member.wake()
            if waiting.cancelled_caught:
                member.blameless, member.late = True, not member.joined
                member.kill()
        finally:
            batches.over = True
            await outcomes.aclose()
