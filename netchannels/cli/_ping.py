"""`netchannels ping`: how long a call to another node takes, there and back.

What is measured is a call to the built-in port `@status`: both programs and the way between them.
"""

from __future__ import annotations

import trio

import csp
import netchannels
from netchannels import NodeStatus

from ._text import printable


async def ping(node: netchannels.Node, *, count: int, interval: float, timeout: float) -> bool:
    """Call `count` times, every `interval` seconds; true if an answer came within `timeout`.

    Prints each round trip, and their sum at the end.  Raises csp.LinkLost when the link is lost.
    """
    (link,) = node.status().links
    trips: list[float] = []
    loss: Exception | None = None
    sent = 0
    with await node.sender("@status", csp.Call[str, NodeStatus]) as calls:
        while sent < count and loss is None:
            if sent:
                await trio.sleep(interval)
            sent += 1
            try:
                trip = await _round_trip(calls, timeout)
            except (csp.ChannelEnded, csp.DeliveryUnknown, csp.CallFailed) as error:
                trip, loss = None, error
            if trip is not None:
                trips.append(trip)
            came = f"no answer within {timeout:g} s" if trip is None else f"{trip * 1000:.2f} ms"
            if loss is None:
                print(f"{printable(link.peer)}: {came}", flush=True)
    print(_summary(sent, trips), flush=True)
    if loss is not None:
        raise loss
    return bool(trips)


async def _round_trip(calls: csp.Sender[csp.Call[str, NodeStatus]], timeout: float) -> float | None:
    started = trio.current_time()
    with trio.move_on_after(timeout):
        await calls.call("ping")
        return trio.current_time() - started
    return None


def _summary(sent: int, trips: list[float]) -> str:
    """The last line.

    >>> _summary(3, [0.001, 0.002])
    '3 sent, 1 lost; min/avg/max 1.00/1.50/2.00 ms'
    """
    text = f"{sent} sent, {sent - len(trips)} lost"
    if not trips:
        return text
    three = (min(trips), sum(trips) / len(trips), max(trips))
    return f"{text}; min/avg/max {'/'.join(f'{trip * 1000:.2f}' for trip in three)} ms"
