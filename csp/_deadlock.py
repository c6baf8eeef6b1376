"""Deadlock, total or partial: a set of processes that wait only for each other.

The stuck set is the greatest one in which every process has all its trio tasks waiting, and none
of the waits can be ended by anybody outside the set.  What cannot be seen from here (a wait in
trio, an end in a plain trio task or in a value, a flag) counts as help from outside, so that a
network that could go on is never judged.

Invariant: a set is reported only when it was found stuck twice with the same offers.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, cast

from ._barrier import BarrierCore
from ._broadcast import Hub, Port
from ._call import Ticket
from ._core import Core
from ._end import End
from ._errors import Deadlock, Page, explained
from ._kernel import Holder, Kernel, Waiting
from ._latch import Latch
from ._offer import RECEIVE, SEND, Party
from ._outcomes import Calls
from ._process import around
from ._slots import BarrierSlot, ChannelSlot, Selecting, WaitSlot

Text = Callable[[], str]  # made only when it is told
HAS_NO = "which has no"
EACH = 0.00001  # seconds that a look takes a process, about
SHOWN = 20  # lines of a report; a network may have thousands of processes


class _Wait(NamedTuple):
    """One wait of one trio task: who could end it, and how to say so."""

    helpers: set[Holder]
    needs_all: bool  # it ends only when all of them have acted: a join, a barrier
    text: Text
    where: Callable[[], str]
    key: int
    task: Any = None  # the trio task that waits
    children: tuple[Any, ...] = ()  # the trio tasks that a join waits for


class Judge:
    """Looks for stuck processes; `report` is called with the error, once.

    It rests fifty times as long as the next look will take, unless trio would not wake up again by
    itself before that.
    """

    def __init__(self, kernel: Kernel, report: Callable[[Deadlock], object]) -> None:
        self._kernel, self._report = kernel, report
        self._suspects: object = None
        self._looked = -math.inf  # when the last look was over
        self._cost = 0.0  # what it took

    def __call__(self, idle: bool, timeout: float) -> None:
        """Called before each wait for I/O of at most `timeout` seconds."""
        kernel = self._kernel
        now = kernel.clock()
        cost = max(self._cost, EACH * len(kernel.holders))
        rest = self._looked + 50 * cost + (0.01 if idle else 1.0) - now
        if rest > 0 and not (idle and timeout > rest):
            return
        waits = _look(kernel)
        self._looked = kernel.clock()
        self._cost = self._looked - now
        if not waits:
            self._suspects = None
            return
        found = {holder: tuple(wait.key for wait in of) for holder, of in waits.items()}
        if found != self._suspects:
            self._suspects = found
            self._looked = -math.inf
            kernel.soon(_nothing)  # another pass, for the second look
            return
        self._suspects = None
        kernel.judge = None
        kernel.soon(self._report, deadlock(waits))


def _nothing() -> None:
    return None


def _look(kernel: Kernel) -> dict[Holder, list[_Wait]]:
    """The stuck set, found without garbage collections: with many processes they take longer than
    the look, and find nothing, as what a look makes is gone when it ends.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return stuck_set(kernel)
    finally:
        if collects:
            gc.enable()


class _Owners:
    """Who holds the ends of each channel, and which channel each channel of failures is of."""

    def __init__(self, kernel: Kernel) -> None:
        self._running = kernel.holders
        self._of: dict[tuple[Core, int], list[tuple[Holder, End]]] = {}
        self._acting: dict[tuple[Core, int], set[Holder]] = {}
        self._failing: dict[Core, Core] = {}
        for holder in kernel.holders:
            for end in holder.ends():
                if isinstance(end, End):
                    self._of.setdefault((end._core, end._side), []).append((holder, end))
                    if end._core.failed is not None:
                        self._failing[end._core.failed] = end._core

    def held(self, core: Core, side: int) -> list[tuple[Holder, End]]:
        """The ends on `side` and their holders."""
        return self._of.get((core, side), [])

    def acting(self, core: Core, side: int) -> set[Holder]:
        """Who could act on `side`."""
        known = self._acting.get((core, side))
        if known is None:
            found = [self.acting_on(end, holder) for holder, end in self.held(core, side)]
            known = self._acting[core, side] = set[Holder]().union(*found)
        return known

    def acting_on(self, end: End, holder: Holder) -> set[Holder]:
        """Who could act on an end: its holder, or for a later step of a `Seq` who is before it."""
        return (self._before(end) if end._claims else set()) or {holder}

    def _before(self, end: End) -> set[Holder]:
        """Who runs the steps before the one that an end was given to."""
        found: set[Holder] = set()
        for process in end._claimants():
            steps = (at for at in around(process) if at._sequential)
            running = (self._running.intersection(at._holders()) for at in steps)
            found |= next((holders for holders in running if holders), set[Holder]())
        return found

    def failing(self, core: Core) -> Core | None:
        """The channel whose failed values go to `core`."""
        return self._failing.get(core)


