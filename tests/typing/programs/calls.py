"""Calls: requests, replies and outcomes have types of their own."""

from typing import assert_type

from csp import Alternation, Call, Channel, Outcome, Receiver, Sender, process


@process
async def client(calls: Sender[Call[int, str]]) -> str:
    reply = await calls.call(1)
    assert_type(reply, str)
    async for each in calls.map([1, 2, 3], ordered=False):
        assert_type(each, str)
    async for outcome in calls.outcomes(range(3)):
        assert_type(outcome, Outcome[int, str])
        assert_type(outcome.request, int)
        assert_type(outcome.error, Exception | None)
        print(outcome.reply.upper())
    return reply


@process
async def mistaken_client(calls: Sender[Call[int, str]], plain: Sender[int]) -> None:
    await calls.call("1")  # refused
    await calls.call()  # refused
    number: int = await calls.call(1)  # refused
    calls.map(["1"])  # refused
    calls.map([1], in_order=True)  # refused
    calls.outcomes(["1"])  # refused
    await plain.call(1)  # refused
    await calls.send(1)  # refused
    print(number)


@process
async def server(calls: Receiver[Call[int, str]]) -> None:
    async with calls.accept() as call:
        assert_type(call.request, int)
        assert_type(call.cancelled, bool)
        call.reply(str(call.request))
    await calls.serve(str)
    await calls.serve(answer)
    await calls.serve(lambda request: str(request + 1))


async def answer(request: int) -> str:
    return str(request)


async def wrong_answer(request: int) -> bytes:
    return bytes(request)


@process
async def mistaken_server(calls: Receiver[Call[int, str]], plain: Receiver[int]) -> None:
    async with calls.accept() as call:
        call.reply(call.request)  # refused
    await calls.serve(abs)  # refused
    await calls.serve(len)  # refused
    await calls.serve(wrong_answer)  # refused
    plain.accept()  # refused
    plain.accepting()  # refused


async def accepting(calls: Receiver[Call[int, str]], stop: Receiver[bool]) -> None:
    async for choice in Alternation(calls.accepting(), stop):
        if stop.chosen(choice):
            assert_type(choice.value, bool)
    async with (await Alternation(calls.accepting()).select()).value as call:
        call.reply(str(call.request))


def channels() -> None:
    squares = Channel(Call[int, int], name="squares", max_attempts=2)
    assert_type(squares, Channel[Call[int, int]])
    assert_type(squares.sender(), Sender[Call[int, int]])
    client(squares.sender())  # refused
    server(Channel(Call[int, str]).receiver())
