"""The kernel on trio: park, wake, cancel, lend the turn.  The only file that knows trio's scheduler.

A process runs as a trio task whose coroutine is a *driver* around the user's coroutine.  When
that parks on a channel, the driver steps the other ready processes inside its own trio pass
("lends its turn") instead of going back to trio, which costs several microseconds a pass.

Rules, each with a test of its own:
* `kernel.current` is the holder whose coroutine a driver steps right now, else None.  In plain
  trio tasks it is always None, so the hot paths of the ends never run there.
* a driver with `lent` is parked inside `wait_task_rescheduled` (or hosts) and may be stepped by
  any other; whoever makes it ready clears `lent`, so it is never resumed twice.
* a trio trap met in a lent step is installed at once: its maker has registered the trio task with
  whoever will wake it.
* a cancel that arrives between commit and resume does not lose the value: the abort function
  answers FAILED, and the next park goes through trio (`recheck`), which delivers it.
* the user's functions are marked: Ctrl-C strikes in them and in what they call.  All else is
  protected, also the frames that step them, where an exception would cut a coroutine in two.
* the main trio task is never stepped by another; a context shared by two drivers is lent to nobody;
  nobody lends while an instrument watches the steps of trio tasks, or from one whose coroutine was
  replaced (greenback).
* nobody hosts while a driver that is ready waits for trio to resume it (`pending`), nor in the
  pass in which it started: the others have their turn first.  One of the pending takes over what
  is on the ready list, so it need not be spilled.
* a pass of trio ends after `STEPS` steps or `SECONDS`, whoever hosts.  Each lent step was made
  ready by an operation, and each operation looks at the clock: steps need not.
"""

from __future__ import annotations

import math
import os
import threading
import types
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from functools import partial
from typing import Any