def stuck_set(kernel: Kernel) -> dict[Holder, list[_Wait]]:
    """The processes that wait only for each other, and what for."""
    waiting = kernel.waiting()
    free = {each.holder for each in waiting if each.party is None and each.children is None}
    if not waiting or free.issuperset(kernel.holders):  # no need to ask who holds what
        return {}
    owners = _Owners(kernel)
    entries: list[tuple[Holder, _Wait]] = []
    holder_of = {each.task: each.holder for each in waiting}

    def look_at(those: list[Waiting]) -> None:
        for each in those:
            wait = None
            if not _may_meet(each.party, free, owners):
                wait = _wait_of(each, holder_of, owners, kernel.background)
            if wait is None:
                free.add(each.holder)
            else:
                entries.append((each.holder, wait))

    of_free = [each for each in waiting if each.holder in free]
    look_at([each for each in waiting if each.holder not in free])
    if free.issuperset(kernel.holders):  # in a program that goes on it is so mostly
        return {}
    look_at(of_free)
    for holder in kernel.holders:  # awaited inline: its parent waits for it
        parent = holder.parent
        if parent is not None and parent.task is holder.task and parent in kernel.holders:
            if kernel.timed(parent):
                free.add(parent)
            text = partial(str, f"waits for `{holder.name}`")
            wait = _Wait({holder}, True, text, partial(kernel.line, parent), id(holder))
            entries.append((parent, wait))
    stuck = _Elimination(entries, free).stuck()
    idle = all(holder.background for holder in stuck)  # servers that nobody needs now
    return {} if idle else dict(sorted(stuck.items(), key=_order))


def _order(item: tuple[Holder, Any]) -> tuple[Any, ...]:
    """The outermost first, then by name: the same program has the same report."""
    holder = item[0]
    return (holder.parent is not None, holder.name, holder.place, holder.label)


def _may_meet(party: Party | None, free: set[Holder], owners: _Owners) -> bool:
    """True if somebody who goes on holds the other side of its channel: no need to look further."""
    if party is None or type(party.queue) is not Core:
        return False
    return not free.isdisjoint(owners.acting(party.queue, 1 - party.side))


class _Elimination:
    """From all that wait, takes those who can go on, until nothing changes: linear in the waits.

    A holder goes on as soon as one of its waits can end; a wait of which any helper suffices when
    one of them goes on, one that needs all when the last does, a join when no child is hopeless.
    """

    def __init__(self, entries: list[tuple[Holder, _Wait]], free: set[Holder]) -> None:
        self.entries = entries
        self.waits: dict[Holder, list[_Wait]] = {}
        for holder, wait in entries:
            if holder not in free:
                self.waits.setdefault(holder, []).append(wait)
        self.tasks = {wait.task for _, wait in entries if wait.task is not None}
        self.missing = [0] * len(entries)  # how many more must go on
        self.after: dict[Any, list[int]] = {}  # the waits that a holder or trio task may end
        self.ended: set[int] = set()
        self.queue: list[int] = []

    def stuck(self) -> dict[Holder, list[_Wait]]:
        """Those who are left."""
        for i, (_, wait) in enumerate(self.entries):
            self._look(i, wait)
        while self.queue:
            holder, wait = self.entries[self.queue.pop()]
            if wait.task in self.tasks:
                self.tasks.discard(wait.task)
                self._goes_on(wait.task)
            if self.waits.pop(holder, None) is not None:
                self._goes_on(holder)
        return self.waits

    def _look(self, i: int, wait: _Wait) -> None:
        if wait.children:
            needed: list[Any] = [child for child in wait.children if child in self.tasks]
        else:
            needed = [helper for helper in wait.helpers if helper in self.waits]
        all_of = bool(wait.children) or wait.needs_all
        if (all_of and not needed) or (not all_of and len(needed) < len(wait.helpers)):
            self._end(i)
            return
        self.missing[i] = len(needed) if all_of else 1
        for each in needed:
            self.after.setdefault(each, []).append(i)

    def _goes_on(self, who: Any) -> None:
        for i in self.after.get(who, ()):
            self.missing[i] -= 1
            if self.missing[i] <= 0:
                self._end(i)

    def _end(self, i: int) -> None:
        if i not in self.ended:
            self.ended.add(i)
            self.queue.append(i)


OUTSIDE = Holder(None, "somebody outside")  # never stuck


