"""Choice."""

from __future__ import annotations

from types import ModuleType

import trio

from checks.kit import examiner, expect, require, waits
from csp import Channel, Par, Receiver, Sender, patterns


async def merge(answer: ModuleType) -> None:
    for quiet in ("left", "right"):
        left, right, out = (Channel(str, name=name) for name in ("left", "right", "out"))
        ends = left.sender(), right.sender()
        one, other = ends if quiet == "left" else ends[::-1]
        await Par(
            answer.merge(left.receiver(), right.receiver(), out.sender()),
            one_is_quiet(one, other, out.receiver()),
        )


@examiner
async def one_is_quiet(quiet: Sender[str], lively: Sender[str], out: Receiver[str]) -> None:
    for text in "abc":
        await lively.send(text)
        expect(f"`{quiet.channel_name}` silent, {text}", await out.receive(), text)
    lively.close()
    for text in "xyz":
        await quiet.send(text)
        what = f"`{lively.channel_name}` ended, `{quiet.channel_name}` sends {text}"
        expect(what, await out.receive(), text)
    quiet.close()
    expect("behind the end of both", [text async for text in out], [])


async def stack(answer: ModuleType) -> None:
    push, pop = Channel(int, name="push"), Channel(int, name="pop")
    await Par(
        answer.stack(push.receiver(), pop.sender()), at_a_stack(push.sender(), pop.receiver())
    )


@examiner
async def at_a_stack(push: Sender[int], pop: Receiver[int]) -> None:
    require(await waits(pop.receive), "it gave something before anything was pushed")
    for number in (1, 2, 3):
        await push.send(number)
    expect("pushed 1, 2, 3, popped", await pop.receive(), 3)
    await push.send(4)
    expect("then pushed 4, popped", await pop.receive(), 4)
    push.close()
    expect("what is left when `push` has ended", [number async for number in pop], [2, 1])


async def valve(answer: ModuleType) -> None:
    control = Channel(bool, name="control")
    inp, out = Channel(int, name="inp"), Channel(int, name="out")
    got = Par(
        answer.valve(control.receiver(), inp.receiver(), out.sender()),
        at_a_valve(control.sender(), inp.sender()),
        patterns.collect(out.receiver()),
    )
    expect("1 while open, 2 kept waiting, 3 when open again", (await got)[2], [1, 3])


@examiner
async def at_a_valve(control: Sender[bool], inp: Sender[int]) -> None:
    await inp.send(1)
    await control.send(False)
    with trio.move_on_after(1):
        await inp.send(2)
        require(False, "it took a value while it was closed")
    await control.send(True)
    await inp.send(3)
