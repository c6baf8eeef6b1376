"""A web log, read as it comes: who asked for what, what went wrong, how many bytes went out.

csp run examples/weblog.py [--arg file=access.log]
csp run examples/weblog.py --arg rest=no     nobody reads the strange lines: a deadlock, and you are told

    [ emit ]--lines-->[ parse ]--requests-->[ copy_to_all ]--+-->[ fold: status codes  ]
                           |                                 +-->[ fold: bytes by path ]
                           +--strange lines-->[ collect ]    +-->[ fold: hosts         ]

What it teaches: a program of ready-made processes.  The only one written here is `parse`; reading, copying and
counting are wired from `csp.patterns`.  Each line is in one place at a time, so a log of any length needs
the memory of a few lines, and each question is a process of its own: a new one is one more output.  And each
output needs somebody who reads it: the first strange line stops a program that has forgotten it.

The lines are of Apache's "combined" format, which nginx writes as well.  Without a file it reads a sample of
its own.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from csp import Channel, Par, Receiver, Sender, process
from csp.patterns import collect, copy_to_all, emit, fold

COMBINED = re.compile(
    r"(?P<host>\S+) \S+ \S+ \[[^\]]+\] "
    r'"(?P<method>[A-Z]+) (?P<path>[^ "]+)[^"]*" (?P<status>\d{3}) (?P<size>\d+|-)'
    r'(?: "[^"]*" "[^"]*")?'
)
SAMPLE = """\
192.0.2.7 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 2326 "-" "Mozilla/5.0"
192.0.2.7 - - [10/Oct/2025:13:55:37 +0000] "GET /logo.png HTTP/1.1" 200 5120 "/" "Mozilla/5.0"
198.51.100.4 - ann [10/Oct/2025:13:56:01 +0000] "POST /login HTTP/1.1" 302 - "/" "Mozilla/5.0"
198.51.100.4 - ann [10/Oct/2025:13:56:02 +0000] "GET / HTTP/1.1" 200 2326 "/login" "Mozilla/5.0"
203.0.113.9 - - [10/Oct/2025:13:57:44 +0000] "GET /old.html HTTP/1.1" 404 196 "-" "curl/8.5.0"
203.0.113.9 - - [10/Oct/2025:13:57:45 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"
2001:db8::1 - - [10/Oct/2025:13:58:00 +0000] "GET /logo.png HTTP/2.0" 304 0 "-" "Mozilla/5.0"
"""


@dataclass(frozen=True)
class Request:
    host: str
    path: str
    status: int
    size: int


@process
async def parse(lines: Receiver[str], requests: Sender[Request], strange: Sender[str]) -> None:
    async for line in lines:
        found = COMBINED.match(line)
        if found is None:
            await strange.send(line)
        else:
            size = 0 if found["size"] == "-" else int(found["size"])
            await requests.send(Request(found["host"], found["path"], int(found["status"]), size))


def lines_of(file: str) -> Iterator[str]:
    """The lines of a file, read as they are asked for; those of the sample if there is none."""
    if not file:
        yield from SAMPLE.splitlines()
        return
    with open(file, encoding="utf-8", errors="replace") as log:
        for line in log:
            yield line.rstrip("\n")


@dataclass(frozen=True)
class Report:
    status: dict[int, int]
    bytes: dict[str, int]
    visitors: int
    strange: int


def count_status(counted: Counter[int], request: Request) -> Counter[int]:
    counted[request.status] += 1
    return counted


def count_bytes(counted: Counter[str], request: Request) -> Counter[str]:
    counted[request.path] += request.size
    return counted


def count_hosts(counted: Counter[str], request: Request) -> Counter[str]:
    counted[request.host] += 1
    return counted


def nothing() -> Receiver[str]:
    """The receiver of a channel that has ended."""
    channel = Channel(str, name="nothing")
    channel.sender().retire()
    return channel.receiver()


async def main(file: str = "", rest: bool = True) -> Report:
    """What the log says."""
    lines, strange = Channel(str, name="lines"), Channel(str, name="strange")
    requests = Channel(Request, name="requests")
    a, b, c = (
        Channel(Request, name=f"requests for {what}") for what in ("status", "bytes", "hosts")
    )
    _, (status, size, hosts), others = await Par(
        Par(
            emit(lines_of(file), lines.sender()),
            parse(lines.receiver(), requests.sender(), strange.sender()),
            copy_to_all(requests.receiver(), [a.sender(), b.sender(), c.sender()]),
        ),
        Par(
            fold(count_status, Counter[int](), a.receiver()),
            fold(count_bytes, Counter[str](), b.receiver()),
            fold(count_hosts, Counter[str](), c.receiver()),
        ),
        collect(strange.receiver()) if rest else collect(nothing()),
    )
    return Report(dict(status), dict(size), len(hosts), len(others))
