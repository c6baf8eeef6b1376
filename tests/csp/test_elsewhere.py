"""Copies of a process whose bodies run elsewhere: here, what they are to everybody else."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import csp
from csp.lowlevel import copies_elsewhere


@csp.process
async def send(out: csp.Sender[int], number: int = 5) -> int:
    raise AssertionError("it runs elsewhere")


def copies(
    n: int, process: csp.Process[Any], log: list[str], check: Callable[..., object] = print
) -> csp.Process[list[Any]]:
    @asynccontextmanager
    async def around() -> AsyncGenerator[None]:
        log.append("opened")
        yield
        log.append("closed")

    async def run(number: int, arguments: inspect.BoundArguments) -> int:
        out, value = arguments.arguments.values()
        await out.send(value + number)
        log.append("ran")
        return number

    return copies_elsewhere(n, process, check=check, around=around, run=run)


def test_they_own_their_ends_and_give_their_values() -> None:
    log: list[str] = []

    async def main() -> Any:
        numbers = csp.Channel(int, name="numbers")

        @csp.process
        async def collect(into: csp.Receiver[int]) -> list[int]:
            return sorted([number async for number in into])

        return await csp.Par(
            copies(3, send(numbers.sender()), log, lambda *_: None), collect(numbers.receiver())
        )

    values, found = csp.run(main)
    assert sorted(values) == [0, 1, 2]
    assert found == [5, 6, 7]
    assert log == ["opened", "ran", "ran", "ran", "closed"]


def test_what_is_refused_retires_its_ends() -> None:
    def refuse(*_: object) -> None:
        raise TypeError("no")

    async def main() -> None:
        numbers = csp.Channel(int, name="numbers")
        with pytest.raises(TypeError, match="no"):
            copies(2, send(numbers.sender()), [], refuse)
        with numbers.receiver() as into, pytest.raises(csp.EndOfChannel):
            await into.receive()

    csp.run(main)


def test_only_a_called_process_can_run_elsewhere() -> None:
    wrong: Any = csp.Par()
    with pytest.raises(TypeError, match="called @process"):
        copies(1, wrong, [])
    wrong.close()