import trio
from outcome import Outcome, Value
from trio.lowlevel import (
    Abort,
    RunVar,
    current_task,
    disable_ki_protection,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from ._errors import explained
from ._kernel import HOLDER, PARK, PARKED, Holder, Kernel, Nursery, Scope, Waiting
from ._observe import Kind
from ._offer import TAKE, Party, Standing
from ._places import place


def _private_names() -> tuple[Any, Any, Any]:
    """What lending needs of trio's inside: all of it, or Nones (then no turn is lent)."""
    try:
        from trio._core import _run, _traps

        for name in ("_abort_func", "_attempt_delivery_of_any_pending_cancel", "_cancel_status"):
            getattr(_run.Task, name)
        inside: Any = _traps
        return (
            _run.GLOBAL_RUN_CONTEXT,
            inside.WaitTaskRescheduled,
            inside.CancelShieldedCheckpoint,
        )
    except (ImportError, AttributeError):  # pragma: no cover - a later trio
        return None, None, None


_RUN_CONTEXT, _WAIT, _CHECKPOINT = _private_names()
CAN_LEND = _RUN_CONTEXT is not None

protected = enable_ki_protection
"""A decorator: Ctrl-C does not cut the function, nor what it calls, up to where that waits (trio's own)."""

STEPS, SECONDS = 1000, 0.005  # of one pass
OPERATIONS = 250  # of one step, before it goes to trio; those that park end the step anyway


class TaskParty(Party):
    """A party in a plain trio task, or in a process whose turn is not lent."""

    __slots__ = ("settled", "task")

    def __init__(self) -> None:
        super().__init__()
        self.task: trio.lowlevel.Task = current_task()
        self.settled: bool = False


class Driver(Party):
    """A party whose coroutine other drivers may step."""

    __slots__ = (
        "coro",
        "foreign",
        "holder",
        "lendable",
        "outer",
        "pending",
        "recheck",
        "send",
        "settled",
        "task",
    )

    def __init__(self, holder: Holder, coro: Coroutine[Any, Any, Any], lendable: bool) -> None:
        super().__init__()
        self.holder: Holder = holder
        self.coro: Coroutine[Any, Any, Any] = coro
        self.task: trio.lowlevel.Task = current_task()
        self.outer: Any = self.task.coro  # another one later: somebody else steps our task
        self.send: Any = coro.send
        self.lendable: bool = lendable
        self.settled: bool = False  # woken while trio is about to resume it
        self.pending: bool = False  # ready, and counted in `kernel.pending`
        self.recheck: bool = False  # a cancel is pending: the next park goes through trio
        self.foreign: bool = False  # waits on a trio trap that a lent step met

    def __call__(self, _raise_cancel: object) -> Abort:
        """Trio cancels it: a driver is its own abort function."""
        if not self.lent:  # committed already, or running
            self.recheck = True
            return Abort.FAILED
        if not self.may_leave():
            return Abort.FAILED
        self.lent = False
        self.withdraw()
        return Abort.SUCCEEDED


class TrioKernel(Kernel):
    """The kernel of a trio run."""

    credit: int

    __slots__ = (
        "budget",
        "lend",
        "lent_steps",
        "parked",
        "pending",
        "run_context",
        "spawned",
        "watched",
    )

    def __init__(self) -> None:
        super().__init__()
        self.budget: int = STEPS  # what is left of the present pass
        self.lend: bool = CAN_LEND and os.environ.get("CSP_LEND", "1") != "0"
        self.watched: bool = False  # an instrument watches the steps of trio tasks
        self.lent_steps: int = 0
        self.pending: int = 0  # drivers that trio resumes in this pass or the next, to go on
        self.spawned: set[trio.lowlevel.Task] = set()  # beside processes, in their name
        self.parked: dict[trio.lowlevel.Task, TaskParty] = {}  # what plain trio tasks wait for
        self.run_context: dict[str, Any] = _RUN_CONTEXT.__dict__ if CAN_LEND else {}
        trio.lowlevel.add_instrument(_Pass(self))

    # --- offers ----------------------------------------------------------------------------

    def party(self) -> Party:
        """A party for the one operation that the caller is about to begin."""
        holder = self.current
        if holder is not None:
            driver: Driver = holder.driver
            driver.outcome = driver.item = driver.engaged = None
            driver.mode = TAKE
            return driver
        return TaskParty()

    async def before(self) -> bool:
        """Called first in each operation; True if `after` must follow when it did not park.

        In a plain trio task every operation is a full checkpoint; in a process, and in what it has
        spawned, only one whose pass is over.  A pending cancel strikes here, before anything is
        committed.
        """
        holder = self.current
        if holder is None:
            holder, task = HOLDER.get(), current_task()
            if task in self.spawned:
                await trio.lowlevel.checkpoint_if_cancelled()
                self.credit += 1  # its step is not one of a driver, which renews it
            elif holder is None or holder.task is not task:
                await trio.lowlevel.checkpoint_if_cancelled()
                return True
        self.credit -= 1
        if self.credit <= 0 or self.clock() > self.deadline:
            await trio.lowlevel.checkpoint()
        return False

    async def after(self) -> None:
        """What was committed stays so; let others run."""
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def cancel_point(self) -> None:
        """A pending cancel strikes here; nothing else happens."""
        await trio.lowlevel.checkpoint_if_cancelled()

    @protected
    async def park(self, party: Party, deadline: float = math.inf) -> None:
        """Wait until `party` is settled, or `now()` reaches `deadline`; a cancel withdraws it."""
        if deadline != math.inf:
            with trio.CancelScope(deadline=deadline):
                await self.park(party)
        elif type(party) is Driver:
            await PARK
        else:
            assert isinstance(party, TaskParty)
            self.parked[party.task] = party
            try:
                await _park_task(party)
            finally:
                del self.parked[party.task]

    @protected
    def wake(self, party: Party) -> None:
        """Resume a party that was settled, maybe before it has parked."""
        if type(party) is Driver:
            if not party.lent:  # its next park goes through trio, which sees that it is settled
                party.settled = party.recheck = True
            elif self.current is not None:
                party.lent = False
                self.ready.append(party)
            else:
                self.give_to_trio(party)
        elif isinstance(party, TaskParty):
            if not party.settled:
                party.settled = True
                if self.parked.get(party.task) is party:
                    reschedule(party.task)
        else:
            assert isinstance(party, Standing)
            party.told(party)

    @protected
    def produce_for(self, party: Party, produce: Callable[[], Any]) -> Any:
        """Call `produce()` in the process of `party`, which waits.

        Its context is copied, as it may be entered already: below us on the stack, if it hosts.
        """
        assert isinstance(party, (Driver, TaskParty))
        current, task = self.current, self.run_context.get("task")
        self.current = party.holder if isinstance(party, Driver) else None
        if CAN_LEND:
            self.run_context["task"] = party.task
        try:
            return party.task.context.copy().run(produce)
        finally:
            self.current = current
            if CAN_LEND:
                self.run_context["task"] = task

    # --- trio's own ------------------------------------------------------------------------

    def now(self) -> float:
        """The time of trio's clock, in seconds."""
        return trio.current_time()

    def scope(self) -> Scope:
        """A cancel scope."""
        return trio.CancelScope()

    def nursery(self) -> AbstractAsyncContextManager[Nursery]:
        """A nursery."""
        return trio.open_nursery()

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Scope:
        """Run `function()` in a system trio task with the context of the caller."""
        scope = trio.CancelScope()

        async def body() -> None:
            task = current_task()
            self.spawned.add(task)
            try:
                with scope:
                    await function()
            finally:
                self.spawned.discard(task)

        trio.lowlevel.spawn_system_task(body, context=copy_context())
        return scope

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function(*args)` in a coming pass, outside of all processes."""
        trio.lowlevel.current_trio_token().run_sync_soon(function, *args)

    def token(self) -> Any:
        """The trio token of this run."""
        return trio.lowlevel.current_trio_token()

    # --- processes -------------------------------------------------------------------------

    def run_process(self, holder: Holder, coro: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
        """Run the coroutine of a process in this trio task, lending and borrowing turns."""
        task = holder.task = current_task()
        holder.scope = getattr(task, "_cancel_status", None)
        self.holders.add(holder)
        if self.current is not None:
            return self._run_inside(self.current, holder, coro)
        if not self._may_drive(task, holder.parent):
            return self._run_alone(holder, coro)
        return drive(self, Driver(holder, coro, _is_lendable(task)))

    async def _run_inside(self, outer: Holder, holder: Holder, coro: Any) -> Any:
        """Awaited in the coroutine of another process, whose driver steps both."""
        driver: Driver = outer.driver
        holder.driver, driver.holder, self.current = driver, holder, holder
        try:
            return await coro
        finally:
            driver.holder = self.current = outer
            self.holders.discard(holder)

    async def _run_alone(self, holder: Holder, coro: Any) -> Any:
        """Nobody steps it but trio."""
        try:
            return await coro
        finally:
            self.holders.discard(holder)

    def _may_drive(self, task: trio.lowlevel.Task, parent: Holder | None) -> bool:
        """Not in a context that another one has entered: there `parent` is who did so last."""
        shared = parent is not None and parent.task.context is task.context
        return self.lend and not self.watched and not shared

    def look_for_watchers(self, task: trio.lowlevel.Task) -> None:
        """Notice whether an instrument would miss the steps that are lent."""
        hooks = getattr(task._runner, "instruments", ())
        self.watched = "before_task_step" in hooks or "after_task_step" in hooks

    # --- lending the turn ------------------------------------------------------------------

    @protected
    def give_to_trio(self, driver: Driver, told: Outcome[Any] | None = None) -> None:
        """Trio resumes `driver`, which finds there what it was `told`."""
        driver.lent = False
        if told is None:
            self._make_pending(driver)
        reschedule(driver.task, Value(None) if told is None else told)

    def _make_pending(self, driver: Driver) -> None:
        driver.settled = driver.pending = True
        self.pending += 1

    @protected
    def spill(self, host: Driver | None) -> None:
        """Control goes to trio: whoever is ready is resumed by trio, unless somebody pending is."""
        self.current = None
        ready = self.ready
        if not self.pending:
            while ready:
                driver: Driver = ready.popleft()
                if driver is host:
                    self._make_pending(driver)
                else:
                    self.give_to_trio(driver)

    def may_host(self, driver: Driver) -> bool:
        """True if others are ready, the pass is not over and no cancel waits for `driver`."""
        return (
            bool(self.ready)
            and self.budget > 0
            and not self.pending
            and not self.watched
            and not driver.task._cancel_status.effectively_cancelled
        )

    @protected
    def lend_turn(self, host: Driver) -> bool:
        """Step ready processes; True as soon as `host` itself is ready."""
        ready, context = self.ready, self.run_context
        budget, steps = self.budget, 0
        try:
            while ready and steps < budget and not self.pending:
                driver: Driver = ready.popleft()
                if driver is host:
                    return True
                if not driver.lendable:
                    self.give_to_trio(driver)
                    continue
                steps += 1
                self.credit = OPERATIONS
                self.current = driver.holder
                task = context["task"] = driver.task
                try:
                    message = task.context.run(driver.send, None)
                except StopIteration as stop:
                    self.give_to_trio(driver, Value(("returned", stop.value)))
                except BaseException as error:
                    self.give_to_trio(driver, Value(("raised", error)))
                else:
                    if message is PARKED:
                        if driver.recheck:
                            driver.recheck = False
                            driver.lent = False
                            reschedule(driver.task, Value(None))
                        else:
                            driver.lent = True
                    elif type(message) is _WAIT:
                        if self.hook is not None:
                            self.tell_away(driver)
                        driver.foreign = True
                        driver.task._abort_func = message.abort_func
                        driver.task._attempt_delivery_of_any_pending_cancel()
                    else:
                        if self.hook is not None:
                            self.tell_away(driver)
                        self.give_to_trio(driver, Value(("trap", message)))
        finally:
            self.budget -= steps
            self.lent_steps += steps
            self.current = None
            context["task"] = host.task
        return False

    # --- for observers ---------------------------------------------------------------------

    def tell_away(self, driver: Driver) -> None:
        """A process waits in trio; told before anybody else is stepped."""
        what = "children" if _is_joining(driver.task) else "trio"
        self._tell_turn("parked", driver.holder, what)

    def tell_resumed(self, holder: Holder) -> None:
        """A process is about to be stepped; nothing is told if that is its first step.

        While turns are lent it is not: a step begins with a commit, which tells that the wait is over.
        """
        if holder.parked:
            self._tell_turn("resumed", holder)

    def _tell_turn(self, kind: Kind, holder: Holder, detail: str = "") -> None:
        """No process runs that could get the error of an observer."""
        try:
            self.tell(kind, detail=detail, of=holder)
        except Exception as error:
            warnings.warn(
                f"an observer raised {error!r} when it was told that `{holder.name}` {kind}",
                RuntimeWarning,
                stacklevel=1,
            )

    # --- for who looks for deadlocks -------------------------------------------------------

    def here(self) -> Any:
        """The current trio task."""
        return current_task()

    def timed(self, holder: Holder) -> bool:
        """True if a deadline entered inside the process will end what its trio task waits for."""
        return _within_deadline(holder.task, holder)

    def line(self, holder: Holder) -> str:
        """Where a process waits for another one that it awaits inline."""
        return _line_of(holder.body) or holder.place

    def waiting(self) -> list[Waiting]:
        """All trio tasks that act for processes, and what each of them waits for.

        None if no process waits for an offer or a join: whatever else they wait for, all may go on.
        """
        found: list[Waiting] = []
        if not any(self._waits(holder.task, holder) for holder in self.holders):
            return found
        root = trio.lowlevel.current_root_task()
        pending = [root] if root is not None else []
        while pending:
            task = pending.pop()
            for nursery in task.child_nurseries:
                pending.extend(nursery.child_tasks)
            context: Any = task.context
            holder: Holder | None = context.get(HOLDER)
            if holder is None or holder not in self.holders:
                continue
            party = self._offer_of(task, holder)
            children = tuple(task.child_nurseries[-1].child_tasks) if _is_joining(task) else None
            timed = _within_deadline(task, holder)
            if self._is_driven(task, holder):
                place = partial(_line_in, holder, holder.driver.coro)
            elif task is holder.task:
                place = partial(_line_in, holder, task.coro)
            else:
                place = partial(_line_of, task.coro)
            found.append(Waiting(task, holder, party, children, timed, place))
        return found

    def _is_driven(self, task: Any, holder: Holder) -> bool:
        driver = holder.driver
        return driver is not None and driver.task is task and task.coro is driver.outer

    def _offer_of(self, task: Any, holder: Holder) -> Party | None:
        """What a trio task offers for `holder`, if that is what it waits for."""
        if self._is_driven(task, holder):
            return holder.driver if holder.driver.lent else None
        return self.parked.get(task)

    def _waits(self, task: Any, holder: Holder) -> bool:
        return self._offer_of(task, holder) is not None or _is_joining(task)


class _Pass(trio.abc.Instrument):
    """Renews the budget at each pass of trio."""

    def __init__(self, kernel: TrioKernel) -> None:
        self._kernel = kernel
        self._runner: Any = current_task()._runner
        kernel.look_for_watchers(current_task())
        kernel.deadline = kernel.clock() + SECONDS

    def after_io_wait(self, timeout: float) -> None:
        """A new pass begins."""
        kernel = self._kernel
        kernel.budget = STEPS
        kernel.deadline = kernel.clock() + SECONDS
        if kernel.lend:
            root = trio.lowlevel.current_root_task()
            if root is not None:
                kernel.look_for_watchers(root)

    def before_io_wait(self, timeout: float) -> None:
        """The pass is over; trio is idle if nobody is ready (a test's clock may jump then)."""
        judge = self._kernel.judge
        if judge is not None:
            judge(timeout > 0 or not self._runner.runq, timeout)


def _is_joining(task: trio.lowlevel.Task) -> bool:
    """True if it waits at the end of a nursery."""
    nurseries = task.child_nurseries
    return bool(nurseries) and getattr(nurseries[-1], "_parent_waiting_in_aexit", False)


def _is_lendable(task: trio.lowlevel.Task) -> bool:
    """The main trio task is not: trio delivers Ctrl-C to it."""
    nursery = task.parent_nursery
    return nursery is not None and nursery.parent_task is not trio.lowlevel.current_root_task()


def _within_deadline(task: trio.lowlevel.Task, holder: Holder) -> bool:
    """True if a deadline entered inside the process will end the wait of its trio task."""
    status = getattr(task, "_cancel_status", None)
    while status is not None and status is not holder.scope:
        if status.effectively_cancelled or status._scope.deadline != math.inf:
            return True
        status = status._parent
    return False


def _line_in(holder: Holder, coro: Any) -> str:
    """The line at which a process waits; what it awaits does not show in who awaits it inline."""
    return _line_of(holder.body) or _line_of(coro)


def _line_of(coro: Any) -> str:
    """file.py:line of the innermost frame of user code in a parked coroutine."""
    found = ""
    for frame, line in _frames(coro):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in ("csp", "trio", "contextlib"):
            found = place(frame.f_code.co_filename, line)
    return found


def _frames(coro: Any) -> list[tuple[types.FrameType, int]]:
    """The frames of a parked coroutine, from its outside inwards."""
    frames: list[tuple[types.FrameType, int]] = []
    while coro is not None:
        frame = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return frames


# --- which kernel ----------------------------------------------------------------------------

_of_run: RunVar[TrioKernel] = RunVar("csp kernel")


class _OfThread(threading.local):
    kernel: Kernel | None = None  # one that is not trio's
    known: tuple[Any, TrioKernel] | None = None  # the run that was asked for last, and its kernel


_of_thread = _OfThread()


def current_kernel() -> Kernel:
    """The kernel of this run; made when first needed.

    Raises RuntimeError outside of a run.
    """
    return _of_thread.kernel or trio_kernel()


def trio_kernel() -> TrioKernel:
    """The kernel of the present trio run; RuntimeError outside of one.

    Remembered for each thread and run, as run variables are slow to look up.
    """
    runner = getattr(_RUN_CONTEXT, "runner", None)
    known = _of_thread.known
    if runner is not None and known is not None and known[0] is runner:
        return known[1]
    kernel = _kernel_of_run()
    _of_thread.known = runner, kernel
    return kernel


def forget_run() -> None:
    """Let the run of this thread go when it is over, with all that its frames hold."""
    _of_thread.known = None


def _kernel_of_run() -> TrioKernel:
    try:
        return _of_run.get()
    except LookupError:
        kernel = TrioKernel()
        _of_run.set(kernel)
        return kernel
    except RuntimeError:
        problem = (
            "no run is going on here: start the program with `csp.run(main)`, in a notebook too; a "
            "bare `await` in a cell, like asyncio's, runs no processes"
        )
        raise explained(RuntimeError(problem), "other-loop") from None


def install(kernel: Kernel | None) -> None:
    """Make `kernel` the one of this thread, instead of trio's; None: trio's again."""
    _of_thread.kernel = kernel


def is_for_its_run(token: Any, function: Callable[[], object]) -> bool:
    """In a thread: let the run of `token` call `function` soon.  False in that run, and after it."""
    try:
        if trio.lowlevel.current_trio_token() is token:
            return False
    except RuntimeError:  # no run is here
        pass
    try:
        token.run_sync_soon(function)
    except trio.RunFinishedError:
        return False
    return True


def unprotected(function: Any) -> None:
    """Let Ctrl-C stop the code of a user's function, wherever it is called from."""
    while hasattr(function, "func"):  # functools.partial
        function = function.func
    if hasattr(function, "__code__"):
        disable_ki_protection(function)


@disable_ki_protection
async def await_unprotected(what: Awaitable[Any]) -> Any:
    """Await what a user gave us, where Ctrl-C may stop it."""
    return await what


@protected
async def _park_task(party: TaskParty) -> None:
    def abort(_raise_cancel: Any) -> Abort:
        if party.settled:  # pragma: no cover - trio clears the function when rescheduling
            return Abort.FAILED
        if not party.may_leave():
            return Abort.FAILED
        party.withdraw()
        return Abort.SUCCEEDED

    if party.settled:  # before it could park
        await trio.lowlevel.cancel_shielded_checkpoint()
    else:
        await wait_task_rescheduled(abort)


@protected
@types.coroutine
def drive(kernel: TrioKernel, driver: Driver) -> Generator[Any, Any, Any]:
    """The trio-facing coroutine of a process: steps its own, then lends the turn."""
    driver.holder.driver = driver
    task, outer = driver.task, driver.outer
    send = driver.send
    argument: Any = None
    thrown: list[BaseException] | None = None  # by itself it would keep what its frames hold
    fresh = True  # started in this pass
    try:
        while True:
            kernel.current = driver.holder if task.coro is outer else None
            kernel.credit = OPERATIONS
            driver.settled = False
            try:
                message = driver.coro.throw(thrown.pop()) if thrown else send(argument)
            except StopIteration as stop:
                kernel.spill(None)
                return stop.value
            except BaseException:
                kernel.spill(None)
                raise
            argument = None
            if message is PARKED:
                if driver.settled:  # before it could park
                    kernel.spill(None)
                    yield _CHECKPOINT
                    continue
                driver.lent = True
                if not fresh and kernel.may_host(driver) and kernel.lend_turn(driver):
                    continue
                fresh = False
                kernel.spill(driver)
                message = _CHECKPOINT if driver.settled else None
            else:
                if kernel.hook is not None:
                    kernel.tell_away(driver)
                kernel.spill(None)
            while message is None:  # parked
                outcome = yield _WAIT(driver)
                driver.lent = False
                if driver.pending:
                    driver.pending = False
                    kernel.pending -= 1
                if driver.foreign:
                    driver.foreign, argument = False, outcome
                    break
                try:
                    told = outcome.unwrap()
                except BaseException as caught:
                    thrown, outcome = [caught], None
                    break
                if told is not None:
                    kind, what = told
                    if kind == "returned":
                        return what
                    if kind == "raised":
                        raise what
                    message = what
                elif driver.settled:
                    break
                else:  # sent here by `recheck`: park where trio delivers the cancel
                    driver.lent = True
            if message is not None:
                try:
                    argument = yield message
                except BaseException as caught:  # trio refuses the message of a foreign library
                    thrown = [caught]
                if driver.pending:
                    driver.pending, argument = False, None
                    kernel.pending -= 1
            if kernel.hook is not None:
                kernel.tell_resumed(driver.holder)
    finally:
        kernel.holders.discard(driver.holder)
