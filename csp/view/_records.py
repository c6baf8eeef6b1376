"""A trace as a file: one event a line, as JSON.  Written while the run goes on, read as a stream.

Invariant: a reader holds one line at a time, however long the trace is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from csp import Event

LONGEST = 1 << 20  # bytes of a line: more is no trace


class BrokenTrace(ValueError):
    """A file is no trace, or a line of it is no event; says which line, and what is wrong.

    >>> try:
    ...     list(Trace(__file__))
    ... except BrokenTrace as error:
    ...     print("line 1" in str(error))
    True
    """


class TraceFile:
    """Writes events to a file: `with TraceFile("run.jsonl") as trace, on_event(trace.write):`.

    Events wait in a batch until they are 500 or the oldest is a second old; what waits there when
    the program is killed is lost.  A full disk ends the trace and not the run: `problem` says why.
    Raises OSError if the file cannot be opened.

    >>> import csp, os
    >>> from csp.lowlevel import on_event
    >>> async def main() -> None:
    ...     with TraceFile(os.devnull) as trace, on_event(trace.write):
    ...         with csp.Channel(int, name="c", buffer=1).sender() as tx:
    ...             await tx.send(1)
    >>> csp.run(main)
    """

    BATCH, SECONDS = 500, 1.0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self.problem: str = ""
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._batch: list[Event] = []
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, event: Event) -> None:
        """Write an event, before long."""
        batch = self._batch
        batch.append(event)
        if len(batch) >= self.BATCH or event.time - batch[0].time > self.SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        batch, self._batch = self._batch, []
        if not self.problem:
            try:
                self._file.write(self._encode(batch))
                self._file.flush()
            except (OSError, UnicodeError) as error:
                self._give_up(error)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.flush()
        try:
            self._file.close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError | UnicodeError) -> None:
        self.problem = self.problem or getattr(error, "strerror", None) or str(error)


class Trace:
    """Reads a trace: iterate over it for its events, as often as you like.

    Raises OSError if there is no such file, BrokenTrace at the line that is no event.  A last line
    that was cut off (the program was killed while it wrote) is left out; `cut` says so afterwards.

    >>> import csp, tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "run.jsonl"
    ...     with TraceFile(path) as file:
    ...         file.write(csp.Event("ended", "main", "", "", "", 0.0))
    ...     print([event.kind for event in Trace(path)])
    ['ended']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self.cut: str = ""

    def __iter__(self) -> Iterator[Event]:
        decode = msgspec.json.Decoder(Event).decode
        self.cut, number = "", 0
        with open(self.path, "rb") as file:
            while line := file.readline(LONGEST):
                number += 1
                if line.isspace():
                    continue
                try:
                    event = decode(line)
                except (msgspec.DecodeError, UnicodeError) as error:
                    if not line.endswith(b"\n") and len(line) < LONGEST:
                        self.cut = (
                            f"line {number} of {self.path} is cut off, as if the program was killed "
                            f"while it wrote; it is left out"
                        )
                        return
                    raise self._broken(number, error) from None
                yield event

    def _broken(self, number: int, error: Exception) -> BrokenTrace:
        return BrokenTrace(
            f"line {number} of {self.path} is no event of a trace: {error}; "
            f"`csp run FILE --trace {Path(self.path).name}` writes one"
        )