def _partners(core: Core, side: int) -> list[tuple[Core, int]]:
    """Where those stand whom a party of `side` could meet."""
    if isinstance(core, Hub):
        return [(port, RECEIVE) for port in core.ports]
    if isinstance(core, Port):
        return [(core.hub, SEND)]
    return [(core, 1 - side)]


def _helpers(core: Core, side: int, owners: _Owners) -> set[Holder]:
    """Whoever could act on `side` of a channel."""
    helpers = set(owners.acting(core, side))
    own = side == SEND and owners.failing(core) is not None  # that of the channel itself
    if len(owners.held(core, side)) + own < core.ends[side] or core.detached:
        helpers.add(OUTSIDE)
    if core.channel is not None and core.channel() is not None and not core.gone[side]:
        alone = core.maker is not None and not core.shared
        helpers.add(cast(Holder, core.maker) if alone else OUTSIDE)
    return helpers


def _wait_of(
    each: Waiting, holder_of: dict[Any, Holder], owners: _Owners, background: set[Any]
) -> _Wait | None:
    """What a trio task of a process waits for, or None if it may go on by itself."""
    if each.timed:
        return None
    if each.party is None:
        return _join(each, holder_of, background)
    found = _offers(each.party, owners)
    if found is None:
        return None
    helpers, text, needs_all = found
    return _Wait(helpers, needs_all, text, each.place, id(each.party), each.task)


def _join(each: Waiting, holder_of: dict[Any, Holder], background: set[Any]) -> _Wait | None:
    if each.children is None:
        return None
    tasks = tuple(task for task in each.children if task not in background)
    if not tasks:
        return None
    children = {holder_of.get(child, OUTSIDE) for child in tasks}
    text = partial(_to_join, children, each.holder)
    return _Wait(children, True, text, each.place, id(each.task), each.task, tasks)


def _to_join(children: set[Holder], parent: Holder) -> str:
    names = _names(child for child in children if child is not parent)
    return f"waits for {names}" if names else "waits for its own trio tasks"


def _offers(party: Party, owners: _Owners) -> tuple[set[Holder], Text, bool] | None:
    """Who could commit with a waiting party; None if something else may wake it."""
    queue = party.queue
    if isinstance(queue, BarrierCore):
        text = partial(str, f"waits at `{queue.name}` for all its members")
        return _missing(queue, owners), text, True
    if isinstance(queue, Core):
        side = party.side
        return _to_meet(queue, side, owners), partial(_to_do, queue, side, owners), False
    if isinstance(queue, Selecting):
        return _selection(queue, owners)
    if isinstance(queue, Latch):
        return _latch(queue, owners)
    item = party.engaged
    if item is not None and isinstance(getattr(party.end, "_core", None), Core):
        core = party.end._core
        text = partial(str, f"waits for the end of an extended rendezvous on `{core.name}`")
        return _helpers(core, RECEIVE, owners), text, False
    return None


def _to_meet(core: Core, side: int, owners: _Owners) -> set[Holder]:
    helpers: set[Holder] = set()
    for other, other_side in _partners(core, side):
        helpers |= _helpers(other, other_side, owners)
    if side == RECEIVE:  # what others have in work may come back
        if core.work:
            helpers |= _workers(core)
        failing = owners.failing(core)
        if failing is not None:
            helpers |= _workers(failing)
            helpers |= _helpers(failing, RECEIVE, owners) | _helpers(failing, SEND, owners)
    return helpers


def _workers(core: Core) -> set[Holder]:
    return {holder or OUTSIDE for holder in (core.work or {}).values()}


def _missing(core: BarrierCore, owners: _Owners) -> set[Holder]:
    """The holders of members that do not wait."""
    held = owners.held(core, SEND)
    later = {getattr(end, "_stands_for", None) for _, end in held}  # that of this step counts
    members = [(holder, end) for holder, end in held if end not in later]
    offering = core.offering()
    waited_for = [owners.acting_on(end, holder) for holder, end in members if end not in offering]
    missing = set[Holder]().union(*waited_for)
    if len(members) < core.senders:
        missing.add(OUTSIDE)
    return missing


def _latch(latch: Latch, owners: _Owners) -> tuple[set[Holder], Text, bool] | None:
    source = latch.source
    if isinstance(source, Ticket):
        text = f"waits for a reply on `{source.core.name}`"
        return _servers(source, owners), partial(str, text), False
    if isinstance(source, Calls):
        core = source.sender._core
        helpers = _helpers(core, RECEIVE, owners)
        for ticket in source.open:
            helpers |= _servers(ticket, owners)
        return helpers, partial(str, f"waits for replies on `{core.name}`"), False
    if source is not None:
        return set(source._holders()), partial(str, f"waits for `{source.name}`"), True
    return None


