"""One home, nodes that take values from it: every order of every step, with the real connections.

The steps: a node wants, changes its mind, hears a frame, answers, finishes its work, gives it back
(untried, or as an attempt), retires; the home hears a frame; the sender of a value is cancelled; a
link is cut and what is on its way is lost.  In each state that can be reached a value is in one place, and what its sender was told is
true.
"""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from netchannels.wire import Connection, Kind
from netchannels.wire.events import Answered, Asked, Cancelled, Delivered, Lost, Retired
from netchannels.wire.frames import Parser, frame
from netchannels.wire.port import Fate, Port

PORT = 1
Step = tuple[str, int]


@dataclass(frozen=True)
class Plan:
    """How large the world is, how often what may happen, and what is done wrongly."""

    values: int = 1
    nodes: int = 1
    lease: bool = False  # values are held and finished, not accepted at once
    slow: bool = False  # a node looks at what it got in a step of its own
    rounds: int = 2  # of wanting, for each node
    cancels: int = 0
    cuts: int = 0
    returns: int = 0
    quits: int = 0  # the server of a call is cancelled: given back as an attempt
    attempts: int = 1  # for each value, of these
    fails: int = 0
    leaves: int = 0
    mistake: str = ""


@dataclass
class Node:
    """A node that works, and its link: both connections, and the frames on their way."""

    here: Connection
    home: Connection
    down: deque[bytes] = field(default_factory=deque)  # from the home
    up: deque[bytes] = field(default_factory=deque)
    alive: bool = True
    left: bool = False
    wanting: bool = False
    rounds: int = 0
    pending: dict[int, int] = field(default_factory=dict)  # got and not looked at
    held: dict[int, int] = field(default_factory=dict)
    given: dict[int, int] = field(default_factory=dict)  # what the home has delivered, by id


