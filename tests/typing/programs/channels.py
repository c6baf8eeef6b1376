"""Element types of channels and variance of their ends."""

import math
from collections.abc import Sequence
from typing import Any, NewType, assert_type

import trio

import csp
from csp import Broadcast, Channel, Dropping, Failed, Fifo, Receiver, Sender, Sliding

Metres = NewType("Metres", float)


class Animal: ...


class Cat(Animal): ...


def element_types() -> None:
    assert_type(Channel(int), Channel[int])
    assert_type(Channel(int, name="jobs"), Channel[int])
    assert_type(Channel(list[int], check="deep"), Channel[list[int]])
    assert_type(Channel(dict[str, Cat], buffer=3), Channel[dict[str, Cat]])
    assert_type(Channel(Cat, buffer=math.inf, max_attempts=1), Channel[Cat])
    assert_type(Channel[int | str](name="mixed"), Channel[int | str])
    assert_type(Channel[int | str](name="mixed").sender(), Sender[int | str])
    assert_type(Channel[int | None](buffer=Fifo(3)).receiver(), Receiver[int | None])
    assert_type(Channel(int | str, name="mixed"), Channel[int | str])
    assert_type(Channel[Sender[str]](name="replies"), Channel[Sender[str]])
    assert_type(Channel(Sender[str], name="replies"), Channel[Sender[str]])
    assert_type(Channel[None](buffer=Sliding(1)), Channel[None])
    assert_type(Channel[Sequence[int]](buffer=Dropping(1)), Channel[Sequence[int]])
    assert_type(Channel[Metres](name="metres"), Channel[Metres])
    assert_type(Channel[Any](name="anything").receiver(), Receiver[Any])
    assert_type(Broadcast(int, name="ticks"), Broadcast[int])
    assert_type(Broadcast(int, name="ticks").sender(), Sender[int])
    assert_type(Broadcast[int | str](name="ticks").receiver(), Receiver[int | str])


def options() -> None:
    Channel(int, buffer="many")  # refused
    Channel(int, check="deeper")  # refused
    Channel(int, size=3)  # refused
    Channel(int, 3)  # refused
    Channel(3)  # refused
    Broadcast(3)  # refused
    Fifo("3")  # refused
    Broadcast(int, max_attempts=3)  # refused


def receivers_are_covariant(cats: Receiver[Cat], animals: Receiver[Animal]) -> None:
    wide: Receiver[Animal] = cats
    narrow: Receiver[Cat] = animals  # refused
    numbers: Receiver[float] = Channel(int).receiver()
    print(wide, narrow, numbers)


def senders_are_contravariant(cats: Sender[Cat], animals: Sender[Animal]) -> None:
    narrow: Sender[Cat] = animals
    wide: Sender[Animal] = cats  # refused
    print(narrow, wide)


def ends_are_trios(tx: Sender[int], rx: Receiver[int]) -> None:
    sending: trio.abc.SendChannel[int] = tx
    receiving: trio.abc.ReceiveChannel[int] = rx
    other: trio.abc.SendChannel[int] = rx  # refused
    print(sending, receiving, other)


def with_keeps_the_type(jobs: Channel[int]) -> None:
    with jobs.sender() as tx, jobs.receiver() as rx:
        assert_type(tx, Sender[int])
        assert_type(rx, Receiver[int])
        assert_type(tx.clone(), Sender[int])
        assert_type(rx.clone(), Receiver[int])
        assert_type(rx.receive_nowait(), int)
        tx.poison("enough")
        tx.poison(3)  # refused


async def mobile_ends(requests: Receiver[Sender[str]]) -> None:
    async for reply in requests:
        await reply.send("here")
        await reply.send(3)  # refused


def threads(tx: Sender[int], rx: Receiver[int]) -> None:
    csp.from_thread.send(tx, 3)
    assert_type(csp.from_thread.receive(rx), int)
    csp.from_thread.send(rx, 3)  # refused
    csp.from_thread.receive(tx)  # refused


def failed_values(jobs: Channel[int]) -> None:
    assert_type(jobs.failed, Channel[Failed[int]])
