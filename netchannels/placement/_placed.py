"""`Cores(4) * worker(...)`: copies of a process, each in a program of its own.

The program gets the arguments over a channel, ends among them, runs the process once, and sends back
what became of it.  Its ends are remote ends of channels whose home is here.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import trio

import csp
from csp.lowlevel import copies_elsewhere

from .._codec import codec
from .._errors import NetworkError, TypeRefused, in_words
from .._node import Node
from .._secret import draw
from .._status import PeerLost
from ._said import hear, named
from ._site import GRACE, RENEWED, SILENT, Orders, Program, Site, opened
from ._target import Target

T = TypeVar("T")

UNHEARD = (
    "its link is lost: the way to it is cut, or the process has held its program for over "
    f"{SILENT:g} s (compute that long in `trio.to_thread.run_sync`)"
)
LAST_WORDS = 0.5  # seconds in which what a program has sent last arrives
LARGEST = 62 * 1024 * 1024  # bytes of the arguments, and of the value


class ProgramLost(NetworkError):
    """A program ended before the process that it ran: which one, and how.

    >>> issubclass(ProgramLost, NetworkError)
    True
    """


@dataclass(frozen=True)
class Ended:
    """What became of a process: its value, encoded, or its error."""

    value: bytes
    error: str = ""
    traceback: str = ""


def arguments_type(function: Callable[..., Any]) -> Any:
    """The tuple of the types of the parameters of a process, in order.

    Raises TypeRefused for a parameter without an annotation, and for `*args` and `**kwargs`.

    >>> async def worker(jobs: csp.Receiver[int], limit: float) -> None: ...
    >>> arguments_type(worker)
    tuple[csp.Receiver[int], float]
    """
    plain = inspect.unwrap(function)
    hints = typing.get_type_hints(plain, include_extras=True)
    kinds: Any = ()
    for name, parameter in inspect.signature(plain).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeRefused(
                f"`{plain.__name__}` takes `{parameter}`, which has no type to travel by: "
                f"name its parameters"
            )
        if name not in hints:
            raise TypeRefused(
                f"`{plain.__name__}` does not say the type of `{name}`, by which it travels: annotate it"
            )
        kinds += (hints[name],)
    return types.GenericAlias(tuple, kinds)


def value_type(function: Callable[..., Any]) -> Any:
    """The type of the value of a process; None if it says none."""
    return typing.get_type_hints(inspect.unwrap(function), include_extras=True).get("return")


def placed(
    open_site: Callable[[], AbstractAsyncContextManager[Site]], size: int, process: csp.Process[T]
) -> csp.Process[list[T]]:
    """`size` copies of a called process, elsewhere; see `Placement.__mul__`."""
    elsewhere = _Elsewhere(open_site)
    return copies_elsewhere(
        size, process, check=elsewhere.check, around=elsewhere.opened, run=elsewhere.run
    )


class _Elsewhere:
    """The other side of the copies of one process."""

    def __init__(self, open_site: Callable[[], AbstractAsyncContextManager[Site]]) -> None:
        self._open_site = open_site
        self._secret = draw()
        self._site: Site | None = None
        self._node: Node | None = None

    def check(self, function: Callable[..., Any], decorated: Callable[..., Any]) -> None:
        """Raises TypeError if no other program could run it."""
        self._target = Target.of(decorated)
        self._arguments = arguments_type(function)
        self._value = value_type(function)
        codec(self._arguments)
        codec(self._value)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Around all copies: the placement, and the node to which the programs connect."""
        async with opened(
            self._open_site(), secret=self._secret, label="placed", largest=LARGEST
        ) as (self._site, self._node):
            yield

    async def run(self, number: int, arguments: inspect.BoundArguments) -> Any:
        """One copy: start its program, send the arguments, wait for what becomes of it."""
        site, node = cast(Site, self._site), cast(Node, self._node)
        label = f"{self._target.name.partition(':')[2]} {number + 1}"
        orders = Orders(
            target=self._target.name,
            file=self._target.file,
            name=label,
            label=label,
            secret=self._secret,
            largest=LARGEST,
            types=codec(self._arguments).fingerprint.hex() + codec(self._value).fingerprint.hex(),
            whole=True,
            path=tuple(sys.path),
        )
        given: csp.Channel[Any] = csp.Channel(self._arguments, name=f"{label}'s arguments")
        taken: csp.Channel[Ended] = csp.Channel(Ended, name=f"{label}'s value")
        node.share(label, given.receiver())
        node.share(f"{label} ended", taken.sender())
        running = _Running(site, node, number, orders)
        try:
            with given.sender() as out, taken.receiver() as values:
                await running.follow(out, tuple(arguments.arguments.values()), values)
        finally:  # the others may have missed its ends before this was heard: it is the reason
            ended = running.ended
            if ended is not None and ended.error:
                raise csp.CallFailed(ended.error, traceback=ended.traceback) from None
        if ended is None:
            raise running.lost()
        return codec(self._value).decode(ended.value)


