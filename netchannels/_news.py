"""The events of a node, to everybody who listens."""

from __future__ import annotations

import csp
from csp.lowlevel import take_over

from ._status import NodeEvent

LATEST = 1000  # events that a slow listener finds


class News:
    """Hands events out; a listener that is slow finds the latest 1,000.

    >>> import trio
    >>> from netchannels import PeerJoined
    >>> async def main() -> None:
    ...     news = News()
    ...     with news.listen() as heard:
    ...         news.tell(PeerJoined("b", "ant:5000"))
    ...         print((await heard.receive()).peer)
    >>> trio.run(main)
    b
    """

    def __init__(self) -> None:
        self._listeners: list[csp.Sender[NodeEvent]] = []

    def listen(self) -> csp.Receiver[NodeEvent]:
        """What is told from now on, for the caller."""
        heard: csp.Channel[NodeEvent] = csp.Channel(
            NodeEvent, name="node events", buffer=csp.Sliding(LATEST)
        )
        self._listeners.append(take_over(heard.sender()))
        return heard.receiver()

    def tell(self, event: NodeEvent) -> None:
        """Let all who listen know; those who have retired are forgotten."""
        for listener in list(self._listeners):
            try:
                listener.send_nowait(event)
            except csp.ChannelEnded:
                listener.close()
                self._listeners.remove(listener)

    def close(self) -> None:
        """Nothing follows."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
