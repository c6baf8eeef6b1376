"""Ends in values: found, moved out when sent, given back when not, adopted when received."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pytest
import trio.testing

import csp
from csp import Alternation, Channel, EndClosed, Receiver, Sender, Timeout, process
from csp._cargo import Cargo, find, map_ends, pack, unpack
from csp._kernel import HOLDER


@pytest.fixture(params=[True, False], ids=["lending", "fallback"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return lambda main: csp.run(main, lend=request.param)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class Open:
    at: Any
    note: str = "note"


@dataclass(frozen=True)
class Frozen:
    at: Any
    note: str = "note"


@dataclass(frozen=True, slots=True)
class Slotted:
    at: Any
    note: str = "note"


@dataclass
class Counted:
    at: Any
    made: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append(1)


class Struct(msgspec.Struct):
    at: Any
    note: str = "note"


class FrozenStruct(msgspec.Struct, frozen=True):
    at: Any
    note: str = "note"


class Plain:
    def __init__(self, at: Any) -> None:
        self.at = at


class Numbers(list[Any]):
    pass


LOOKED_INTO: dict[str, Callable[[Any], Any]] = {
    "itself": lambda end: end,
    "list": lambda end: [1, end],
    "tuple": lambda end: ("a", end),
    "named tuple": lambda end: Pair(end, 2),
    "dict": lambda end: {"a": 1, "b": end},
    "dataclass": Open,
    "frozen": Frozen,
    "slotted": Slotted,
    "struct": Struct,
    "frozen struct": FrozenStruct,
    "all of them": lambda end: [Pair({"a": Open(Struct((end,)))}, [])],
}
NOT_LOOKED_INTO: dict[str, Callable[[Any], Any]] = {
    "set": lambda end: {end},
    "key": lambda end: {end: 1},
    "attribute": Plain,
    "list of another class": lambda end: Numbers([end]),
    "closure": lambda end: lambda: end,
    "class of a dataclass": lambda end: Open,
}


def ids(cases: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("around", list(cases.values()), ids=list(cases))


def in_main(body: Callable[[Sender[Any], Receiver[Any]], None]) -> None:
    """Call `body` with the two ends of a channel, in a run."""

    async def main() -> None:
        channel = Channel(int, name="c", buffer=9)
        with channel.sender() as tx, channel.receiver() as rx:
            body(tx, rx)

    csp.run(main)


# --- finding -----------------------------------------------------------------------------------


@ids(LOOKED_INTO)
def test_an_end_is_found_where_values_are_looked_into(around: Callable[[Any], Any]) -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        assert find(around(tx)) == [tx]

    in_main(body)


@ids(NOT_LOOKED_INTO)
def test_nothing_is_found_elsewhere(around: Callable[[Any], Any]) -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        assert find(around(tx)) == []

    in_main(body)


def test_the_ends_of_an_alternation_are_found_and_those_of_its_conditions_are_not() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        guards = rx, tx.offer(lambda: 1).when(lambda: tx is not None), Timeout(1)
        with Alternation(*guards) as alternation:  # type: ignore[call-overload]
            assert set(find([alternation])) == {tx, rx}
            assert find([alternation], of=Timeout) == []

    in_main(body)


def test_something_else_than_ends_can_be_looked_for() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        plain = Plain(1)
        value = [tx, {"a": (plain,)}, rx]
        assert find(value, of=Plain) == [plain]
        assert set(find(value, of=(Plain, csp.Sender))) == {plain, tx}

    in_main(body)


# --- changing ----------------------------------------------------------------------------------


@ids(LOOKED_INTO)
def test_a_changed_value_is_of_the_same_class_and_the_old_one_is_left_alone(
    around: Callable[[Any], Any],
) -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        value = around(tx)
        changed = map_ends(value, lambda end: rx if end is tx else pytest.fail("changed"))
        assert find(value) == [tx]
        assert find(changed) == [rx]
        if value is not tx:
            assert type(changed) is type(value)
            assert changed == around(rx)

    in_main(body)


@ids(LOOKED_INTO)
def test_what_is_not_changed_is_the_same_object(around: Callable[[Any], Any]) -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        value = around(tx)
        assert map_ends(value, lambda end: end) is value

    in_main(body)


@ids(NOT_LOOKED_INTO | {"an int": lambda end: 3, "a list": lambda end: [3, [4]]})
def test_a_value_without_ends_is_the_same_object(around: Callable[[Any], Any]) -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        value = around(tx)
        assert map_ends(value, lambda end: pytest.fail("changed")) is value

    in_main(body)


def test_parts_without_ends_are_shared_with_the_old_value() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        part, value = [1, 2], {"end": tx, "part": [3]}
        changed = map_ends([part, value], lambda end: rx)
        assert changed[0] is part
        assert changed[1]["part"] is value["part"]
        assert list(changed[1]) == ["end", "part"]

    in_main(body)


def test_a_dataclass_is_copied_and_not_made_again() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        changed = map_ends(Counted(tx), lambda end: rx)
        assert (changed.at, changed.made) == (rx, [1])

    in_main(body)


@dataclass
class Node:
    link: Any = None


def deep(end: object) -> Node:
    node = Node(end)
    for _ in range(5_000):
        node = Node(node)
    return node


def ring(end: object) -> Node:
    node = Node()
    node.link = [node, end]
    return node


@pytest.mark.parametrize("made", [deep, ring])
def test_a_value_too_deep_to_be_rebuilt_is_refused_and_its_ends_stay(
    run: Any, made: Callable[[object], Node]
) -> None:
    async def main() -> None:
        nodes, numbers = Channel(Node, name="nodes", buffer=1), Channel(int, name="numbers")
        with nodes.sender() as out, nodes.receiver(), numbers.sender() as end:
            with pytest.raises(ValueError, match="may not hold itself"):
                await out.send(made(end))
            assert end.statistics().open_send_channels == 1
            assert out.statistics().current_buffer_used == 0

    run(main)


# --- packing -----------------------------------------------------------------------------------


def counts(end: Sender[Any]) -> int:
    return end.statistics().open_send_channels


def test_a_value_without_ends_needs_no_settling() -> None:
    value = [1, {"a": "b"}]
    packed, cargo = pack(value)
    assert packed is value
    assert cargo is None


def test_the_old_handle_stays_in_use_until_the_value_is_taken() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        packed, cargo = pack([tx])
        assert cargo is not None
        tx.send_nowait(1)
        assert packed[0] is not tx
        cargo.settle(True)
        with pytest.raises(EndClosed, match="you sent this sender of `c` away"):
            tx.send_nowait(2)
        assert counts(tx) == 1
        unpack(packed, HOLDER.get())
        packed[0].send_nowait(3)
        packed[0].retire()
        assert counts(tx) == 0

    in_main(body)


def test_a_value_that_is_not_taken_leaves_its_ends_as_they_were() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        packed, cargo = pack([tx])
        assert cargo is not None
        cargo.settle(False)
        tx.send_nowait(1)
        assert counts(tx) == 1
        with pytest.raises(EndClosed):
            packed[0].send_nowait(2)

    in_main(body)


def test_an_end_on_its_way_belongs_to_nobody() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        packed, cargo = pack(tx)
        assert cargo is not None
        for use in (packed.clone, lambda: packed.send_nowait(1), lambda: pack(packed)):
            with pytest.raises(EndClosed):
                use()
        cargo.settle(False)

    in_main(body)


@process
async def shows(end: Sender[int], shown: list[Sender[int]], feed: Receiver[int]) -> None:
    shown.append(end)
    await feed.receive()


@pytest.mark.parametrize("gone", ["retired", "given away", "of another process"])
def test_of_a_value_with_an_end_that_is_not_ours_nothing_is_sent(run: Any, gone: str) -> None:
    async def main() -> None:
        everything: Channel[Any] = Channel(object, name="everything", buffer=1)
        numbers, over = Channel(int, name="numbers", buffer=1), Channel(int, name="over")
        shown: list[Sender[int]] = []
        async with csp.Spawn() as spawn:
            with everything.sender() as out, everything.receiver(), over.sender() as end:
                mine, other = numbers.sender(), numbers.sender()
                if gone == "retired":
                    other.retire()
                else:
                    spawn(shows(other, shown, over.receiver()))
                    await trio.testing.wait_all_tasks_blocked()
                bad = shown[0] if gone == "of another process" else other
                with pytest.raises(EndClosed):
                    await out.send([mine, bad])
                assert out.statistics().current_buffer_used == 0
                mine.send_nowait(1)
                mine.retire()
                if gone != "retired":
                    await end.send(0)
        assert numbers._core.ends[0] == 0

    run(main)


def test_an_end_that_is_gone_already_is_left_where_it_is_if_nobody_asks() -> None:
    def body(tx: Sender[int], rx: Receiver[int]) -> None:
        other = tx.clone()
        other.retire()
        packed, cargo = pack([other, tx], check=False)
        assert cargo is not None
        assert packed[0] is other
        assert [old for old, _ in cargo.pairs] == [tx]
        cargo.settle(False)

    in_main(body)


def test_an_end_is_adopted_once() -> None:
    @process
    async def another() -> Any:
        return HOLDER.get()

    async def main() -> None:
        channel = Channel(int, name="c", buffer=1)
        with channel.receiver(), channel.sender() as tx:
            packed, cargo = pack([tx])
            assert cargo is not None
            cargo.settle(True)
            unpack(packed, HOLDER.get())
            unpack(packed, await another())
            packed[0].send_nowait(1)
            packed[0].retire()

    csp.run(main)


def test_settling_an_empty_cargo_does_nothing() -> None:
    Cargo().settle(True)
    Cargo().settle(False)


@pytest.mark.parametrize("lend", [True, False])
def test_an_end_that_its_receiver_retires_before_its_sender_goes_on_ends_its_direction(
    lend: bool,
) -> None:
    @csp.process
    async def sends(out: csp.Sender[csp.Sender[int]], inner: csp.Sender[int]) -> None:
        await out.send(inner)

    @csp.process
    async def drops(ends: csp.Receiver[csp.Sender[int]]) -> None:
        await trio.sleep(0)  # the sender waits already
        (await ends.receive()).close()
        await trio.sleep(0.01)

    @csp.process
    async def reads(numbers: csp.Receiver[int]) -> list[int]:
        return [number async for number in numbers]

    async def main() -> None:
        ends = csp.Channel[csp.Sender[int]](name="ends")
        numbers = csp.Channel(int, name="numbers")
        parts = sends(ends.sender(), numbers.sender()), drops(ends.receiver())
        assert (await csp.Par(*parts, reads(numbers.receiver())))[2] == []

    csp.run(main, lend=lend)
