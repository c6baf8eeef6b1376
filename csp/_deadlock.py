"""Deadlock, total or partial: a set of processes that wait only for each other.

The stuck set is the greatest one in which every process has all its trio tasks waiting, and none
of the waits can be ended by anybody outside the set.  What cannot be seen from here (a wait in
trio, an end in a plain trio task or in a value, a flag) counts as help from outside, so that a
network that could go on is never judged.

Invariant: a set is reported only when it was found stuck twice with the same offers.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import trio

from ._alternation import _Selector
from ._end import Core, _End
from ._errors import Deadlock
from ._guards import Deadline, Every, Skip, Timeout, Wait
from ._latch import Latch
from ._offer import RECEIVE, SEND, Party
from ._parking import Driver, Holder, Kernel, _holder, waiting_in_nursery, within_deadline


class _Wait(NamedTuple):
    """One wait of one trio task: who could end it, and how to say so."""

    helpers: frozenset[Holder]
    needs_all: bool  # a join: it ends only when all have ended
    text: str
    where: str
    key: int
    task: Any = None  # the trio task that waits
    children: tuple[Any, ...] = ()  # the trio tasks that a join waits for


class Judge:
    """Looks for stuck processes; `report` is called with the error, once."""

    def __init__(self, kernel: Kernel, report: Callable[[Deadlock], object]) -> None:
        self._kernel, self._report = kernel, report
        self._suspects: object = None
        self._token = trio.lowlevel.current_trio_token()
        self._next_look = 0.0

    def __call__(self, idle: bool) -> None:
        """Called before each wait for I/O; looks when idle, and once a second when not."""
        now = self._kernel.clock()
        if not idle and now < self._next_look:
            return
        self._next_look = now + 1.0
        waits = stuck_set(self._kernel)
        if not waits:
            self._suspects = None
            return
        found = {holder: tuple(wait.key for wait in of) for holder, of in waits.items()}
        if found != self._suspects:
            self._suspects = found
            self._next_look = 0.0
            self._token.run_sync_soon(_nothing)  # another pass, for the second look
            return
        self._suspects = None
        self._kernel.judge = None
        error = Deadlock(describe(waits))
        self._token.run_sync_soon(self._report, error)


def _holder_of(task: trio.lowlevel.Task) -> Holder | None:
    context: Any = task.context
    holder: Holder | None = context.get(_holder)
    return holder


def _nothing() -> None:
    return None


def stuck_set(kernel: Kernel) -> dict[Holder, list[_Wait]]:
    """The processes that wait only for each other, and what for."""
    owners = _owners(kernel)
    entries: list[tuple[Holder, _Wait]] = []
    free: set[Holder] = set()
    for task in _tasks():
        holder = _holder_of(task)
        if holder is None or holder not in kernel.holders:
            continue
        wait = _wait_of(kernel, task, holder, owners)
        if wait is None:
            free.add(holder)
        else:
            entries.append((holder, wait))
    for holder in kernel.holders:  # awaited inline: its parent waits for it
        parent = holder.parent
        if parent is not None and parent.task is holder.task and parent in kernel.holders:
            text = f"waits for `{holder.name}`"
            wait = _Wait(frozenset([holder]), True, text, parent.place, id(holder))
            entries.append((parent, wait))
    while True:
        stuck: dict[Holder, list[_Wait]] = {}
        for holder, wait in entries:
            if holder not in free:
                stuck.setdefault(holder, []).append(wait)
        hopeless = {wait.task for _, wait in entries}
        left = [entry for entry in entries if _hopeless(entry[1], stuck, hopeless)]
        if len(left) == len(entries):
            return stuck
        free.update(holder for holder, wait in entries if (holder, wait) not in left)
        entries = left


def _hopeless(wait: _Wait, stuck: dict[Holder, list[_Wait]], hopeless: set[Any]) -> bool:
    if wait.children:
        return any(child in hopeless for child in wait.children)
    if wait.needs_all:
        return any(helper in stuck for helper in wait.helpers)
    return all(helper in stuck for helper in wait.helpers)


OUTSIDE = Holder(None, "somebody outside")  # type: ignore[arg-type]  # never stuck


def _owners(kernel: Kernel) -> dict[tuple[Core, int], list[Holder]]:
    owners: dict[tuple[Core, int], list[Holder]] = {}
    for holder in kernel.holders:
        for ref in list(holder.ends.values()):
            end = ref()
            if isinstance(end, _End):
                owners.setdefault((end._core, end._side), []).append(holder)
    return owners


def _helpers(core: Core, side: int, owners: dict[tuple[Core, int], list[Holder]]) -> set[Holder]:
    """Whoever could act on `side` of a channel."""
    held = owners.get((core, side), [])
    helpers = set(held)
    if len(held) < core.ends[side] or core.detached:
        helpers.add(OUTSIDE)
    if core.channel is not None and core.channel() is not None and not core.gone[side]:
        helpers.add(core.maker if core.maker is not None else OUTSIDE)
    return helpers


def _tasks() -> Iterable[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    pending = [root] if root is not None else []
    while pending:
        task = pending.pop()
        yield task
        for nursery in task.child_nurseries:
            pending.extend(nursery.child_tasks)


def _wait_of(
    kernel: Kernel,
    task: trio.lowlevel.Task,
    holder: Holder,
    owners: dict[tuple[Core, int], list[Holder]],
) -> _Wait | None:
    """What a task of `holder` waits for, or None if it may go on by itself."""
    driver = holder.driver
    party: Party | None
    if driver is not None and driver.task is task:
        party = driver if driver.lent else None
    else:
        party = kernel.parked.get(task)
    if within_deadline(task, holder):
        return None
    if party is None:
        return _join(task, holder)
    where = place_of(task, driver)
    found = _offers(party, owners)
    if found is None:
        return None
    helpers, text, joins = found
    return _Wait(frozenset(helpers), joins, text, where, id(party), task)


def _join(task: trio.lowlevel.Task, holder: Holder) -> _Wait | None:
    if not waiting_in_nursery(task):
        return None
    tasks = tuple(task.child_nurseries[-1].child_tasks)
    children = {_holder_of(child) or OUTSIDE for child in tasks}
    names = ", ".join(f"`{c.name}`" for c in children if c is not holder)
    text = f"waits for {names}" if names else "waits for its own trio tasks"
    place = place_of(task, holder.driver)
    return _Wait(frozenset(children), True, text, place, id(task), task, tasks)


def _offers(party: Party, owners: Any) -> tuple[set[Holder], str, bool] | None:
    """Who could commit with a waiting party; None if something else may wake it."""
    queue: Any = party.queue
    if isinstance(queue, Core):
        text = _to_do(queue, party.side, owners)
        return _helpers(queue, 1 - party.side, owners), text, False
    if isinstance(queue, _Selector):
        return _selection(queue, owners)
    if isinstance(queue, Latch):
        source = queue.source
        if isinstance(source, Core):
            text = f"waits for a reply on `{source.name}`"
            return _helpers(source, RECEIVE, owners), text, False
        if source is not None:
            holders = {leaf.holder for leaf in source._leaves() if getattr(leaf, "holder", None)}
            return holders, f"waits for `{source.name}`", True
    return None


def _selection(selector: _Selector, owners: Any) -> tuple[set[Holder], str, bool] | None:
    helpers: set[Holder] = set()
    texts = []
    for slot in selector.slots:
        if not selector.enabled >> slot.index & 1:
            continue
        if isinstance(slot.guard, (Timeout, Deadline, Every, Skip, Wait)):
            return None
        assert slot.watch is not None
        core = slot.watch.end._core
        helpers |= _helpers(core, 1 - slot.watch.side, owners)
        texts.append(_to_do(core, slot.watch.side, owners))
    return helpers, " or ".join(texts), False


def _to_do(core: Core, side: int, owners: Any) -> str:
    verb = "to send to" if side == SEND else "to receive from"
    what = "receiver" if side == SEND else "sender"
    held = owners.get((core, 1 - side), [])
    if not held:
        return f"waits {verb} `{core.name}`, which has no {what}"
    if len(held) == 1:
        return f"waits {verb} `{core.name}`, whose only {what} `{held[0].name}` holds"
    names = ", ".join(f"`{name}`" for name in sorted({h.name for h in held}))
    return f"waits {verb} `{core.name}`, whose {what}s {names} hold"


def place_of(task: trio.lowlevel.Task, driver: Driver | None) -> str:
    """file.py:line of the user's code where a task waits, read from its own coroutine."""
    place = ""
    if driver is not None and driver.task is task:
        frames = _frames(driver.coro)
    else:
        frames = list(task.iter_await_frames())
    for frame, line in frames:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("csp", "trio", "contextlib"):
            place = f"{frame.f_code.co_filename.rpartition('/')[2]}:{line}"
    return place


def _frames(coro: Any) -> list[tuple[types.FrameType, int]]:
    frames = []
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return frames


def describe(waits: dict[Holder, list[_Wait]]) -> str:
    """The cycle in one line, then a line for each process."""
    cycle = _cycle(waits)
    said = "; ".join(f"`{h.name}` {waits[h][0].text}" for h in cycle)
    hint = ""
    if any(w.needs_all for h in cycle for w in waits[h]):
        hint = ": retire ends that you do not use (`with tx:`)"
    lines = [f"{said}{hint}"]
    for holder, of in waits.items():
        lines.extend(
            f"  `{holder.name}` {wait.text}" + (f", at {wait.where}" if wait.where else "")
            for wait in of
        )
    return "\n".join(lines)


def _cycle(waits: dict[Holder, list[_Wait]]) -> list[Holder]:
    at: Holder | None = next(iter(waits))
    path: list[Holder] = []
    while at is not None and at not in path:
        path.append(at)
        helpers = [h for w in waits[at] for h in w.helpers if h in waits and h is not at]
        helpers.sort(key=lambda h: any(w.needs_all for w in waits[h]))
        at = helpers[0] if helpers else None
    return path[path.index(at) :] if at is not None else path
