"""A channel as its ends see it: name, checks, what is in work, how its end is said."""

from __future__ import annotations

from typing import Any

import pytest

import csp
from csp import Call, ChannelTypeError
from csp._buffers import Fifo
from csp._core import LEAVES, Core, Joint
from csp._errors import Cause
from csp._kernel import Holder
from csp._offer import ENDED, LEASE, POISONED, RECEIVE, SEND, Item, Party, Selector, Watch


class Asked:
    """Travels on a channel of calls; keeps its answer."""

    def __init__(self) -> None:
        self.error: csp.CallFailed | None = None

    def answer(self, error: csp.CallFailed) -> None:
        self.error = error


def core_of(kind: Any = int, **options: Any) -> Core:
    """With one end on each side."""
    core = Core(kind, "c", **options)
    core.open_end(SEND)
    core.open_end(RECEIVE)
    return core


def of_calls(kind: Any = Call[int, str]) -> Core:
    return core_of(kind, answers=Asked, buffer=Fifo(2))


def party(side: int, value: object = None, mode: int = 0) -> Party:
    me = Party()
    me.side, me.value, me.mode = side, value, mode
    return me


# --- names -------------------------------------------------------------------------------------


def test_a_channel_without_a_maker_is_called_by_its_name_alone() -> None:
    assert Core(int, "jobs").path() == "jobs"


def test_channels_of_one_name_and_maker_are_numbered_from_the_second() -> None:
    main = Holder(None, "main")
    worker = Holder(None, "worker", parent=main, label="par[2]")
    made = [Core(int, name, maker=maker).path() for maker in (main, worker) for name in "aab"]
    assert made == ["main.a", "main.a#2", "main.b"] + [
        f"main.par[2].worker.{name}" for name in ("a", "a#2", "b")
    ]


# --- what it carries ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(LEAVES, key=lambda kind: kind.__name__))
def test_values_of_a_plain_class_are_checked_by_their_class_and_hold_no_ends(kind: type) -> None:
    core = Core(kind, "c")
    assert (core.exact, core.carries) == (kind, False)


@pytest.mark.parametrize("kind", [object, list, list[int], int | str, Any, csp.Sender[int]])
def test_other_values_may_hold_ends_and_take_no_short_way(kind: Any) -> None:
    core = Core(kind, "c")
    assert (core.exact, core.carries) == (None, True)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ChannelTypeError) as caught:
        core_of(int).refuse("x" * 10_000)
    assert str(caught.value) == f"channel `c` carries int, not str ('{'x' * 59})"


@pytest.mark.parametrize(("kind", "value"), [(int, 1), (object, object()), (Any, None)])
def test_what_fits_is_not_refused(kind: Any, value: object) -> None:
    core_of(kind).refuse(value)
    core_of(kind).refuse_plain()


def test_on_a_channel_of_calls_plain_operations_are_told_what_to_write() -> None:
    core = of_calls()
    with pytest.raises(ChannelTypeError, match="carries calls: use `call`, not int"):
        core.refuse(3)
    with pytest.raises(TypeError, match=r"`accept\(\)`, `accepting\(\)` or `serve\(function\)`"):
        core.refuse_plain()
    core.refuse(Asked())


def test_requests_and_replies_are_checked_each_by_its_own_type() -> None:
    core = of_calls()
    core.refuse_request(1)
    core.refuse_reply("one")
    with pytest.raises(ChannelTypeError, match="requests of channel `c` are int, not str"):
        core.refuse_request("one")
    with pytest.raises(ChannelTypeError, match="replies of channel `c` are str, not int"):
        core.refuse_reply(1)


def test_calls_of_no_stated_types_carry_anything() -> None:
    core = of_calls(Call)
    core.refuse_request(object())
    core.refuse_reply(None)


@pytest.mark.parametrize("deep", [False, True])
def test_a_deep_check_reaches_into_requests_and_replies(deep: bool) -> None:
    core = Core(Call[list[int], list[str]], "c", answers=Asked, deep=deep)
    for refuse, wrong in ((core.refuse_request, ["x"]), (core.refuse_reply, [1])):
        if deep:
            with pytest.raises(ChannelTypeError):
                refuse(wrong)
        else:
            refuse(wrong)


# --- what is dropped ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda core: core.kill("fire", "alarm", []), "`c` was poisoned by `alarm`: fire"),
        (lambda core: core.retire(RECEIVE, []), "all receivers of channel `c` have retired"),
        (
            lambda core: core.retire(RECEIVE, [], Cause(ValueError("broken"), "p")),
            "ValueError: broken",
        ),
        (lambda core: core.discard(core.buffer.get()), "dropped by the buffer"),
    ],
    ids=["poison", "end", "failure", "buffer"],
)
def test_a_call_that_is_dropped_fails_and_says_why(end: Any, why: str) -> None:
    core, call = of_calls(), Asked()
    core.send(party(SEND, call), [])
    assert call.error is None
    end(core)
    assert str(call.error).startswith("no reply: ")
    assert why in str(call.error)


