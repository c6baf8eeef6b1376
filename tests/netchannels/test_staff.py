"""The programs of a pool, played by this one: when they are started again, and when no more.

Invariant: the clock stands still but for pauses, so what passes between two programs is a pause.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from netchannels import Node
from netchannels._batches import Answers, Batches
from netchannels._members import InHand, Member
from netchannels._staff import FIRST_PAUSE, LONGEST_PAUSE, Staff
from netchannels.placement._site import GRACE, CannotStart, Hear, Orders, Program, Site
from netchannels.testing import linked

pytestmark = pytest.mark.trio

IN_VAIN, NOT_STARTED, HOPELESS, JOINS, STAYS = (
    "in vain",
    "not started",
    "hopeless",
    "joins",
    "stays",
)


class Played(Program):
    """A program that does what its life says."""

    def kill(self) -> None:
        """Its life ends by itself."""


class Stage(Site):
    """Programs with one life after the other; `pauses` is what has passed between two of them."""

    def __init__(self, there: Node, lives: list[str]) -> None:
        self._there, self.lives = there, list(lives)
        self._ended: dict[int, float] = {}
        self.pauses: list[float] = []

    async def run(
        self,
        number: int,
        orders: Orders,
        address: str,
        hear: Hear,
        *,
        task_status: trio.TaskStatus[Program] = trio.TASK_STATUS_IGNORED,
    ) -> str:
        if number in self._ended:
            self.pauses.append(round(trio.current_time() - self._ended[number], 6))
        life = self.lives.pop(0)
        try:
            if life == NOT_STARTED:
                raise OSError("no memory")
            if life == HOPELESS:
                raise CannotStart("no Python")
            task_status.started(Played())
            if life == STAYS:
                await trio.sleep_forever()
            if life == JOINS:
                with await self._there.receiver(orders.name, Batches) as server:
                    async with server.accept() as call:
                        call.reply(Answers([]))
                await trio.sleep(1)  # its answer has come
            return "exit code 1"
        finally:
            self._ended[number] = trio.current_time()


class Nothing:
    """There is no work; `over` has who was left last."""

    def __init__(self) -> None:
        self.over: list[str] = []

    def take(self, member: Member, /) -> InHand | None:
        return None

    def answered(self, member: Member, work: InHand, answers: Answers, /) -> None:
        raise AssertionError("nothing was asked")

    def given_back(self, work: list[InHand], /) -> None:
        raise AssertionError("nothing was asked")

    def lost(self, member: Member, /) -> None:
        """It had nothing in hand but the question whether it is free."""

    def nobody_is_left(self, member: Member, /) -> None:
        self.over.append(f"{member.label}: {member.how}")


@asynccontextmanager
async def staff_of(lives: list[str], restarts: int) -> AsyncGenerator[tuple[Staff, Stage, Nothing]]:
    def orders(name: str) -> Orders:
        return Orders("module:function", "", name, name, "a secret for this test", 1000)

    async with linked() as (home, there), trio.open_nursery() as nursery:
        stage, policy = Stage(there, lives), Nothing()
        yield (
            Staff(
                stage,
                home,
                nursery,
                policy,
                orders=orders,
                hear=lambda member, stream, line: None,
                restarts=restarts,
            ),
            stage,
            policy,
        )
        nursery.cancel_scope.cancel()


DOUBLED = [FIRST_PAUSE * 2**n for n in range(9)]


@pytest.mark.parametrize(
    ("lives", "restarts", "pauses", "how"),
    [
        ([IN_VAIN], 1, [], "exit code 1"),
        ([IN_VAIN] * 4, 4, DOUBLED[:3], "exit code 1"),
        ([IN_VAIN] * 12, 12, [*DOUBLED, LONGEST_PAUSE, LONGEST_PAUSE], "exit code 1"),
        ([NOT_STARTED] * 3, 3, DOUBLED[:2], "it cannot be started: no memory"),
        ([IN_VAIN, HOPELESS], 10, DOUBLED[:1], "it cannot be started: no Python"),
        (
            [IN_VAIN, IN_VAIN, JOINS, IN_VAIN, IN_VAIN, IN_VAIN],
            3,
            [*DOUBLED[:2], GRACE + FIRST_PAUSE, *DOUBLED[1:3]],
            "exit code 1",
        ),
    ],
)
async def test_pauses_double_until_a_program_joins_and_after_so_many_in_vain_there_is_none(
    lives: list[str],
    restarts: int,
    pauses: list[float],
    how: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with staff_of(lives, restarts) as (staff, stage, policy):
        staff.scale(1)
        (slot,) = staff.slots
        await slot.done.wait()
        assert stage.pauses == pytest.approx(pauses)
        assert policy.over == [f"worker 1: {how}"]
        assert (stage.lives, staff.slots, staff.members) == ([], [], {})


async def test_a_slot_that_rests_retires_at_once_and_is_no_loss(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with staff_of([IN_VAIN] * 8, 10) as (staff, stage, policy):
        staff.scale(1)
        (slot,) = staff.slots
        while len(stage.pauses) < 7:
            await trio.sleep(0.01)
        await trio.sleep(1)  # of the 12.8 s that it rests now
        before = trio.current_time()
        staff.scale(0)
        await slot.done.wait()
        assert trio.current_time() == before
        assert policy.over == []


async def test_the_others_go_on_when_one_slot_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with staff_of([STAYS, HOPELESS], 10) as (staff, _, policy):
        staff.scale(1)
        await trio.testing.wait_all_tasks_blocked()
        staff.scale(2)
        second = staff.slots[1]
        await second.done.wait()
        assert [slot.status().label for slot in staff.slots] == ["worker 1"]
        assert policy.over == []
        await staff.leave(0)
        assert staff.slots == []