class World:
    """The home with its queue and its nodes; all that a step changes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.queue = list(range(plan.values))
        self.told: dict[int, str] = {}  # what the sender of a value was told
        self.cancelled: set[int] = set()
        self.taken: list[int] = []
        self.tried: Counter[int] = Counter()  # as the home counts
        self.quit: Counter[int] = Counter()  # as the nodes do
        self.cuts = self.returns = self.fails = self.leaves = 0
        self.nodes = [
            Node(Connection(dialled=True), Connection(dialled=False)) for _ in self._each()
        ]
        for node in self.nodes:
            node.here.open("jobs", receives=True)
            node.home.receive_data(node.here.data_to_send(), 0.0)
            node.home.opened(PORT)
            node.here.receive_data(node.home.data_to_send(), 0.0)
            node.home.events()
            node.here.events()

    def _each(self) -> range:
        return range(self.plan.nodes)

    # --- what can happen -------------------------------------------------------------------

    def system_steps(self) -> Iterator[Step]:
        """What happens by itself, sooner or later."""
        for i, node in enumerate(self.nodes):
            if node.down:
                yield "down", i
            if node.up:
                yield "up", i
            if node.pending:
                yield "look", i
            if node.held:
                yield "done", i

    def steps(self) -> Iterator[Step]:
        plan = self.plan
        yield from self.system_steps()
        for i, node in enumerate(self.nodes):
            if not node.alive:
                continue
            if not (node.wanting or node.held or node.left) and node.rounds < plan.rounds:
                yield "want", i
            if node.wanting:
                yield "other", i
            if node.held and self.returns < plan.returns:
                yield "return", i
            if node.held and self.quit.total() < plan.quits:
                yield "quit", i
            if node.held and self.fails < plan.fails:
                yield "fail", i
            if self.leaves < plan.leaves and not node.left:
                yield "leave", i
            if self.cuts < plan.cuts:
                yield "cut", i
        if len(self.cancelled) < plan.cancels:
            for value in range(plan.values):
                if value not in self.told and value not in self.cancelled:
                    yield "cancel", value

    def do(self, step: Step) -> None:
        name, i = step
        getattr(self, f"do_{name}")(i)
        self.match()
        for node in self.nodes:
            self.carry(node)

    # --- the nodes -------------------------------------------------------------------------

    def do_want(self, i: int) -> None:
        node = self.nodes[i]
        node.wanting = True
        node.rounds += 1
        node.here.want(PORT)

    def do_other(self, i: int) -> None:
        """Another guard of its alternation has won."""
        node = self.nodes[i]
        node.wanting = False
        node.here.unwant(PORT)

    def do_down(self, i: int) -> None:
        node = self.nodes[i]
        node.here.receive_data(node.down.popleft(), 0.0)
        for event in node.here.events():
            assert not isinstance(event, Lost), event
            if isinstance(event, Delivered):
                node.pending[event.id] = event.value[0]
                if not self.plan.slow:
                    self.do_look(i)
            elif isinstance(event, Asked) and event.id in node.pending:
                del node.pending[event.id]
                node.here.release(PORT, event.id)
                if node.wanting:  # the value has used up the want
                    node.here.want(PORT)
            elif isinstance(event, Cancelled) and event.id in node.held:
                del node.held[event.id]
                node.here.give_back(PORT, event.id)

    def do_look(self, i: int) -> None:
        node = self.nodes[i]
        id, value = node.pending.popitem()
        if not node.wanting:
            if self.plan.mistake != "forgets to release":
                node.here.release(PORT, id)
            return
        node.wanting = False
        self.taken.append(value)
        if self.plan.lease:
            node.held[id] = value
            node.here.hold(PORT, id)
        else:
            node.here.accept(PORT, id)

    def do_done(self, i: int) -> None:
        id, _ = self.nodes[i].held.popitem()
        if self.nodes[i].alive:  # what is finished after the loss changes nothing
            self.nodes[i].here.done(PORT, id)

    def do_fail(self, i: int) -> None:
        self.fails += 1
        id, _ = self.nodes[i].held.popitem()
        self.nodes[i].here.fail(PORT, id, b"")

    def do_return(self, i: int) -> None:
        self.returns += 1
        id, _ = self.nodes[i].held.popitem()
        self.nodes[i].here.give_back(PORT, id)

    def do_quit(self, i: int) -> None:
        id, value = self.nodes[i].held.popitem()
        self.quit[value] += 1
        self.nodes[i].here.give_back(PORT, id, tried=True)

    def do_leave(self, i: int) -> None:
        self.leaves += 1
        node = self.nodes[i]
        node.left, node.wanting = True, False
        node.pending.clear()  # the connection releases them
        node.here.retire(PORT)

    # --- the home --------------------------------------------------------------------------

    def do_up(self, i: int) -> None:
        node = self.nodes[i]
        node.home.receive_data(node.up.popleft(), 0.0)
        for event in node.home.events():
            assert not isinstance(event, Lost), event
            if isinstance(event, Answered):
                self.answered(node, event)
            elif isinstance(event, Retired):
                node.home.retire(PORT)

    def answered(self, node: Node, event: Answered) -> None:
        value = node.given[event.id]
        if event.kind == Kind.HOLD:
            if value in self.cancelled:
                node.home.cancel(PORT, event.id)
            return
        del node.given[event.id]
        if event.kind in (Kind.ACCEPT, Kind.DONE):
            self.tell(value, "ok")
        elif event.kind == Kind.FAIL:
            self.tell(value, "failed")
        elif value in self.cancelled:
            self.tell(value, "withdrawn" if event.kind == Kind.RELEASE else "ended")
        else:
            self.tried[value] += event.body == b"\1"
            if self.tried[value] < self.plan.attempts or self.plan.mistake == "counts no attempt":
                self.queue.insert(0, value)
            else:
                self.tell(value, "tried")

    def tell(self, value: int, what: str) -> None:
        if self.plan.mistake != "tells before the answer":
            assert value not in self.told
        self.told[value] = what

    def match(self) -> None:
        for node in self.nodes:
            while node.alive and self.queue and node.home.may_deliver(PORT):
                value = self.queue.pop(0)
                node.given[node.home.deliver(PORT, bytes([value]))] = value

    def do_cancel(self, value: int) -> None:
        self.cancelled.add(value)
        if value in self.queue:
            self.queue.remove(value)
            self.tell(value, "withdrawn")
        for node in self.nodes:
            for id, given in node.given.items():
                if given == value:
                    node.home.withdraw(PORT, id)
                    node.home.cancel(PORT, id)  # one of both, the other does nothing
        if self.plan.mistake == "tells before the answer":
            self.told[value] = "withdrawn"

    def do_cut(self, i: int) -> None:
        self.cuts += 1
        node = self.nodes[i]
        node.alive = node.wanting = False
        node.here.lose("cut")
        node.home.lose("cut")
        node.pending.clear()
        for value in reversed(node.given.values()):
            if self.plan.mistake == "delivers again after a loss":
                self.queue.insert(0, value)
            elif value in self.cancelled or not self.plan.lease:
                self.tell(value, "unknown")
            else:
                self.queue.insert(0, value)
        node.given.clear()

    def carry(self, node: Node) -> None:
        """What was said is on its way, frame by frame; on a cut link it is lost."""
        for connection, way in ((node.home, node.down), (node.here, node.up)):
            for read in Parser().feed(connection.data_to_send()):
                way.append(frame(read.kind, read.port, read.id, read.body, read.flags))
            if not node.alive:
                way.clear()

    # --- what must be true -----------------------------------------------------------------

    def fault(self) -> str:
        """What is wrong in this state, "" if nothing is."""
        taken = Counter(self.taken)
        places = Counter([*self.queue, *self.told])
        for node in self.nodes:
            places.update(node.given.values())
        for value in range(self.plan.values):
            told, times = self.told.get(value), taken[value]
            again = self.cuts + self.returns + self.quit[value] if self.plan.lease else 0
            if places[value] != 1:
                return f"value {value} is in {places[value]} places"
            if self.quit[value] >= self.plan.attempts and (value in self.queue or told == "ok"):
                return f"value {value} was tried too often"
            if told == "tried" and self.quit[value] != self.plan.attempts:
                return f"value {value} was tried {self.quit[value]} times"
            if told in ("ok", "failed", "ended") and not times:
                return f"value {value}: {told}, and nobody has taken it"
            if told == "withdrawn" and times > again:
                return f"value {value} was withdrawn and taken"
            if times > 1 + again:
                return f"value {value} was taken {times} times"
            if told == "unknown" and not self.cuts:
                return f"value {value} is unknown without a loss"
        return self.miscount()

    def miscount(self) -> str:
        for node in self.nodes:
            home, here = node.home.ports.get(PORT), node.here.ports.get(PORT)
            if not node.alive:
                continue
            if home and set(home.values) != set(node.given):
                return "the home forgets a value"
            for id, value in node.given.items():
                if home and value in self.cancelled and home.values[id].fate is Fate.STANDING:
                    return f"value {value} was not asked back"
            if home and node.home._sent != home.tentative:  # each value has one byte
                return "the home miscounts its credit"
            if here and not set(node.held) | set(node.pending) <= set(here.values):
                return "the node forgets a value"
            if here and node.here._kept != here.tentative:
                return "the node miscounts its credit"
        return ""

    def stuck(self) -> str:
        """What is wrong when nothing happens by itself any more, but for a node that may look."""
        for node in self.nodes:
            if node.given:
                return f"stuck: {node.given}"
            if node.wanting and self.queue:
                return "a value and a want do not meet"
            if node.alive and node.left and (node.home.ports or node.here.ports):
                return "a port that is over does not vanish"
            if node.alive and (node.home._sent or node.here._kept):
                return "credit was lost"
        return ""


def explore(plan: Plan) -> tuple[Counter[str], str]:
    """Counts of states and steps, and of what was told; and the first fault with its way there."""
    start = pickle.dumps(World(plan))
    seen = {start}
    before: dict[bytes, tuple[bytes, Step]] = {}
    todo = deque([start])
    counts: Counter[str] = Counter()
    while todo:
        state = todo.popleft()
        world: Any = pickle.loads(state)
        counts["states"] += 1
        counts.update(set(world.told.values()))
        steps = list(world.steps())
        fault = world.fault() or ("" if any(world.system_steps()) else world.stuck())
        if fault:
            return counts, f"{fault}: {way_to(state, before)}"
        for nth, step in enumerate(steps):
            world = world if nth == 0 else pickle.loads(state)
            counts["steps"] += 1
            counts[step[0]] += 1
            try:
                world.do(step)
            except AssertionError as error:
                return counts, f"{error!r}: {[*way_to(state, before), step]}"
            after = pickle.dumps(world)
            if after not in seen:
                seen.add(after)
                before[after] = (state, step)
                todo.append(after)
    return counts, ""


def way_to(state: bytes, before: dict[bytes, tuple[bytes, Step]]) -> list[Step]:
    way: list[Step] = []
    while state in before:
        state, step = before[state]
        way.insert(0, step)
    return way


PLANS = {
    "a value and two nodes": Plan(nodes=2, cancels=1),
    "two values, a node that looks later": Plan(values=2, slow=True, cancels=1),
    "a cut": Plan(values=2, cancels=1, cuts=1),
    "two nodes and a cut": Plan(nodes=2, rounds=1, cancels=1, cuts=2),
    "a node that looks later, retires, is cut": Plan(values=2, slow=True, leaves=1, cuts=1),
    "work": Plan(values=2, lease=True, cancels=1, returns=1),
    "a call whose server is cancelled": Plan(nodes=2, rounds=1, lease=True, cancels=1, quits=1),
    "and is tried again": Plan(rounds=3, values=2, lease=True, returns=1, quits=2, attempts=2),
    "work that fails": Plan(values=2, lease=True, fails=1, leaves=1),
    "work and a cut": Plan(nodes=2, rounds=1, lease=True, cancels=1, cuts=1, returns=1),
    "work, a node that looks later": Plan(lease=True, slow=True, cancels=1, leaves=1, cuts=1),
}


@pytest.mark.parametrize("name", PLANS)
def test_no_order_loses_a_value_or_doubles_one(name: str) -> None:
    plan = PLANS[name]
    counts, fault = explore(plan)
    assert not fault
    assert counts["states"] > 300
    happened = {"want", "other", "down", "up"}
    happened |= {"cancel"} if plan.cancels else set()
    happened |= {"cut"} if plan.cuts else set()
    happened |= {"return"} if plan.returns else set()
    happened |= {"quit", "tried"} if plan.quits else set()
    happened |= {"leave"} if plan.leaves else set()
    happened |= {"look"} if plan.slow else set()
    happened |= {"withdrawn"} if plan.cancels else set()
    happened |= {"unknown"} if plan.cuts and (plan.cancels or not plan.lease) else set()
    assert happened | {"ok"} <= set(counts)


@pytest.mark.parametrize(
    ("mistake", "plan", "fault"),
    [
        ("forgets to release", Plan(), "stuck: {1: 0}"),
        ("delivers again after a loss", Plan(nodes=2, cuts=1), "value 0 was taken 2 times"),
        ("tells before the answer", Plan(cancels=1), "value 0 is in 2 places"),
        ("counts no attempt", Plan(lease=True, quits=1), "value 0 was tried too often"),
    ],
)
def test_the_search_finds_a_home_or_a_node_that_makes_a_mistake(
    mistake: str, plan: Plan, fault: str
) -> None:
    assert explore(replace(plan, mistake=mistake))[1].startswith(fault)


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (Connection, "release", "stuck: {1: 0}"),
        (Connection, "withdraw", "value 0 was not asked back"),
        (Port, "move", "the home forgets a value"),
    ],
)
def test_the_search_finds_a_connection_that_does_nothing(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, fault: str
) -> None:
    def nothing(*_: object) -> int:
        return 0

    plan = Plan(slow=True, cancels=1)
    assert not explore(plan)[1]
    monkeypatch.setattr(owner, name, nothing)
    assert explore(plan)[1].startswith(fault)
