"""A kernel that runs process networks without trio, and tries every order of their operations.

It shows that nothing in csp waits but through the kernel: the same processes, the same channels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from csp.lowlevel import PARK, PARKED, Holder, Kernel, Party, Standing, Waiting, install

STEP = object()  # what a coroutine yields where others may go first
JOIN = object()  # what a coroutine yields while it waits for its children


class _Step:
    def __init__(self, message: object) -> None:
        self.message = message

    def __await__(self) -> Any:
        yield self.message


class Stuck(Exception):
    """Nobody can go on, and not all have ended."""


class Fiber:
    """One coroutine of the network."""

    def __init__(
        self, coro: Coroutine[Any, Any, Any], context: Context, *, serves: bool = False
    ) -> None:
        self.coro, self.context, self.serves = coro, context, serves
        self.children: list[Fiber] = []
        self.waits: object = None
        self.done = False

    def may_go(self) -> bool:
        """True unless it waits for an offer, for its children, or for what it said."""
        if self.waits is JOIN:
            return all(child.done for child in self.children)
        if callable(self.waits):
            return bool(self.waits())
        return not self.done and self.waits is not PARKED


class OfFiber(Party):
    """A party that knows whom to resume."""

    __slots__ = ("fiber",)

    def __init__(self, fiber: Fiber) -> None:
        super().__init__()
        self.fiber = fiber


class Explorer(Kernel):
    """One run, in the order that `choices` says (then always the first), or that `dice` throw."""

    __slots__ = ("choices", "depth", "dice", "fibers", "running", "widths")

    def __init__(self, choices: list[int], dice: random.Random | None = None) -> None:
        super().__init__()
        self.choices, self.depth, self.dice = choices, 0, dice
        self.widths: list[int] = []  # how many could have gone, at each step
        self.fibers: list[Fiber] = []
        self.running: Fiber

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        """Run `main()` to its end; raises Stuck."""
        result: list[Any] = []

        async def root() -> None:
            result.append(await main())

        install(self)
        try:
            self.start(root())
            while not all(fiber.done or fiber.serves for fiber in self.fibers):
                ready = [fiber for fiber in self.fibers if fiber.may_go()]
                if not ready:
                    raise Stuck
                self.step(ready[self.pick(len(ready))])
        finally:
            for fiber in self.fibers:
                fiber.context.run(fiber.coro.close)
            install(None)
        return result[0]

    def pick(self, width: int) -> int:
        """The next choice, out of `width`."""
        self.widths.append(width)
        if self.dice is not None:
            return self.dice.randrange(width)
        choice = self.choices[self.depth] if self.depth < len(self.choices) else 0
        self.depth += 1
        return choice

    def start(self, coro: Coroutine[Any, Any, Any], *, serves: bool = False) -> Fiber:
        """One more coroutine; the run does not wait for one that `serves`."""
        fiber = Fiber(coro, copy_context(), serves=serves)
        self.fibers.append(fiber)
        return fiber

    def step(self, fiber: Fiber) -> None:
        """Let it go on to its next operation."""
        self.running = fiber
        fiber.waits = None
        try:
            fiber.waits = fiber.context.run(fiber.coro.send, None)
        except StopIteration:
            fiber.done = True

    # --- the vocabulary --------------------------------------------------------------------

    def party(self) -> Party:
        return OfFiber(self.running)

    async def before(self) -> bool:
        await _Step(STEP)
        return False

    async def after(self) -> None:
        await _Step(STEP)

    async def cancel_point(self) -> None:
        return None

    async def park(self, party: Party, deadline: float = math.inf) -> None:
        assert deadline == math.inf
        await PARK

    def wake(self, party: Party) -> None:
        if isinstance(party, Standing):
            party.told(party)
        else:
            assert isinstance(party, OfFiber)
            party.fiber.waits = None

    def produce_for(self, party: Party, produce: Callable[[], Any]) -> Any:
        assert isinstance(party, OfFiber)
        return party.fiber.context.copy().run(produce)

    def now(self) -> float:
        return 0.0

    def scope(self) -> Any:
        raise NotImplementedError

    def nursery(self) -> Any:
        return Children(self)

    async def run_process(self, holder: Holder, coro: Coroutine[Any, Any, Any]) -> Any:
        return await coro

    def spawn(self, function: Callable[[], Coroutine[Any, Any, None]]) -> Any:
        raise NotImplementedError

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        raise NotImplementedError

    def here(self) -> Any:
        return self.running

    def timed(self, holder: Holder) -> bool:
        return False

    def waiting(self) -> list[Waiting]:
        return []


class Children:
    """A nursery."""

    def __init__(self, kernel: Explorer) -> None:
        self.kernel, self.cancel_scope = kernel, self

    def cancel(self) -> None:
        """Only who is stuck is ever thrown out: there is nobody left to cancel."""

    def start_soon(self, function: Callable[..., Any], *args: Any, name: object = None) -> None:
        child = self.kernel.start(function(*args))
        self.kernel.running.children.append(child)

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await _Step(JOIN)


def outcome(kernel: Explorer, main: Callable[[], Awaitable[Any]]) -> Any:
    """The value of `main` in one order, or Stuck."""
    try:
        return kernel.run(main)
    except Stuck:
        return Stuck


def every_order(main: Callable[[], Awaitable[Any]]) -> list[Any]:
    """The outcomes of all orders in which `main` can run."""
    results: list[Any] = []
    path: list[int] = []
    while True:
        kernel = Explorer(path)
        results.append(outcome(kernel, main))
        path = path + [0] * (len(kernel.widths) - len(path))
        while path and path[-1] + 1 == kernel.widths[len(path) - 1]:
            path.pop()
        if not path:
            return results
        path[-1] += 1


def random_orders(main: Callable[[], Awaitable[Any]], count: int) -> list[Any]:
    """The outcomes of `count` orders, always the same ones, where all would be too many."""
    return [outcome(Explorer([], random.Random(seed)), main) for seed in range(count)]
