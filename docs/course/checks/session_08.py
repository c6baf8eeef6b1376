"""Shared things without locks."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from checks.kit import examiner, expect, require, waits
from csp import Channel, Par, Sender


async def garage(answer: ModuleType) -> None:
    enter, leave = Channel(str, name="enter"), Channel(str, name="leave")
    most, _ = await Par(
        answer.garage(2, enter.receiver(), leave.receiver()), cars(enter.sender(), leave.sender())
    )
    expect("2 places, always used: how many cars were in it at most", most, 2)


@examiner
async def cars(enter: Sender[str], leave: Sender[str]) -> None:
    await enter.send("A")
    await enter.send("B")
    require(await waits(partial(enter.send, "C")), "it let a third car in, and has 2 places")
    await leave.send("A")
    await enter.send("C")
    require(await waits(partial(enter.send, "D")), "it let a third car in, and has 2 places")
    await leave.send("B")
    await leave.send("C")


async def library(answer: ModuleType) -> None:
    names = ("read", "done_read", "write", "done_write")
    channels = [Channel(str, name=name) for name in names]
    await Par(
        answer.library(*(channel.receiver() for channel in channels)),
        visitors(*(channel.sender() for channel in channels)),
    )


@examiner
async def visitors(
    read: Sender[str], done_read: Sender[str], write: Sender[str], done_write: Sender[str]
) -> None:
    await read.send("Ann")
    require(not await waits(partial(read.send, "Bob")), "it let only one reader in at a time")
    require(await waits(partial(write.send, "Eve")), "it let a writer in to two readers")
    await done_read.send("Ann")
    require(await waits(partial(write.send, "Eve")), "it let a writer in to a reader")
    await done_read.send("Bob")
    await write.send("Eve")
    require(await waits(partial(read.send, "Ann")), "it let a reader in to a writer")
    require(await waits(partial(write.send, "Joe")), "it let a writer in to a writer")
    await done_write.send("Eve")
    await write.send("Joe")
    await done_write.send("Joe")
    await read.send("Ann")
    await done_read.send("Ann")
