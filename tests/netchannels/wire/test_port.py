"""The tables decide: every state of a port with every frame, every fate with every answer."""

from __future__ import annotations

import itertools
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netchannels.wire import FRAMES, HEARS, MOVES, Connection, Kind
from netchannels.wire.events import Answered, Lost
from netchannels.wire.frames import CHUNK, MORE, OF_LINK, TOTAL, frame
from netchannels.wire.port import ANSWERS, ASKED, ENDS, LATE, Fate, Port, State, Value

sys.path.insert(0, str(Path(__file__).parent))
from conversation import hold, opened, shake, why_lost, written

BROKE = "the other side broke the protocol: "
STANDING, AT_WORK, ASKED_BACK = 1, 2, 3  # the values of the ports below


def in_state(state: State) -> Connection:
    """A connection whose port 1 is in `state`, with a value of each fate where values can be."""
    return PATHS[state]()


def opening(*, receives: bool) -> Connection:
    connection = Connection(dialled=True)
    port = connection.open("jobs", receives=receives)
    if receives:
        connection.want(port)
        connection.unwant(port)
    return connection


def asked(*, receives: bool, retired: bool = False) -> Connection:
    other, connection = Connection(dialled=True), Connection(dialled=False)
    port = other.open("jobs", receives=receives)
    if retired:
        other.retire(port)
    shake(other, connection)
    return connection


def at_work(*, sends: bool, retired: bool = False) -> Connection:
    sender, receiver = opened(wants=10)
    for value in (b"standing", b"at work", b"asked back"):
        sender.deliver(1, value)
    sender.withdraw(1, ASKED_BACK)
    shake(sender, receiver)
    receiver.hold(1, AT_WORK)
    shake(sender, receiver)
    receiver.unwant(1)
    mine, theirs = (sender, receiver) if sends else (receiver, sender)
    if retired:
        data = frame(Kind.RETIRE, 1)
        theirs.ports[1].said = True  # it keeps its values: our end is what is looked at
        mine.receive_data(data, 0.0)
    return mine


PATHS: dict[State, Callable[[], Connection]] = {
    State.OPENING_SENDS: lambda: opening(receives=False),
    State.OPENING_RECEIVES: lambda: opening(receives=True),
    State.ASKED_SENDS: lambda: asked(receives=True),
    State.ASKED_RECEIVES: lambda: asked(receives=False),
    State.ASKED_STILL: lambda: asked(receives=True, retired=True),
    State.SENDS: lambda: at_work(sends=True),
    State.RECEIVES: lambda: at_work(sends=False),
    State.SENDS_STILL: lambda: at_work(sends=True, retired=True),
    State.RECEIVES_STILL: lambda: at_work(sends=False, retired=True),
}

# a frame of each kind that can be legal on the ports above
FITTING: dict[Kind, bytes] = {
    Kind.OPENED: frame(Kind.OPENED, 1, 1),
    Kind.REFUSED: frame(Kind.REFUSED, 1, 1, b"no such name"),
    Kind.RETIRE: frame(Kind.RETIRE, 1, 0, b'["KeyError"]'),
    Kind.POISON: frame(Kind.POISON, 1, 0, b'["broken", "worker"]'),
    Kind.WANT: frame(Kind.WANT, 1, 1),
    Kind.UNWANT: frame(Kind.UNWANT, 1),
    Kind.UNWANTED: frame(Kind.UNWANTED, 1, 1),
    Kind.DELIVER: frame(Kind.DELIVER, 1, 4, b"\0value"),
    Kind.WITHDRAW: frame(Kind.WITHDRAW, 1, STANDING),
    Kind.CANCEL: frame(Kind.CANCEL, 1, AT_WORK),
    Kind.ACCEPT: frame(Kind.ACCEPT, 1, STANDING),
    Kind.HOLD: frame(Kind.HOLD, 1, STANDING),
    Kind.RELEASE: frame(Kind.RELEASE, 1, ASKED_BACK),
    Kind.DONE: frame(Kind.DONE, 1, AT_WORK, b"reply"),
    Kind.FAIL: frame(Kind.FAIL, 1, AT_WORK, b"how"),
    Kind.RETURN: frame(Kind.RETURN, 1, AT_WORK),
}
OF_PORT = sorted(set(Kind) - OF_LINK - {Kind.OPEN})


def hears_data(connection: Connection) -> list[bytes]:
    """A value or a reply in two chunks: where DATA is legal."""
    port = connection.ports[1]
    head = TOTAL.pack(CHUNK + 1) + bytes(CHUNK)
    if port.sends:
        first = frame(Kind.DONE, 1, AT_WORK, head, MORE)
        return [first, frame(Kind.DATA, 1, AT_WORK, b"!")]
    first = frame(Kind.DELIVER, 1, port.latest + 1, b"\0" + head, MORE)
    return [first, frame(Kind.DATA, 1, port.latest + 1, b"!")]


