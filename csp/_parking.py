"""The kernel on trio: park, wake, cancel, lend the turn.  The only file that knows trio's scheduler.

A process runs as a trio task whose coroutine is a *driver* around the user's coroutine.  When
that parks on a channel, the driver steps the other ready processes inside its own trio pass
("lends its turn") instead of going back to trio, which costs several microseconds a pass.

Rules, each with a test of its own:
* `kernel.current` is the holder whose coroutine a driver steps right now, else None.  In plain
  trio tasks it is always None, so the hot paths of the ends never run there.
* a driver with `lent` is parked inside `wait_task_rescheduled` (or hosts) and may be stepped by
  any other; whoever makes it ready clears `lent`, so it is never resumed twice.
* a trio trap met in a lent step is installed at once: its maker has registered the task with
  whoever will wake it.
* a cancel that arrives between commit and resume does not lose the value: the abort function
  answers FAILED, and the next park goes through trio (`recheck`), which delivers it.
* user code is stepped unprotected from Ctrl-C, all else is protected.
* the main task is never stepped by another; a context shared by two drivers is lent to nobody.
* a pass of trio ends after `STEPS` steps or `SECONDS`, whoever hosts.
"""

from __future__ import annotations

import math
import os
import types
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from time import perf_counter
from typing import Any

