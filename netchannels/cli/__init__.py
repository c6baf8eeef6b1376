"""The command `netchannels`: make a secret, and look at a node from outside.

    _text  _ping  _status

Exit codes: 0 it was done; 1 it was not: nobody answers, the secret is wrong, the link is lost;
2 the command line is wrong, or a file that it names; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import shlex
import sys
import traceback
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import csp
import netchannels

from ._ping import ping
from ._status import status
from ._text import columns, printable

EPILOG = """\
examples:
  netchannels keygen farm.key
  netchannels ls ant:5000 --secret farm.key
  netchannels ping ant:5000 --secret farm.key --count 100 --interval 0.1
  netchannels status ant:5000 --secret farm.key
  netchannels status ant:5000 --env FARM_SECRET --json > status.jsonl

exit codes: 0 it was done; 1 it was not: nobody answers, the secret is wrong, the link is lost;
2 the command line is wrong, or a file that it names; 130 Ctrl-C
"""

# said by one line: what to do stands in the message
SHORT = (
    netchannels.NetworkError,
    csp.ChannelEnded,
    csp.DeliveryUnknown,
    csp.CallFailed,
    OSError,
)


class UsageError(Exception):
    """What the user should change, in one line."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (default: `sys.argv[1:]`) and return the exit code.

    >>> main(["ls", "ant", "--env", "HOME"])  # and on stderr what an address looks like
    2
    """
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is no failure
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        done: bool | None = options.run(options)
    except UsageError as error:
        return _say(error, 2)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 0
    except Exception as error:
        return _failed(error)
    return 1 if done is False else 0


def _say(what: object, code: int) -> int:
    print(f"netchannels: {printable(str(what))}", file=sys.stderr)
    return code


def _failed(error: Exception) -> int:
    """Tell what went wrong, and return the exit code."""
    if isinstance(error, SHORT):
        return _say(error, 1)
    traceback.print_exception(error)
    return 1


# --- the command line ------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netchannels",
        description="Make the secret of a network, and look at its nodes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True)

    keygen = commands.add_parser(
        "keygen",
        help="make a secret",
        description="Write a new secret into a new file that only you may read.",
    )
    keygen.add_argument("file", metavar="FILE", help="is never overwritten")
    keygen.set_defaults(run=_keygen)

    ls = _at_a_node(
        commands, "ls", "list what a node shares", "Print the names that a node shares, with types."
    )
    ls.set_defaults(run=partial(_connected, _ls))

    pinging = _at_a_node(
        commands,
        "ping",
        "measure round trips",
        "Call a node again and again, and print how long the answers take, there and back.",
    )
    pinging.add_argument("--count", type=_whole, default=5, metavar="N", help="calls (default: 5)")
    _add_seconds(pinging, "--interval", 1.0, "from an answer to the next call")
    _add_seconds(pinging, "--timeout", 2.0, "after which an answer counts as lost")
    pinging.set_defaults(run=partial(_connected, _ping))

    watching = _at_a_node(
        commands,
        "status",
        "watch a node and its links",
        "Show who is linked to a node, on which ports, how many values a second go over each link, "
        "round trips (half of them and 99 %% of them are shorter), the age of the oldest value in "
        "work, and the bytes that may be sent ahead.  A table that renews itself; plain text when "
        "the output is no terminal.",
    )
    how = watching.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="look for one interval, print, and end")
    how.add_argument("--json", action="store_true", help="a line of JSON each interval")
    _add_seconds(watching, "--interval", 1.0, "between two looks")
    watching.set_defaults(run=partial(_connected, _status))
    return parser


def _at_a_node(commands: Any, name: str, help: str, description: str) -> argparse.ArgumentParser:
    """A command that connects to a node."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=description)
    parser.add_argument("address", metavar="ADDRESS", help="HOST:PORT, :PORT here, or unix:PATH")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--secret", metavar="FILE", help="the file of the secret")
    secret.add_argument("--env", metavar="NAME", help="the environment variable of the secret")
    parser.add_argument(
        "--plain", action="store_true", help="the node serves with plain=True (loopback only)"
    )
    return parser


def _add_seconds(parser: argparse.ArgumentParser, name: str, default: float, what: str) -> None:
    parser.add_argument(
        name,
        type=_seconds,
        default=default,
        metavar="SECONDS",
        help=f"{what} (default: {default:g})",
    )


def _seconds(text: str) -> float:
    """A time on the command line."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"seconds are 0.01 to 3600, not {text}")
    return value


def _whole(text: str) -> int:
    """A number of calls on the command line."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"a number from 1 on is wanted, not {text}")
    return int(text)


def _version() -> str:
    try:
        which = version("netchannels")
    except PackageNotFoundError:  # run from a checkout
        which = "not installed"
    return f"netchannels {which} ({Path(netchannels.__file__).parent})"


# --- the commands ----------------------------------------------------------------------------


def _keygen(options: argparse.Namespace) -> None:
    file: str = options.file
    try:
        netchannels.keygen(file)
    except netchannels.SecretError as error:
        raise UsageError(error) from None
    print(
        f"{file} has a new secret, and only you may read it.  What to do with it:\n"
        f"  copy it to each machine of the network   scp -p {shlex.quote(file)} HOST:\n"
        f"  give it to each program                  netchannels.serve(ADDRESS, secret=netchannels.secret({file!r}))\n"
        f"                                           netchannels.connect(ADDRESS, secret=netchannels.secret({file!r}))\n"
        f"  see who is there                         netchannels status ADDRESS --secret {shlex.quote(file)}"
    )


async def _ls(node: netchannels.Node, _: argparse.Namespace) -> None:
    found = await node.names()
    if not found:
        print("netchannels: it shares nothing", file=sys.stderr)
        return
    print(columns([(printable(name), printable(what)) for name, what in sorted(found.items())]))


async def _ping(node: netchannels.Node, options: argparse.Namespace) -> bool:
    return await ping(node, count=options.count, interval=options.interval, timeout=options.timeout)


async def _status(node: netchannels.Node, options: argparse.Namespace) -> None:
    await status(node, once=options.once, lines=options.json, interval=options.interval)


def _connected(function: Any, options: argparse.Namespace) -> Any:
    """Run what a command does with a node."""
    link = _link(options)

    async def run() -> Any:
        async with link as node:
            return await function(node, options)

    return csp.run(run)


def _link(options: argparse.Namespace) -> Any:
    """What to connect to; whatever is wrong with that is the user's."""
    host = platform.node().partition(".")[0][:24]
    try:
        return netchannels.connect(
            options.address,
            secret=netchannels.secret(options.secret)
            if options.env is None
            else netchannels.secret(env=options.env),
            plain=options.plain,
            label=f"netchannels-{options.command}@{host}:{os.getpid()}",
            drain=0,
        )
    except (netchannels.NetworkError, ValueError) as error:
        raise UsageError(error) from None