# --- what is in work ---------------------------------------------------------------------------


def test_it_is_known_who_has_a_value_in_work_until_it_is_settled() -> None:
    core, holder = core_of(buffer=Fifo(2)), Holder(None, "worker")
    items: list[Item] = []
    for number in range(2):
        core.send(party(SEND, number), [])
        taker = party(RECEIVE, mode=LEASE)
        core.receive(taker, [])
        assert taker.item is not None
        items.append(taker.item)
        core.work_on(taker.item, holder if number else None)
    assert core.work == {items[0]: None, items[1]: holder}
    core.settle(items[0], [])
    core.settle(items[1], [], give_back=True)
    assert core.work == {}
    assert core.held == 0


# --- failed values -----------------------------------------------------------------------------


def test_there_is_one_channel_of_failures_and_it_has_room_for_all() -> None:
    main = Holder(None, "main")
    core = core_of(maker=main)
    failed = core.open_failed()
    assert core.open_failed() is failed
    assert failed.path() == "main.c.failed"
    assert all(failed.send(party(SEND, number), []) for number in range(5_000))


ENDS: dict[str, Any] = {
    "poison": lambda core: core.kill("", "main", []),
    "senders": lambda core: core.retire(SEND, []),
    "receivers": lambda core: core.retire(RECEIVE, []),
}


@pytest.mark.parametrize("end", list(ENDS))
@pytest.mark.parametrize("when", ["before", "after"])
def test_failures_end_with_their_channel_whenever_they_were_asked_for(end: str, when: str) -> None:
    core = core_of()
    failed = core.open_failed() if when == "after" else None
    if failed is not None:
        assert failed.state(RECEIVE) is None
    ENDS[end](core)
    assert core.open_failed().state(RECEIVE) == ENDED


@pytest.mark.parametrize("end", list(ENDS))
def test_failures_do_not_end_while_a_value_may_still_fail(end: str) -> None:
    core, taker = core_of(buffer=Fifo(1)), party(RECEIVE, mode=LEASE)
    failed = core.open_failed()
    core.send(party(SEND, 1), [])
    core.receive(taker, [])
    ENDS[end](core)
    assert failed.state(RECEIVE) is None
    assert taker.item is not None
    core.settle(taker.item, [])
    assert failed.state(RECEIVE) == ENDED


# --- how its end is said -----------------------------------------------------------------------

BROKEN, LATE = ValueError("broken"), KeyError("late")


@pytest.mark.parametrize(
    ("side", "causes", "kind", "text"),
    [
        (RECEIVE, [None], csp.EndOfChannel, "all senders of channel `c` have retired"),
        (SEND, [None], csp.NoReceivers, "all receivers of channel `c` have retired"),
        (
            RECEIVE,
            [BROKEN],
            csp.Abandoned,
            "the senders of channel `c` are gone, and not all in order: ValueError: broken",
        ),
        (
            SEND,
            [BROKEN, None, LATE],
            csp.Abandoned,
            "the receivers of channel `c` are gone, and not all in order: "
            "ValueError: broken; KeyError: 'late'",
        ),
    ],
)
def test_an_end_of_the_channel_is_said_by_side_and_cause(
    side: int, causes: list[BaseException | None], kind: type[Exception], text: str
) -> None:
    core, me = Core(int, "c"), object()
    core.open_end(side)
    for _ in causes:
        core.open_end(1 - side)
    for cause in causes:
        core.retire(1 - side, [], cause and Cause(cause, "p"))
    error = core.error(side, core.state(side), me)
    assert (type(error), str(error), error.end) == (kind, text, me)
    if isinstance(error, csp.Abandoned):
        assert error.causes == tuple(cause for cause in causes if cause is not None)


@pytest.mark.parametrize("side", [SEND, RECEIVE])
@pytest.mark.parametrize(("reason", "tail"), [("", ""), ("enough", ": enough")])
def test_poison_is_said_before_every_other_end(side: int, reason: str, tail: str) -> None:
    core = core_of()
    core.kill(reason, "main", [])
    core.retire(1 - side, [], BROKEN)
    assert core.state(side) == POISONED
    error = core.error(side, POISONED, None)
    assert isinstance(error, csp.Poisoned)
    assert str(error) == f"channel `c` was poisoned by `main`{tail}"
    assert (error.reason, error.who) == (reason, "main")


# --- offers that many decide together ----------------------------------------------------------


def test_a_joint_channel_is_never_quick_and_its_guards_are_always_looked_at() -> None:
    joint, selector = Joint(object, "b"), Selector()
    assert not joint.quick
    watch = Watch(selector, 4, SEND)
    joint.watch(watch)
    assert selector.mutual == 4
    joint.unwatch(watch)
    assert not joint.quick