def test_every_state_has_a_line_in_the_table_and_a_way_to_it() -> None:
    assert set(HEARS) == set(State) == set(PATHS)
    for state in State:
        assert in_state(state).ports[1].state is state


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(State, OF_PORT)))
def test_a_frame_is_heard_where_the_table_says_so_and_refused_elsewhere(
    state: State, kind: Kind
) -> None:
    connection = in_state(state)
    connection.events()
    frames = hears_data(connection) if kind == Kind.DATA else [FITTING[kind]]
    for data in frames:
        connection.receive_data(data, 0.0)
    if kind in HEARS[state]:
        assert not connection.over, connection.events()
    else:
        why = why_lost(connection)
        assert why.startswith(BROKE)
        assert kind.name in why or kind == Kind.DATA
        assert state.value in why


@pytest.mark.parametrize("state", State)
def test_data_without_a_value_is_refused_in_every_state(state: State) -> None:
    connection = in_state(state)
    connection.receive_data(frame(Kind.DATA, 1, 1, b"chunk"), 0.0)
    assert why_lost(connection).startswith(BROKE)


BODIES = [
    b"", b"\0", b"\0\0\0\0\0", b"\xff" * 9, b"[]", b"[1]", b'["x"]', b'["a","b"]', b'["a","b","c"]',
    b'["\\ud800","b"]', b'["a","","c","d"]', b"{}", b"[" * 4000, b"1" * 4000, bytes(CHUNK + 9),
    "é".encode("latin-1"), '["é", "b"]'.encode("utf-16"), json.dumps(["x" * 129, "", ""]).encode(),
    json.dumps(["\ud800", "", ""]).encode(), json.dumps(["x", "0g", ""]).encode(),
]  # fmt: skip
IDS = [0, 1, 2, 3, 4, 5, 1 << 20, (1 << 20) + 1, 2**32, 2**64 - 1]
PORTS = [0, 1, 2, 3, 2**32 - 1]


@pytest.mark.parametrize("state", State)
def test_whatever_a_frame_holds_it_is_a_move_or_a_breach(state: State) -> None:
    heard = refused = 0
    start = pickle.dumps(in_state(state))
    for kind, port, id, flags, body in itertools.product(Kind, PORTS, IDS, (0, 1), BODIES):
        meaning = FRAMES[kind]
        if flags & ~meaning.flags or len(body) > meaning.longest or (port > 1 and id > 1):
            continue
        connection = pickle.loads(start)
        connection.receive_data(frame(kind, port, id, body, flags), 0.0)
        if connection.over and kind != Kind.GOODBYE:
            assert why_lost(connection).startswith(BROKE)
            refused += 1
        else:
            heard += 1
    assert heard > 20
    assert refused > 100


# --- fates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fate", "kind"), list(itertools.product(Fate, sorted(ANSWERS))))
def test_an_answer_moves_a_value_as_the_table_says(fate: Fate, kind: Kind) -> None:
    connection = in_state(State.SENDS)
    id = {Fate.STANDING: STANDING, Fate.ASKED: ASKED_BACK, Fate.HELD: AT_WORK}[fate]
    assert connection.ports[1].values[id].fate is fate
    connection.receive_data(frame(kind, 1, id), 0.0)
    if (fate, kind) not in MOVES:
        assert why_lost(connection) == f"{BROKE}{kind.name} of value {id}, which is {fate.value}"
        return
    assert connection.events()[-1] == Answered(1, id, kind, b"")
    moved = MOVES[fate, kind]
    if moved is None:
        assert id not in connection.ports[1].values
    else:
        assert connection.ports[1].values[id].fate is moved


@pytest.mark.parametrize(("fate", "kind"), list(itertools.product(Fate, sorted(ANSWERS))))
def test_a_command_may_give_the_answers_of_the_table_and_no_others(fate: Fate, kind: Kind) -> None:
    connection = in_state(State.RECEIVES)
    commands: dict[Kind, Callable[[int, int], None]] = {
        Kind.ACCEPT: connection.accept, Kind.HOLD: connection.hold,
        Kind.RELEASE: connection.release, Kind.DONE: connection.done,
        Kind.FAIL: lambda port, id: connection.fail(port, id, b""),
        Kind.RETURN: connection.give_back,
    }  # fmt: skip
    id = {Fate.STANDING: STANDING, Fate.ASKED: ASKED_BACK, Fate.HELD: AT_WORK}[fate]
    written(connection)
    kept = connection._kept
    if (fate, kind) in MOVES:
        commands[kind](1, id)
        assert written(connection) == frame(kind, 1, id)
    else:
        with pytest.raises(KeyError):
            commands[kind](1, id)
        assert (written(connection), connection._kept) == (b"", kept)


