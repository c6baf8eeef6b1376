"""SHA-256 of all files below a directory, as `sha256sum` prints them, on all cores.

csp run examples/hash_files.py --arg path=DIR [--arg workers=4]

What it teaches: a pool.  A plain function does the work in other programs; `outcomes` gives each result as
it is finished, and a file that cannot be read is an outcome too, not the end of the program.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import csp
import netchannels
from netchannels import Cores


def digest(file: bytes) -> str:  # bytes, as not every path is text
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def files_below(directory: Path) -> Iterator[bytes]:
    for folder, subfolders, names in os.walk(directory):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path):  # no pipe, no device
                yield os.fsencode(path)


async def main(path: Path = Path("."), workers: int = 0) -> None:
    if not path.is_dir():
        sys.exit(f"{path} is no directory")
    cores = Cores(workers) if workers else Cores()
    async with netchannels.pool(digest, workers=cores) as pool:
        async for done in pool.outcomes(files_below(path)):
            file = os.fsdecode(done.request)
            if done.error is not None:
                print(f"{file}: {done.error}", file=sys.stderr)
            else:
                print(f"{done.reply}  {file}")


if __name__ == "__main__":
    csp.run(main)