import trio
from outcome import Error, Outcome, Value
from trio.lowlevel import (
    Abort,
    RunVar,
    current_task,
    disable_ki_protection,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from ._observe import Event, Kind
from ._offer import Party

try:  # private names: all of them or none (then no turn is lent)
    from trio._core._run import GLOBAL_RUN_CONTEXT, Task
    from trio._core._traps import CancelShieldedCheckpoint as _CHECKPOINT
    from trio._core._traps import WaitTaskRescheduled

    for _name in ("_abort_func", "_attempt_delivery_of_any_pending_cancel", "_cancel_status"):
        getattr(Task, _name, None) or Task.__slots__.index(_name)
    CAN_LEND = True
except (ImportError, AttributeError, ValueError):  # pragma: no cover - a later trio
    CAN_LEND = False

STEPS, SECONDS = 1000, 0.005  # of one pass
OPERATION = 4  # an operation that does not park costs as much of the budget as 4 steps: 250 a pass


class _Park:
    """What a lent coroutine yields when it waits; `await PARK` allocates no generator."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return iter(_PARKED)  # type: ignore[return-value]


PARK = _Park()
_PARKED = (PARK,)


NO_DRIVER: Any = None


class Holder:
    """Who holds ends: a running process (or main, or the maker of ends in a plain trio task)."""

    __slots__ = (
        "driver",
        "ends",
        "kernel",
        "name",
        "parent",
        "place",
        "scope",
        "task",
    )

    def __init__(self, kernel: Kernel, name: str, place: str = "", parent: Holder | None = None):
        self.kernel = kernel
        self.name, self.place, self.parent = name, place, parent
        self.driver: Driver = NO_DRIVER  # set while a driver steps it
        self.ends: dict[int, weakref.ref[Any]] = {}  # the ends it holds, by id, oldest first
        self.task: Any = None  # the trio task that runs it
        self.scope: Any = None  # the cancel status around it: deadlines inside are its own

    def path(self) -> str:
        """Its name behind the names of those who started it: `main.worker`."""
        return self.name if self.parent is None else f"{self.parent.path()}.{self.name}"


class TaskParty(Party):
    """A party in a plain trio task, or in a process whose turn is not lent."""

    __slots__ = ("settled", "task")

    def __init__(self) -> None:
        super().__init__()
        self.task = current_task()
        self.settled = False


class Driver(Party):
    """A party whose coroutine other drivers may step."""

    __slots__ = (
        "coro",
        "foreign",
        "holder",
        "lendable",
        "recheck",
        "run",
        "settled",
        "task",
    )

    def __init__(self, holder: Holder, coro: Coroutine[Any, Any, Any], lendable: bool) -> None:
        super().__init__()
        self.holder, self.coro = holder, coro
        self.task = current_task()
        self.run = self.task.context.run
        self.lendable = lendable
        self.settled = False  # woken while trio is about to resume it
        self.recheck = False  # a cancel is pending: the next park goes through trio
        self.foreign = False  # waits on a trio trap that a lent step met


NOBODY: ContextVar[Holder | None] = ContextVar("csp holder", default=None)


class Kernel:
    """All state of one run.

    `hook` (None, or a function of one event) and `current` are looked at by the hot paths.
    """

    __slots__ = (
        "budget",
        "clock",
        "contexts",
        "current",
        "deadline",
        "holders",
        "hook",
        "hooks",
        "judge",
        "lend",
        "lent_steps",
        "parked",
        "producing",
        "ready",
        "run_context",
    )

    def __init__(self) -> None:
        self.current: Holder | None = None
        self.ready: deque[Driver] = deque()
        self.hook: Callable[[Event], object] | None = None
        self.hooks: tuple[Callable[[Event], object], ...] = ()
        self.budget = STEPS
        self.clock = perf_counter
        self.deadline = 0.0
        self.lend = CAN_LEND and os.environ.get("CSP_LEND", "1") != "0"
        self.lent_steps = 0
        self.contexts: set[int] = set()  # of the drivers, by id: they outlive their entry
        self.holders: set[Holder] = set()  # the running processes
        self.parked: dict[Any, TaskParty] = {}  # what plain trio tasks wait for
        self.judge: Callable[[bool], object] | None = None  # looks for deadlocks
        self.producing = False  # a `produce` runs: nothing may communicate
        self.run_context: dict[str, Any] = GLOBAL_RUN_CONTEXT.__dict__ if CAN_LEND else {}
        trio.lowlevel.add_instrument(_Pass(self))

    def begin(self, holder: Holder) -> None:
        """`holder` runs in the current task from now on."""
        holder.task = current_task()
        holder.scope = getattr(holder.task, "_cancel_status", None)
        self.holders.add(holder)

    def holder(self) -> Holder | None:
        """The holder that acts now: the running process, or the one whose nursery we are in."""
        return self.current or _holder.get()

    def tell(self, kind: Kind, channel: str = "", side: str = "", detail: str = "") -> None:
        """Report an event to the hook; called only while there is one."""
        if self.hook is not None:
            holder = self.holder()
            name = holder.path() if holder is not None else ""
            self.hook(Event(kind, name, channel, side, detail, trio.current_time()))

    # --- waiting ---------------------------------------------------------------------------

    def party(self) -> Party:
        """A party for the one operation that the caller is about to begin."""
        holder = self.current
        if holder is not None:
            driver = holder.driver
            driver.outcome = driver.item = driver.engaged = None
            driver.mode = 0
            return driver
        return TaskParty()

    @enable_ki_protection
    async def park(self, party: Party) -> None:
        """Wait until `party` is settled; a cancel withdraws its offer."""
        if type(party) is Driver:
            await PARK
        else:
            assert isinstance(party, TaskParty)
            self.parked[party.task] = party
            try:
                await _park_task(party)
            finally:
                del self.parked[party.task]

    @enable_ki_protection
    def wake(self, party: Party) -> None:
        """Resume a party that was settled."""
        if type(party) is Driver:
            if not party.lent:
                party.settled = True
            elif self.current is not None:
                party.lent = False
                self.ready.append(party)
            else:
                self.give_to_trio(party)
        else:
            assert isinstance(party, TaskParty)
            if not party.settled:
                party.settled = True
                reschedule(party.task)

    @enable_ki_protection
    def wake_all(self, woken: list[Party]) -> None:
        """Resume all of them, in order."""
        for party in woken:
            self.wake(party)

    async def before(self) -> bool:
        """Called first in each operation; True if `after` must follow when it did not park.

        In a plain trio task every operation is a full checkpoint; in a process only one whose
        pass is over.  A pending cancel strikes here, before anything is committed.
        """
        holder = self.current
        if holder is None:
            holder = _holder.get()
            if holder is None or holder.task is not current_task():
                await trio.lowlevel.checkpoint_if_cancelled()
                return True
        self.budget -= OPERATION
        if self.budget <= 0 or self.clock() > self.deadline:
            await trio.lowlevel.checkpoint()
        return False

    # --- lending the turn ------------------------------------------------------------------

    @enable_ki_protection
    def give_to_trio(self, driver: Driver, told: Outcome[Any] | None = None) -> None:
        driver.lent = False
        if told is None:
            driver.settled = True
        reschedule(driver.task, Value(None) if told is None else told)

    @enable_ki_protection
    def spill(self, host: Driver | None) -> None:
        """Control goes to trio: whoever is ready is resumed by trio itself."""
        self.current = None
        ready = self.ready
        while ready:
            driver = ready.popleft()
            if driver is host:
                driver.settled = True
            else:
                self.give_to_trio(driver)

    def may_host(self, driver: Driver) -> bool:
        """True if others are ready, the pass is not over and no cancel waits for `driver`."""
        return (
            bool(self.ready)
            and self.budget > 0
            and not driver.task._cancel_status.effectively_cancelled
        )

    @enable_ki_protection
    def lend_turn(self, host: Driver) -> bool:
        """Step ready processes; True as soon as `host` itself is ready."""
        ready, context = self.ready, self.run_context
        clock, deadline, steps = self.clock, self.deadline, 0
        try:
            while ready and self.budget > 0:
                driver = ready.popleft()
                if driver is host:
                    return True
                if not driver.lendable:
                    self.give_to_trio(driver)
                    continue
                self.budget -= 1
                steps += 1
                self.current = driver.holder
                context["task"] = driver.task
                try:
                    message = driver.run(_step, driver.coro.send, None)
                except StopIteration as stop:
                    self.give_to_trio(driver, Value(("returned", stop.value)))
                except BaseException as error:
                    self.give_to_trio(driver, Value(("raised", error)))
                else:
                    if message is PARK:
                        if driver.recheck:
                            driver.recheck = False
                            driver.lent = False
                            reschedule(driver.task, Value(None))
                        else:
                            driver.lent = True
                    elif type(message) is WaitTaskRescheduled:
                        driver.foreign = True
                        driver.task._abort_func = message.abort_func
                        driver.task._attempt_delivery_of_any_pending_cancel()
                    else:
                        self.give_to_trio(driver, Value(("trap", message)))
                if clock() > deadline:
                    break
        finally:
            self.lent_steps += steps
            self.current = None
            context["task"] = host.task
        return False


class _Pass(trio.abc.Instrument):
    """Renews the budget at each pass of trio."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        kernel.deadline = kernel.clock() + SECONDS

    def after_io_wait(self, timeout: float) -> None:
        """A new pass begins."""
        kernel = self._kernel
        kernel.budget = STEPS
        kernel.deadline = kernel.clock() + SECONDS

    def before_io_wait(self, timeout: float) -> None:
        """The pass is over; a positive `timeout` means that trio is idle."""
        judge = self._kernel.judge
        if judge is not None:
            judge(timeout > 0)


def waiting_in_nursery(task: trio.lowlevel.Task) -> bool:
    """True if a task waits at the end of a nursery for its children."""
    nurseries = task.child_nurseries
    return bool(nurseries) and getattr(nurseries[-1], "_parent_waiting_in_aexit", False)


def within_deadline(task: trio.lowlevel.Task, holder: Holder) -> bool:
    """True if a deadline entered inside the process will end the wait of its task."""
    status = getattr(task, "_cancel_status", None)
    while status is not None and status is not holder.scope:
        if status.effectively_cancelled or status._scope.deadline != math.inf:
            return True
        status = status._parent
    return False


_kernel: RunVar[Kernel] = RunVar("csp kernel")
_holder = NOBODY


def current_kernel() -> Kernel:
    """The kernel of this run; made when first needed.

    Raises RuntimeError outside of a trio run.
    """
    try:
        return _kernel.get()
    except LookupError:
        kernel = Kernel()
        _kernel.set(kernel)
        return kernel


@disable_ki_protection
def _step(send: Callable[[Any], Any], value: Any) -> Any:
    return send(value)


@enable_ki_protection
async def _park_task(party: TaskParty) -> None:
    def abort(_raise_cancel: Any) -> Abort:
        if party.settled:  # pragma: no cover - trio clears the function when rescheduling
            return Abort.FAILED
        party.withdraw()
        return Abort.SUCCEEDED

    if not party.settled:
        await wait_task_rescheduled(abort)


@enable_ki_protection
@types.coroutine
def drive(kernel: Kernel, driver: Driver) -> Generator[Any, Any, Any]:
    """The trio-facing coroutine of a process: steps its own, then lends the turn."""

    def abort(_raise_cancel: Any) -> Abort:
        if not driver.lent:  # committed already, or running
            driver.recheck = True
            return Abort.FAILED
        driver.lent = False
        driver.withdraw()
        return Abort.SUCCEEDED

    send, throw = driver.coro.send, driver.coro.throw
    argument: Any = None
    error: BaseException | None = None
    while True:
        kernel.current = driver.holder
        driver.settled = False
        try:
            if error is None:
                message = _step(send, argument)
            else:
                raised, error = error, None
                message = _step(throw, raised)
        except StopIteration as stop:
            kernel.spill(None)
            return stop.value
        except BaseException:
            kernel.spill(None)
            raise
        argument = None
        if message is PARK:
            driver.lent = True
            if kernel.may_host(driver) and kernel.lend_turn(driver):
                continue
            kernel.spill(driver)
            message = _CHECKPOINT if driver.settled else None
        else:
            kernel.spill(None)
        while message is None:  # parked
            try:
                told = yield from wait_task_rescheduled(abort).__await__()
            except BaseException as caught:
                driver.lent = False
                if driver.foreign:
                    driver.foreign, argument = False, Error(caught)
                else:
                    error = caught
                break
            driver.lent = False
            if driver.foreign:
                driver.foreign, argument = False, Value(told)
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
            else:
                driver.lent = True  # sent here by `recheck`: park where trio delivers the cancel
        if message is not None:
            try:
                argument = yield message
            except BaseException as caught:  # trio refuses the message of a foreign library
                error = caught
            if message is _CHECKPOINT and driver.settled:
                argument = None


def can_drive(kernel: Kernel) -> bool:
    """True if the current task may be wrapped in a driver."""
    if not kernel.lend or kernel.current is not None:
        return False
    task = current_task()
    return id(task.context) not in kernel.contexts and not (
        {"before_task_step", "after_task_step"} & set(task._runner.instruments)
    )


async def run_driven(kernel: Kernel, holder: Holder, coro: Coroutine[Any, Any, Any]) -> Any:
    """Run the coroutine of a process in this task, lending and borrowing turns."""
    task = current_task()
    nursery = task.parent_nursery
    main = nursery is None or nursery.parent_task is trio.lowlevel.current_root_task()
    driver = Driver(holder, coro, lendable=not main)
    holder.driver = driver
    key = id(task.context)
    kernel.contexts.add(key)
    try:
        return await drive(kernel, driver)
    finally:
        kernel.contexts.discard(key)