async def _when_its_link_is_lost(node: Node, label: str, cancel: Callable[[], object]) -> None:
    """A program on a machine that has vanished never says that it has ended."""
    with node.events() as events:
        async for event in events:
            if isinstance(event, PeerLost) and event.peer == label:
                cancel()


def _is_linked(node: Node, label: str) -> bool:
    return any(link.peer == label for link in node.status().links)


class _Running:
    """The program of one copy, which may outlive the cancel of that copy for as long as it takes to
    learn how it has ended: its loss may have been what the others were cancelled for.
    """

    def __init__(self, site: Site, node: Node, number: int, orders: Orders) -> None:
        self._site, self._node, self._number, self._orders = site, node, number, orders
        self._label = orders.label
        self._scope = trio.CancelScope(shield=True)
        self._over = trio.Event()
        self._how = ""
        self._program = Program.none()
        self.joined = False
        self.ended: Ended | None = None  # what it has said last

    async def follow(
        self, out: csp.Sender[Any], arguments: tuple[Any, ...], values: csp.Receiver[Ended]
    ) -> None:
        """Start it, send the arguments, wait for what becomes of it."""
        async with trio.open_nursery() as nursery:
            cancel = nursery.cancel_scope.cancel
            nursery.start_soon(self._run, cancel)
            nursery.start_soon(_when_its_link_is_lost, self._node, self._label, cancel)
            try:
                with suppress(csp.DeliveryUnknown):  # its link is lost, which ends this
                    await out.send(arguments)
                self.joined = True
                self.ended = await values.receive()
            finally:
                lost, done = not _is_linked(self._node, self._label), self.ended is not None
                await self._leave(lost=lost, done=done)
            cancel()

    async def _run(self, cancel: Callable[[], object]) -> None:
        """Run it; `cancel()` is called when it has ended by itself."""

        async def started(*, task_status: trio.TaskStatus[Program]) -> None:
            self._how = await self._site.run(
                self._number,
                self._orders,
                self._node.address,
                lambda stream, line: hear(named(self._label, self._program.host), stream, line),
                task_status=task_status,
            )
            self._over.set()

        with self._scope:
            async with trio.open_nursery() as nursery:
                self._program = await nursery.start(started)
            await trio.sleep(LAST_WORDS)
            cancel()

    async def _leave(self, *, lost: bool, done: bool) -> None:
        """The copy is over: let the program end, or end it.

        Raises ProgramLost if the copy was cancelled because it is gone.
        """
        with trio.move_on_after(GRACE if done or (lost and self.joined) else 0, shield=True):
            await self._over.wait()
        self._scope.cancel()
        if not done and (self._over.is_set() or (lost and self.joined)):
            raise self.lost()

    def lost(self) -> ProgramLost:
        """It has ended before its process."""
        pid = f" (pid {self._program.pid})" if self._program.pid else ""
        how = self._how or ("it left" if self._over.is_set() else UNHEARD)
        return ProgramLost(f"{self._label}{pid} has ended before its process: {how}")


async def _renew(node: Node, expect: Callable[[float], object]) -> None:
    """While the loop runs the program is not lost, however long it was held until now."""
    while True:
        await _announce(node, expect)
        await trio.sleep(RENEWED)


async def _announce(node: Node, expect: Callable[[float], object]) -> None:
    expect(SILENT + 2 * RENEWED)
    await node.busy(SILENT + RENEWED)


async def run_placed(
    node: Node,
    orders: Orders,
    function: Callable[..., Any],
    expect: Callable[[float], object],
) -> None:
    """The other side of `run`: in the program, once; `expect(seconds)` ends it if it is held longer."""
    kind, value = arguments_type(function), codec(value_type(function))
    if orders.types != codec(kind).fingerprint.hex() + value.fingerprint.hex():
        raise TypeRefused(
            f"`{orders.target}` takes or returns other types here: bring both sides to one version"
        )
    with await node.receiver(orders.name, kind, wait=10) as given:
        arguments = await given.receive()
    await _announce(node, expect)
    node._inside.nursery.start_soon(_renew, node, expect)
    with await node.sender(f"{orders.name} ended", Ended, wait=10) as result:
        try:
            names = list(inspect.signature(inspect.unwrap(function)).parameters.values())
            plain = [a for a, p in zip(arguments, names, strict=True) if p.kind != p.KEYWORD_ONLY]
            named = {
                p.name: a for a, p in zip(arguments, names, strict=True) if p.kind == p.KEYWORD_ONLY
            }
            ended = Ended(value.encode(await function(*plain, **named)))
        except Exception as error:
            ended = Ended(b"", *in_words(error))
        await result.send(ended)