def _servers(ticket: Ticket, owners: _Owners) -> set[Holder]:
    """Who has a call in work, else who may take it."""
    return {ticket.server} if ticket.server is not None else _helpers(ticket.core, RECEIVE, owners)


def _selection(selector: Selecting, owners: _Owners) -> tuple[set[Holder], Text, bool] | None:
    helpers: set[Holder] = set()
    texts: list[Text] = []
    for slot in selector.slots:
        if not selector.enabled & slot.bit:
            continue
        if isinstance(slot, ChannelSlot):
            core = slot.end._core
            helpers |= _to_meet(core, slot.side, owners)
            texts.append(partial(_to_do, core, slot.side, owners))
            continue
        found = None
        if isinstance(slot, WaitSlot):
            found = _latch(slot.named.latch, owners)
        elif isinstance(slot, BarrierSlot):
            core = slot.named._core
            missing = _missing(core, owners)
            found = missing, partial(str, f"waits at `{core.name}`"), False
        if found is None or not found[0]:
            return None
        helpers |= found[0]
        texts.append(found[1])
    return helpers, lambda: " or ".join(text() for text in texts), False


def _to_do(core: Core, side: int, owners: _Owners) -> str:
    verb = "to send to" if side == SEND else "to receive from"
    what = "receiver" if side == SEND else "sender"
    held = [h for other, on in _partners(core, side) for h, _ in owners.held(other, on)]
    if not held:
        return f"waits {verb} `{core.name}`, {HAS_NO} {what}"
    if len(held) == 1:
        return f"waits {verb} `{core.name}`, whose only {what} `{held[0].name}` holds"
    return f"waits {verb} `{core.name}`, whose {what}s {_names(held)} hold"


def _names(holders: Iterable[Holder]) -> str:
    """Their names, each once, the first few of them."""
    names = sorted({holder.name for holder in holders})
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def deadlock(waits: dict[Holder, list[_Wait]]) -> Deadlock:
    """The cycle in one line, then a line for each process; what repeats itself is counted."""
    for of in waits.values():
        of.sort(key=lambda wait: (wait.where(), wait.text()))
    cycle = _cycle(waits)
    said = _said(cycle, waits)
    if HAS_NO not in said and (alone := _alone(waits)):
        cycle, said = alone, _said(alone, waits)
    hint, page = _cure(cycle, said, waits)
    lines: dict[str, int] = {}
    for holder, of in waits.items():
        for wait in of:
            line = f"  `{holder.name}` {wait.text()}{_where(holder, wait)}"
            lines[line] = lines.get(line, 0) + 1
    told = [line + (f" (x {times:,})" if times > 1 else "") for line, times in lines.items()]
    if len(told) > SHOWN:
        told[SHOWN:] = [f"  and {len(told) - SHOWN:,} more"]
    return explained(Deadlock("\n".join([f"{said}{hint}", *told])), page)


def _said(cycle: list[Holder], waits: dict[Holder, list[_Wait]]) -> str:
    return "; ".join(f"`{h.name}` {waits[h][0].text()}" for h in cycle[:SHOWN])


def _cure(cycle: list[Holder], said: str, waits: dict[Holder, list[_Wait]]) -> tuple[str, Page]:
    """What to do about it, and the page that says more."""
    if HAS_NO in said:
        return ": make one and give it to a process", "no-other-end"
    if any(wait.needs_all for holder in cycle for wait in waits[holder]):
        return ": retire ends that you do not use (`with tx:`)", "kept-end"
    return "", "kept-end" if len(cycle) == 1 else "deadlock"


def _where(holder: Holder, wait: _Wait) -> str:
    """Where it waits; a process of csp's own has no line of the user's: where that was called."""
    place = wait.where()
    if place:
        return f", at {place}"
    return f" (called at {holder.place})" if holder.place else ""


def _alone(waits: dict[Holder, list[_Wait]]) -> list[Holder]:
    """Who waits on nothing but channels without the other end: no order of waiting would help."""

    def is_alone(text: str) -> bool:
        return text.count(HAS_NO) > text.count(" or ")  # of guards, all

    return [h for h, of in waits.items() if all(is_alone(w.text()) for w in of)][:1]


def _cycle(waits: dict[Holder, list[_Wait]]) -> list[Holder]:
    """Who waits for whom in a ring, or the way to whoever waits for nobody."""
    at: Holder | None = next(iter(waits))
    rank = {holder: i for i, holder in enumerate(waits)}
    path: dict[Holder, int] = {}
    while at is not None and at not in path:
        path[at] = len(path)
        helpers = [h for w in waits[at] for h in w.helpers if h in waits and h is not at]
        helpers.sort(key=lambda h: (any(w.needs_all for w in waits[h]), rank[h]))
        at = helpers[0] if helpers else None
    return list(path)[path[at] :] if at is not None else list(path)