@pytest.mark.parametrize("tried", [False, True])
def test_a_value_that_was_given_back_says_if_that_was_an_attempt(tried: bool) -> None:
    sender, receiver = opened(wants=1)
    sender.deliver(1, b"value")
    shake(sender, receiver)
    receiver.hold(1, 1)
    receiver.give_back(1, 1, tried=tried)
    shake(sender, receiver)
    assert sender.events()[-1] == Answered(1, 1, Kind.RETURN, b"\1" if tried else b"")


def test_each_answer_that_the_tables_name_is_an_answer() -> None:
    assert {kind for _, kind in MOVES} == ANSWERS
    assert not ANSWERS & LATE  # an answer never comes for a port that is over
    assert set.union(*map(set, HEARS.values())) == set(OF_PORT)


# --- a port alone --------------------------------------------------------------------------------


def test_values_are_numbered_and_counted_until_their_answers() -> None:
    port = Port(1, "jobs", sends=True, state=State.SENDS)
    port.wants = 3
    assert [port.add(size) for size in (10, 20, 30)] == [1, 2, 3]
    assert (port.wants, port.tentative) == (0, 3)
    assert port.move(2, Kind.HOLD) == 20
    assert (port.tentative, len(port.values)) == (2, 3)
    assert port.move(2, Kind.DONE) == 0
    assert port.move(1, Kind.ACCEPT) == 10
    assert port.move(3, Kind.RELEASE) == 30
    assert (port.tentative, port.values) == (0, {})


@pytest.mark.parametrize("sends", [True, False])
def test_an_end_that_was_heard_before_the_port_opened_counts_after(sends: bool) -> None:
    state = State.ASKED_SENDS if sends else State.ASKED_RECEIVES
    port = Port(1, "jobs", sends=sends, state=state)
    port.hear_end()
    assert port.state is State.ASKED_STILL
    assert port.state in ASKED
    port.open()
    assert port.state is (State.SENDS_STILL if sends else State.RECEIVES_STILL)


@pytest.mark.parametrize(
    ("said", "heard", "values"),
    list(itertools.product([False, True], [False, True], [0, 1])),
)
def test_a_port_is_over_when_both_have_said_so_and_all_is_answered(
    said: bool, heard: bool, values: int
) -> None:
    port = Port(1, "jobs", sends=True, state=State.SENDS)
    port.said, port.heard = said, heard
    port.values = {id: Value(1) for id in range(values)}
    assert port.is_over() is (said and heard and not values)


def test_both_ends_may_be_said_only_once() -> None:
    for end in ENDS:
        connection = in_state(State.ASKED_SENDS)
        connection.receive_data(FITTING[end], 0.0)
        assert not connection.over
        connection.receive_data(FITTING[end], 0.0)
        assert connection.over


# --- mutations -----------------------------------------------------------------------------------

SAID = hold(lambda data: [data])[1]


@given(
    side=st.sampled_from([0, 1]),
    changes=st.lists(
        st.tuples(st.integers(0, 2000), st.binary(max_size=4)), min_size=1, max_size=5
    ),
    state=st.sampled_from(State),
)
def test_a_mutated_conversation_ends_in_events_or_lost(
    side: int, changes: list[tuple[int, bytes]], state: State
) -> None:
    data = bytearray(SAID[side])
    for at, new in changes:
        at %= len(data)
        data[at : at + max(len(new), 1)] = new
    for connection in (Connection(dialled=side == 1), in_state(state)):
        for at in range(0, len(data), 7):
            connection.receive_data(data[at : at + 7], 0.0)
        lost = [event for event in connection.events() if isinstance(event, Lost)]
        assert all(event.why.startswith(BROKE) for event in lost)
        assert len(lost) <= 1


@given(st.binary(max_size=300), st.sampled_from(State))
def test_random_bytes_raise_nothing(data: bytes, state: State) -> None:
    connection = in_state(state)
    connection.receive_data(data, 0.0)
    for event in connection.events():
        assert not isinstance(event, Lost) or event.why.startswith(BROKE)


header = st.builds(
    frame,
    st.sampled_from(Kind),
    st.sampled_from([0, 1, 1, 1, 1, 2, 3]),
    st.integers(0, 6),
    st.sampled_from(BODIES[:12]),
    st.sampled_from([0, 0, 0, 1]),
)


@given(st.lists(header, max_size=20), st.sampled_from(State))
def test_random_frames_raise_nothing(frames: list[bytes], state: State) -> None:
    connection = in_state(state)
    connection.receive_data(b"".join(frames), 0.0)
    connection.data_to_send()
    for event in connection.events():
        assert not isinstance(event, Lost) or event.why.startswith(BROKE)
